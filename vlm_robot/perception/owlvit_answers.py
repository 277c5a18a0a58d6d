"""
From scores of tokens to answers: thresholds, boxes inside the picture, no duplicates, one label per noun and place.

Boxes are xyxy in pixels of the original picture. Which model made the scores, this module does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vlm_robot.datatypes import Detection
from vlm_robot.perception.boxes import clip, compute_iou, measure_area, suppress_by_group


@dataclass(frozen=True, eq=False)
class TokenScores:
    """
    What the tokens of one picture say about every query.

    :param scores: (N, Q) 0..1.
    :param boxes: (N, 4) xyxy in pixels, perhaps beyond the picture.
    :param size: height and width of the picture in pixels.
    """

    scores: torch.Tensor
    boxes: torch.Tensor
    size: tuple[int, int]


@dataclass(frozen=True)
class AnswerRules:
    """Which answers stand beside each other: the fields of the same names of ``owlvit.OwlVitConfig``."""

    duplicate_iou: float = 0.5
    rival_iou: float = 0.6
    least_inside: float = 0.7


def choose(seen: TokenScores, queries: Sequence[str], limits: torch.Tensor, rules: AnswerRules) -> list[Detection]:
    """
    Return the answers of one picture, best first.

    :param limits: (Q,) least score of an answer to each query.
    """
    token, query = torch.nonzero(seen.scores >= limits, as_tuple=True)
    found, values = clip(seen.boxes[token], seen.size[1], seen.size[0]), seen.scores[token, query]
    is_inside = measure_area(found) > rules.least_inside * measure_area(seen.boxes[token])
    found, values, query = found[is_inside], values[is_inside], query[is_inside]
    kept = suppress_by_group(found, values, query, rules.duplicate_iou)
    chosen = []
    for i in drop_rivals(found, query, kept, queries, rules.rival_iou):
        left, top, right, bottom = found[i].tolist()
        chosen.append(Detection(queries[int(query[i])], float(values[i]), (left, top, right, bottom)))
    return chosen


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
    are_rivals = find_rivals(queries)
    asked = query[kept].numpy()
    conflicts = (compute_iou(boxes[kept], boxes[kept]).numpy() > iou) & are_rivals[asked][:, asked]
    is_chosen = np.zeros(len(kept), bool)
    for i in range(len(kept)):
        is_chosen[i] = not conflicts[i, is_chosen].any()
    return kept[torch.from_numpy(is_chosen)].tolist()


def find_rivals(queries: Sequence[str]) -> np.ndarray:
    """Return (Q, Q) bool, which queries cannot both name a thing; empty ones have no rivals."""
    words = [text.lower().split() for text in queries]
    return np.array([[_are_rivals(mine, theirs) for theirs in words] for mine in words], bool)


def _are_rivals(mine: list[str], theirs: list[str]) -> bool:
    return (
        bool(mine and theirs) and mine[-1] == theirs[-1] and not (set(mine) <= set(theirs) or set(theirs) <= set(mine))
    )
