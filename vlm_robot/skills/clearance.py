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
RIM_PANELS = 16
NO_OBSTACLE = 1.0  # metres, the gap where nothing is in the way


@dataclass(frozen=True, eq=False)
class Footprint:
    """
    A convex thing seen from above.

    :param corners: (N, 2) metres, in order around.
    :param low: metres, its lowest point.
    :param high: metres, its highest point.
    """

    corners: np.ndarray
    low: float
    high: float


def rectangle(centre, half_along: float, half_across: float, yaw: float) -> np.ndarray:
    """Return the (4, 2) corners of a rectangle whose long side points along ``yaw``."""
    along = np.array([np.cos(yaw), np.sin(yaw)])
    across = np.array([-along[1], along[0]])
    signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    return np.array(
        [np.asarray(centre) + a * half_along * along + b * half_across * across for a, b in signs]
    )


def outline_hand(xyz, yaw: float, opening: float) -> list[Footprint]:
    """
    Return the parts of a downward hand.

    :param xyz: metres, the tool point.
    :param yaw: radians, the direction in the plane in which the fingers open.
    :param opening: metres between the finger tips.
    """
    axis = np.array([np.cos(yaw), np.sin(yaw)])
    centre, z = np.asarray(xyz[:2], float), xyz[2]
    parts = [Footprint(rectangle(centre, HAND_HALF_LENGTH, HAND_HALF_WIDTH, yaw), z + HAND_RISE, np.inf)]
    for thickness, low in ((FINGER_THICKNESS, z - TIP_REACH), (KNUCKLE_THICKNESS, z + KNUCKLE_RISE)):
        for side in (-1, 1):
            middle = centre + side * (opening + thickness) / 2 * axis
            parts.append(Footprint(rectangle(middle, thickness / 2, FINGER_HALF_WIDTH, yaw), low, np.inf))
    return parts


def outline_object(item: SceneObject, low: float = 0.0) -> list[Footprint]:
    """
    Return the parts of an object: a cube is one, a bowl's wall is many.

    :param low: metres, the height from which on the bowl's wall matters (it leans outwards).
    """
    x, y, z = item.p_base
    if shape_of(item.label) != 'bowl':
        half = BLOCK_SIZE / 2
        return [Footprint(rectangle((x, y), half, half, item.yaw), z - half, z + half)]
    outer = BOWL_DIAMETER / 2
    rise = float(np.clip(low / BOWL_HEIGHT, 0, 1))
    inner = BOWL_FLOOR_RADIUS + rise * (outer - 0.004 - BOWL_FLOOR_RADIUS)
    panels = []
    for angle in np.arange(RIM_PANELS) * 2 * np.pi / RIM_PANELS:
        middle = np.array([x, y]) + (outer + inner) / 2 * np.array([np.cos(angle), np.sin(angle)])
        corners = rectangle(middle, (outer - inner) / 2, outer * np.tan(np.pi / RIM_PANELS), angle)
        panels.append(Footprint(corners, 0.0, BOWL_HEIGHT))
    return panels


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


def measure_clearance(parts: Iterable[Footprint], obstacles: Sequence[SceneObject]) -> tuple[float, str]:
    """
    Return the smallest gap in metres between parts coming down and objects, and the nearest object's name.

    :return: ``(NO_OBSTACLE, '')`` where no object is tall enough to be hit.
    """
    nearest, name = NO_OBSTACLE, ''
    for part in parts:
        centre = part.corners.mean(axis=0)
        for item in obstacles:
            if np.hypot(*(centre - item.p_base[:2])) > 0.20:
                continue
            for solid in outline_object(item, part.low):
                gap = measure_gap(part.corners, solid.corners) if solid.high > part.low else NO_OBSTACLE
                if gap < nearest:
                    nearest, name = gap, item.name
    return nearest, name
