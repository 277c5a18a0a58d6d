"""
Random tables on which skills are tried: roomy, crowded, at the edges, stacked, bowls that fill up.

They come from streams of random numbers that no scenario and no evaluation uses, and lie much denser and
farther out than those of the suite, so that skills fail often enough to learn from. Metres in the base frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math

import numpy as np

from vlm_robot.sim.world import Placement, resting_height
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_HEIGHT, SEEN_COLOURS, shape_of, ZONE_X, ZONE_Y

TOUCH = {('block', 'block'): 0.041, ('block', 'bowl'): 0.083, ('bowl', 'bowl'): 0.122}  # metres between centres
EDGE_X, EDGE_Y = (0.27, 0.80), (-0.42, 0.42)  # metres, a little beyond what the arm reaches


@dataclass(frozen=True)
class DrawnTable:
    """A kind of table and what lies on it."""

    kind: str
    placements: tuple[Placement, ...]


class _Drawing:
    """A table that is being laid."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.placements: list[Placement] = []
        self._left = {s: [f'{c} {s}' for c in rng.permutation(SEEN_COLOURS)] for s in ('block', 'bowl')}

    def label(self, shape: str) -> str:
        return self._left[shape].pop() if self._left[shape] else ''

    def put(self, shape: str, x: float, y: float, z: float | None = None, yaw: float | None = None) -> bool:
        """Lay one more thing there unless something is in the way or the colours are used up."""
        if z is None and not self._is_free(shape, x, y):
            return False
        label = self.label(shape)
        if not label:
            return False
        turn = float(self.rng.uniform(-np.pi / 4, np.pi / 4)) if yaw is None else yaw
        height = resting_height(label) if z is None else z
        self.placements.append(Placement(label, label, (float(x), float(y), height), turn))
        return True

    def _is_free(self, shape: str, x: float, y: float) -> bool:
        for item in self.placements:
            pair = tuple(sorted((shape, shape_of(item.label))))
            turned = 1.0 if 'bowl' in pair else 1.2  # turned cubes reach farther
            if math.dist((x, y), item.position[:2]) < TOUCH[pair] * turned:  # type: ignore[index]
                return False
        return True

    def scatter(self, shape: str, count: int, x: tuple[float, float] = ZONE_X, y: tuple[float, float] = ZONE_Y) -> None:
        for _ in range(count):
            for _ in range(20):
                if self.put(shape, self.rng.uniform(*x), self.rng.uniform(*y)):
                    break


def draw_table(rng: np.random.Generator) -> DrawnTable:
    """Return one table of a kind drawn at random."""
    kind = str(rng.choice(list(KINDS)))
    drawing = _Drawing(rng)
    KINDS[kind](drawing)
    return DrawnTable(kind, tuple(drawing.placements))


def _roomy(table: _Drawing) -> None:
    table.scatter('bowl', int(table.rng.integers(1, 4)))
    table.scatter('block', int(table.rng.integers(2, 5)))


def _crowded(table: _Drawing) -> None:
    """Lay things within a hand's width of each other, some in line with the fingers, some turned."""
    x, y = table.rng.uniform(0.42, 0.62), table.rng.uniform(-0.2, 0.2)
    yaw = float(table.rng.uniform(-np.pi / 4, np.pi / 4))
    table.put('block', x, y, yaw=yaw)
    for _ in range(int(table.rng.integers(1, 5))):
        turn = yaw + float(table.rng.choice([0, np.pi / 2, np.pi, -np.pi / 2, table.rng.uniform(-np.pi, np.pi)]))
        far = table.rng.uniform(0.043, 0.085)
        same = bool(table.rng.random() < 0.5)
        table.put('block', x + far * math.cos(turn), y + far * math.sin(turn), yaw=yaw if same else None)
    if table.rng.random() < 0.5:
        turn, far = table.rng.uniform(-np.pi, np.pi), table.rng.uniform(0.084, 0.12)
        table.put('bowl', x + far * math.cos(turn), y + far * math.sin(turn))
    table.scatter('bowl', 1)


def _edges(table: _Drawing) -> None:
    table.scatter('bowl', int(table.rng.integers(1, 4)), EDGE_X, EDGE_Y)
    table.scatter('block', int(table.rng.integers(3, 6)), EDGE_X, EDGE_Y)


def _stacked(table: _Drawing) -> None:
    """Build one or two stacks, not always straight."""
    for _ in range(int(table.rng.integers(1, 3))):
        x, y = table.rng.uniform(0.40, 0.64), table.rng.uniform(-0.26, 0.26)
        if not table.put('block', x, y):
            continue
        for level in range(1, int(table.rng.integers(2, 5))):
            dx, dy = table.rng.normal(0.0, 0.005, 2)
            table.put('block', x + dx, y + dy, (level + 0.5) * BLOCK_SIZE + 0.0005 * level)
    table.scatter('bowl', 1)
    table.scatter('block', 2)


def _filled(table: _Drawing) -> None:
    """Drop blocks into a bowl, near other things."""
    x, y = table.rng.uniform(0.42, 0.62), table.rng.uniform(-0.22, 0.22)
    table.put('bowl', x, y)
    for number in range(int(table.rng.integers(1, 5))):
        dx, dy = table.rng.uniform(-0.02, 0.02, 2)
        table.put('block', x + dx, y + dy, BOWL_HEIGHT + 0.03 + 0.06 * number)
    table.scatter('block', 2, (x - 0.15, x + 0.15), (y - 0.15, y + 0.15))
    table.scatter('bowl', 1)


KINDS: dict[str, Callable[[_Drawing], None]] = {
    'roomy': _roomy,
    'crowded': _crowded,
    'edges': _edges,
    'stacked': _stacked,
    'filled': _filled,
}
