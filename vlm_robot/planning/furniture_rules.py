"""
When pushing, unstacking, sweeping, handing over and the drawer are possible, by rule.

Every function returns a value of 0..1 and the reason where it is low. Read from the scene alone; distances are
metres in the base frame. The skills themselves look closer before they move.
"""

from __future__ import annotations

from collections.abc import Callable
import math

from vlm_robot.datatypes import Point, Scene, SceneObject, Step
from vlm_robot.furniture import (
    aim_push,
    DRAWER,
    find_region,
    is_closed,
    is_inside,
    is_open,
    LEAST_PUSH,
    list_slots,
    PILE,
)
from vlm_robot.planning.symbolic import find_covers, relate
from vlm_robot.vocabulary import BLOCK_SIZE, shape_of, ZONE_X, ZONE_Y

IN_THE_WAY = {False: 0.04, True: 0.08}  # metres between a thing's centre and the way of a pushed block; bowls are wider
NEEDLESS = 0.05  # of what would succeed and change nothing
Ruled = tuple[float, str]


def judge_push(step: Step, scene: Scene) -> Ruled:
    """Return whether a block on the table has a free way."""
    item = scene.get(step.target)
    if shape_of(item.label) != 'block':
        return 0.0, f'the {item.name} is no block; only blocks are pushed'
    if find_covers(scene).get(item.name):
        return 0.0, f'the {find_covers(scene)[item.name]} is on top of the {item.name}'
    if item.p_base[2] > BLOCK_SIZE or relate(scene).get(item.name, ('', ''))[0] in ('in', 'on'):
        return 0.0, f'the {item.name} does not lie on the table; only what lies there is pushed'
    end = aim_push(item.p_base, step.destination, ZONE_X, ZONE_Y)
    if end is None:
        return 0.0, f'there is no place called {step.destination}'
    if math.dist(end, item.p_base[:2]) < LEAST_PUSH:
        return 0.0, f'there is no room to push the {item.name} to the {step.destination}'
    for other in scene.objects:
        is_bowl = shape_of(other.label) == 'bowl'
        if other.name != item.name and _distance_to_way(other.p_base, item.p_base, end) < IN_THE_WAY[is_bowl]:
            return 0.2, f'the {other.name} is in the way of the {item.name}'
    return 1.0, ''


def judge_unstack(step: Step, scene: Scene) -> Ruled:
    """Return whether there is a stack to take apart."""
    item = scene.get(step.target)
    if shape_of(item.label) != 'block':
        return 0.0, f'the {item.name} is no block'
    if find_covers(scene).get(item.name) or relate(scene).get(item.name, ('', ''))[0] == 'on':
        return 1.0, ''
    return 0.0, f'nothing lies on the {item.name}, and it lies on nothing'


def judge_slide(step: Step, scene: Scene) -> Ruled:
    """Return whether a drawer can be opened or closed; what is so already is needless, not impossible."""
    item = scene.get(step.target)
    if shape_of(item.label) != DRAWER:
        return 0.0, f'the {item.name} is no drawer'
    if step.skill == 'open_drawer':
        return (NEEDLESS, f'the {item.name} is open already') if is_open(item.p_base) else (1.0, '')
    return (NEEDLESS, f'the {item.name} is closed already') if is_closed(item.p_base) else (1.0, '')


def judge_sweep(step: Step, scene: Scene) -> Ruled:
    """Return whether there is a pile and a place for it."""
    item = scene.get(step.target)
    if shape_of(item.label) != PILE:
        return 0.0, f'the {item.name} is no pile'
    return (1.0, '') if find_region(step.destination) else (0.0, f'there is no place called {step.destination}')


def judge_drawer(item: SceneObject, scene: Scene) -> Ruled:
    """Return whether a block can be laid in a drawer."""
    if not is_open(item.p_base):
        return 0.0, f'the {item.name} is not open; open it first'
    inside = [o for o in scene.objects if shape_of(o.label) == 'block' and is_inside(o.p_base, item.p_base)]
    if len([o for o in inside if o.name != scene.held]) >= len(list_slots(item.p_base)):
        return 0.0, f'the {item.name} is full'
    return 1.0, ''


def find_shut_drawer(item: SceneObject, scene: Scene) -> str:
    """Return the name of the drawer in which a thing lies shut away; empty where it lies in none."""
    drawers = [other for other in scene.objects if shape_of(other.label) == DRAWER]
    around = (other for other in drawers if is_inside(item.p_base, other.p_base) and not is_open(other.p_base))
    return next((other.name for other in around), '')


def _distance_to_way(point: Point, start: Point, end: tuple[float, float]) -> float:
    """Return metres in the plane from a point to the way ahead of a pushed block."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    along = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length
    if along < 0:
        return math.inf
    reach = min(along, length)
    return math.hypot(point[0] - start[0] - reach * dx / length, point[1] - start[1] - reach * dy / length)


RULES: dict[str, Callable[[Step, Scene], Ruled]] = {
    'push': judge_push,
    'unstack': judge_unstack,
    'open_drawer': judge_slide,
    'close_drawer': judge_slide,
    'sweep': judge_sweep,
}
