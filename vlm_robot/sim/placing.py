"""Free places on the table: rejection sampling with room for the gripper; no physics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlm_robot.errors import ScenarioError
from vlm_robot.vocabulary import BOWL_DIAMETER, ZONE_X, ZONE_Y

GAPS = {
    frozenset(('block',)): 0.085,  # metres between centres: an open finger (2 cm) fits between two turned cubes
    frozenset(('block', 'bowl')): 0.115,
    frozenset(('bowl',)): 0.135,
    frozenset(('block', 'place')): 0.12,
    frozenset(('bowl', 'place')): 0.15,
}
MARGIN = {'block': 0.03, 'bowl': BOWL_DIAMETER / 2}


def sample_free_points(
    shapes: Sequence[str], rng: np.random.Generator, keep_clear: Sequence[tuple[float, float]] = ()
) -> list[tuple[float, float]]:
    """
    Return one point (x, y) in metres for each shape such that all keep their distance.

    :param keep_clear: points of the table near which nothing may lie.
    """
    for _ in range(200):
        taken = [('place', point) for point in keep_clear]
        if all(_try_to_place(shape, taken, rng) for shape in shapes):
            return [point for kind, point in taken if kind != 'place']
    raise ScenarioError(f'{len(shapes)} objects do not fit on the table; ask for fewer')


def _try_to_place(shape: str, taken: list, rng: np.random.Generator) -> bool:
    margin = MARGIN[shape]
    for _ in range(60):
        point = (
            float(rng.uniform(ZONE_X[0] + margin, ZONE_X[1] - margin)),
            float(rng.uniform(ZONE_Y[0] + margin, ZONE_Y[1] - margin)),
        )
        if all(np.hypot(point[0] - x, point[1] - y) >= GAPS[frozenset((shape, kind))] for kind, (x, y) in taken):
            taken.append((shape, point))
            return True
    return False
