"""
Sweep: bring a pile of small things to a place by straight strokes with the closed hand turned sideways.

One round is one set of strokes over where the pile lies now; ``execution.execute`` looks and asks for another
round until all of it has arrived. What is known of a pile is its middle and its extent, as a camera gives it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from vlm_robot.datatypes import Scene, SceneObject, SkillResult, Step
from vlm_robot.errors import MotionBlocked
from vlm_robot.furniture import find_region, SWEPT_REACH
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.clearance import measure_clearance, outline_hand
from vlm_robot.skills.grasping import LEAST, point_down
from vlm_robot.skills.motions import raise_to, rise, shift_to, SkillConfig
from vlm_robot.vocabulary import AREAS, LOCATIONS

SWEEP_HEIGHT = 0.0125  # metres of the tool: the tips pass 4 mm above the table
BLADE_OPENING = 0.008  # metres between the fingers: less than a piece, so the blade is wider
PITCH = 0.022  # metres between strokes side by side: they overlap, so what slips off one meets the next
RUN_UP = 0.030  # metres behind the pile where a stroke begins
CONVERGE = 0.020  # metres aside from the place where the outermost strokes end
SHORT = 0.014  # metres before the place where the blade stops: what it pushes lies in front of it

BENDS = (0.05, -0.05, 0.08, -0.08, 0.11, -0.11)  # metres aside of a corner in a stroke around an obstacle
CORNERS = (0.5, 0.3, 0.7)  # of a stroke's length, where the corner may be

Stroke = list[np.ndarray]  # x and y: where the blade comes down, perhaps a corner, where it goes up


def sweep(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Sweep ``step.target`` once to ``step.destination``: a location, a spot or an area of the table."""
    if is_pile_there(step, scene):
        return SkillResult(True, f'the {step.target} is there already')
    pile, place = scene.get(step.target), find_region(step.destination)
    assert place is not None  # execution.check_step knows the destination
    others = [item for item in scene.objects if item.name != pile.name]
    ways = [_find_way(_keep_inside(stroke, config), others, config) for stroke in plan_strokes(pile, place)]
    free = [stroke for stroke, gap, _ in ways if gap > LEAST]
    if not free:
        return SkillResult(False, f'the {ways[0][2]} stands between the {pile.name} and the {step.destination}')
    rise(arm, config)
    arm.set_gripper(BLADE_OPENING, config.grip_force)
    for stroke in free:
        _sweep_once(stroke, arm, config)
    arm.go_home()
    return SkillResult(True)


def is_pile_there(step: Step, scene: Scene) -> bool:
    """Return whether the whole extent of a pile lies at the destination."""
    pile, place = scene.find(step.target), find_region(step.destination)
    if pile is None or place is None:
        return pile is None
    if step.destination in AREAS:
        axis, sign = AREAS[step.destination]
        return sign * (pile.p_base[axis] - LOCATIONS['middle'][axis]) > pile.size[axis] / 2
    farthest = np.abs(np.subtract(pile.p_base[:2], place)) + np.array(pile.size[:2]) / 2
    return float(np.hypot(*farthest)) <= SWEPT_REACH


def plan_strokes(pile: SceneObject, place: tuple[float, float]) -> list[Stroke]:
    """
    Return strokes that cover a pile and end at a place, the outer ones first.

    Around a place that the pile surrounds already they come in from its four sides.
    """
    centre, half = np.array(pile.p_base[:2]), np.array(pile.size[:2]) / 2
    way = np.asarray(place) - centre
    if np.linalg.norm(way) > 0.04:
        return _plan_fan(centre, half, np.asarray(place), way / np.linalg.norm(way))
    return [s for turn in range(4) for s in _plan_fan(centre, half, np.asarray(place), _unit(turn * np.pi / 2))]


def _plan_fan(centre: np.ndarray, half: np.ndarray, place: np.ndarray, along: np.ndarray) -> list[Stroke]:
    across = np.array([-along[1], along[0]])
    length, width = float(np.abs(along) @ half), float(np.abs(across) @ half)
    lanes = np.linspace(-width, width, 1 + max(1, int(np.ceil(2 * width / PITCH))))
    strokes = []
    for lane in sorted(lanes, key=lambda lane: -abs(lane)):
        start = centre - (length + RUN_UP) * along + lane * across
        strokes.append([start, place - SHORT * along + np.clip(lane, -CONVERGE, CONVERGE) * across])
    return strokes


def _unit(angle: float) -> np.ndarray:
    return np.array([np.cos(angle), np.sin(angle)])


def _keep_inside(stroke: Stroke, config: SkillConfig) -> Stroke:
    limits = config.safety
    low, high = (limits.x_min, limits.y_min), (limits.x_max, limits.y_max)
    return [np.clip(point, low, high) for point in stroke]


def _find_way(stroke: Stroke, others: list[SceneObject], config: SkillConfig) -> tuple[Stroke, float, str]:
    """Return a stroke, bent around what is in its way, its room in metres, and what comes nearest."""
    straight, nearest = _measure_way(stroke, others)
    if straight > LEAST:
        return stroke, straight, nearest
    start, end = stroke
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
    across = np.array([-along[1], along[0]])
    for aside in BENDS:
        for share in CORNERS:
            bent = _keep_inside([start, start + share * (end - start) + aside * across, end], config)
            gap, _ = _measure_way(bent, others)
            if gap > 0.0:
                return bent, gap, nearest
    return stroke, straight, nearest


def _aim_hand(start: np.ndarray, end: np.ndarray, share: float) -> tuple[np.ndarray, float]:
    """Return T_base_tcp along a line, 0 at its start and 1 at its end, and the direction of the blade."""
    yaw = float(np.arctan2(*(end - start)[::-1]) + np.pi / 2)
    return point_down((*(start + share * (end - start)), SWEEP_HEIGHT), yaw), yaw


def _measure_way(stroke: Stroke, others: list[SceneObject]) -> tuple[float, str]:
    parts = []
    for start, end in pairwise(stroke):
        for share in np.linspace(0.0, 1.0, 2 + int(np.linalg.norm(end - start) / 0.015)):
            T, yaw = _aim_hand(start, end, float(share))
            parts += outline_hand(T[:3, 3], yaw, BLADE_OPENING)
    return measure_clearance(parts, others)


def _sweep_once(stroke: Stroke, arm: Arm, config: SkillConfig) -> None:
    T_start = _aim_hand(stroke[0], stroke[1], 0.0)[0]
    arm.move_to(raise_to(T_start, config.hop_z), config.travel_speed)
    try:
        arm.move_to(T_start, config.approach_speed)
    except MotionBlocked:  # it came down on a piece; the next stroke finds it
        arm.move_to(raise_to(arm.tcp_pose(), config.hop_z), config.travel_speed)
        return
    for start, end in pairwise(stroke):
        T_corner = _aim_hand(start, end, 0.0)[0]
        arm.move_to(T_corner, config.sweep_speed)  # turns the blade
        arm.move_to(shift_to(T_corner, end), config.sweep_speed)
    arm.move_to(raise_to(arm.tcp_pose(), config.hop_z), config.travel_speed)
