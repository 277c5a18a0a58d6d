"""
What stands on the table besides blocks and bowls, and where: a drawer, a pile of small cubes, a person's reach.

Metres in the base frame; left, right, top and bottom as in ``vocabulary``. The cabinet always stands at the
right edge of the table, outside the zone where blocks lie, and its tray comes out towards the left; so the
position of the tray alone says how far it is open. Pure geometry: no physics, no scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType

import numpy as np

from vlm_robot.datatypes import Point
from vlm_robot.vocabulary import AREAS, BLOCK_SIZE, find_place, LOCATIONS

DRAWER, PILE = 'drawer', 'pile'  # labels, and names where there is one of them

DRAWER_CLOSED: Point = (0.455, 0.523, 0.031)  # centre of the tray's inside
DRAWER_SIZE: Point = (0.19, 0.12, 0.05)  # inside the tray
DRAWER_STROKE = 0.135  # the most it comes out, towards negative y
OPEN_FROM, CLOSED_UP_TO = 0.11, 0.02  # of the stroke: what counts as open and as closed
HANDLE_OFFSET = (0.0, -0.0905)  # from the tray's centre to where the handle is taken
HANDLE_HEIGHT = 0.040  # of the tool that takes it
HANDLE_WIDTH, HANDLE_LENGTH = 0.016, 0.045  # of the fin: between the fingers, along the slide
TRAY_FLOOR = 0.012  # height of the tray's floor
TRAY_WALL, TRAY_TOP = 0.008, 0.052  # thickness; height of the front, the highest of the walls
CABINET_HEIGHT = 0.064
CABINET_X, CABINET_Y = (0.342, 0.568), (0.463, 0.603)  # seen from above
SLOTS = (-0.06, 0.06, 0.0)  # x from the tray's centre: where blocks lie side by side

PIECE_SIZE = 0.012  # edge of a cube of the pile
SWEPT_REACH = 0.09  # from the place: pieces that are nearer are there
SWEPT_SHARE = 0.9  # of the pieces that must be there

HAND_OVER = (0.745, 0.0)  # a person opposite reaches here, in front of the zone
HANDED_FROM, HANDED_ASIDE = 0.705, 0.14  # least x, most |y|

PUSH_DISTANCE, LEAST_PUSH = 0.10, 0.05  # what a push to a side is, and what is too short to be one
DIRECTIONS = MappingProxyType({'left': (0.0, -1.0), 'right': (0.0, 1.0), 'top': (-1.0, 0.0), 'bottom': (1.0, 0.0)})


def measure_opening(drawer: Sequence[float]) -> float:
    """Return how far a drawer is open, from the centre of its tray."""
    return DRAWER_CLOSED[1] - drawer[1]


def is_open(drawer: Sequence[float]) -> bool:
    """Return whether things can be put in and taken out."""
    return measure_opening(drawer) >= OPEN_FROM


def is_closed(drawer: Sequence[float]) -> bool:
    """Return whether it is shut."""
    return measure_opening(drawer) <= CLOSED_UP_TO


def describe_opening(drawer: Sequence[float]) -> str:
    """Return ``open``, ``closed`` or, between the two, ``ajar``."""
    return 'open' if is_open(drawer) else 'closed' if is_closed(drawer) else 'ajar'


def set_opening(opening: float) -> Point:
    """Return the centre of the tray of a drawer that is open that far."""
    return DRAWER_CLOSED[0], DRAWER_CLOSED[1] - opening, DRAWER_CLOSED[2]


def is_inside(point: Sequence[float], drawer: Sequence[float]) -> bool:
    """Return whether the centre of a block is within the tray's walls."""
    off = np.abs(np.subtract(point[:2], drawer[:2]))
    return bool((off < np.array(DRAWER_SIZE[:2]) / 2).all() and 0 < point[2] < CABINET_HEIGHT)


def list_slots(drawer: Sequence[float]) -> list[Point]:
    """Return where the centres of blocks come to lie in a tray."""
    return [(drawer[0] + x, drawer[1], TRAY_FLOOR + BLOCK_SIZE / 2) for x in SLOTS]


def is_handed(point: Sequence[float]) -> bool:
    """Return whether a thing lies where a person opposite the robot takes it."""
    return point[0] >= HANDED_FROM and abs(point[1]) <= HANDED_ASIDE


def name_piece(pile: str, number: int) -> str:
    """Return the name of one cube of a pile in the truth, for example ``pile piece 3``; scenes hold no pieces."""
    return f'{pile} piece {number}'


def find_region(name: str) -> tuple[float, float] | None:
    """Return the middle of a location, a spot or an area of the table; None says that it is none of them."""
    if name in AREAS:
        return LOCATIONS[name.replace('area', 'side')]
    return find_place(name)


def is_swept(pieces: Iterable[Sequence[float]], place: str) -> bool:
    """Return whether a pile has come to a place: nearly all of its pieces are within reach of it."""
    region = find_region(place)
    if region is None:
        return False
    if place in AREAS:
        axis, sign = AREAS[place]
        there = [sign * (piece[axis] - LOCATIONS['middle'][axis]) > 0 for piece in pieces]
    else:
        there = [float(np.hypot(piece[0] - region[0], piece[1] - region[1])) <= SWEPT_REACH for piece in pieces]
    return bool(there) and float(np.mean(there)) >= SWEPT_SHARE


def aim_push(start: Sequence[float], destination: str, zone_x, zone_y) -> tuple[float, float] | None:
    """
    Return where a push ends.

    :param destination: one of ``DIRECTIONS``, a location or a spot.
    :param zone_x: least and most x that things may be pushed to; a push to a side is cut short there.
    :return: None where the words are no destination of a push.
    """
    if destination not in DIRECTIONS:
        return find_place(destination)
    dx, dy = DIRECTIONS[destination]
    room = {(1, 0): zone_x[1] - start[0], (-1, 0): start[0] - zone_x[0], (0, 1): zone_y[1] - start[1]}
    length = min(PUSH_DISTANCE, max(0.0, room.get((int(dx), int(dy)), start[1] - zone_y[0])))
    return start[0] + length * dx, start[1] + length * dy
