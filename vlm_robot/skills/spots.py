"""
Where exactly a block goes: a free spot near a table location, a spot inside a bowl that may hold blocks already.

Metres in the base frame; pure geometry over a Scene.
"""

from __future__ import annotations

import numpy as np

from vlm_robot.datatypes import Point, Scene, SceneObject
from vlm_robot.skills.grasping import BOWL_REACH, ENOUGH, Grasp, distance_xy, opening_yaws, plan_release
from vlm_robot.vocabulary import BLOCK_SIZE, shape_of

YAWS = (np.pi / 2, 0.0, np.pi / 4, 3 * np.pi / 4)  # radians; fingers along base y first
BOWL_BOTTOM = 0.004  # metres, thickness of a bowl's floor
BOWL_OFFSET = 0.021  # metres from the bowl's centre at which two cubes lie side by side
RINGS = (0.015, 0.03, 0.045)  # metres around a location


def find_table_spot(place: tuple[float, float], scene: Scene, radius: float) -> Grasp:
    """
    Return how to release the held block at a place of the table, or as near to it as there is room.

    :param radius: metres, how far from the place is still good; the best found is returned even if it does not fit.
    """
    best: Grasp | None = None
    for ring in (0.0, *(r for r in (*RINGS, radius * 0.96) if r < radius)):
        for angle in np.arange(1 if ring == 0 else 12) * np.pi / 6:
            x, y = place[0] + ring * np.cos(angle), place[1] + ring * np.sin(angle)
            release = plan_release((x, y, BLOCK_SIZE / 2), YAWS, scene)
            if best is None or min(release.clearance, ENOUGH) > min(best.clearance, ENOUGH):
                best = release
        if best.clearance >= 0.0:
            break
    return best


def find_bowl_spot(bowl: SceneObject, scene: Scene) -> Grasp:
    """
    Return how to release the held block in a bowl: on its floor where there is room, else on what lies there.

    A first block goes beside the middle, so that a second one finds room and both are seen from above.
    """
    contents = [
        item
        for item in scene.objects
        if shape_of(item.label) == 'block'
        and item.name != scene.held
        and distance_xy(item.p_base, bowl.p_base) < BOWL_REACH
    ]
    turns = np.arange(8) * np.pi / 4
    beside = [(BOWL_OFFSET * np.cos(a), BOWL_OFFSET * np.sin(a), (a + np.pi / 2,)) for a in turns]
    places = [(bowl.p_base[0] + dx, bowl.p_base[1] + dy, yaws) for dx, dy, yaws in beside]
    places += [(item.p_base[0], item.p_base[1], opening_yaws(item.yaw)) for item in contents]
    options = []
    for x, y, yaws in places:
        spot: Point = (float(x), float(y), _support_height((x, y), contents) + BLOCK_SIZE / 2)
        options.append(plan_release(spot, yaws, scene))
    return max(options, key=lambda release: (-round(release.T_base_tcp[2, 3], 2), min(release.clearance, ENOUGH)))


def _support_height(spot: tuple[float, float], contents: list[SceneObject]) -> float:
    """Return the height on which a cube set down at the spot comes to lie."""
    below = [item for item in contents if distance_xy((*spot, 0.0), item.p_base) < 0.9 * BLOCK_SIZE]
    return max((item.p_base[2] + BLOCK_SIZE / 2 for item in below), default=BOWL_BOTTOM)
