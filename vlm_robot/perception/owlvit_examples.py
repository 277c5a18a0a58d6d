"""
One-shot detection: find what looks like the thing in a box of another picture, or of several other pictures.

The tokens whose predicted box fits the given box best carry class vectors; their mean is the query, and the mean
over several examples a better one. It is compared exactly as a text is, so scores keep their absolute meaning (the
stock post-processing rescales them until the best is 1, whether the thing is there or not) and "not found" stays an
answer.

Pictures lie near each other and far from texts, so that a picture as a query fits every thing a little: on the shipped
checkpoint four of five absent things were "found". A checkpoint may therefore bring a linear map from pictures to
texts (``training/example_map.py`` fits it); without one the vectors are compared as they are. Either way the least
score is the checkpoint's ``example_threshold``.

Source: OWL-ViT (Minderer et al., arXiv 2205.06230, section 4.4: query embeddings of images, averaged over examples).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vlm_robot.datatypes import Box, Detection
from vlm_robot.errors import ImageError, SentenceError
from vlm_robot.perception.boxes import compute_iou
from vlm_robot.perception.images import check_rgb
from vlm_robot.perception.owlvit import ImageFeatures, OwlVitDetector
from vlm_robot.perception.owlvit_answers import choose

NEAR_BEST = 0.8  # tokens whose box overlaps the given one at least so well, relative to the best, describe its content
LEAST_IOU = 0.3  # below it no token has seen the box as one thing


@dataclass(frozen=True, eq=False)
class Example:
    """
    A picture of what is looked for.

    :param rgb: (H, W, 3) uint8, red green blue.
    :param box_xyxy_px: where the thing is in it; None where it fills the picture.
    """

    rgb: np.ndarray
    box_xyxy_px: Box | None = None


def find_vector(
    detector: OwlVitDetector, features: ImageFeatures, size: tuple[int, ...], box: Box
) -> torch.Tensor | None:
    """
    Return the class vector (D,) of length 1 of what stands in a box; None where the model saw no one thing there.

    :param size: height and width in pixels of the picture that ``features`` came from.
    """
    seen = detector.compare(features, features.embeds.new_zeros(0, features.embeds.shape[-1]), [size])[0]
    overlap = compute_iou(seen.boxes, torch.tensor([box], dtype=seen.boxes.dtype))[:, 0]
    near = overlap >= max(LEAST_IOU, NEAR_BEST * float(overlap.max()))
    if not near.any():
        return None
    vectors = features.embeds[0].float()[near.to(features.embeds.device)]
    return torch.nn.functional.normalize((vectors * overlap[near].to(vectors)[:, None]).sum(0), dim=-1)


def map_to_texts(detector: OwlVitDetector, vector: torch.Tensor) -> torch.Tensor:
    """Return the vector (D,) of length 1 that a text about the same thing would have, where the checkpoint knows."""
    if detector.example_map is None:
        return vector
    return torch.nn.functional.normalize(vector @ detector.example_map.to(vector), dim=-1)


def embed_example(detector: OwlVitDetector, example: Example) -> torch.Tensor:
    """
    Return the query vector (D,) of length 1 of what stands in the box of an example.

    :raises ImageError: the box is not in the picture, or no token of the model has seen a thing there.
    """
    box = _check_box(example)
    features = detector.encode(detector.preprocess([example.rgb]))
    vector = find_vector(detector, features, example.rgb.shape[:2], box)
    if vector is None:
        raise ImageError(
            f"'{detector.name}' sees no one thing in the box {tuple(round(v) for v in box)} of the example (no box "
            f'of its own overlaps it by {LEAST_IOU}); draw the box tightly around one thing'
        )
    return map_to_texts(detector, vector)


def embed_examples(detector: OwlVitDetector, examples: Sequence[Example]) -> torch.Tensor:
    """Return the vector (D,) of length 1 of one thing shown in several pictures."""
    if not examples:
        raise ImageError('one-shot detection needs at least one example picture')
    mean = torch.stack([embed_example(detector, example) for example in examples]).mean(0)
    return torch.nn.functional.normalize(mean, dim=-1)


class ExampleDetector:
    """
    Finds what example pictures show; implements ``detector.Detector`` with the names of the examples as queries.

    Examples are encoded once, when they are given.
    """

    def __init__(self, detector: OwlVitDetector, examples: Mapping[str, Sequence[Example]]):
        """
        Encode the examples.

        :param examples: a name for each thing and the pictures that show it.
        :raises ImageError: an example is no picture or its box shows no one thing.
        """
        self.detector, self.name = detector, f'{detector.name} by example'
        self.vectors = {name: embed_examples(detector, shown) for name, shown in examples.items()}

    def detect(
        self, rgb: np.ndarray, queries: Sequence[str] = (), thresholds: Mapping[str, float] | None = None
    ) -> list[Detection]:
        """
        Return what was found, best first; a name without a detection was not found.

        :param queries: names of examples; empty: all of them.
        :raises SentenceError: there is no example of that name.
        """
        names = list(dict.fromkeys(queries or self.vectors))
        unknown = [name for name in names if name not in self.vectors]
        if unknown:
            raise SentenceError(f"no example of '{unknown[0]}'; known: {sorted(self.vectors)}")
        if not names:
            return []
        limits = torch.tensor([self.limit(name, thresholds) for name in names])
        features = self.detector.encode(self.detector.preprocess([check_rgb(rgb)]))
        vectors = torch.stack([self.vectors[name] for name in names]).to(features.embeds)
        seen = self.detector.compare(features, vectors, [rgb.shape[:2]])[0]
        return choose(seen, names, limits, self.detector.rules)

    def limit(self, name: str, thresholds: Mapping[str, float] | None = None) -> float:
        """Return the least score of an answer: as asked, as configured, or the checkpoint's own for examples."""
        if thresholds and name in thresholds:
            return thresholds[name]
        configured = self.detector.config.threshold
        return configured if configured >= 0 else self.detector.settings.example_threshold


def _check_box(example: Example) -> Box:
    height, width = check_rgb(example.rgb).shape[:2]
    if example.box_xyxy_px is None:
        return (0.0, 0.0, float(width), float(height))
    left, top, right, bottom = (float(value) for value in example.box_xyxy_px)
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ImageError(
            f'the box of the example is {(left, top, right, bottom)}; it must be left, top, right, bottom in pixels '
            f'inside the picture of {width} x {height}'
        )
    return left, top, right, bottom
