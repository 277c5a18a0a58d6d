"""
Goals in the kitchen: what must be true in the end, checked by a program where SayCan asked people.

One checker grades plans (on the symbolic kitchen) and executions (on where the simulator's things lie). A goal
is data, a set of acceptable states::

    all:
      - at: [coke can, trash]
      - any: [{at: [apple, user]}, {held: apple}]
      - count: [2, user, [coke can, 7up can]]     # exactly two of them are there
      - drawer: closed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vlm_robot.datatypes import Scene
from vlm_robot.errors import name_nearest, ScenarioError
from vlm_robot.kitchen_vocabulary import PLACES
from vlm_robot.planning.kitchen import is_open, place_of, ROBOT

LEAVES = ('at', 'held', 'robot', 'drawer', 'count')


@dataclass(frozen=True)
class KitchenState:
    """
    Where everything is.

    :param places: thing -> place; what is held has the place ``hand``, what fell has ``floor``.
    """

    places: Mapping[str, str] = field(default_factory=dict)
    robot: str = 'user'
    held: str = ''
    drawer_open: bool = False


@dataclass(frozen=True)
class KitchenGoal:
    """A tree of conditions; ``kind`` is one of LEAVES, or ``all``, ``any``, ``not``."""

    kind: str
    parts: tuple[KitchenGoal, ...] = ()
    value: Any = None

    def holds(self, state: KitchenState) -> bool:
        """Return whether the goal is true of a state."""
        if self.kind == 'all':
            return all(part.holds(state) for part in self.parts)
        if self.kind == 'any':
            return any(part.holds(state) for part in self.parts)
        if self.kind == 'not':
            return not self.parts[0].holds(state)
        if self.kind == 'at':
            return state.places.get(self.value[0]) == self.value[1]
        if self.kind == 'count':
            number, place, names = self.value
            return sum(state.places.get(name) == place for name in names) == number
        if self.kind == 'drawer':
            return state.drawer_open == (self.value == 'open')
        return self.value == (state.held if self.kind == 'held' else state.robot)

    def recall(self, start: KitchenState, end: KitchenState) -> float:
        """Return goal condition recall, 0..1: of what was missing at the start, the share that is true at the end."""
        if self.kind == 'any':
            return max(part.recall(start, end) for part in self.parts)
        parts = self.parts if self.kind == 'all' else (self,)
        missing = [part for part in parts if not part.holds(start)]
        if not missing:
            return float(self.holds(end))
        return sum(part.holds(end) for part in missing) / len(missing)

    def names(self) -> Iterator[str]:
        """Yield every thing that the goal names; these may be moved."""
        for part in self.parts:
            yield from part.names()
        if self.kind == 'at':
            yield self.value[0]
        elif self.kind == 'held':
            yield self.value
        elif self.kind == 'count':
            yield from self.value[2]


def parse_kitchen_goal(data: Any) -> KitchenGoal:
    """Read a goal from plain data as YAML gives it; raise ScenarioError naming the fault."""
    if not isinstance(data, Mapping) or len(data) != 1:
        raise ScenarioError(f'a kitchen goal is a mapping with one key, got {data!r}')
    kind, value = next(iter(data.items()))
    if kind in ('all', 'any', 'not'):
        parts = value if kind != 'not' else [value]
        if not isinstance(parts, list) or not parts:
            raise ScenarioError(f"'{kind}' takes a list of goals, got {value!r}")
        return KitchenGoal(kind, tuple(parse_kitchen_goal(part) for part in parts))
    if kind not in LEAVES:
        raise ScenarioError(f"no kitchen goal '{kind}'{name_nearest(str(kind), [*LEAVES, 'all', 'any', 'not'])}")
    place = {'at': lambda: value[1], 'count': lambda: value[1], 'robot': lambda: value}.get(kind, lambda: PLACES[0])()
    if place not in PLACES:
        raise ScenarioError(f"the goal names the place '{place}'{name_nearest(str(place), PLACES)}")
    return KitchenGoal(kind, value=value)


def state_of(scene: Scene) -> KitchenState:
    """Return the state of a symbolic kitchen."""
    places = {name: place_of(name, scene) for name in scene.names if name != scene.held}
    held = {scene.held: 'hand'} if scene.held else {}
    return KitchenState(places | held, place_of(ROBOT, scene), scene.held, is_open(scene))


def find_side_effects(goal: KitchenGoal, start: KitchenState, end: KitchenState) -> list[str]:
    """Return the things moved although the goal does not name them; what was held at first may be put down."""
    named = {*goal.names(), start.held}
    return [name for name, place in start.places.items() if name not in named and end.places.get(name) != place]


def explain_state(goal: KitchenGoal, start: KitchenState, end: KitchenState) -> str:
    """Return why an end state is no success; empty when it is one."""
    if not goal.holds(end):
        return 'the goal does not hold'
    moved = find_side_effects(goal, start, end)
    return f'moved without being asked: {", ".join(moved)}' if moved else ''
