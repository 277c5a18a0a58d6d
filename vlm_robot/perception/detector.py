"""What a detector must be able to do, and a fixed one for tests beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from vlm_robot.datatypes import Detection


class Detector(Protocol):
    """Finds what words name in a picture; "not there" is an answer."""

    name: str

    def detect(
        self, rgb: np.ndarray, queries: Sequence[str], thresholds: Mapping[str, float] | None = None
    ) -> list[Detection]:
        """
        Return what was found, best first; a query without a detection was not found.

        :param rgb: (H, W, 3) uint8, red green blue.
        :param queries: phrases such as ``red block``.
        :param thresholds: 0..1, least score by query, where it differs from the detector's own.
        """
        ...


class FixedDetector:
    """A fake for tests: answers from a table of query -> boxes, whatever the picture shows."""

    def __init__(self, boxes: Mapping[str, Sequence[tuple[float, float, float, float]]], name: str = 'fixed'):
        """Keep ``boxes``: query -> boxes xyxy in pixels."""
        self.name = name
        self.boxes = {query: list(found) for query, found in boxes.items()}

    def adjust(self, config: object) -> None:
        """Change nothing: a table of answers has no thresholds."""

    def detect(
        self, rgb: np.ndarray, queries: Sequence[str], thresholds: Mapping[str, float] | None = None
    ) -> list[Detection]:
        """Return the boxes of the queries, each with score 1."""
        shown = [query for query in queries if (thresholds or {}).get(query, 0.0) <= 1.0]
        return [Detection(query, 1.0, box) for query in shown for box in self.boxes.get(query, ())]
