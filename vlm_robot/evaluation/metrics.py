"""
Numbers about episodes: rates with their intervals, and which room a failure belongs to.

Wilson's score interval (Wilson 1927) is used because rates here are near 1 and n is small. The error split
follows SayCan's tables (language against affordance) but is measured by swapping tiers on the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval (low, high) of a rate; (0, 1) when nothing was tried."""
    if not 0 <= successes <= n:
        raise ValueError(f'successes must lie in 0..{n}, got {successes}')
    if n == 0:
        return 0.0, 1.0
    z = norm.ppf(0.5 + confidence / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # Rounding must not push a bound past the rate itself, which it equals at 0 and at n.
    return float(max(0.0, min(centre - half, rate))), float(min(1.0, max(centre + half, rate)))


def attribute_failure(tier: str, succeeded: dict[str, bool]) -> str:
    """
    Name the room that failed an episode.

    :param tier: the tier the episode was run at.
    :param succeeded: tier -> success on the same seed, with ``T0`` and, for T3, ``T2`` known.
    :return: ``language`` when the plan from the true scene is wrong, ``perception`` when true poses cure it,
        else ``motion``.
    """
    if tier == 'T0' or not succeeded['T0']:
        return 'language'
    if tier == 'T1' or (tier == 'T3' and succeeded.get('T2', False)):
        return 'perception'
    return 'motion'


def mean(values: Sequence[float]) -> float:
    """Return the mean; 0 for nothing."""
    return float(np.mean(values)) if len(values) else 0.0
