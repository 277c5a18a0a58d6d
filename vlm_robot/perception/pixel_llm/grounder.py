"""
PixelLLM at work: phrase to box, box to phrase, sentence with places, one caption a thing.

Implements ``sight.Grounder`` with any checkpoint folder. The picture is encoded once per call whatever is asked. Masks
come from a segmenter that is handed in. What is written about a picture is data, never an instruction.

Source: Xu et al., arXiv 2312.09237; the presence of what a phrase names is this package's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
import threading

import numpy as np
import torch
from torchvision.transforms.v2 import functional as transforms

from vlm_robot.datatypes import Box, Detection, GroundedCaption, GroundedWord, Mask
from vlm_robot.errors import ConfigError, ImageError, ModelError, SentenceError
from vlm_robot.perception.images import check_rgb
from vlm_robot.perception.pixel_llm.image_encoder import ImageFeatures
from vlm_robot.perception.pixel_llm.location_encoder import LocationPrompts
from vlm_robot.perception.pixel_llm.pixel_files import load
from vlm_robot.perception.pixel_llm.pixel_model import Prefix, Regions
from vlm_robot.perception.pixel_llm.pixel_text import split_words
from vlm_robot.perception.pixel_llm.pixel_writing import write, Writing
from vlm_robot.perception.pixel_llm.point_head import answer_boxes
from vlm_robot.perception.pretrained import DTYPES
from vlm_robot.perception.sight import Segmenter

SHIPPED = Path(__file__).resolve().parents[2] / 'checkpoints' / 'pixel_llm'
PHRASE_WORDS = 40  # the paper's limit for referring expressions is 40 tokens
DEFAULTS = {'presence': 0.5, 'object': 0.4, 'choice': 0.25, 'word': 0.5}


@dataclass(frozen=True)
class PixelLlmConfig:
    """Which PixelLLM, and what it answers."""

    model: str = 'shipped'  # 'shipped' or a folder
    language: str = ''  # where the language model lies that the checkpoint names; empty: as it is named
    presence: float = -1.0  # 0..1, least probability that a phrase names something; -1: the checkpoint's own
    object_score: float = -1.0  # 0..1, least score of a thing in dense captioning; -1: the checkpoint's own
    is_snapped: bool = True  # places are the chosen region's box; False: the regressed one, as in the paper
    most_words: int = 60  # tokens of a caption
    device: str = 'auto'  # 'auto', 'cpu', 'cuda', ...
    dtype: str = 'float32'  # float32, float16, bfloat16

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ('presence', 'object_score'):
            value = getattr(self, name)
            if value != -1.0 and not 0 <= value <= 1:
                raise ConfigError(f"grounder.{name} is {value}; allowed: 0 to 1, or -1 for the checkpoint's own")
        if self.most_words < 1:
            raise ConfigError(f'grounder.most_words is {self.most_words}; allowed: 1 or more')
        if self.dtype not in DTYPES:
            raise ConfigError(f"grounder.dtype is '{self.dtype}'; allowed: {sorted(DTYPES)}")


class PixelLlm:
    """Ties words to pixels, both ways; calls from several threads wait for each other."""

    def __init__(self, config: PixelLlmConfig | None = None, segmenter: Segmenter | None = None):
        """
        Load the checkpoint; raise ModelError when it is missing, incomplete or of another kind.

        :param segmenter: draws the masks of what is found; None for boxes only.
        """
        self.config = config or PixelLlmConfig()
        self.name, self.segmenter = self.config.model, segmenter
        folder = SHIPPED if self.config.model == 'shipped' else Path(self.config.model)
        self.device = self.config.device
        if self.device == 'auto':
            self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.model, self.codec = load(folder, self.config.language, DTYPES[self.config.dtype])
        self.model.to(self.device)
        self.adjust(self.config)
        self._lock = threading.Lock()

    def adjust(self, config: PixelLlmConfig) -> None:
        """Answer by the thresholds of another configuration of the same checkpoint; nothing is loaded."""
        own = {'presence': config.presence, 'object': config.object_score}
        limits = DEFAULTS | dict(self.model.shape.thresholds)
        self.config, self.limits = config, limits | {name: value for name, value in own.items() if value >= 0}

    # ---- the four skills

    def ground(self, rgb: np.ndarray, phrase: str) -> list[Detection]:
        """
        Return the boxes of what a referring expression names, best first; none where it names nothing.

        :raises ImageError: ``rgb`` is no picture.
        :raises SentenceError: the phrase is empty or too long.
        """
        return self.ground_all(rgb, [phrase])[0]

    def ground_all(self, rgb: np.ndarray, phrases: Sequence[str]) -> list[list[Detection]]:
        """Return what ``ground`` returns for each of several phrases; the picture is encoded once."""
        for phrase in phrases:
            _check_phrase(phrase)
        if not phrases:
            return []
        with self._lock, torch.inference_mode():
            features, regions = self._encode(rgb)
            prefix = self._look(features, regions)
            presence, boxes, chances = self._refer(prefix, phrases)
        size = _size(rgb)
        found = []
        for i, phrase in enumerate(phrases):
            is_named = presence[i] >= self.limits['presence']
            order = chances[i].argsort(descending=True).tolist() if is_named else []
            best = [j for rank, j in enumerate(order) if rank == 0 or chances[i, j] >= self.limits['choice']]
            found.append(
                [Detection(phrase, float(presence[i] * chances[i, j]), _to_pixels(boxes[i, j], size)) for j in best]
            )
        return found

    def ground_masks(self, rgb: np.ndarray, phrase: str) -> list[tuple[Detection, Mask]]:
        """
        Return what ``ground`` returns, each with the pixels that the segmenter finds for the phrase inside its box.

        :raises ModelError: there is no segmenter.
        """
        if self.segmenter is None:
            raise ModelError('masks need a segmenter: PixelLlm(config, segmenter=ClipSegSegmenter())')
        found = self.ground(rgb, phrase)
        if not found:
            return []
        whole = self.segmenter.segment(rgb, [self._name_thing(rgb, item, phrase) for item in found])
        return [(item, cut_mask(mask, item)) for item, mask in zip(found, whole, strict=True)]

    def _name_thing(self, rgb: np.ndarray, item: Detection, phrase: str) -> str:
        """Return what a segmenter understands: a caption of the box; relations it does not know."""
        return self.caption(rgb, item.box_xyxy_px).text or phrase

    def caption(self, rgb: np.ndarray, box_xyxy_px: Box | None = None) -> GroundedCaption:
        """
        Return a sentence about the picture, or about one box of it, each word with its place.

        :raises ImageError: ``rgb`` is no picture, or the box does not lie in it.
        """
        if box_xyxy_px is not None:
            return self.caption_boxes(rgb, [box_xyxy_px])[0]
        with self._lock, torch.inference_mode():
            features, regions = self._encode(rgb)
            prefix = self._look(features, regions)
            writings, states = write(
                self.model, prefix, self.codec.contexts['caption'], self.codec.end, self.config.most_words
            )
            return self._join(writings[0], prefix, states, _size(rgb))

    def locate_words(self, rgb: np.ndarray, text: str) -> GroundedCaption:
        """Return a given sentence about the picture, each word with its place; raise SentenceError without words."""
        _check_phrase(text)
        encoded = self.codec.encode('caption', text)
        with self._lock, torch.inference_mode():
            features, regions = self._encode(rgb)
            prefix = self._look(features, regions)
            ids = torch.tensor([encoded.ids[:-1]], device=self.device)
            places = torch.arange(ids.shape[1], device=self.device)[None]
            hidden, states = self.model.read(prefix, ids, torch.zeros_like(ids), places)
            words = self._place(text, encoded.words[:-1], hidden, (prefix, states), _size(rgb))
        return GroundedCaption(text, words)

    def caption_boxes(self, rgb: np.ndarray, boxes_px: Sequence[Box]) -> list[GroundedCaption]:
        """Return one caption a box; the picture is encoded once."""
        check_rgb(rgb)
        places = [_check_box(box, _size(rgb)) for box in boxes_px]
        return self._caption_places(rgb, places, False)

    def caption_point(self, rgb: np.ndarray, point_px: tuple[float, float]) -> GroundedCaption:
        """Return what is at a point, column and row in pixels; raise ImageError where it is outside."""
        return self.caption_points(rgb, [point_px])[0]

    def caption_points(self, rgb: np.ndarray, points_px: Sequence[tuple[float, float]]) -> list[GroundedCaption]:
        """Return one caption a point; the picture is encoded once."""
        check_rgb(rgb)
        width, height = _size(rgb)
        for x, y in points_px:
            if not (0 <= x <= width and 0 <= y <= height):
                raise ImageError(f'the point {(x, y)} is outside of the {width} x {height} picture')
        places = [(x / width, y / height, x / width, y / height) for x, y in points_px]
        return [replace(item, box_xyxy_px=None) for item in self._caption_places(rgb, places, True)]

    def caption_dense(self, rgb: np.ndarray) -> list[GroundedCaption]:
        """Return one caption per thing that is found, best first; its confidence is that there is a thing."""
        with self._lock, torch.inference_mode():
            features, regions = self._encode(rgb)
            if regions is None:
                raise ModelError("dense captioning needs a PixelLLM with regions ('objects' above 0, a box head)")
            is_thing = regions.is_there[0] & (regions.scores[0] >= self.limits['object'])
            boxes, scores = regions.boxes[0][is_thing].clamp(0, 1), regions.scores[0][is_thing]
            captions = self._caption_rows(features, boxes, False, _size(rgb))
        return [replace(item, confidence=float(score)) for item, score in zip(captions, scores, strict=True)]

    # ---- parts of them

    def _encode(self, rgb: np.ndarray) -> tuple[ImageFeatures, Regions | None]:
        pixels = prepare_pictures([check_rgb(rgb)], self.model.shape, self.model.image.size_px)
        features = self.model.encode(pixels.to(self.device, DTYPES[self.config.dtype]))
        return features, self.model.find_regions(features)

    def _look(self, features: ImageFeatures, regions: Regions | None) -> Prefix:
        return self.model.see(features, LocationPrompts.whole(1).to(self.device), regions=regions)

    def _refer(self, prefix: Prefix, phrases: Sequence[str]):
        """Return presence (P,), boxes (P, N, 4) and how probable each is (P, N): all phrases in one row."""
        texts = [self.codec.encode('refer', phrase).ids[:-1] for phrase in phrases]
        ids = torch.tensor([[token for text in texts for token in text]], device=self.device)
        segments = torch.tensor([[i for i, text in enumerate(texts) for _ in text]], device=self.device)
        places = torch.tensor([[j for text in texts for j in range(len(text))]], device=self.device)
        hidden, states = self.model.read(prefix, ids, segments, places)
        last = torch.tensor([len(text) for text in texts]).cumsum(0) - 1
        answer = self.model.locate(hidden[:, last], prefix, states)
        presence = torch.sigmoid(answer.presence[0]).cpu()
        if answer.choice is None or prefix.regions is None or not self.config.is_snapped:
            boxes, sure = answer_boxes(answer, None)
            return presence, boxes[0, :, None].cpu(), sure[0, :, None].cpu()
        boxes = prefix.regions.boxes.clamp(0, 1).expand(len(phrases), -1, -1)
        return presence, boxes.cpu(), answer.choice[0].softmax(-1).cpu()

    def _caption_places(self, rgb: np.ndarray, places, is_point: bool) -> list[GroundedCaption]:
        with self._lock, torch.inference_mode():
            features, _ = self._encode(rgb)
            return self._caption_rows(features, torch.tensor(places).view(-1, 4), is_point, _size(rgb))

    def _caption_rows(self, features, boxes: torch.Tensor, is_point: bool, size) -> list[GroundedCaption]:
        if not len(boxes):
            return []
        prompts = LocationPrompts(boxes.float(), torch.full((len(boxes),), is_point)).to(self.device)
        prefix = self.model.see(features, prompts, torch.tensor([len(boxes)], device=self.device))
        writings, _ = write(self.model, prefix, self.codec.contexts['region'], self.codec.end, self.config.most_words)
        return [
            replace(self._join(item, prefix, None, size), box_xyxy_px=_to_pixels(box, size))
            for item, box in zip(writings, boxes, strict=True)
        ]

    def _join(self, writing: Writing, prefix: Prefix, region_states, size) -> GroundedCaption:
        """Return a written text with the place of each word."""
        text, owners = self.codec.decode(writing.ids)
        confidence = float(writing.logprobs.mean().exp())
        words = self._place(text, owners, writing.hidden[None], (prefix, region_states), size) if text else ()
        return GroundedCaption(text, words, confidence)

    def _place(self, text: str, owners: Sequence[int], hidden, seen, size) -> tuple[GroundedWord, ...]:
        """Return the words of a text, each with the place of its last token; ``owners`` says whose each token is."""
        prefix, region_states = seen
        places = self.model.locate(hidden, prefix, region_states)
        regions = prefix.regions if self.config.is_snapped else None
        boxes, _ = answer_boxes(places, None if regions is None else regions.boxes)
        presence = torch.sigmoid(places.presence[0])
        words = []
        for number, word in enumerate(split_words(text)):
            token = max((i for i, owner in enumerate(owners) if owner == number), default=-1)
            chance = float(presence[token]) if token >= 0 else 0.0
            if chance < self.limits['word']:
                words.append(GroundedWord(word, None, None, 1 - chance))
                continue
            x0, y0, x1, y1 = _to_pixels(boxes[0, token], size)
            words.append(GroundedWord(word, ((x0 + x1) / 2, (y0 + y1) / 2), (x0, y0, x1, y1), chance))
        return tuple(words)


def prepare_pictures(pictures: Sequence[np.ndarray], shape, size_px: int) -> torch.Tensor:
    """Return (B, 3, S, S) float32 normalised: squashed with a bicubic kernel, as OWL-ViT's processor does."""
    how = transforms.InterpolationMode.BICUBIC
    small = [
        transforms.resize(
            torch.from_numpy(np.array(rgb)).permute(2, 0, 1), [size_px, size_px], interpolation=how, antialias=True
        )
        for rgb in pictures
    ]
    mean, std = (torch.tensor(values).view(3, 1, 1) * 255 for values in (shape.image_mean, shape.image_std))
    return (torch.stack(small).float() - mean) / std


def cut_mask(mask: Mask, found: Detection) -> Mask:
    """Return the mask without what lies outside the box of a detection, under the detection's label and score."""
    inside = np.zeros(mask.mask.shape, bool)
    x0, y0, x1, y1 = found.box_xyxy_px
    inside[int(np.floor(y0)) : int(np.ceil(y1)), int(np.floor(x0)) : int(np.ceil(x1))] = True
    return Mask(found.label, found.score, np.where(inside, mask.probability, 0), mask.mask & inside)


def _check_phrase(phrase: str) -> None:
    if not isinstance(phrase, str) or not phrase.strip():
        raise SentenceError(f"a phrase must be words such as 'the red block', got {phrase!r}")
    count = len(split_words(phrase))
    if count > PHRASE_WORDS:
        raise SentenceError(f'a phrase has at most {PHRASE_WORDS} words, got {count}; say it shorter')


def _check_box(box, size) -> tuple[float, ...]:
    values = np.asarray(box, float)
    if values.shape != (4,) or not np.isfinite(values).all():
        raise ImageError(f'a box must be four finite numbers left, top, right, bottom in pixels, got {box!r}')
    clipped = np.clip(values, 0, [*size, *size])
    if clipped[2] - clipped[0] < 1 or clipped[3] - clipped[1] < 1:
        raise ImageError(f'the box {tuple(box)} covers no pixel of the {size[0]} x {size[1]} picture')
    return tuple((clipped / [*size, *size]).tolist())


def _size(rgb: np.ndarray) -> tuple[int, int]:
    return rgb.shape[1], rgb.shape[0]


def _to_pixels(box: torch.Tensor, size: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = (float(v) for v in box)
    return x0 * size[0], y0 * size[1], x1 * size[0], y1 * size[1]
