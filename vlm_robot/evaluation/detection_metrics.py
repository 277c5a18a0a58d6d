"""
How good detections are: average precision, recall and false alarms, phrase by phrase.

Average precision is COCO's (101 recall points, precision made monotonous); a true object that is too hidden
to judge is neither found nor missed. A false alarm is a query for something that is not in the picture,
answered all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RECALL_POINTS = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class Judged:
    """
    The detections of one phrase in one picture, judged.

    :param scores: (D,) float, 0..1.
    :param verdicts: (D,) int, 1 true, 0 false, -1 not counted.
    :param truths: how many objects could be found.
    """

    scores: np.ndarray
    verdicts: np.ndarray
    truths: int


def compute_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (N, M) intersection over union of boxes xyxy."""
    boxes, others = np.asarray(boxes, float).reshape(-1, 4), np.asarray(others, float).reshape(-1, 4)
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)[:, None] + (others[:, 2:] - others[:, :2]).prod(-1)[None]
    return shared / np.maximum(areas - shared, 1e-12)


def judge(boxes, scores, truths, unclear, iou_threshold: float = 0.5) -> Judged:
    """
    Match detections, best first, to true boxes that nothing has matched yet.

    :param boxes: (D, 4) xyxy.
    :param truths: (N, 4) xyxy, objects to find.
    :param unclear: (M, 4) xyxy, objects too hidden to judge: a detection there is not counted.
    """
    scores = np.asarray(scores, float).reshape(-1)
    order = np.argsort(-scores, kind='stable')
    boxes = np.asarray(boxes, float).reshape(-1, 4)[order]
    overlap, vague = compute_iou(boxes, truths), compute_iou(boxes, unclear)
    free, verdicts = np.ones(overlap.shape[1], bool), np.zeros(len(boxes), int)
    for i in range(len(boxes)):
        candidates = np.where(free, overlap[i], 0.0)
        best = int(candidates.argmax()) if len(candidates) else -1
        if best >= 0 and candidates[best] >= iou_threshold:
            verdicts[i], free[best] = 1, False
        elif vague.shape[1] and vague[i].max() >= 0.1:
            verdicts[i] = -1
    return Judged(scores[order], verdicts, overlap.shape[1])


def average_precision(judged: list[Judged]) -> float:
    """Return the average precision over pictures; NaN when there was nothing to find."""
    return float(trace_precision(judged).mean())


def trace_precision(judged: list[Judged]) -> np.ndarray:
    """Return (101,) precision at RECALL_POINTS, made monotonous; NaN when there was nothing to find."""
    truths = sum(item.truths for item in judged)
    if truths == 0:
        return np.full(len(RECALL_POINTS), np.nan)
    scores = np.concatenate([item.scores for item in judged])
    verdicts = np.concatenate([item.verdicts for item in judged])
    scores, verdicts = scores[verdicts >= 0], verdicts[verdicts >= 0]
    hits = verdicts[np.argsort(-scores, kind='stable')]
    found = np.cumsum(hits)
    recall, precision = found / truths, found / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(recall, RECALL_POINTS - 1e-12, side='left')
    return np.append(precision, 0.0)[place]


def recall_at(judged: list[Judged], threshold: float) -> float:
    """Return the share of objects found with a score of at least ``threshold``; NaN without objects."""
    truths = sum(item.truths for item in judged)
    hits = sum(int(((item.verdicts == 1) & (item.scores >= threshold)).sum()) for item in judged)
    return hits / truths if truths else float('nan')


def precision_at(judged: list[Judged], threshold: float) -> float:
    """Return the share of true ones among detections of at least ``threshold``; NaN without detections."""
    kept = np.concatenate([item.verdicts[item.scores >= threshold] for item in judged] or [np.zeros(0, int)])
    kept = kept[kept >= 0]
    return float(kept.mean()) if len(kept) else float('nan')


def false_alarm_rate(best_scores, threshold: float) -> float:
    """Return the share of absent objects that were answered all the same; NaN without queries."""
    best_scores = np.asarray(best_scores, float)
    return float((best_scores >= threshold).mean()) if best_scores.size else float('nan')
