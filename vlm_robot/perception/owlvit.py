"""
Open-vocabulary detection with OWL-ViT or OWLv2, any checkpoint by name or folder.

The picture is encoded once whatever the number of queries, and every text once ever (cached by its words);
what is left per query is one matrix product. Logits equal those of the stock forward pass. On top comes what
the stock post-processing lacks: a threshold per query, suppression of duplicates, boxes inside the picture,
and "not found" as an answer. Which checkpoint is loaded, the code does not ask: classes come from its
configuration.

Sources: OWL-ViT (Minderer et al., arXiv 2205.06230), OWLv2 (arXiv 2306.09683), transformers' implementation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import threading

import numpy as np
import torch
from torchvision.transforms.v2 import functional as transforms
from transformers import AutoConfig, AutoModelForZeroShotObjectDetection, AutoProcessor
from transformers.models.owlvit.image_processing_owlvit import OwlViTImageProcessor
from transformers.utils import logging as transformers_logging

from vlm_robot.datatypes import Detection
from vlm_robot.errors import ConfigError, ModelError, SentenceError
from vlm_robot.perception.boxes import clip, compute_iou, measure_area, suppress_by_group, to_corners
from vlm_robot.perception.images import check_rgb

SHIPPED = Path(__file__).resolve().parents[1] / 'checkpoints' / 'owlvit'
SETTINGS_FILE = 'detector.json'  # beside the weights: the checkpoint's own thresholds
PUBLIC_THRESHOLD = 0.1  # what transformers uses for public checkpoints, which bring no thresholds of their own
FAMILIES = ('owlvit', 'owlv2')
DTYPES = {'float32': torch.float32, 'float16': torch.float16, 'bfloat16': torch.bfloat16}


@dataclass(frozen=True)
class OwlVitConfig:
    """Which detector, and what it answers."""

    model: str = 'shipped'  # 'shipped', a folder, or a name on the Hugging Face hub
    threshold: float = -1.0  # 0..1, least score of an answer; -1: the checkpoint's own, per query
    duplicate_iou: float = 0.5  # 0..1, boxes of one query that overlap more are one thing
    rival_iou: float = 0.6  # 0..1, where labels of one noun overlap more, the best wins; 1 keeps all
    least_inside: float = 0.7  # 0..1, share of a box in the picture: tokens of the last column guess beyond it
    device: str = 'auto'  # 'auto', 'cpu', 'cuda', 'cuda:1', ...
    dtype: str = 'float32'  # float32, float16, bfloat16
    cached_texts: int = 1000  # how many encoded queries are kept

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.threshold != -1.0 and not 0 <= self.threshold <= 1:
            raise ConfigError(
                f"detector.threshold is {self.threshold}; allowed: 0 to 1, or -1 for the checkpoint's own"
            )
        for name in ('duplicate_iou', 'rival_iou'):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f'detector.{name} is {getattr(self, name)}; allowed: above 0, at most 1')
        if not 0 <= self.least_inside < 1:
            raise ConfigError(f'detector.least_inside is {self.least_inside}; allowed: 0 to below 1')
        if self.dtype not in DTYPES:
            raise ConfigError(f"detector.dtype is '{self.dtype}'; allowed: {sorted(DTYPES)}")
        if self.cached_texts < 1:
            raise ConfigError(f'detector.cached_texts is {self.cached_texts}; allowed: 1 or more')


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """
    Everything the picture says before a query is known.

    :param embeds: (B, N, D) unit vectors, one per token.
    :param shift: (B, N, 1) and ``scale`` (B, N, 1), what turns a cosine into a logit.
    :param boxes: (B, N, 4) centre x, y, width, height, 0..1 of the model's picture.
    """

    embeds: torch.Tensor
    shift: torch.Tensor
    scale: torch.Tensor
    boxes: torch.Tensor


class OwlVitDetector:
    """
    Finds what words name in a picture; implements ``detector.Detector``.

    Calls from several threads wait for each other.
    """

    def __init__(self, config: OwlVitConfig | None = None):
        """Load the checkpoint; raise ModelError when it is missing, incomplete or of another kind."""
        self.config = config or OwlVitConfig()
        self.name = self.config.model
        folder = str(SHIPPED) if self.config.model == 'shipped' else self.config.model
        self.device = _choose_device(self.config.device)
        self.model, self.processor = _load(folder, DTYPES[self.config.dtype])
        self.model.to(self.device).eval()
        self.thresholds = _read_thresholds(Path(folder))
        self.text_limit = self.model.config.text_config.max_position_embeddings
        self._texts: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()

    # ---- answers

    def detect(
        self, rgb: np.ndarray, queries: Sequence[str], thresholds: Mapping[str, float] | None = None
    ) -> list[Detection]:
        """
        Return what was found, best first; a query without a detection was not found.

        :param rgb: (H, W, 3) uint8, red green blue.
        :param thresholds: least score of an answer by query, where it differs from the configured one.
        :raises ImageError: ``rgb`` is no such picture.
        :raises SentenceError: a query is empty or longer than the model can read.
        """
        return self.detect_batch([rgb], queries, thresholds)[0]

    def detect_batch(
        self,
        pictures: Sequence[np.ndarray],
        queries: Sequence[str],
        thresholds: Mapping[str, float] | None = None,
    ) -> list[list[Detection]]:
        """Return what ``detect`` returns for each of several pictures, which may differ in size."""
        if isinstance(queries, str):
            raise SentenceError(f"queries must be a list of texts, got the text '{queries}'; put it into a list")
        queries = list(dict.fromkeys(queries))
        sizes = [check_rgb(rgb).shape[:2] for rgb in pictures]
        if not queries or not pictures:
            return [[] for _ in pictures]
        limits = torch.tensor([self.limit(query, thresholds) for query in queries])
        answers = zip(self.score(pictures, queries), sizes, strict=True)
        return [self._choose(scores, boxes, queries, limits, size) for (scores, boxes), size in answers]

    def score(self, pictures: Sequence[np.ndarray], queries: Sequence[str]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return per picture the scores (N, Q) of tokens and queries, and boxes (N, 4) xyxy in pixels."""
        text = self.embed_texts(queries)
        with self._lock, torch.inference_mode():
            features = self._encode(self.preprocess(pictures))
            scores = torch.sigmoid(compare(features, text).float()).cpu()
            boxes = to_corners(features.boxes.float()).cpu()
        return [(scores[i], self._to_pixels(boxes[i], *rgb.shape[:2])) for i, rgb in enumerate(pictures)]

    def limit(self, query: str, thresholds: Mapping[str, float] | None = None) -> float:
        """Return the least score of an answer: as asked, as configured, or the checkpoint's own."""
        if thresholds and query in thresholds:
            return thresholds[query]
        if self.config.threshold >= 0:
            return self.config.threshold
        return self.thresholds.get(query, self.thresholds.get('', PUBLIC_THRESHOLD))

    def _choose(self, scores, boxes, queries, limits, size) -> list[Detection]:
        token, query = torch.nonzero(scores >= limits, as_tuple=True)
        found, values = clip(boxes[token], size[1], size[0]), scores[token, query]
        is_inside = measure_area(found) > self.config.least_inside * measure_area(boxes[token])
        found, values, query = found[is_inside], values[is_inside], query[is_inside]
        kept = suppress_by_group(found, values, query, self.config.duplicate_iou)
        best = drop_rivals(found, query, kept, queries, self.config.rival_iou)
        chosen = []
        for i in best:
            left, top, right, bottom = found[i].tolist()
            chosen.append(Detection(queries[int(query[i])], float(values[i]), (left, top, right, bottom)))
        return chosen

    def _to_pixels(self, boxes: torch.Tensor, height_px: int, width_px: int) -> torch.Tensor:
        if self.model.config.model_type == 'owlv2':  # padded to a square on the right and at the bottom
            return boxes * max(height_px, width_px)
        return boxes * torch.tensor([width_px, height_px, width_px, height_px])

    # ---- the model in two halves

    def preprocess(self, pictures: Sequence[np.ndarray]) -> torch.Tensor:
        """Return (B, 3, S, S) pixels as the checkpoint's processor makes them."""
        stock = self.processor.image_processor
        if not _is_plain_squash(stock):
            pixels = stock(images=[np.ascontiguousarray(rgb) for rgb in pictures], return_tensors='pt')['pixel_values']
            return pixels.to(self.device, self.model.dtype)
        size = [stock.size['height'], stock.size['width']]
        how = (
            transforms.InterpolationMode.BICUBIC if int(stock.resample) == 3 else transforms.InterpolationMode.BILINEAR
        )
        small = [
            transforms.resize(torch.from_numpy(np.array(rgb)).permute(2, 0, 1), size, interpolation=how, antialias=True)
            for rgb in pictures
        ]
        mean, std = (torch.tensor(v).view(3, 1, 1) * 255 for v in (stock.image_mean, stock.image_std))
        return ((torch.stack(small).float() - mean) / std).to(self.device, self.model.dtype)

    def encode(self, pixels: torch.Tensor) -> ImageFeatures:
        """Return the features of preprocessed pictures."""
        with self._lock, torch.inference_mode():
            return self._encode(pixels)

    def _encode(self, pixels: torch.Tensor) -> ImageFeatures:
        grid = self.model.image_embedder(pixel_values=pixels)[0]
        tokens = grid.flatten(1, 2)
        head = self.model.class_head
        embeds = head.dense0(tokens)
        embeds = embeds / (torch.linalg.norm(embeds, dim=-1, keepdim=True) + 1e-6)
        scale = head.elu(head.logit_scale(tokens)) + 1
        return ImageFeatures(embeds, head.logit_shift(tokens), scale, self.model.box_predictor(tokens, grid))

    def embed_texts(self, queries: Sequence[str]) -> torch.Tensor:
        """Return (Q, D) unit vectors of the queries; each text is encoded once and remembered."""
        with self._lock, torch.inference_mode():
            new = [query for query in dict.fromkeys(queries) if query not in self._texts]
            for query, embed in zip(new, self._encode_texts(new) if new else (), strict=True):
                self._texts[query] = embed
            stacked = torch.stack([self._texts[query] for query in queries])
            for query in queries:
                self._texts.move_to_end(query)
            while len(self._texts) > self.config.cached_texts:
                self._texts.popitem(last=False)
            return stacked

    def forget_texts(self) -> None:
        """Empty the cache of encoded queries."""
        with self._lock:
            self._texts.clear()

    def _encode_texts(self, queries: Sequence[str]) -> torch.Tensor:
        for query in queries:
            if not isinstance(query, str) or not query.strip():
                raise SentenceError(f"a query must be words such as 'red block', got {query!r}")
        encoded = self.processor.tokenizer(list(queries), padding=True, return_tensors='pt')
        lengths = encoded['attention_mask'].sum(1).tolist()
        for query, length in zip(queries, lengths, strict=True):
            if length > self.text_limit:
                raise SentenceError(
                    f"query '{query[:60]}' has {length} tokens; '{self.name}' reads at most "
                    f'{self.text_limit}: use fewer words'
                )
        encoded = encoded.to(self.device)
        base = getattr(self.model, self.model.base_model_prefix)
        pooled = base.text_model(input_ids=encoded['input_ids'], attention_mask=encoded['attention_mask']).pooler_output
        embeds = base.text_projection(pooled)
        for _ in range(2):  # the stock forward normalises twice, each time with its 1e-6
            embeds = embeds / (torch.linalg.norm(embeds, dim=-1, keepdim=True) + 1e-6)
        return embeds


def compare(features: ImageFeatures, text: torch.Tensor) -> torch.Tensor:
    """Return logits (B, N, Q) of every token against text (Q, D)."""
    return (features.embeds @ text.T + features.shift) * features.scale


def drop_rivals(
    boxes: torch.Tensor, query: torch.Tensor, kept: torch.Tensor, queries: Sequence[str], iou: float
) -> list[int]:
    """
    Return ``kept``, best first, without answers at a place that a better rival took.

    Two queries are rivals when they end in the same noun and neither says all that the other says: "red
    block" and "pink block" are, "block" and "red block" are not.

    :param boxes: (D, 4) xyxy; ``query`` (D,) index into ``queries``; ``kept`` indices into both.
    """
    if len(kept) < 2 or iou >= 1:
        return kept.tolist()
    words = [text.lower().split() for text in queries]
    are_rivals = np.array([[_are_rivals(mine, theirs) for theirs in words] for mine in words])
    asked = query[kept].numpy()
    conflicts = (compute_iou(boxes[kept], boxes[kept]).numpy() > iou) & are_rivals[asked][:, asked]
    is_chosen = np.zeros(len(kept), bool)
    for i in range(len(kept)):
        is_chosen[i] = not conflicts[i, is_chosen].any()
    return kept[torch.from_numpy(is_chosen)].tolist()


def _are_rivals(mine: list[str], theirs: list[str]) -> bool:
    return mine[-1] == theirs[-1] and not (set(mine) <= set(theirs) or set(theirs) <= set(mine))


def _choose_device(wanted: str) -> torch.device:
    if wanted == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        return torch.empty(0, device=wanted).device
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"detector.device '{wanted}' cannot be used: {error}; use 'auto' or 'cpu'") from error


def _is_plain_squash(stock) -> bool:
    return (
        type(stock) is OwlViTImageProcessor
        and stock.do_resize and stock.do_rescale and stock.do_normalize and not stock.do_center_crop
        and int(stock.resample) in (2, 3) and abs(stock.rescale_factor - 1 / 255) < 1e-9
    )  # fmt: skip


def _load(folder: str, dtype: torch.dtype):
    how = (
        f"'{folder}'; allowed: 'shipped', a folder with an OWL-ViT or OWLv2 checkpoint, or a hub name such "
        "as 'google/owlv2-base-patch16-ensemble'"
    )
    bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        family = AutoConfig.from_pretrained(folder).model_type
        if family not in FAMILIES:
            raise ModelError(f"detector.model {how}; this is '{family}'")
        model, loading = AutoModelForZeroShotObjectDetection.from_pretrained(
            folder, dtype=dtype, output_loading_info=True
        )
        processor = AutoProcessor.from_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f'cannot load detector.model {how}: {error}') from error
    finally:
        if bar:
            transformers_logging.enable_progress_bar()
    if loading['missing_keys']:
        raise ModelError(
            f"detector.model '{folder}' lacks weights: {sorted(loading['missing_keys'])[:3]}; get it again"
        )
    return model, processor


def _read_thresholds(folder: Path) -> dict[str, float]:
    """Return thresholds by query, '' for all others; a checkpoint without its own has none."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text())
        return {'': float(data['threshold'])} | {key: float(v) for key, v in data.get('thresholds', {}).items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"'{path}' must hold a number 'threshold' and may hold 'thresholds' by query: {error}"
        ) from error
