"""Tests for evaluation/metrics.py."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from vlm_robot.evaluation.metrics import attribute_failure, mean, rate_answers, wilson_interval


@given(st.integers(1, 500), st.data())
def test_interval_holds_the_rate_and_stays_in_0_1(n, data):
    successes = data.draw(st.integers(0, n))
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= successes / n <= high + 1e-12 <= 1 + 1e-12


def test_interval_of_saycans_total():
    # 85 of 101 plans: 76 to 90 per cent.
    low, high = wilson_interval(85, 101)
    assert (round(low, 2), round(high, 2)) == (0.76, 0.90)


def test_interval_refuses_more_successes_than_tries():
    with pytest.raises(ValueError, match=r'0\.\.3'):
        wilson_interval(4, 3)


@pytest.mark.parametrize(
    ('tier', 'succeeded', 'room'),
    [
        ('T0', {'T0': False}, 'language'),
        ('T3', {'T0': False, 'T2': True}, 'language'),
        ('T3', {'T0': True, 'T2': True}, 'perception'),
        ('T3', {'T0': True, 'T2': False}, 'motion'),
        ('T2', {'T0': True}, 'motion'),
        ('T1', {'T0': True}, 'perception'),
    ],
)
def test_failures_go_to_the_first_room_whose_truth_cures_them(tier, succeeded, room):
    assert attribute_failure(tier, succeeded) == room


def test_mean_of_nothing_is_zero():
    assert mean([]) == 0.0


def test_answers_are_rated_by_kind_and_together():
    pairs = [('refuse', 'refuse'), ('refuse', 'act'), ('ask', 'refuse'), ('act', 'act'), ('act', 'ask')]
    rated = rate_answers(pairs)
    assert rated['refuse'] == {'precision': 0.5, 'recall': 0.5, 'n': 2}
    assert rated['ask'] == {'precision': 0.0, 'recall': 0.0, 'n': 1}
    assert rated['exact'] == {'precision': 1 / 3, 'recall': 1 / 3, 'n': 3}
    assert rated['either'] == {'precision': 2 / 3, 'recall': 2 / 3, 'n': 3}
    assert sum(sum(row.values()) for row in rated['confusion'].values()) == len(pairs)


def test_where_only_acting_is_right_nothing_is_rated():
    assert rate_answers([('act', 'act'), ('act', 'refuse')]) is None


@pytest.mark.parametrize(
    ('tier', 'succeeded', 'room'),
    [
        ('T4', {'T0': True, 'T2': True, 'T3': True}, 'disturbance'),
        ('T4', {'T0': True, 'T2': True, 'T3': False}, 'perception'),
        ('T2', {'T0': True, 'T2': True}, 'disturbance'),  # the same tier without disturbances
    ],
)
def test_what_only_disturbances_spoil_is_their_fault(tier, succeeded, room):
    assert attribute_failure(tier, succeeded) == room
