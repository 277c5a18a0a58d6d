"""
Goals: what must be true of the table when a sentence has been carried out.

One checker grades plans (on the symbolic world's positions) and executions (on the simulator's positions).
Predicates and tolerances: 5 cm in the plane, as CLIPort's bowls (arXiv 2109.12098) and Code as Policies'
checks, and the order of heights for ``on``. Goal condition recall follows ProgPrompt's formula (arXiv
2209.11302): of the conditions that were false at the start, the share that is true at the end.

A goal is written as data::

    all:
      - in: [red block, green bowl]
      - not: {on: [red block, blue block]}
      - any: [{at: [blue block, middle]}, {line: [blue block, red block, green block]}]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlm_robot.datatypes import WorldState
from vlm_robot.errors import name_nearest, ScenarioError
from vlm_robot.vocabulary import BLOCK_SIZE, LOCATIONS

TOLERANCE = 0.05  # metres in the plane
BOWL_REACH = 0.10  # metres above the bowl's centre that still count as in it: a heap of three blocks


@dataclass(frozen=True)
class Condition:
    """One predicate over named things; for ``dist`` the last two arguments are metres, least and most."""

    predicate: str
    arguments: tuple


@dataclass(frozen=True)
class Goal:
    """
    A tree of conditions.

    :param kind: ``is`` for a leaf, else ``all``, ``any`` or ``not``.
    """

    kind: str
    parts: tuple[Goal, ...] = ()
    condition: Condition | None = None

    def holds(self, state: WorldState) -> bool:
        """Return whether the goal is true of a state."""
        if self.condition is not None:
            return check(self.condition, state)
        truths = [part.holds(state) for part in self.parts]
        return {'all': all, 'any': any, 'not': lambda t: not t[0]}[self.kind](truths)

    def recall(self, start: WorldState, end: WorldState) -> float:
        """Return goal condition recall, 0..1; 1 for a goal that was true at the start and still is."""
        if self.kind == 'any':
            return max(part.recall(start, end) for part in self.parts)
        parts = self.parts if self.kind == 'all' else (self,)
        missing = [part for part in parts if not part.holds(start)]
        if not missing:
            return float(self.holds(end))
        return sum(part.holds(end) for part in missing) / len(missing)

    def conditions(self) -> Iterator[Condition]:
        """Yield every leaf."""
        if self.condition is not None:
            yield self.condition
        for part in self.parts:
            yield from part.conditions()


def parse_goal(data: Any) -> Goal:
    """Read a goal from plain data as YAML gives it; raise ScenarioError naming the fault."""
    if not isinstance(data, Mapping) or len(data) != 1:
        raise ScenarioError(f'a goal is a mapping with one key, got {data!r}')
    key, value = next(iter(data.items()))
    key = 'on' if key is True else key  # YAML 1.1 reads a bare `on` as true
    if key in ('all', 'any'):
        if not isinstance(value, list) or not value:
            raise ScenarioError(f"'{key}' takes a list of goals, got {value!r}")
        return Goal(key, tuple(parse_goal(part) for part in value))
    if key == 'not':
        return Goal('not', (parse_goal(value),))
    if key not in PREDICATES:
        raise ScenarioError(f"no goal predicate '{key}'{name_nearest(str(key), [*PREDICATES, 'all', 'any', 'not'])}")
    least, most = ARITY[key]
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise ScenarioError(f"'{key}' takes {least} to {most} arguments, got {value!r}")
    if key == 'at' and value[1] not in LOCATIONS:
        raise ScenarioError(f"no location '{value[1]}'{name_nearest(str(value[1]), LOCATIONS)}")
    return Goal('is', condition=Condition(key, tuple(value)))


def check(condition: Condition, state: WorldState) -> bool:
    """Return whether one condition is true of a state; raise ScenarioError when it names unknown objects."""
    names = _names_in(condition)
    for name in names:
        if name not in state.positions:
            raise ScenarioError(f"the goal names '{name}'{name_nearest(name, state.positions)}")
    if state.held and state.held in names:
        return False
    points = [np.asarray(state.positions[name], float) for name in names]
    return bool(PREDICATES[condition.predicate](points, condition.arguments[len(names) :]))


def _names_in(condition: Condition) -> tuple[str, ...]:
    count = {'at': 1, 'dist': 2}.get(condition.predicate, len(condition.arguments))
    return condition.arguments[:count]


def _near(a: np.ndarray, b) -> bool:
    return bool(np.linalg.norm(a[:2] - np.asarray(b)[:2]) <= TOLERANCE)


def _is_in(points, _) -> bool:
    thing, bowl = points
    return _near(thing, bowl) and -BLOCK_SIZE / 2 <= thing[2] - bowl[2] <= BOWL_REACH


def _is_on(points, _) -> bool:
    upper, lower = points
    return _near(upper, lower) and 0.5 * BLOCK_SIZE <= upper[2] - lower[2] <= 1.5 * BLOCK_SIZE


def _is_at(points, rest) -> bool:
    return _near(points[0], LOCATIONS[rest[0]])


def _is_line(points, _) -> bool:
    flat = np.stack(points)[:, :2]
    centred = flat - flat.mean(axis=0)
    across = np.linalg.svd(centred)[2][1]
    apart = min(np.linalg.norm(a - b) for i, a in enumerate(flat) for b in flat[i + 1 :])
    return bool(np.abs(centred @ across).max() <= TOLERANCE / 2 and apart >= 0.9 * BLOCK_SIZE)


def _is_dist(points, rest) -> bool:
    return bool(float(rest[0]) <= np.linalg.norm(points[0][:2] - points[1][:2]) <= float(rest[1]))


PREDICATES = {'in': _is_in, 'on': _is_on, 'at': _is_at, 'line': _is_line, 'dist': _is_dist}
ARITY = {'in': (2, 2), 'on': (2, 2), 'at': (2, 2), 'line': (3, 99), 'dist': (4, 4)}
