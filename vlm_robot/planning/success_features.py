"""
What a skill's success depends on, as a short row of numbers read from the scene.

Reach, height, turn, the room along and across the fingers, what the place holds already, the hand, the
detection score. Pure geometry over values, cheap enough for every option of every decision. Metres and
radians in the base frame; it knows no skill's code, no model and no simulator.
"""

from __future__ import annotations

from collections.abc import Sequence
import math

from vlm_robot.datatypes import Point, Scene, SceneObject, Step
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_DIAMETER, BOWL_HEIGHT, find_place, shape_of

SKILLS = ('pick', 'place_in', 'place_on', 'place_at')
FINGER_REACH, FINGER_HALF_WIDTH = 0.044, 0.011  # metres along and across the opening, of fingers 56 mm apart
PALM_REACH, PALM_HALF_WIDTH, PALM_RISE = 0.104, 0.033, 0.038  # metres; its underside above the tool point
TIP_REACH = 0.008  # metres that the tips reach below the tool point
FAR = 0.08  # metres: more room than this is no better
NEAR = 0.10  # metres between centres within which a thing is a neighbour
IN_BOWL = 0.05  # metres in the plane between a block in a bowl and the bowl's centre
RING = 0.045  # metres around a place within which a skill looks for a free spot
FEATURES = (
    *SKILLS,
    'x',
    'y',
    'radius',
    'height',
    'lean',
    'turn',
    'finger_room',
    'other_room',
    'palm_room',
    'nearest',
    'neighbours',
    'ring_room',
    'in_bowl',
    'bowl_offset',
    'contents',
    'heap',
    'covered',
    'score',
    'hand_fits',
)


def measure(step: Step, scene: Scene) -> tuple[float, ...] | None:
    """
    Return the features of a step in a scene, in the order of FEATURES; None where it names nothing to act on.

    Rooms are metres, negative where things overlap, at most FAR.
    """
    spot = _find_spot(step, scene)
    if step.skill not in SKILLS or spot is None:
        return None
    point, yaws, own, score = spot
    others = [item for item in scene.objects if item.name not in (own, scene.held)]
    bowl = _find_bowl(point, others, own, scene) if step.skill != 'place_at' else None
    walls = [item for item in others if item is not bowl]
    rooms = sorted((_measure_room(point, yaw, walls) for yaw in yaws), reverse=True)
    distances = sorted(math.dist(point[:2], item.p_base[:2]) for item in walls)
    inside = _list_contents(bowl, scene) if bowl else []
    lean = 0.0 if bowl else abs((point[2] - BLOCK_SIZE / 2 + 0.02) % BLOCK_SIZE - 0.02)
    hand_fits = (not scene.held) if step.skill == 'pick' else step.target in ('', scene.held) and bool(scene.held)
    return (
        *(float(step.skill == skill) for skill in SKILLS),
        point[0],
        abs(point[1]),
        math.hypot(point[0], point[1]),
        point[2],
        lean,
        abs((yaws[0] + math.pi / 4) % (math.pi / 2) - math.pi / 4),
        rooms[0][0],
        rooms[-1][0],
        max(palm for _, palm in rooms),
        min(FAR, distances[0]) if distances else FAR,
        float(sum(distance < NEAR for distance in distances)),
        _measure_ring(point, walls) if step.skill == 'place_at' else FAR,
        float(bowl is not None),
        math.dist(point[:2], bowl.p_base[:2]) if bowl else 0.0,
        float(len(inside)),
        max((item.p_base[2] for item in inside), default=0.0),
        float(_is_covered(point, own, others)),
        score,
        float(hand_fits),
    )


def find_nearest(step: Step, scene: Scene) -> str:
    """Return the name of the thing that stands nearest to where the step acts; empty where none is near."""
    spot = _find_spot(step, scene)
    if spot is None:
        return ''
    others = [item for item in scene.objects if item.name not in (spot[2], scene.held)]
    near = min(others, key=lambda item: math.dist(spot[0][:2], item.p_base[:2]), default=None)
    return near.name if near and math.dist(spot[0][:2], near.p_base[:2]) < NEAR else ''


def _find_spot(step: Step, scene: Scene) -> tuple[Point, tuple[float, ...], str, float] | None:
    """Return where the hand acts, its finger directions, the thing that is no obstacle, the detection score."""
    if step.skill == 'place_at':
        place = find_place(step.destination)
        quarter = math.pi / 4
        return ((*place, BLOCK_SIZE / 2), (0.0, quarter, 2 * quarter, 3 * quarter), '', 1.0) if place else None
    item = scene.find(step.target if step.skill == 'pick' else step.destination)
    shape = {'pick': 'block', 'place_in': 'bowl', 'place_on': 'block'}.get(step.skill)
    if item is None or shape_of(item.label) != shape:
        return None
    x, y, z = item.p_base
    if step.skill == 'place_in':
        return (x, y, BOWL_HEIGHT), (0.0, math.pi / 2), item.name, item.score
    rise = BLOCK_SIZE if step.skill == 'place_on' else 0.0
    return (x, y, z + rise), (item.yaw, item.yaw + math.pi / 2), item.name, item.score


def _measure_room(point: Point, yaw: float, others: Sequence[SceneObject]) -> tuple[float, float]:
    """Return the least gap to the fingers and to the palm of a hand at a point that opens along ``yaw``."""
    fingers = palm = FAR
    c, s = math.cos(yaw), math.sin(yaw)
    for item in others:
        dx, dy = item.p_base[0] - point[0], item.p_base[1] - point[1]
        along, across = abs(dx * c + dy * s), abs(dy * c - dx * s)
        if along > 0.25 or across > 0.25:
            continue
        if shape_of(item.label) == 'bowl':
            half, top = BOWL_DIAMETER / 2, BOWL_HEIGHT
        else:
            turn = item.yaw - yaw
            half = BLOCK_SIZE / 2 * (abs(math.cos(turn)) + abs(math.sin(turn)))
            top = item.p_base[2] + BLOCK_SIZE / 2
        if top > point[2] - TIP_REACH:
            fingers = min(fingers, max(along - half - FINGER_REACH, across - half - FINGER_HALF_WIDTH))
        if top > point[2] + PALM_RISE:
            palm = min(palm, max(along - half - PALM_REACH, across - half - PALM_HALF_WIDTH))
    return fingers, palm


def _measure_ring(point: Point, others: Sequence[SceneObject]) -> float:
    """Return the room at the best of the places within RING: to the sides of blocks and the rims of bowls."""
    best = -FAR
    for number in range(9):
        reach, turn = RING if number else 0.0, number * math.pi / 4
        x, y = point[0] + reach * math.cos(turn), point[1] + reach * math.sin(turn)
        room = FAR
        for item in others:
            radius = BOWL_DIAMETER / 2 if shape_of(item.label) == 'bowl' else BLOCK_SIZE / 2
            room = min(room, math.hypot(item.p_base[0] - x, item.p_base[1] - y) - radius - BLOCK_SIZE / 2)
        best = max(best, room)
    return best


def _find_bowl(point: Point, others: Sequence[SceneObject], own: str, scene: Scene) -> SceneObject | None:
    """Return the bowl in which the hand acts: the destination itself, or the one around a block."""
    target = scene.find(own)
    if target is not None and shape_of(target.label) == 'bowl':
        return target
    bowls = [item for item in others if shape_of(item.label) == 'bowl']
    near = min(bowls, key=lambda item: math.dist(point[:2], item.p_base[:2]), default=None)
    return near if near and math.dist(point[:2], near.p_base[:2]) < IN_BOWL else None


def _list_contents(bowl: SceneObject, scene: Scene) -> list[SceneObject]:
    return [
        item
        for item in scene.objects
        if item.name not in (bowl.name, scene.held) and math.dist(item.p_base[:2], bowl.p_base[:2]) < IN_BOWL
    ]


def _is_covered(point: Point, own: str, others: Sequence[SceneObject]) -> bool:
    return any(
        item.name != own
        and shape_of(item.label) != 'bowl'
        and math.dist(item.p_base[:2], point[:2]) < 0.75 * BLOCK_SIZE
        and item.p_base[2] - point[2] > 0.6 * BLOCK_SIZE
        for item in others
    )
