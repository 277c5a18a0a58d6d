"""
How much faster detection is than transformers' pipeline, and whether the scores are the same.

The pipeline encodes picture and text once per label; here the picture is encoded once and texts are
remembered. Both sides run the same weights in the same process; times are medians of one run, and only their
ratio means something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import time

import numpy as np
from PIL import Image
from transformers import pipeline

from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector, SHIPPED
from vlm_robot.training.owlvit_scenes import sample_view, TableDrawer
from vlm_robot.vocabulary import list_labels

LABELS = 8
THRESHOLD = 0.1  # the pipeline's own


def compare_scores(detector: OwlVitDetector, pipe, rgb: np.ndarray, labels: Sequence[str]) -> float:
    """Return the largest difference of any score, token by token, between the pipeline and the detector."""
    theirs = pipe(Image.fromarray(rgb), candidate_labels=list(labels), threshold=-1.0)
    scores, _ = detector.score([rgb], labels)[0]
    differences = []
    for index, label in enumerate(labels):
        listed = np.sort([item['score'] for item in theirs if item['label'] == label])
        differences.append(np.abs(listed - np.sort(scores[:, index].numpy())).max())
    return float(max(differences))


def run(model: str = 'shipped', repeats: int = 7) -> list[dict]:
    """
    Return one row per comparison: name, ratio, ours_s, theirs_s, max_score_difference.

    The first row is a camera's case: the texts are known. The second encodes them anew every time.
    """
    detector = OwlVitDetector(OwlVitConfig(model=model, threshold=THRESHOLD, device='cpu'))
    folder = str(SHIPPED) if model == 'shipped' else model
    pipe = pipeline('zero-shot-object-detection', model=folder, device='cpu', dtype='float32')
    labels = list_labels()[:: len(list_labels()) // LABELS][:LABELS]
    rgb = draw_table()
    picture = Image.fromarray(rgb)
    difference = compare_scores(detector, pipe, rgb, labels)

    def detect_anew() -> None:
        detector.forget_texts()
        detector.detect(rgb, labels)

    theirs_s, ours_s, anew_s = time_in_turns(
        [
            lambda: pipe(picture, candidate_labels=list(labels), threshold=THRESHOLD),
            lambda: detector.detect(rgb, labels),
            detect_anew,
        ],
        repeats,
    )
    rows = [(f'detect {LABELS} labels, texts known', ours_s), (f'detect {LABELS} labels, texts new', anew_s)]
    return [
        {
            'name': name,
            'ratio': theirs_s / seconds,
            'ours_s': seconds,
            'theirs_s': theirs_s,
            'max_score_difference': difference,
        }
        for name, seconds in rows
    ]


def draw_table() -> np.ndarray:
    """Return a held-out table, (480, 640, 3) uint8."""
    drawer = TableDrawer()
    try:
        return drawer.draw(sample_view('test', 3))[0].rgb
    finally:
        drawer.close()


def time_in_turns(
    calls: Sequence[Callable[[], object]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """
    Return the median seconds of each call; they take turns, so that a busy machine slows all of them.

    :param clock: ``time.process_time`` counts the seconds of all threads of this process instead of the wall's.
    """
    seconds = np.zeros((repeats + 1, len(calls)))
    for turn in range(repeats + 1):
        for index, call in enumerate(calls):
            begun = clock()
            call()
            seconds[turn, index] = clock() - begun
    return np.median(seconds[1:], axis=0).tolist()  # the first turn warms up
