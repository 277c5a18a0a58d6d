"""
Open-vocabulary detection with OWL-ViT or OWLv2, any checkpoint by name or folder.

The picture is encoded once whatever the number of queries, and every text once ever (cached by its words);
what is left per query is one matrix product. Logits equal those of the stock forward pass. On top comes what
the stock post-processing lacks: a threshold per query, suppression of duplicates, boxes inside the picture,
wordings averaged (``ensemble``), proposals without a query, and "not found" as an answer. Queries that are
pictures: ``owlvit_examples``; parts of wholes: ``tree_detector``. Which checkpoint is loaded, the code does not
ask: classes come from its configuration.

Sources: OWL-ViT (Minderer et al., arXiv 2205.06230), OWLv2 (arXiv 2306.09683), transformers' implementation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
import threading

import numpy as np
import torch
from torchvision.transforms.v2 import functional as transforms

from vlm_robot.datatypes import Detection
from vlm_robot.errors import ConfigError, SentenceError
from vlm_robot.perception.boxes import to_corners
from vlm_robot.perception.images import check_rgb
from vlm_robot.perception.owlvit_answers import AnswerRules, choose, TokenScores
from vlm_robot.perception.owlvit_loading import (
    is_plain_squash,
    load_checkpoint,
    read_example_map,
    read_settings,
)
from vlm_robot.perception.pretrained import choose_device, DTYPES
from vlm_robot.perception.prompt_ensemble import average_wordings, fill_templates, read_templates

SHIPPED = Path(__file__).resolve().parents[1] / 'checkpoints' / 'owlvit'
GENERIC_WORDS = ('object', 'thing', 'item')  # what proposals are scored by where a model has no objectness head
PROPOSAL = 'object'  # the label of a proposal


@dataclass(frozen=True)
class OwlVitConfig:
    """Which detector, and what it answers."""

    model: str = 'shipped'  # 'shipped', a folder, or a name on the Hugging Face hub
    threshold: float = -1.0  # 0..1, least score of an answer; -1: the checkpoint's own, per query
    duplicate_iou: float = 0.5  # 0..1, boxes of one query that overlap more are one thing
    rival_iou: float = 0.6  # 0..1, where labels of one noun overlap more, the best wins; 1 keeps all
    least_inside: float = 0.7  # 0..1, share of a box in the picture: tokens of the last column guess beyond it
    ensemble: str = ''  # 'clip', 'plain' or a file with a wording a line, '{}' for the query; empty: the query itself
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
    :param objectness: (B, N) logits that a token is a thing at all; None where the model has no such head.
    """

    embeds: torch.Tensor
    shift: torch.Tensor
    scale: torch.Tensor
    boxes: torch.Tensor
    objectness: torch.Tensor | None = None

    def pick(self, index: int) -> ImageFeatures:
        """Return the features of one picture of the batch, as a batch of one."""
        one = slice(index, index + 1)
        objectness = None if self.objectness is None else self.objectness[one]
        return ImageFeatures(self.embeds[one], self.shift[one], self.scale[one], self.boxes[one], objectness)


class OwlVitDetector:
    """
    Finds what words name in a picture; implements ``detector.Detector``.

    Calls from several threads wait for each other.
    """

    def __init__(self, config: OwlVitConfig | None = None):
        """Load the checkpoint; raise ModelError when it is missing, incomplete or of another kind."""
        self.adjust(config or OwlVitConfig())
        self.name = self.config.model
        folder = str(SHIPPED) if self.config.model == 'shipped' else self.config.model
        self.templates = read_templates(self.config.ensemble) if self.config.ensemble else ()
        self.device = choose_device(self.config.device, 'detector.device')
        self.model, self.processor = load_checkpoint(folder, DTYPES[self.config.dtype])
        self.model.to(self.device).eval()
        self.settings, self.example_map = read_settings(Path(folder)), read_example_map(Path(folder))
        self.text_limit = self.model.config.text_config.max_position_embeddings
        self._texts: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def adjust(self, config: OwlVitConfig) -> None:
        """Answer by the thresholds of another configuration of the same checkpoint; nothing is loaded."""
        self.config = config
        self.rules = AnswerRules(config.duplicate_iou, config.rival_iou, config.least_inside)

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
        for rgb in pictures:
            check_rgb(rgb)
        if not queries or not pictures:
            return [[] for _ in pictures]
        limits = torch.tensor([self.limit(query, thresholds) for query in queries])
        embeds, sizes = self.embed_queries(queries), [rgb.shape[:2] for rgb in pictures]
        seen = self.compare(self.encode(self.preprocess(pictures)), embeds, sizes)
        return [choose(item, queries, limits, self.rules) for item in seen]

    def propose(self, rgb: np.ndarray, threshold: float | None = None, most: int = 50) -> list[Detection]:
        """
        Return the boxes of whatever things there are, best first, without a query.

        OWLv2 scores them by its objectness head. OWL-ViT has none: there the best of a few generic words counts
        (``GENERIC_WORDS``), which finds less.

        :param threshold: least score; None is the checkpoint's own.
        :param most: return at most so many.
        """
        features = self.encode(self.preprocess([check_rgb(rgb)]))
        if features.objectness is None:
            embeds = self.embed_queries(GENERIC_WORDS)
            seen = self.compare(features, embeds, [rgb.shape[:2]])[0]
            scores = seen.scores.max(1, keepdim=True).values
        else:
            seen = self.compare(features, features.embeds.new_zeros(0, features.embeds.shape[-1]), [rgb.shape[:2]])[0]
            scores = torch.sigmoid(features.objectness[0].float()).cpu()[:, None]
        limit = torch.tensor([self.settings.proposal_threshold if threshold is None else threshold])
        return choose(TokenScores(scores, seen.boxes, seen.size), [PROPOSAL], limit, self.rules)[:most]

    def score(self, pictures: Sequence[np.ndarray], queries: Sequence[str]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return per picture the scores (N, Q) of tokens and queries, and boxes (N, 4) xyxy in pixels."""
        features = self.encode(self.preprocess(pictures))
        seen = self.compare(features, self.embed_queries(queries), [rgb.shape[:2] for rgb in pictures])
        return [(item.scores, item.boxes) for item in seen]

    def limit(self, query: str, thresholds: Mapping[str, float] | None = None) -> float:
        """Return the least score of an answer: as asked, as configured, or the checkpoint's own."""
        if thresholds and query in thresholds:
            return thresholds[query]
        if self.config.threshold >= 0:
            return self.config.threshold
        return self.settings.thresholds.get(query, self.settings.threshold)

    # ---- the model in two halves

    def preprocess(self, pictures: Sequence[np.ndarray]) -> torch.Tensor:
        """Return (B, 3, S, S) pixels as the checkpoint's processor makes them."""
        stock = self.processor.image_processor
        if not is_plain_squash(stock):
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
            grid = self.model.image_embedder(pixel_values=pixels)[0]
            tokens, head = grid.flatten(1, 2), self.model.class_head
            embeds = head.dense0(tokens)
            embeds = embeds / (torch.linalg.norm(embeds, dim=-1, keepdim=True) + 1e-6)
            scale, boxes = head.elu(head.logit_scale(tokens)) + 1, self.model.box_predictor(tokens, grid)
            has_objectness = hasattr(self.model, 'objectness_predictor')
            objectness = self.model.objectness_predictor(tokens) if has_objectness else None
            return ImageFeatures(embeds, head.logit_shift(tokens), scale, boxes, objectness)

    def compare(
        self, features: ImageFeatures, embeds: torch.Tensor, sizes: Sequence[tuple[int, ...]]
    ) -> list[TokenScores]:
        """
        Return for each picture what its tokens say about every query.

        :param embeds: (Q, D) unit vectors, of texts or of example pictures.
        :param sizes: height and width in pixels of each original picture.
        """
        with torch.inference_mode():
            scores = torch.sigmoid(compare(features, embeds).float()).cpu()
            boxes = to_corners(features.boxes.float()).cpu()
        return [
            TokenScores(scores[i], self._to_pixels(boxes[i], height, width), (height, width))
            for i, (height, width) in enumerate(sizes)
        ]

    def embed_queries(self, queries: Sequence[str]) -> torch.Tensor:
        """Return (Q, D) unit vectors of the queries: of their own words, or averaged over the wordings."""
        if not self.templates:
            return self.embed_texts(queries)
        wordings = [text for query in queries for text in fill_templates(query, self.templates)]
        return average_wordings(self.embed_texts(wordings), len(self.templates))

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Return (Q, D) unit vectors of the texts as they are; each is encoded once and remembered."""
        with self._lock, torch.inference_mode():
            new = [text for text in dict.fromkeys(texts) if text not in self._texts]
            for text, embed in zip(new, self._encode_texts(new) if new else (), strict=True):
                self._texts[text] = embed
            stacked = torch.stack([self._texts[text] for text in texts])
            for text in texts:
                self._texts.move_to_end(text)
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

    def _to_pixels(self, boxes: torch.Tensor, height_px: int, width_px: int) -> torch.Tensor:
        if self.model.config.model_type == 'owlv2':  # padded to a square on the right and at the bottom
            return boxes * max(height_px, width_px)
        return boxes * torch.tensor([width_px, height_px, width_px, height_px])


def compare(features: ImageFeatures, embeds: torch.Tensor) -> torch.Tensor:
    """Return logits (B, N, Q) of every token against queries (Q, D)."""
    return (features.embeds @ embeds.T + features.shift) * features.scale
