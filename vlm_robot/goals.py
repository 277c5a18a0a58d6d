"""
Goals: what must be true of the table when a sentence has been carried out.

One checker grades plans (on the symbolic world's positions) and executions (on the simulator's positions).
Predicates and tolerances: 5 cm in the plane, as CLIPort's bowls (arXiv 2109.12098) and Code as Policies'
checks, and the order of heights for ``on``; ``near`` allows 10 cm, the room that several things need at one
place. Goal condition recall follows ProgPrompt's formula (arXiv 2209.11302): of the conditions that were
false at the start, the share that is true at the end.

A goal is written as data; ``then`` lists what must come true one after the other, and the last must stay::

    all:
      - in: [red block, green bowl]
      - not: {on: [red block, blue block]}
      - any: [{at: [blue block, middle]}, {line: [blue block, red block, green block]}]
      - then: [{at: [white block, top side]}, {at: [white block, bottom side]}]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlm_robot.datatypes import WorldState
from vlm_robot.errors import name_nearest, ScenarioError
from vlm_robot.furniture import DRAWER, is_closed, is_handed, is_inside, is_open, is_swept
from vlm_robot.vocabulary import AREAS, BLOCK_SIZE, find_place, LOCATIONS, shape_of

TOLERANCE = 0.05  # metres in the plane
NEAR_TOLERANCE = 0.10  # metres in the plane, where several things share one place
BESIDE = (0.08, 0.20)  # metres between the centres of a block and of the bowl or block that it lies beside
DIAGONAL_DEG = (15.0, 75.0)  # degrees to the left-right axis; flatter is horizontal, steeper vertical
BOWL_REACH = 0.10  # metres above the bowl's centre that still count as in it: a heap of three blocks


@dataclass(frozen=True)
class Condition:
    """One predicate over named things and, behind them, places, directions or metres."""

    predicate: str
    arguments: tuple

    @property
    def names(self) -> tuple[str, ...]:
        """Return the things that it is about."""
        return self.arguments[: PREDICATES[self.predicate].count_names(len(self.arguments))]


@dataclass(frozen=True)
class Goal:
    """
    A tree of conditions.

    :param kind: ``is`` for a leaf, else ``all``, ``any``, ``not`` or ``then``.
    """

    kind: str
    parts: tuple[Goal, ...] = ()
    condition: Condition | None = None

    def holds(self, *states: WorldState) -> bool:
        """Return whether the goal is true of the last state; ``then`` reads the earlier ones too."""
        if self.condition is not None:
            return check(self.condition, states[-1])
        if self.kind == 'then':
            return self._count_in_order(states) == len(self.parts) and self.parts[-1].holds(*states)
        truths = [part.holds(*states) for part in self.parts]
        return {'all': all, 'any': any, 'not': lambda t: not t[0]}[self.kind](truths)

    def recall(self, start: WorldState, *states: WorldState) -> float:
        """Return goal condition recall, 0..1; 1 for a goal that was true at the start and still is."""
        if self.kind == 'any':
            return max(part.recall(start, *states) for part in self.parts)
        if self.kind == 'then':
            return self._count_in_order(states) / len(self.parts)
        parts = self.parts if self.kind == 'all' else (self,)
        missing = [part for part in parts if not part.holds(start)]
        if not missing:
            return float(self.holds(*states))
        if self.kind == 'all':
            return sum(part.recall(start, *states) for part in missing) / len(missing)
        return float(self.holds(*states))

    def conditions(self) -> Iterator[Condition]:
        """Yield every leaf."""
        if self.condition is not None:
            yield self.condition
        for part in self.parts:
            yield from part.conditions()

    def _count_in_order(self, states: Sequence[WorldState]) -> int:
        count = 0
        for state in states:
            if count < len(self.parts) and self.parts[count].holds(state):
                count += 1
        return count


def parse_goal(data: Any) -> Goal:
    """Read a goal from plain data as YAML gives it; raise ScenarioError naming the fault."""
    if not isinstance(data, Mapping) or len(data) != 1:
        raise ScenarioError(f'a goal is a mapping with one key, got {data!r}')
    key, value = next(iter(data.items()))
    key = 'on' if key is True else key  # YAML 1.1 reads a bare `on` as true
    if key in ('all', 'any', 'then'):
        if not isinstance(value, list) or not value:
            raise ScenarioError(f"'{key}' takes a list of goals, got {value!r}")
        return Goal(key, tuple(parse_goal(part) for part in value))
    if key == 'not':
        return Goal('not', (parse_goal(value),))
    if key not in PREDICATES:
        raise ScenarioError(f"no goal predicate '{key}'{name_nearest(str(key), [*PREDICATES, *KINDS])}")
    spec = PREDICATES[key]
    if not isinstance(value, list) or not spec.least <= len(value) <= spec.most:
        raise ScenarioError(f"'{key}' takes {spec.least} to {spec.most} arguments, got {value!r}")
    if not all(isinstance(name, str) for name in value[: spec.count_names(len(value))]):
        raise ScenarioError(f"'{key}' takes the names of things, got {value!r}")
    if spec.is_place(value[-1]):
        return Goal('is', condition=Condition(key, tuple(value)))
    raise ScenarioError(f"no {spec.place} '{value[-1]}'{name_nearest(str(value[-1]), PLACES[spec.place])}")


def check(condition: Condition, state: WorldState) -> bool:
    """Return whether one condition is true of a state; raise ScenarioError when it names unknown objects."""
    names = condition.names
    for name in names:
        if name not in state.positions:
            raise ScenarioError(f"the goal names '{name}'{name_nearest(name, state.positions)}")
    if state.held and state.held in names:
        return False
    if condition.predicate == 'swept':  # the truth has every piece of a pile, a symbolic table its middle alone
        pieces = [place for name, place in state.positions.items() if name.startswith(f'{names[0]} piece ')]
        return is_swept(pieces or [state.positions[names[0]]], condition.arguments[1])
    points = [np.asarray(state.positions[name], float) for name in names]
    if condition.predicate == 'in' and shape_of(names[1]) == DRAWER:
        return is_inside(*(state.positions[name] for name in names))
    return bool(PREDICATES[condition.predicate].check(points, condition.arguments[len(names) :]))


def _near(a: np.ndarray, b, tolerance: float = TOLERANCE) -> bool:
    return bool(np.linalg.norm(a[:2] - np.asarray(b)[:2]) <= tolerance)


def _is_in(points, _) -> bool:
    thing, bowl = points
    return _near(thing, bowl) and -BLOCK_SIZE / 2 <= thing[2] - bowl[2] <= BOWL_REACH


def _is_on(points, _) -> bool:
    upper, lower = points
    return _near(upper, lower) and 0.5 * BLOCK_SIZE <= upper[2] - lower[2] <= 1.5 * BLOCK_SIZE


def _is_at(points, rest) -> bool:
    return _near(points[0], find_place(rest[0]))


def _is_near(points, rest) -> bool:
    return _near(points[0], find_place(rest[0]), NEAR_TOLERANCE)


def _is_in_area(points, rest) -> bool:
    axis, sign = AREAS[rest[0]]
    return bool(sign * (points[0][axis] - LOCATIONS['middle'][axis]) > 0)


def _is_line(points, _) -> bool:
    flat = np.stack(points)[:, :2]
    across = np.linalg.svd(flat - flat.mean(axis=0))[2][1]
    apart = min(np.linalg.norm(a - b) for i, a in enumerate(flat) for b in flat[i + 1 :])
    off = np.abs((flat - flat.mean(axis=0)) @ across).max()
    return bool(off <= TOLERANCE / 2 and apart >= 0.9 * BLOCK_SIZE)


def _is_row(points, rest) -> bool:
    flat = np.stack(points)[:, :2]
    along = np.abs(np.linalg.svd(flat - flat.mean(axis=0))[2][0])
    turn = np.degrees(np.arctan2(along[0], along[1]))
    low, high = DIAGONAL_DEG
    kind = 'horizontal' if turn < low else 'vertical' if turn > high else 'diagonal'
    return kind == rest[0] and (len(points) < 3 or _is_line(points, rest))


def _is_beside(points, rest) -> bool:
    axis, sign = AREAS[f'{rest[0]} area']
    off = points[0][:2] - points[1][:2]
    return bool(BESIDE[0] <= sign * off[axis] <= BESIDE[1] and abs(off[1 - axis]) <= TOLERANCE)


def _is_stack(points, _) -> bool:
    order = sorted(points, key=lambda point: point[2])
    return all(_is_on((upper, lower), ()) for lower, upper in zip(order, order[1:], strict=False))


def _is_open(points, _) -> bool:
    return is_open(points[0])


def _is_closed(points, _) -> bool:
    return is_closed(points[0])


def _is_handed(points, _) -> bool:
    return is_handed(points[0])


def _is_dist(points, rest) -> bool:
    return bool(float(rest[0]) <= np.linalg.norm(points[0][:2] - points[1][:2]) <= float(rest[1]))


@dataclass(frozen=True)
class Predicate:
    """
    What a predicate takes.

    :param rest: how many arguments behind the names are no names.
    :param place: what the last argument must be, a key of ``PLACES``; empty where it may be anything.
    """

    check: Callable[[Sequence[np.ndarray], Sequence], bool]
    least: int
    most: int
    rest: int = 0
    place: str = ''

    def count_names(self, arguments: int) -> int:
        """Return how many of the arguments name things."""
        return arguments - self.rest

    def is_place(self, value: Any) -> bool:
        """Return whether the last argument is one that the predicate knows."""
        is_spot = self.place in ('location', 'region') and isinstance(value, str) and bool(find_place(value))
        return not self.place or is_spot or value in PLACES[self.place]


KINDS = ('all', 'any', 'not', 'then')
PLACES: Mapping[str, Sequence[str]] = {
    'location': tuple(LOCATIONS),
    'area': tuple(AREAS),
    'region': (*LOCATIONS, *AREAS),
    'direction': ('left', 'right', 'top', 'bottom'),
    'line': ('horizontal', 'vertical', 'diagonal'),
}
PREDICATES = {
    'in': Predicate(_is_in, 2, 2),
    'on': Predicate(_is_on, 2, 2),
    'at': Predicate(_is_at, 2, 2, 1, 'location'),
    'near': Predicate(_is_near, 2, 2, 1, 'location'),
    'area': Predicate(_is_in_area, 2, 2, 1, 'area'),
    'beside': Predicate(_is_beside, 3, 3, 1, 'direction'),
    'line': Predicate(_is_line, 3, 99),
    'row': Predicate(_is_row, 3, 99, 1, 'line'),
    'stack': Predicate(_is_stack, 2, 99),
    'open': Predicate(_is_open, 1, 1),
    'closed': Predicate(_is_closed, 1, 1),
    'handed': Predicate(_is_handed, 1, 1),
    'swept': Predicate(_is_in_area, 2, 2, 1, 'region'),
    'dist': Predicate(_is_dist, 4, 4, 2),
}
