"""
How good captions are: exact match, F1 of words, CIDEr-D, and average precision of captions with boxes.

CIDEr-D follows Vedantam, Zitnick and Parikh (arXiv 1411.5726, eq. 4 to 6): tf-idf cosines of 1- to 4-grams, clipped,
with a Gaussian penalty on length, times ten. A caption of two words has no 3- and 4-grams, so its best value is 5.
Dense captioning is judged as DenseCap (Johnson et al., arXiv 1511.07571): a caption counts where its box and its text
both fit; METEOR, which needs Java and WordNet, is replaced by F1 of words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
import math
import re

import numpy as np

from vlm_robot.evaluation.detection_metrics import average_precision, compute_iou, Judged

GRAMS = 4
LENGTH_SPREAD = 6.0
IOU_LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7)
F1_LEVELS = (0.0, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class DensePicture:
    """The captions of one picture and the truth; boxes (., 4) xyxy of one unit; ``unclear`` hardly show."""

    boxes: np.ndarray
    scores: np.ndarray
    texts: Sequence[str]
    true_boxes: np.ndarray
    true_texts: Sequence[str]
    unclear: np.ndarray


def list_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without marks."""
    return re.findall(r"[a-z0-9']+", text.lower())


def is_exact(said: str, wanted: str) -> bool:
    """Return whether two captions have the same words in the same order, articles left out."""
    return _bare(said) == _bare(wanted)


def measure_f1(said: str, wanted: str) -> float:
    """Return the F1 of the words of two captions as bags, articles left out; 0..1."""
    one, other = Counter(_bare(said)), Counter(_bare(wanted))
    shared = sum((one & other).values())
    return 2 * shared / max(1, sum(one.values()) + sum(other.values()))


def measure_cider(said: Sequence[str], wanted: Sequence[Sequence[str]]) -> float:
    """
    Return CIDEr-D of captions against their references, the references being the corpus; 0..10.

    :param wanted: per caption one reference or more.
    """
    if not said:
        return float('nan')
    references = [[_count_grams(text) for text in texts] for texts in wanted]
    seen = Counter(gram for texts in references for gram in {gram for counts in texts for gram in counts})
    rarity = {gram: math.log(len(said) / count) for gram, count in seen.items()}
    unseen = math.log(len(said)) if len(said) > 1 else 1.0
    values = []
    for text, counts, options in zip(said, references, wanted, strict=True):
        mine = _count_grams(text)
        scores = [
            _compare(mine, theirs, len(list_words(text)) - len(list_words(option)), rarity, unseen)
            for theirs, option in zip(counts, options, strict=True)
        ]
        values.append(10 * float(np.mean(scores)))
    return float(np.mean(values))


def measure_dense(pictures: Sequence[DensePicture], iou: float, f1: float) -> float:
    """Return the average precision where a caption counts with at least this overlap and this F1 of words."""
    return average_precision([_judge_dense(picture, iou, f1) for picture in pictures])


def measure_dense_map(pictures: Sequence[DensePicture], f1_levels: Sequence[float] = F1_LEVELS) -> float:
    """Return the mean of ``measure_dense`` over IOU_LEVELS and levels of F1."""
    return float(np.mean([measure_dense(pictures, iou, f1) for iou in IOU_LEVELS for f1 in f1_levels]))


def _judge_dense(picture: DensePicture, iou: float, f1: float) -> Judged:
    order = np.argsort(-np.asarray(picture.scores, float), kind='stable')
    boxes = np.asarray(picture.boxes, float).reshape(-1, 4)[order]
    overlap, vague = compute_iou(boxes, picture.true_boxes), compute_iou(boxes, picture.unclear)
    free, verdicts = np.ones(len(picture.true_texts), bool), np.zeros(len(boxes), int)
    for rank, i in enumerate(order):
        fits = [measure_f1(picture.texts[i], text) >= f1 for text in picture.true_texts]
        candidates = np.where(free & np.array(fits, bool), overlap[rank], 0.0)
        best = int(candidates.argmax()) if len(candidates) else -1
        if best >= 0 and candidates[best] >= iou:
            verdicts[rank], free[best] = 1, False
        elif vague.shape[1] and vague[rank].max() >= 0.1:
            verdicts[rank] = -1
    return Judged(np.asarray(picture.scores, float)[order], verdicts, len(picture.true_texts))


def _bare(text: str) -> list[str]:
    return [word for word in list_words(text) if word not in ('a', 'an', 'the')]


def _count_grams(text: str) -> Counter:
    words = list_words(text)
    return Counter(tuple(words[i : i + n]) for n in range(1, GRAMS + 1) for i in range(len(words) - n + 1))


def _compare(mine: Counter, theirs: Counter, longer: int, rarity: dict, unseen: float) -> float:
    total = 0.0
    for n in range(1, GRAMS + 1):
        one = {gram: count * rarity.get(gram, unseen) for gram, count in mine.items() if len(gram) == n}
        other = {gram: count * rarity.get(gram, unseen) for gram, count in theirs.items() if len(gram) == n}
        size = math.sqrt(sum(v * v for v in one.values()) * sum(v * v for v in other.values()))
        shared = sum(min(value, other[gram]) * other[gram] for gram, value in one.items() if gram in other)
        total += shared / size if size else 0.0
    return total / GRAMS * math.exp(-(longer**2) / (2 * LENGTH_SPREAD**2))
