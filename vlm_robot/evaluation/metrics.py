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
    :param succeeded: tier -> success on the same seed, for those of T0, T2 and T3 that lie below the tier;
        for a disturbed run also the tier itself, undisturbed.
    :return: ``language`` when the plan from the true scene is wrong, ``disturbance`` when the same run succeeds
        while nobody disturbs it, ``perception`` when true poses cure it, else ``motion``.
    """
    if tier == 'T0' or not succeeded['T0']:
        return 'language'
    if succeeded.get(tier, False) or (tier == 'T4' and succeeded.get('T3', False)):
        return 'disturbance'
    if tier == 'T1' or (tier in ('T3', 'T4') and succeeded.get('T2', False)):
        return 'perception'
    return 'motion'


def mean(values: Sequence[float]) -> float:
    """Return the mean; 0 for nothing."""
    return float(np.mean(values)) if len(values) else 0.0


def rate_answers(pairs: Sequence[tuple[str, str]]) -> dict | None:
    """
    Return precision and recall of refusing, of asking, and of not acting at once.

    :param pairs: (expected, given) of every episode, each ``act``, ``refuse`` or ``ask``.
    :return: ``refuse``, ``ask``, ``exact`` (the right one of the two) and ``either`` (any of the two), and the
        table of counts ``confusion``; None where nothing but acting was right.
    """
    if all(expected == 'act' for expected, _ in pairs):
        return None
    kinds = ('act', 'refuse', 'ask')
    hits = sum(expected == given != 'act' for expected, given in pairs)
    wanted = sum(expected != 'act' for expected, _ in pairs)
    said = sum(given != 'act' for _, given in pairs)
    both = sum(expected != 'act' and given != 'act' for expected, given in pairs)
    return {
        **{kind: _precision_recall([(e == kind, g == kind) for e, g in pairs]) for kind in ('refuse', 'ask')},
        'exact': _precisions(hits, said, wanted),
        'either': _precisions(both, said, wanted),
        'confusion': {e: {g: sum(pair == (e, g) for pair in pairs) for g in kinds} for e in kinds},
    }


def _precision_recall(pairs: Sequence[tuple[bool, bool]]) -> dict:
    hits = sum(wanted and said for wanted, said in pairs)
    return _precisions(hits, sum(said for _, said in pairs), sum(wanted for wanted, _ in pairs))


def _precisions(hits: int, said: int, wanted: int) -> dict:
    """Return precision and recall; precision is 1 where nothing was said, recall 1 where nothing was wanted."""
    return {'precision': hits / said if said else 1.0, 'recall': hits / wanted if wanted else 1.0, 'n': wanted}
