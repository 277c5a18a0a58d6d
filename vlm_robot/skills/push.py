"""Push: shove a block along the table in a straight line with the backs of both fingers."""

from __future__ import annotations

import numpy as np

from vlm_robot.datatypes import Scene, SceneObject, SkillResult, Step
from vlm_robot.errors import MotionBlocked
from vlm_robot.furniture import aim_push, LEAST_PUSH
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.clearance import (
    FINGER_HALF_WIDTH,
    Footprint,
    measure_clearance,
    NO_OBSTACLE,
    outline_hand,
    rectangle,
)
from vlm_robot.skills.grasping import distance_xy, find_bowl_around, point_down
from vlm_robot.skills.motions import give_up, raise_to, rise, shift_to, SkillConfig
from vlm_robot.vocabulary import BLOCK_SIZE, find_place, ZONE_X, ZONE_Y

PUSH_HEIGHT = 0.022  # metres of the tool: the tips touch the lower half of a block, so it does not tip over
PUSH_OPENING = 0.020  # metres between the fingers: two places touch, so a block neither turns off nor slips past
BEHIND = 0.018  # metres of room between a block's corner and the fingers that come down behind it
CORNER = BLOCK_SIZE / np.sqrt(2)  # metres from a cube's middle to its edge


def push(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Push ``step.target`` towards ``step.destination``: a side, a location or a spot of the table."""
    block = scene.get(step.target)
    if block.p_base[2] > BLOCK_SIZE or find_bowl_around(block.p_base, scene.objects):
        return SkillResult(False, f'the {block.name} does not lie on the table; only what lies there is pushed')
    end = aim_push(block.p_base, step.destination, ZONE_X, ZONE_Y)
    assert end is not None  # execution.check_step knows the destination
    way = np.subtract(end, block.p_base[:2])
    length = float(np.linalg.norm(way))
    if not (ZONE_X[0] <= end[0] <= ZONE_X[1] and ZONE_Y[0] <= end[1] <= ZONE_Y[1]):
        return SkillResult(False, f'the {block.name} would leave the part of the table that is reached')
    if length < LEAST_PUSH:
        return SkillResult(False, f'there is no room to push the {block.name} to the {step.destination}')
    gap, nearest = _measure_way(block, way / length, length, scene)
    if gap <= 0.0:
        return SkillResult(False, f'the {nearest} is in the way of the {block.name}')
    return _stroke(block, way / length, length, arm, config)


def is_pushed(step: Step, scene: Scene) -> bool:
    """Return whether the block has come to the place; a push to a side is over after one stroke."""
    block, place = scene.find(step.target), find_place(step.destination)
    return block is None or place is None or distance_xy(block.p_base, (*place, 0.0)) < LEAST_PUSH


def _stroke(block: SceneObject, direction: np.ndarray, length: float, arm: Arm, config: SkillConfig) -> SkillResult:
    T_start = _aim_hand(block, direction, 0.0)
    T_end = shift_to(T_start, _aim_hand(block, direction, length)[:2, 3])
    rise(arm, config)
    arm.set_gripper(PUSH_OPENING, config.grip_force)
    arm.move_to(raise_to(T_start, config.travel_z), config.travel_speed)
    try:
        arm.move_to(T_start, config.approach_speed)
        arm.move_to(T_end, config.slide_speed)
    except MotionBlocked:
        return give_up(arm, config, f'the fingers ran against something while the {block.name} was pushed')
    arm.move_to(shift_to(T_end, T_end[:2, 3] - 0.01 * direction), config.slide_speed)  # off the block before going up
    rise(arm, config)
    arm.go_home()
    return SkillResult(True)


def _aim_hand(block: SceneObject, direction: np.ndarray, done: float) -> np.ndarray:
    """Return T_base_tcp of the fingers behind a block; ``done``: metres that the block has come."""
    gap = CORNER + BEHIND if done == 0.0 else BLOCK_SIZE / 2  # at the end a side of the cube lies on the fingers
    centre = np.array(block.p_base[:2]) + direction * (done - gap - FINGER_HALF_WIDTH)
    return point_down((*centre, PUSH_HEIGHT), float(np.arctan2(direction[1], direction[0]) + np.pi / 2))


def _measure_way(block: SceneObject, direction: np.ndarray, length: float, scene: Scene) -> tuple[float, str]:
    """Return the room in metres that hand and block have on their way, and what comes nearest."""
    others = [item for item in scene.objects if item.name != block.name]
    yaw = float(np.arctan2(direction[1], direction[0]))
    best = (NO_OBSTACLE, '')
    for done in np.linspace(0.0, length, max(2, round(length / 0.01))):
        T = _aim_hand(block, direction, float(done))
        place = np.array(block.p_base[:2]) + done * direction
        half = BLOCK_SIZE / 2
        cube = Footprint(rectangle(place, half, half, yaw if done else block.yaw), 0.004)
        best = min(best, measure_clearance([cube, *outline_hand(T[:3, 3], yaw + np.pi / 2, PUSH_OPENING)], others))
    return best
