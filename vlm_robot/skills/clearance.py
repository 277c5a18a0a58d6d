"""
How much room a downward hand has between the objects: convex footprints and the gaps between them.

Metres in the base frame, seen from above. The hand comes straight down, so a part of it can only hit
what is taller than the part's lowest point. Gaps by separating axes (Gottschalk, Lin and Manocha 1996).
Pure geometry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vlm_robot import furniture
from vlm_robot.datatypes import SceneObject
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_DIAMETER, BOWL_HEIGHT, shape_of

TIP_REACH = 0.008  # metres that the finger tips reach below the tool point
FINGER_THICKNESS = 0.016  # metres along the opening direction, at the tip
FINGER_HALF_WIDTH = 0.011  # metres across it
KNUCKLE_THICKNESS, KNUCKLE_RISE = 0.028, 0.015  # metres: fingers are thicker from here up
HAND_HALF_LENGTH, HAND_HALF_WIDTH, HAND_RISE = (
    0.104,
    0.033,
    0.038,
)  # metres; the palm's underside above the tool point
BOWL_FLOOR_RADIUS = 0.041  # metres inside, at the bottom
BOWL_WALL = 0.004  # metres
FAR_AWAY = 0.20  # metres between centres beyond which no part of the hand reaches an object
NO_OBSTACLE = 1.0  # metres, the gap where nothing is in the way


@dataclass(frozen=True, eq=False)
class Footprint:
    """
    A convex thing seen from above.

    :param corners: (N, 2) metres, in order around.
    :param low: metres, its lowest point.
    """

    corners: np.ndarray
    low: float


def rectangle(centre, half_along: float, half_across: float, yaw: float) -> np.ndarray:
    """Return the (4, 2) corners of a rectangle whose long side points along ``yaw``."""
    along = np.array([np.cos(yaw), np.sin(yaw)])
    across = np.array([-along[1], along[0]])
    signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    return np.array([np.asarray(centre) + a * half_along * along + b * half_across * across for a, b in signs])


def outline_hand(xyz, yaw: float, opening: float) -> list[Footprint]:
    """
    Return the parts of a downward hand.

    :param xyz: metres, the tool point.
    :param yaw: radians, the direction in the plane in which the fingers open.
    :param opening: metres between the finger tips.
    """
    axis = np.array([np.cos(yaw), np.sin(yaw)])
    centre, z = np.asarray(xyz[:2], float), xyz[2]
    parts = [Footprint(rectangle(centre, HAND_HALF_LENGTH, HAND_HALF_WIDTH, yaw), z + HAND_RISE)]
    for thickness, low in ((FINGER_THICKNESS, z - TIP_REACH), (KNUCKLE_THICKNESS, z + KNUCKLE_RISE)):
        for side in (-1, 1):
            middle = centre + side * (opening + thickness) / 2 * axis
            parts.append(Footprint(rectangle(middle, thickness / 2, FINGER_HALF_WIDTH, yaw), low))
    return parts


def measure_gap(a: np.ndarray, b: np.ndarray) -> float:
    """
    Return the gap between two convex polygons in metres, negative by how much they overlap.

    :param a: (N, 2) corners in order.
    :param b: (M, 2) corners in order.
    """
    gaps = []
    for corners in (a, b):
        edges = np.roll(corners, -1, axis=0) - corners
        normals = np.column_stack([edges[:, 1], -edges[:, 0]]) / np.linalg.norm(edges, axis=1)[:, None]
        ours, theirs = a @ normals.T, b @ normals.T
        gaps.append(np.maximum(theirs.min(0) - ours.max(0), ours.min(0) - theirs.max(0)).max())
    return float(max(gaps))


def measure_ring_gap(corners: np.ndarray, centre, inner: float, outer: float) -> float:
    """
    Return the gap between a convex polygon and a ring in metres, negative by how much they overlap.

    :param corners: (N, 2) in order; the polygon may lie outside the ring or within it.
    """
    a = corners - np.asarray(centre)
    edges = np.roll(a, -1, axis=0) - a
    share = np.clip(-(a * edges).sum(1) / (edges**2).sum(1), 0.0, 1.0)
    nearest = np.linalg.norm(a + share[:, None] * edges, axis=1).min()
    across = edges[:, 0] * a[:, 1] - edges[:, 1] * a[:, 0]
    contains_centre = (across > 0).all() or (across < 0).all()
    outside = (0.0 if contains_centre else nearest) - outer
    within = inner - np.linalg.norm(a, axis=1).max()
    return float(max(outside, within))


def measure_clearance(parts: Iterable[Footprint], obstacles: Sequence[SceneObject]) -> tuple[float, str]:
    """
    Return the smallest gap in metres between parts coming down and objects, and the nearest object's name.

    :return: ``(NO_OBSTACLE, '')`` where no object is tall enough to be hit.
    """
    nearest, name = NO_OBSTACLE, ''
    for part in parts:
        centre = part.corners.mean(axis=0)
        for item in obstacles:
            reach = FAR_AWAY + max(item.size[:2]) / 2
            if np.hypot(*(centre - item.p_base[:2])) < reach:
                gap = _measure_object(part, item)
                nearest, name = min((nearest, name), (gap, item.name))
    return nearest, name


def _measure_object(part: Footprint, item: SceneObject) -> float:
    """Return the gap between a part that comes down and an object; NO_OBSTACLE where it passes above."""
    x, y, z = item.p_base
    half = BLOCK_SIZE / 2
    if shape_of(item.label) == furniture.DRAWER:
        return min((measure_gap(part.corners, wall) for wall in _list_walls(item, part.low)), default=NO_OBSTACLE)
    if shape_of(item.label) == furniture.PILE:
        heap = rectangle((x, y), item.size[0] / 2, item.size[1] / 2, 0.0)
        return measure_gap(part.corners, heap) if part.low < furniture.PIECE_SIZE else NO_OBSTACLE
    if shape_of(item.label) != 'bowl':
        if z + half <= part.low:
            return NO_OBSTACLE
        return measure_gap(part.corners, rectangle((x, y), half, half, item.yaw))
    if part.low >= BOWL_HEIGHT:
        return NO_OBSTACLE
    outer = BOWL_DIAMETER / 2  # the wall leans outwards: the higher the part ends, the wider the bowl is for it
    rise = max(part.low, 0.0) / BOWL_HEIGHT
    inner = BOWL_FLOOR_RADIUS + rise * (outer - BOWL_WALL - BOWL_FLOOR_RADIUS)
    return measure_ring_gap(part.corners, (x, y), inner, outer)


def _list_walls(drawer: SceneObject, low: float) -> list[np.ndarray]:
    """Return the outlines, from above, of what a part that ends at that height can hit: cabinet, walls, handle."""
    (x0, x1), (y0, y1) = furniture.CABINET_X, furniture.CABINET_Y
    if low >= furniture.CABINET_HEIGHT:
        return []
    walls = [rectangle(((x0 + x1) / 2, (y0 + y1) / 2), (x1 - x0) / 2, (y1 - y0) / 2, 0.0)]
    if low >= furniture.TRAY_TOP:
        return walls
    x, y, _ = drawer.p_base
    (half_x, half_y, _), wall = np.array(furniture.DRAWER_SIZE) / 2, furniture.TRAY_WALL / 2
    for side in (-1, 1):
        walls.append(rectangle((x + side * (half_x + wall), y), wall, half_y + 2 * wall, 0.0))
        walls.append(rectangle((x, y + side * (half_y + wall)), half_x + 2 * wall, wall, 0.0))
    (dx, dy), half = furniture.HANDLE_OFFSET, furniture.HANDLE_LENGTH / 2
    walls.append(rectangle((x + dx, y + dy), furniture.HANDLE_WIDTH / 2, half, 0.0))
    return walls
