"""Slopes that odd samples do not move, percentiles, growth and leaks on series made for it."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.evaluation.trends import count_excess, fit_slope, grows, leave_out_warm_up, summarise

RNG = np.random.default_rng(5)
X = np.arange(100.0)


@pytest.mark.parametrize('slope', [-0.5, 0.0, 0.01, 3.0])
def test_a_slope_is_found_in_noise_and_its_interval_holds_it(slope):
    found = fit_slope(X, 20 + slope * X + RNG.normal(0, 0.1, len(X)))
    assert found.low <= slope <= found.high
    assert found.per_unit == pytest.approx(slope, abs=0.01)
    assert found.start == pytest.approx(20, abs=1.0)


def test_a_quarter_of_wrong_samples_does_not_move_a_slope():
    y = 0.2 * X
    y[::4] += RNG.uniform(100, 1000, 25)
    assert fit_slope(X, y).per_unit == pytest.approx(0.2, abs=0.2)
    assert abs(np.polyfit(X, y, 1)[0] - 0.2) > 0.01  # least squares is moved


def test_scaling_a_slope_scales_its_interval():
    one = fit_slope(X, 0.3 * X + RNG.normal(0, 1, len(X)))
    hundred = one.scale(100)
    assert (hundred.per_unit, hundred.low, hundred.high) == pytest.approx(
        (100 * one.per_unit, 100 * one.low, 100 * one.high)
    )


@pytest.mark.parametrize('count', [0, 1, 3])
def test_too_few_samples_have_no_slope_and_no_verdict(count):
    slope = fit_slope(X[:count], X[:count])
    assert (slope.low, slope.high) == (-np.inf, np.inf)
    assert not grows(X[:count], 1000 * X[:count], 0.1)


def test_percentiles_lie_in_order_and_none_of_nothing():
    found = summarise(RNG.exponential(1.0, 500))
    assert found['p50'] < found['p90'] < found['p99'] <= found['max']
    assert summarise([]) == {'n': 0}
    assert summarise([7.0]) == {'n': 1, 'p50': 7.0, 'p90': 7.0, 'p99': 7.0, 'max': 7.0}


def test_a_queue_that_fills_is_caught_and_a_busy_machine_is_not_one():
    jitter = RNG.exponential(40, len(X))
    assert grows(X, 50 + 5 * X + jitter, 100)
    assert not grows(X, 50 + jitter, 100)
    assert not grows(X, 50 + 0.5 * X, 100)  # surely, but by less than one frame


def test_the_warm_up_is_a_share_with_an_end():
    assert leave_out_warm_up(8) == 2
    assert leave_out_warm_up(1000) == 50


@pytest.mark.parametrize(
    ('values', 'excess'),
    [
        ([20, 22, 21, 22, 22, 21], 0),
        ([20, 21, 22, 23, 24, 25, 26, 27], 1),  # the least of the last four, 24, above the most of the first, 23
        ([20] * 10 + [23] * 10, 3),
        ([20] * 19 + [90], 0),  # open for a moment
        ([], 0),
        ([5], 0),
    ],
)
def test_what_stays_is_told_from_what_passes(values, excess):
    assert count_excess(values) == excess
