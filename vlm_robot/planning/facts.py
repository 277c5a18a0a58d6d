"""
What the statements of a program make true: facts about one thing each, checked on the scene as it is.

Kinds: ``in`` and ``on`` a thing, ``at`` a place, ``near`` a place that several things share, ``area`` (a half of
the table), ``table`` (not on or in anything), ``off`` (on no block), ``clear`` (nothing on it), ``held``,
``open`` and ``closed``. A ``deed`` (a push, the way home) is true once its skill has succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

from vlm_robot import furniture
from vlm_robot.datatypes import Scene, Step
from vlm_robot.planning.arrangement import is_in_area, Spot
from vlm_robot.planning.filters import kind_above
from vlm_robot.planning.symbolic import find_covers, relate
from vlm_robot.vocabulary import find_place, shape_of

AT_REACH = 0.05  # metres, as the goal checker
NEAR_REACH = 0.10  # metres from a place that several things share, as the goal checker
MOVES = ('in', 'on', 'at', 'near', 'area', 'table', 'off', 'held')  # kinds that say where a thing is


@dataclass(frozen=True)
class Fact:
    """
    Something that shall be true of a thing.

    :param what: a thing, place, area, or empty.
    :param reach: metres from a place that still count.
    :param step: the skill of a ``deed``.
    """

    kind: str
    name: str
    what: str = ''
    reach: float = AT_REACH
    step: Step | None = None

    @property
    def point(self) -> Spot | None:
        """Return x and y of the place, if the fact names one."""
        return find_place(self.what) if self.kind in ('at', 'near') else None

    def says_where(self) -> bool:
        """Return whether the fact is about where its thing is."""
        return self.kind in MOVES


def holds(fact: Fact, scene: Scene) -> bool:
    """Return whether a fact is true of a scene; a deed never is by itself."""
    if fact.kind == 'held':
        return scene.held == fact.name
    if fact.kind == 'clear':
        return fact.name not in find_covers(scene)
    if fact.kind in ('open', 'closed'):
        return is_open(fact.name, scene) == (fact.kind == 'open')
    item = scene.find(fact.name)
    if item is None or scene.held == fact.name or fact.kind == 'deed':
        return False
    places = relate(scene)
    relation, what = places[fact.name]
    if fact.kind == 'in':
        return kind_above(fact.name, places, 'in') == fact.what
    if fact.kind == 'on':
        return (relation, what) == ('on', fact.what)
    if fact.kind == 'off':
        return relation != 'on'
    if relation in ('in', 'on'):
        return False
    spot = (item.p_base[0], item.p_base[1])
    if fact.kind == 'area':
        return is_in_area(spot, fact.what)
    return fact.point is None or math.dist(spot, fact.point) <= fact.reach


def is_open(name: str, scene: Scene) -> bool:
    """Return whether a drawer is open."""
    item = scene.find(name)
    return item is not None and shape_of(item.label) == furniture.DRAWER and furniture.is_open(item.p_base)


def is_overwritten(fact: Fact, later: Fact) -> bool:
    """Return whether a later fact takes an earlier one back: it moves the same thing, or what carries it."""
    if fact.kind in ('open', 'closed'):
        return later.kind in ('open', 'closed') and later.name == fact.name
    if fact.kind == 'clear':
        return later.kind == 'on' and later.what == fact.name
    if later.kind == 'deed' and later.step is not None and later.step.skill != 'go_home':
        return later.name in (fact.name, fact.what)
    if later.kind == 'clear':
        return fact.kind == 'on' and fact.what == later.name
    return later.says_where() and (later.name == fact.name or (fact.kind == 'on' and later.name == fact.what))
