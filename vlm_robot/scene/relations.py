"""
Which object is on, in, beside or at what, from positions and sizes alone.

Left, right, top and bottom are those of the picture that a person opposite the robot sees (``vocabulary``): left is
negative y, the front is the bottom of the picture (large x). Pure functions of the objects; order plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence

from vlm_robot.datatypes import Relation, SceneObject

TABLE = 'table'


def relations_of(objects: Sequence[SceneObject], held: str = '') -> tuple[Relation, ...]:
    """
    Return all relations between objects, sorted by subject, predicate, object.

    Predicates: ``in`` (block in bowl), ``on`` (block on block, anything on ``table``), ``at`` (a table location),
    ``left of``, ``right of``, ``in front of``, ``behind``, ``next to``, ``held by`` (the ``hand``).

    :param held: name of the object in the hand; it has no other relation than ``held by hand``.
    """
    raise NotImplementedError
