"""
Numbers about long runs: percentiles, slopes that one odd sample does not move, and what counts as a leak.

A slope is Theil and Sen's (Sen 1968): the median of the slopes of all pairs, with its 95 % interval. It stands still
while up to 29 % of the samples are wrong. Units are those of what is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

Values = Sequence[float] | np.ndarray
LEAST = 4  # samples of which a slope is fitted


@dataclass(frozen=True)
class Slope:
    """
    A line through samples.

    :param per_unit: change of y per unit of x; ``low`` and ``high``: its 95 % interval.
    :param start: y of the line at the first x.
    """

    per_unit: float = 0.0
    low: float = 0.0
    high: float = 0.0
    start: float = 0.0

    def scale(self, factor: float) -> Slope:
        """Return the slope per ``factor`` units of x."""
        return Slope(self.per_unit * factor, self.low * factor, self.high * factor, self.start)


def summarise(values: Values) -> dict[str, float]:
    """
    Return count, p50, p90, p99 and most of some values, infinite ones too; of none, a count of 0 alone.

    A percentile is a value that occurred, the higher one of two: p99 of 25 values is the greatest.
    """
    if not len(values):
        return {'n': 0}
    p50, p90, p99 = np.percentile(np.asarray(values, float), (50, 90, 99), method='higher')
    return {'n': len(values), 'p50': float(p50), 'p90': float(p90), 'p99': float(p99), 'max': float(max(values))}


def fit_slope(x: Values, y: Values) -> Slope:
    """Return the robust slope of y over x; a flat one without bounds where there are fewer than LEAST samples."""
    if len(x) < LEAST:
        return Slope(0.0, float('-inf'), float('inf'), float(y[0]) if len(y) else 0.0)
    slope, intercept, low, high = theilslopes(np.asarray(y, float), np.asarray(x, float))
    return Slope(float(slope), float(low), float(high), float(intercept + slope * x[0]))


def leave_out_warm_up(count: int, share: float = 0.25, most: int = 50) -> int:
    """Return how many of ``count`` samples belong to the warm-up: models, caches and buffers fill in it."""
    return min(int(share * count), most)


def grows(x: Values, y: Values, limit: float) -> bool:
    """
    Return whether y grows by more than ``limit`` over the whole of x, and surely so.

    A queue that fills grows without doubt; a machine that others use as well makes slopes that mean nothing: both
    ends of the interval must be above zero.
    """
    if len(x) < LEAST:
        return False
    slope = fit_slope(x, y)
    return slope.low > 0 and slope.per_unit * (max(x) - min(x)) > limit


def count_excess(values: Values, tail: int = 5) -> int:
    """
    Return by how much a count (threads, files) is higher at the end than it ever was in the first half.

    :param tail: how many of the last samples must all be higher: what is open for a moment is no leak.
    """
    half = len(values) // 2
    if half < 1:
        return 0
    return max(0, int(min(values[-min(tail, half) :]) - max(values[:half])))
