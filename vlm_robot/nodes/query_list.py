"""The phrases that a node looks for, with their thresholds, and the service request that changes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import reprlib

import numpy as np

from vlm_robot.datatypes import Mask
from vlm_robot.errors import SentenceError
from vlm_robot.nodes.conversions import LONGEST_NAME

MOST_QUERIES, LONGEST_QUERY = 256, LONGEST_NAME  # more cost seconds a picture


class QueryList:
    """Labels in order and the least score that some of them must reach; replaced as a whole."""

    def __init__(self, labels: Sequence[str]):
        """Begin with labels without thresholds."""
        self._state: tuple[tuple[str, ...], dict[str, float]] = (tuple(labels), {})

    @property
    def labels(self) -> tuple[str, ...]:
        """Return what is looked for."""
        return self._state[0]

    @property
    def state(self) -> tuple[tuple[str, ...], dict[str, float]]:
        """Return labels and thresholds that belong together."""
        return self._state

    def replace(self, labels: Sequence[str]) -> None:
        """Look for other labels, without thresholds; raise SentenceError when they make no sense."""
        _check(labels)
        self._state = tuple(labels), {}

    def set(self, request) -> None:
        """Take over what a SetQueries request asks for; raise SentenceError when it makes no sense."""
        queries = tuple(' '.join(query.split()) for query in request.queries)
        _check(queries)
        if len(request.thresholds) not in (0, len(queries)):
            raise SentenceError(
                f'{len(queries)} queries need as many thresholds or none; got {len(request.thresholds)}'
            )
        if not all(0 <= value <= 1 for value in request.thresholds):
            raise SentenceError(f'thresholds must be from 0 to 1; got {list(request.thresholds)[:MOST_QUERIES]}')
        self._state = queries, dict(zip(queries, request.thresholds))

    def filter(self, masks: Sequence[Mask]) -> list[Mask]:
        """Return the masks, empty where a score is below the threshold of its label."""
        least = self._state[1]
        return [
            mask if mask.score >= least.get(mask.label, 0.0) else replace(mask, mask=np.zeros_like(mask.mask))
            for mask in masks
        ]


def _check(labels: Sequence[str]) -> None:
    if not all(label.strip() for label in labels) or len(set(labels)) != len(labels):
        raise SentenceError(f'queries must be different and not empty; got {reprlib.repr(list(labels))}')
    longest = max(map(len, labels), default=0)
    if len(labels) > MOST_QUERIES or longest > LONGEST_QUERY:
        raise SentenceError(
            f'{len(labels)} queries of up to {longest} letters were asked; allowed: {MOST_QUERIES} of {LONGEST_QUERY}'
        )
