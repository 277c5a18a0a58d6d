"""
Which object is on, in, beside or at what, from positions and sizes alone.

Left, right, top and bottom are those of the picture that a person opposite the robot sees
(``vocabulary``): left is negative y, the front is the bottom of the picture (large x). Pure functions of
the objects; order plays no part. Tolerances are a little tighter than those of the goal checker, so that
what is said here is true there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vlm_robot.datatypes import Relation, SceneObject
from vlm_robot.furniture import describe_opening, DRAWER, is_inside
from vlm_robot.vocabulary import BLOCK_SIZE, LOCATIONS, shape_of

TABLE, HAND = 'table', 'hand'
IN_REACH, IN_RISE = (
    0.05,
    0.10,
)  # metres in the plane and above the bowl's centre: a heap of three is still in it
ON_REACH = 0.03  # metres in the plane: farther out a cube would fall
ON_RISE = (0.5 * BLOCK_SIZE, 1.5 * BLOCK_SIZE)  # metres between centres
AT_REACH = 0.05  # metres in the plane
NEXT_REACH = 0.10  # metres in the plane between centres, plus a bowl's radius for bowls
APART = 0.03  # metres along one axis from which on something is left of, or behind, something else


def relations_of(objects: Sequence[SceneObject], held: str = '') -> tuple[Relation, ...]:
    """
    Return all relations between objects, sorted by subject, predicate, object.

    Predicates: ``in`` (block in bowl or drawer), ``on`` (block on block, anything on ``table``), ``at`` (a location),
    ``left of``, ``right of``, ``in front of``, ``behind``, ``next to``, ``held by`` (the ``hand``), ``is`` (a
    drawer: ``open``, ``closed``, ``ajar``).

    :param held: name of the object in the hand; it has no other relation than ``held by hand``.
    """
    resting = [item for item in objects if item.name != held]
    found = [Relation(item.name, 'held by', HAND) for item in objects if item.name == held]
    for item in resting:
        if shape_of(item.label) == DRAWER:
            found.append(Relation(item.name, 'is', describe_opening(item.p_base)))
            continue
        others = [other for other in resting if other.name != item.name]
        supports = list(_supports(item, others))
        found += supports or list(_on_table(item))
        found += _places(item)
        for other in others:
            found += _sides(item, other)
    return tuple(sorted(found, key=lambda relation: (relation.subject, relation.predicate, relation.object)))


def is_in(item: SceneObject, bowl: SceneObject) -> bool:
    """Return whether a block lies in a bowl or in a drawer."""
    if shape_of(bowl.label) == DRAWER:
        return shape_of(item.label) == 'block' and is_inside(item.p_base, bowl.p_base)
    if shape_of(item.label) != 'block' or shape_of(bowl.label) != 'bowl':
        return False
    return _distance(item, bowl) <= IN_REACH and -BLOCK_SIZE / 2 <= item.p_base[2] - bowl.p_base[2] <= IN_RISE


def is_on(item: SceneObject, below: SceneObject) -> bool:
    """Return whether a block stands on another block."""
    if shape_of(item.label) != 'block' or shape_of(below.label) != 'block':
        return False
    rise = item.p_base[2] - below.p_base[2]
    return _distance(item, below) <= ON_REACH and ON_RISE[0] < rise < ON_RISE[1]


def _supports(item: SceneObject, others: Sequence[SceneObject]) -> Iterator[Relation]:
    below = [other for other in others if is_on(item, other)]
    if below:
        nearest = min(below, key=lambda other: (_distance(item, other), other.name))
        yield Relation(item.name, 'on', nearest.name)
    bowls = [other for other in others if is_in(item, other)]
    if bowls:
        nearest = min(bowls, key=lambda other: (_distance(item, other), other.name))
        yield Relation(item.name, 'in', nearest.name)


def _on_table(item: SceneObject) -> Iterator[Relation]:
    if item.p_base[2] < BLOCK_SIZE:
        yield Relation(item.name, 'on', TABLE)


def _places(item: SceneObject) -> Iterator[Relation]:
    for place, (x, y) in LOCATIONS.items():
        if np.hypot(item.p_base[0] - x, item.p_base[1] - y) <= AT_REACH:
            yield Relation(item.name, 'at', place)


def _sides(item: SceneObject, other: SceneObject) -> Iterator[Relation]:
    right, front = item.p_base[1] - other.p_base[1], item.p_base[0] - other.p_base[0]
    if abs(right) > APART:
        yield Relation(item.name, 'right of' if right > 0 else 'left of', other.name)
    if abs(front) > APART:
        yield Relation(item.name, 'in front of' if front > 0 else 'behind', other.name)
    reach = NEXT_REACH + sum(0.04 for thing in (item, other) if shape_of(thing.label) == 'bowl')
    stacked = any((is_in(a, b) or is_on(a, b)) for a, b in ((item, other), (other, item)))
    if _distance(item, other) <= reach and not stacked:
        yield Relation(item.name, 'next to', other.name)


def _distance(a: SceneObject, b: SceneObject) -> float:
    return float(np.hypot(a.p_base[0] - b.p_base[0], a.p_base[1] - b.p_base[1]))
