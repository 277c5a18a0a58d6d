"""
What the parts of sight must be able to do beside detecting: masks, grounding, description, questions, embeddings.

Every picture is (H, W, 3) uint8, red green blue, of any size; every box and point is in pixels of that picture.
"Not there" is an answer: an empty list, an all-False mask, a caption without words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from vlm_robot.datatypes import Answer, Box, Description, Detection, GroundedCaption, Mask


class Segmenter(Protocol):
    """Says which pixels a phrase names."""

    name: str

    def segment(self, rgb: np.ndarray, queries: Sequence[str]) -> list[Mask]:
        """Return one mask per query, in their order; the picture is encoded once for all of them."""
        ...


class Grounder(Protocol):
    """Ties words to pixels, both ways."""

    name: str

    def ground(self, rgb: np.ndarray, phrase: str) -> list[Detection]:
        """Return the boxes of what a referring expression names, best first; none where it names nothing."""
        ...

    def caption(self, rgb: np.ndarray, box_xyxy_px: Box | None = None) -> GroundedCaption:
        """Return a sentence about the picture, or about one box of it, each word with its place."""
        ...

    def caption_dense(self, rgb: np.ndarray) -> list[GroundedCaption]:
        """Return one caption per thing that is found, best first."""
        ...


class Describer(Protocol):
    """Says in text what a picture shows."""

    name: str

    def describe(self, rgb: np.ndarray) -> Description:
        """Return tags, attributes, captions, written text, objects, counts and relations, with confidences."""
        ...


class Answerer(Protocol):
    """Answers questions about a picture."""

    name: str

    def answer(self, rgb: np.ndarray, question: str) -> Answer:
        """Return the most probable answer."""
        ...


class ImageEmbedder(Protocol):
    """Puts pictures and words into one space, so that the cosine says how well they fit."""

    name: str

    def embed_images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Return (N, D) float32, each row of length 1."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) float32, each row of length 1."""
        ...
