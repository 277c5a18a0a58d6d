"""
Open and close a drawer by its handle: take the fin from above, carry it along the slide, let go.

The tray's place in the scene says how far it is open; the fingers say whether they have the handle.
"""

from __future__ import annotations

import numpy as np

from vlm_robot import furniture
from vlm_robot.datatypes import Scene, SceneObject, SkillResult, Step
from vlm_robot.errors import MotionBlocked
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.clearance import Footprint, measure_clearance, outline_hand, rectangle
from vlm_robot.skills.grasping import LEAST, point_down
from vlm_robot.skills.motions import give_up, raise_to, rise, SkillConfig
from vlm_robot.vocabulary import BLOCK_SIZE

HANDLE_YAW = -0.01  # radians: the fingers close on the sides of the fin, with the half turn that suits the wrist there
HANDLE_OPENING = 0.045  # metres between the fingers around the fin
HANDLE_GRIP = (0.5 * furniture.HANDLE_WIDTH, 1.6 * furniture.HANDLE_WIDTH)  # metres: fingers that hold the fin
THERE = 0.008  # metres off the end of the slide that still count as there
TALLEST = furniture.TRAY_FLOOR + BLOCK_SIZE  # metres: what has its centre higher does not fit under the top


def open_drawer(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Pull the tray of ``step.target`` all the way out."""
    return _slide(scene.get(step.target), furniture.DRAWER_STROKE, scene, arm, config)


def close_drawer(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Push the tray of ``step.target`` all the way in."""
    drawer = scene.get(step.target)
    tall = [item.name for item in _list_contents(drawer, scene) if item.p_base[2] > TALLEST]
    if tall:
        return SkillResult(False, f'the {tall[0]} stands too high in the {drawer.name}; take it out first')
    return _slide(drawer, 0.0, scene, arm, config)


def _slide(drawer: SceneObject, goal: float, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    start = furniture.measure_opening(drawer.p_base)
    words = furniture.describe_opening(furniture.set_opening(goal))
    if abs(goal - start) < THERE:
        return SkillResult(True, f'the {drawer.name} is {words} already')
    gap, nearest = _measure_way(drawer, start, goal, scene)
    if gap <= LEAST:
        return SkillResult(False, f'the {nearest} is in the way of the {drawer.name}; move it first')
    return _carry_handle(_locate_handle(start), _locate_handle(goal), drawer.name, arm, config)


def _carry_handle(T_start: np.ndarray, T_goal: np.ndarray, name: str, arm: Arm, config: SkillConfig) -> SkillResult:
    rise(arm, config)
    arm.move_to(raise_to(T_start, config.travel_z), config.travel_speed)
    arm.set_gripper(HANDLE_OPENING, config.grip_force)
    try:
        arm.move_to(T_start, config.approach_speed)
    except MotionBlocked:
        return give_up(arm, config, f'the fingers ran against something at the handle of the {name}')
    if not _has_handle(arm.set_gripper(0.0, config.grip_force)):
        return give_up(arm, config, f'the fingers missed the handle of the {name}')
    try:
        arm.move_to(T_goal, config.slide_speed)
    except MotionBlocked:
        return give_up(arm, config, f'the {name} is stuck')
    held = _has_handle(arm.gripper_width())
    arm.set_gripper(HANDLE_OPENING, config.grip_force)
    rise(arm, config)
    arm.go_home()
    return SkillResult(True) if held else SkillResult(False, f'the handle of the {name} slipped out of the fingers')


def _has_handle(width: float) -> bool:
    return HANDLE_GRIP[0] < width < HANDLE_GRIP[1]


def _locate_handle(opening: float) -> np.ndarray:
    """Return T_base_tcp of a hand that has the handle of a drawer that is open that far."""
    x, y, _ = furniture.set_opening(opening)
    dx, dy = furniture.HANDLE_OFFSET
    return point_down((x + dx, y + dy, furniture.HANDLE_HEIGHT), HANDLE_YAW)


def _list_contents(drawer: SceneObject, scene: Scene) -> list[SceneObject]:
    """Return what lies above the tray's floor, at any height."""
    others = (item for item in scene.objects if item.name != drawer.name)
    return [item for item in others if furniture.is_inside((*item.p_base[:2], BLOCK_SIZE), drawer.p_base)]


def _measure_way(drawer: SceneObject, start: float, goal: float, scene: Scene) -> tuple[float, str]:
    """Return the room in metres that hand and tray have on their way, and what comes nearest."""
    inside = {drawer.name, *(item.name for item in _list_contents(drawer, scene))}
    others = [item for item in scene.objects if item.name not in inside]
    parts: list[Footprint] = []
    for opening in np.linspace(start, goal, 8):
        T = _locate_handle(float(opening))
        parts += outline_hand(T[:3, 3], HANDLE_YAW, HANDLE_OPENING)
        x, y, _ = furniture.set_opening(float(opening))
        half_x, half_y = np.array(furniture.DRAWER_SIZE[:2]) / 2 + furniture.TRAY_WALL
        parts.append(Footprint(rectangle((x, y), half_x, half_y, 0.0), 0.004))
    return measure_clearance(parts, others)
