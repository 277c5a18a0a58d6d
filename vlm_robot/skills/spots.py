"""
Where exactly a block goes: a free spot near a table location, or beside what a bowl holds already.

Metres in the base frame; pure geometry over a Scene.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vlm_robot.datatypes import Point, Scene, SceneObject
from vlm_robot.furniture import list_slots
from vlm_robot.skills.grasping import BOWL_REACH, distance_xy, ENOUGH, Grasp, opening_yaws, plan_release
from vlm_robot.vocabulary import BLOCK_SIZE, shape_of, ZONE_X, ZONE_Y

YAWS = (np.pi / 2, 0.0, np.pi / 4, 3 * np.pi / 4)  # radians; fingers along base y first
BOWL_BOTTOM = 0.004  # metres, thickness of a bowl's floor
BOWL_DROP = 0.008  # metres a block falls into an empty part of a bowl, so that the fingers stay clear of the wall
BOWL_OFFSET = 0.019  # metres from the bowl's centre for the first of two cubes side by side
OVERLAP = 0.036  # metres between centres below which one cube would rest on the other
SIDE_BY_SIDE, MOST_OFFSET = 0.041, 0.028  # metres between their centres; the farthest off the bowl's centre
ROOMY = 0.085  # metres between centres: both blocks can be taken again
DRAWER_DROP = 0.006  # metres a block falls to the tray's floor at the latest
RINGS = (0.015, 0.03, 0.045)  # metres around a location


def find_table_spot(place: tuple[float, float], scene: Scene, radius: float) -> Grasp:
    """
    Return how to release the held block at a place of the table, or as near to it as there is room.

    :param radius: metres, how far from the place is still good; the best is returned even if it does not fit.
    """
    best: Grasp | None = None
    for ring in (0.0, *(r for r in (*RINGS, radius * 0.96) if r < radius)):
        for angle in np.arange(1 if ring == 0 else 12) * np.pi / 6:
            x, y = place[0] + ring * np.cos(angle), place[1] + ring * np.sin(angle)
            release = plan_release((x, y, BLOCK_SIZE / 2), YAWS, scene)
            if best is None or min(release.clearance, ENOUGH) > min(best.clearance, ENOUGH):
                best = release
        if best is not None and best.clearance >= 0.0:
            break
    assert best is not None  # the first ring has one place
    return best


def find_free_spot(near: Point, scene: Scene) -> Grasp:
    """
    Return how to release the held block on the free spot of the zone nearest to a point.

    Around the spot there is room for the fingers to take the block again, and for its neighbours.
    """
    points = [(x, y) for x in np.arange(ZONE_X[0], ZONE_X[1], 0.04) for y in np.arange(ZONE_Y[0], ZONE_Y[1], 0.04)]
    points.sort(key=lambda point: distance_xy((*point, 0.0), near))
    others = [item.p_base for item in scene.objects if item.name != scene.held]
    roomy = [point for point in points if all(distance_xy((*point, 0.0), other) > ROOMY for other in others)]
    for point in roomy:
        plan = plan_release((*point, BLOCK_SIZE / 2), YAWS, scene)
        if plan.clearance >= ENOUGH:
            return plan
    return find_table_spot(points[0], scene, 0.15)


def find_drawer_spot(drawer: SceneObject, scene: Scene) -> Grasp:
    """Return how to release the held block in an open tray, beside what lies there; check ``fits``."""
    options = []
    for x, y, z in list_slots(drawer.p_base):
        options.append(plan_release((x, y, z + DRAWER_DROP), (np.pi / 2,), scene, drawer.name))
    return max(options, key=lambda plan: min(plan.clearance, ENOUGH))


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
    clear = replace(scene, objects=tuple(item for item in scene.objects if item not in contents))
    options = []
    for x, y, yaws in _bowl_places(bowl, contents):
        support = _support_height((x, y), contents)
        drop = BOWL_DROP if support == BOWL_BOTTOM else 0.0
        plan = plan_release((x, y, support + BLOCK_SIZE / 2 + drop), yaws, clear, bowl.name)
        options.append(replace(plan, press=0.0) if drop else plan)
    return max(options, key=lambda plan: (-round(plan.T_base_tcp[2, 3], 2), min(plan.clearance, ENOUGH)))


def _bowl_places(bowl: SceneObject, contents: list[SceneObject]) -> list[tuple[float, float, tuple[float, ...]]]:
    """Return x, y and finger directions to try: beside the middle, or opposite to and on top of others."""
    x, y = bowl.p_base[:2]
    if not contents:
        turns = np.arange(8) * np.pi / 4
        return [(x + BOWL_OFFSET * np.cos(a), y + BOWL_OFFSET * np.sin(a), (a + np.pi / 2,)) for a in turns]
    places: list[tuple[float, float, tuple[float, ...]]] = []
    for item in contents:
        off, turn = distance_xy(item.p_base, bowl.p_base), np.arctan2(item.p_base[1] - y, item.p_base[0] - x)
        opposite = SIDE_BY_SIDE - off
        if opposite <= MOST_OFFSET:
            places.append((x - opposite * np.cos(turn), y - opposite * np.sin(turn), (turn + np.pi / 2,)))
        places.append((item.p_base[0], item.p_base[1], opening_yaws(item.yaw)))
    return [place for place in places if all(map(_is_level, _supports(place, contents)))] or places


def _is_level(item: SceneObject) -> bool:
    """Return whether a cube in a bowl stands flat; one that leans on the wall has an odd height."""
    layers = (item.p_base[2] - BOWL_BOTTOM - BLOCK_SIZE / 2) / BLOCK_SIZE
    return abs(layers - round(layers)) < 0.3


def _supports(place, contents: list[SceneObject]) -> list[SceneObject]:
    """Return the cubes that would carry one set down at the place: the topmost ones under it."""
    below = [item for item in contents if np.hypot(place[0] - item.p_base[0], place[1] - item.p_base[1]) < OVERLAP]
    top = max((item.p_base[2] for item in below), default=0.0)
    return [item for item in below if item.p_base[2] > top - BLOCK_SIZE / 2]


def _support_height(place, contents: list[SceneObject]) -> float:
    """Return the height on which a cube set down at the place comes to lie."""
    return max((item.p_base[2] + BLOCK_SIZE / 2 for item in _supports(place, contents)), default=BOWL_BOTTOM)
