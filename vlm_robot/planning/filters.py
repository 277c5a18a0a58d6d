"""
The filters of selectors: by colour, rank, side, distance, place and support; what each leaves of some names.

Directions and places are those that people say (``vocabulary``), on the scene as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import math
from typing import Protocol

from vlm_robot.datatypes import Question, Scene
from vlm_robot.planning.arrangement import is_in_area, Spot
from vlm_robot.planning.program_parts import Listing, RANKS, Value
from vlm_robot.planning.symbolic import relate
from vlm_robot.vocabulary import AREAS, find_place, LOCATIONS

TABLE = 'table'
APART = 0.03  # metres along one axis from which on a thing is left of, or above, another
NEXT_REACH = 0.12  # metres between centres of neighbours
AT_REACH = 0.10  # metres from a place where things may lie that share it


@dataclass(frozen=True)
class Absent:
    """Nothing fits; ``reason`` is one sentence for a person."""

    reason: str


@dataclass(frozen=True)
class Ambiguous:
    """Several things fit where one is meant."""

    question: Question


Names = tuple[str, ...]
Answer = Names | Absent | Ambiguous


class Unresolved(Exception):
    """Carries the answer of an inner selector to the outermost one."""

    def __init__(self, answer: Absent | Ambiguous):
        """Keep the answer."""
        super().__init__(str(answer))
        self.answer = answer


class Finder(Protocol):
    """What filters ask of the resolver."""

    scene: Scene

    def resolve(self, value: Value) -> Answer:
        """Return the names that a value means, or why there is no answer."""
        ...

    def names(self, value: Value) -> Names:
        """Return the names that a value means; raise Unresolved where there is no answer."""
        ...

    def point(self, name: str) -> Spot:
        """Return x and y of a thing or place; raise Unresolved where it has none."""
        ...


def colour_of(label: str) -> str:
    """Return the words of a label before its noun: ``red block`` is ``red``."""
    return label.rpartition(' ')[0]


def _filter_colour(is_same: bool) -> Callable[[Finder, Names, Value], Names]:
    def keep(finder: Finder, found: Names, value: Value) -> Names:
        colours = {colour_of(finder.scene.get(name).label) for name in finder.names(value) if finder.scene.find(name)}
        return tuple(name for name in found if _colour_in(finder.scene, name, colours) == is_same)

    return keep


def _colour_in(scene: Scene, name: str, colours: set[str]) -> bool:
    item = scene.find(name)
    return item is not None and colour_of(item.label) in colours


def _filter_rank(side: str) -> Callable[[Finder, Names, Value], Names]:
    axis, sign = AREAS[f'{side} area']

    def keep(finder: Finder, found: Names, value: Value) -> Names:
        number = getattr(value, 'value', 0)
        order = sorted(found, key=lambda name: -sign * finder.point(name)[axis])
        if found and not 1 <= number <= len(order):
            raise Unresolved(Absent(f'there are only {len(order)} to count from the {side}, not {number}'))
        return tuple(order[number - 1 : number])

    return keep


def _filter_side(side: str, is_straight: bool = False) -> Callable[[Finder, Names, Value], Names]:
    """Keep what lies on a side of something; straight is what lies more that way than across."""
    axis, sign = AREAS[f'{side} area']

    def keep(finder: Finder, found: Names, value: Value) -> Names:
        names = finder.names(value)
        kept = []
        for name in found:
            x, y = finder.point(name)
            offset = min(((x - ax, y - ay) for ax, ay in map(finder.point, names)), key=lambda o: math.hypot(*o))
            along, across = sign * offset[axis], abs(offset[1 - axis])
            if name not in names and along > APART and (across <= along or not is_straight):
                kept.append(name)
        return tuple(kept)

    return keep


def _filter_extreme(is_nearest: bool) -> Callable[[Finder, Names, Value], Names]:
    def keep(finder: Finder, found: Names, value: Value) -> Names:
        names = finder.names(value)
        anchors = [finder.point(name) for name in names]
        rest = [name for name in found if name not in names]
        best = min if is_nearest else max
        chosen = best(rest, key=lambda name: min(math.dist(finder.point(name), a) for a in anchors), default=None)
        return (chosen,) if chosen else ()

    return keep


def _filter_next(finder: Finder, found: Names, value: Value) -> Names:
    names = finder.names(value)
    rest = [name for name in found if name not in names]
    gaps = {name: min(math.dist(finder.point(name), finder.point(other)) for other in names) for name in rest}
    near = tuple(name for name in rest if gaps[name] <= NEXT_REACH)
    return near or tuple(sorted(rest, key=gaps.__getitem__)[:1])


def _filter_but(finder: Finder, found: Names, value: Value) -> Names:
    items = value.items if isinstance(value, Listing) else (value,)
    spared: set[str] = set()
    for item in items:
        answer = finder.resolve(item)
        if isinstance(answer, Ambiguous):
            raise Unresolved(answer)
        spared |= set() if isinstance(answer, Absent) else set(answer)
    return tuple(name for name in found if name not in spared)


def _filter_at(finder: Finder, found: Names, value: Value) -> Names:
    return tuple(name for name in found for place in finder.names(value)[:1] if is_at(name, place, finder.scene))


def _filter_support(kind: str) -> Callable[[Finder, Names, Value], Names]:
    def keep(finder: Finder, found: Names, value: Value) -> Names:
        names, places = finder.names(value), relate(finder.scene)
        if names == (TABLE,):
            return tuple(name for name in found if places.get(name, ('', ''))[0] in ('table', 'at'))
        return tuple(name for name in found if kind_above(name, places, kind) in names)

    return keep


def kind_above(name: str, places: Mapping[str, tuple[str, str]], kind: str) -> str:
    """Return what a thing is in or on; a block on a block that is in a bowl is in the bowl too."""
    relation, what = places.get(name, ('', ''))
    for _ in range(len(places)):
        if relation != 'on' or kind != 'in':
            break
        relation, what = places.get(what, ('', ''))
    return what if relation == kind else ''


def is_at(name: str, place: str, scene: Scene, reach: float = AT_REACH) -> bool:
    """Return whether a thing lies at a place, which is the nearest one, or in an area."""
    item, here = scene.find(name), find_place(place)
    if item is None or name == scene.held:
        return False
    point = (item.p_base[0], item.p_base[1])
    if place in AREAS:
        return is_in_area(point, place)
    if here is None:
        return place == TABLE and relate(scene)[name][0] in ('table', 'at')
    nearest = min(LOCATIONS.values(), key=lambda xy: math.dist(xy, point))
    return math.dist(point, here) <= reach and (nearest == here or place not in LOCATIONS)


EXTREMES = ('closest_to', 'farthest_from')
FILTERS: Mapping[str, Callable[[Finder, Names, Value], Names]] = {
    'colour_of': _filter_colour(True),
    'not_colour_of': _filter_colour(False),
    **{rank: _filter_rank(rank.removeprefix('from_')) for rank in RANKS},
    'left_of': _filter_side('left'),
    'right_of': _filter_side('right'),
    'above': _filter_side('top'),
    'below': _filter_side('bottom'),
    'next_to': _filter_next,
    'closest_to': _filter_extreme(True),
    'farthest_from': _filter_extreme(False),
    'but': _filter_but,
    'at': _filter_at,
    'inside': _filter_support('in'),
    'on': _filter_support('on'),
}
# What ``the`` tries where a filter leaves several.
STRAIGHT: Mapping[str, Callable[[Finder, Names, Value], Names]] = {
    'left_of': _filter_side('left', is_straight=True),
    'right_of': _filter_side('right', is_straight=True),
    'above': _filter_side('top', is_straight=True),
    'below': _filter_side('bottom', is_straight=True),
}
