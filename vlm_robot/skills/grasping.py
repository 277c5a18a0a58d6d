"""
From objects to hand poses: how to take a block, how to turn the hand when it is set down.

Poses are ``T_base_tcp`` of a hand that points straight down; its yaw is the direction in which the
fingers open. Pure geometry over a Scene: no arm, no simulator. The antipodal top-down grasp of a cube
along its own sides is textbook material (Murray, Li and Sastry 1994, chapter 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vlm_robot import furniture
from vlm_robot.datatypes import Point, Scene, SceneObject
from vlm_robot.skills.clearance import Footprint, measure_clearance, NO_OBSTACLE, outline_hand, rectangle
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_DIAMETER, BOWL_HEIGHT, shape_of

OPENINGS = (
    0.08,
    0.066,
    0.056,
)  # metres, widest first: a wide one forgives errors, a narrow one fits between things
RELEASE_WIDTH = 0.050  # metres: opens enough to let go, not enough to push a neighbour or to wedge in a bowl
GRASP_RISE = 0.008  # metres above a block's centre where it is held: it hangs, and the tips stay clear of the floor
BOWL_GRASP_RISE = 0.014  # metres, the same in a bowl, whose wall leans in on low fingers
BOWL_SHIFTS = (
    0.0,
    -0.009,
    0.009,
)  # metres across the fingers, to take a block off its middle, away from the wall
PRESS = 0.008  # metres that a held block is lowered below its planned height in search of contact
ENOUGH = 0.006  # metres of room beyond which more is no better
LEAST = -0.004  # metres: objects are seen to a few millimetres; an overlap beyond this is a collision
BOWL_REACH = 0.05  # metres between centres in the plane: nearer than this, a block is in the bowl
EASY_YAW = -np.pi / 2  # radians: the fingers open along base y when the wrist is unturned
MIDDLE_YAW = EASY_YAW + 0.33  # radians: a quarter turn either way from it, no place of the table ends the wrist's range


@dataclass(frozen=True, eq=False)
class Grasp:
    """
    How to take or release an object.

    :param T_base_tcp: (4, 4) tool pose at the moment the fingers close or open.
    :param opening: metres between the finger tips while the hand comes down.
    :param press: metres below the pose to which a held block may be lowered until it touches.
    :param clearance: metres to the nearest object; negative where they would overlap.
    :param nearest: name of that object; empty where nothing is near.
    """

    T_base_tcp: np.ndarray
    opening: float
    press: float = 0.0
    clearance: float = NO_OBSTACLE
    nearest: str = ''

    @property
    def fits(self) -> bool:
        """Return whether there is room for the hand."""
        return self.clearance > LEAST


def point_down(xyz, yaw: float) -> np.ndarray:
    """
    Return T_base_tcp of a hand that points straight down and opens its fingers along ``yaw``.

    :param yaw: radians; the fingers are alike, so the half turn easier for the wrist is taken.
    """
    T = np.eye(4)
    yaw = (yaw - MIDDLE_YAW + np.pi / 2) % np.pi - np.pi / 2 + MIDDLE_YAW
    c, s = np.cos(yaw), np.sin(yaw)
    T[:3, :3] = np.array([(-s, c, 0), (c, s, 0), (0, 0, -1)])
    T[:3, 3] = xyz
    return T


def opening_yaws(block_yaw: float) -> tuple[float, ...]:
    """Return the two directions along which fingers close on sides of a cube, the easier one first."""
    turn = (block_yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4
    return EASY_YAW + turn, turn


def plan_grasp(target: SceneObject, scene: Scene) -> Grasp:
    """Return the best way to take a block from above; check ``fits`` before using it."""
    others = [item for item in scene.objects if item.name not in (target.name, scene.held)]
    options = []
    for xyz, yaw in _grasp_points(target, others):
        for opening in OPENINGS:
            gap, nearest = measure_clearance(outline_hand(xyz, yaw, opening), others)
            options.append(Grasp(point_down(xyz, yaw), opening, clearance=gap, nearest=nearest))
    return max(options, key=_measure_tolerance)


def _measure_tolerance(grasp: Grasp) -> float:
    """Return how far off a block may be, in metres, before a finger hits it or a neighbour."""
    return min(grasp.clearance, (grasp.opening - BLOCK_SIZE) / 2)


def _grasp_points(target: SceneObject, others: Sequence[SceneObject]) -> Iterator[tuple[Point, float]]:
    """Yield tool points and finger directions; in a bowl, higher ones, also beside the block's middle."""
    x, y, z = target.p_base
    in_bowl = find_bowl_around(target.p_base, others) is not None
    height = max(z, BLOCK_SIZE / 2) + BOWL_GRASP_RISE if in_bowl else snap_height(z) + GRASP_RISE
    if find_drawer_around(target.p_base, others):
        height = furniture.TRAY_FLOOR + BLOCK_SIZE / 2 + GRASP_RISE
    for shift in BOWL_SHIFTS if in_bowl else (0.0,):
        for yaw in opening_yaws(target.yaw):
            yield (x - shift * np.sin(yaw), y + shift * np.cos(yaw), height), yaw


def plan_release(p_base: Point, yaws: Sequence[float], scene: Scene, support: str = '') -> Grasp:
    """
    Return the best turn of the hand for setting the held block down.

    :param p_base: metres, where the block's centre shall be.
    :param yaws: radians, finger directions to choose from, the preferred first.
    :param support: name of what the block shall come to lie on or in, which is no obstacle.
    """
    others = [item for item in scene.objects if item.name not in (scene.held, support)]
    half = BLOCK_SIZE / 2
    tool = (*p_base[:2], p_base[2] + GRASP_RISE)
    room_beside_bowls, bowl_name = _measure_bowls(p_base, others)
    options = []
    for yaw in yaws:
        block = Footprint(rectangle(p_base[:2], half, half, yaw), p_base[2] - half + 0.004)
        gap, nearest = measure_clearance([block, *outline_hand(tool, yaw, RELEASE_WIDTH)], others)
        if room_beside_bowls < gap:
            gap, nearest = room_beside_bowls, bowl_name
        options.append(Grasp(point_down(tool, yaw), RELEASE_WIDTH, PRESS, gap, nearest))
    return max(options, key=lambda grasp: min(grasp.clearance, ENOUGH))


def _measure_bowls(p_base: Point, others: Sequence[SceneObject]) -> tuple[float, str]:
    """Return how far outside the nearest bowl's rim a low point lies, in metres, and the bowl's name."""
    bowls = [item for item in others if shape_of(item.label) == 'bowl' and p_base[2] < BOWL_HEIGHT]
    rooms = [(distance_xy(item.p_base, p_base) - BOWL_DIAMETER / 2, item.name) for item in bowls]
    return min(rooms, default=(NO_OBSTACLE, ''))


def snap_height(z: float) -> float:
    """Return the centre height of the nearest layer of a stack of cubes on the table, in metres."""
    layer = max(0, round((z - BLOCK_SIZE / 2) / BLOCK_SIZE))
    return BLOCK_SIZE / 2 + layer * BLOCK_SIZE


def find_bowl_around(p_base: Point, objects: Iterable[SceneObject]) -> SceneObject | None:
    """Return the bowl over whose floor a point lies; None says that there is none."""
    bowls = [item for item in objects if shape_of(item.label) == 'bowl']
    near = [item for item in bowls if distance_xy(item.p_base, p_base) < BOWL_REACH]
    return min(near, key=lambda item: distance_xy(item.p_base, p_base), default=None)


def find_drawer_around(p_base: Point, objects: Iterable[SceneObject]) -> SceneObject | None:
    """Return the drawer in whose tray a point lies; None says that there is none."""
    drawers = (item for item in objects if shape_of(item.label) == furniture.DRAWER)
    return next((item for item in drawers if furniture.is_inside(p_base, item.p_base)), None)


def find_cover(target: SceneObject, objects: Iterable[SceneObject]) -> SceneObject | None:
    """Return a block that lies on the target; None says that its top is free."""
    for item in objects:
        if item.name == target.name or shape_of(item.label) != 'block':
            continue
        rise = item.p_base[2] - target.p_base[2]
        near = distance_xy(item.p_base, target.p_base) < 0.75 * BLOCK_SIZE
        if near and 0.6 * BLOCK_SIZE < rise < 1.5 * BLOCK_SIZE:
            return item
    return None


def distance_xy(a: Point, b: Point) -> float:
    """Return the distance of two points in the plane in metres."""
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))
