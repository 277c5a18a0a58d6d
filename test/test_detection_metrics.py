"""Average precision, recall, false alarms."""

import numpy as np
import pytest

from vlm_robot.evaluation.detection_metrics import (
    average_precision,
    compute_iou,
    false_alarm_rate,
    judge,
    Judged,
    precision_at,
    recall_at,
)

HERE, THERE, FAR = [0, 0, 10, 10], [50, 50, 60, 60], [200, 200, 220, 220]


def test_all_found_and_nothing_else_is_one():
    judged = [judge([HERE, THERE], [0.9, 0.8], [THERE, HERE], [])]
    assert average_precision(judged) == pytest.approx(1.0)
    assert recall_at(judged, 0.5) == precision_at(judged, 0.5) == 1.0


def test_nothing_found_is_zero_and_nothing_to_find_is_nan():
    assert average_precision([judge([], [], [HERE], [])]) == 0.0
    assert average_precision([judge([FAR], [0.9], [HERE], [])]) == 0.0
    assert np.isnan(average_precision([judge([HERE], [0.9], [], [])]))


def test_an_object_is_found_once():
    judged = judge([HERE, HERE], [0.6, 0.9], [HERE], [])
    assert judged.scores.tolist() == [0.9, 0.6]
    assert judged.verdicts.tolist() == [1, 0]


def test_a_hidden_object_is_neither_found_nor_missed():
    judged = judge([HERE, FAR], [0.9, 0.8], [], [HERE])
    assert judged.verdicts.tolist() == [-1, 0]
    assert judged.truths == 0


def test_a_loose_box_counts_only_below_the_threshold():
    loose = [0, 0, 10, 15]  # overlap 2/3
    assert judge([loose], [0.9], [HERE], [], 0.5).verdicts.tolist() == [1]
    assert judge([loose], [0.9], [HERE], [], 0.75).verdicts.tolist() == [0]


def test_average_precision_equals_its_definition():
    rng = np.random.default_rng(3)
    for _ in range(20):
        verdicts, scores = rng.integers(0, 2, 30), rng.permutation(30) / 30.0
        truths = int(verdicts.sum()) + int(rng.integers(1, 5))
        hits = verdicts[np.argsort(-scores)]
        precision, recall = np.cumsum(hits) / np.arange(1, 31), np.cumsum(hits) / truths
        wanted = np.mean([max(precision[recall >= r - 1e-12], default=0.0) for r in np.linspace(0, 1, 101)])
        assert average_precision([Judged(scores, verdicts, truths)]) == pytest.approx(wanted)


def test_a_false_alarm_above_the_hits_costs_precision():
    good = [Judged(np.array([0.9, 0.2]), np.array([1, 0]), 1)]
    bad = [Judged(np.array([0.2, 0.9]), np.array([1, 0]), 1)]
    assert average_precision(good) > average_precision(bad)


def test_false_alarm_rate_counts_queries_at_or_above_the_threshold():
    assert false_alarm_rate([0.1, 0.5, 0.9, 0.4], 0.5) == 0.5
    assert np.isnan(false_alarm_rate([], 0.5))


def test_overlap_of_disjoint_and_equal_boxes():
    assert compute_iou([HERE, FAR], [HERE]).ravel().tolist() == [1.0, 0.0]
    assert compute_iou([], [HERE]).shape == (0, 1)
