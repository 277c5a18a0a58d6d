"""
The few movements that every skill is made of, and the numbers that shape them.

Everything happens above a flat table (z = 0) with a hand that points straight down; the arm's own
sensing (tool pose, gripper width) is all that is known here: no camera, no simulator, no ROS.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from vlm_robot.datatypes import SkillResult
from vlm_robot.errors import ConfigError, MotionBlocked, MotionCancelled, MotionError
from vlm_robot.robot.arm import Arm
from vlm_robot.robot.safety import SafetyConfig
from vlm_robot.skills.grasping import Grasp


@dataclass(frozen=True)
class SkillConfig:
    """Numbers of all skills; metres, metres per second, newtons."""

    travel_z: float = 0.24  # m, tool height in transit: 0.12 for a stack of 3, 0.03 for a held block, and room
    travel_speed: float = 0.55  # m/s in free air
    approach_speed: float = 0.30  # m/s within reach of objects
    slide_speed: float = 0.15  # m/s, pushing a block or carrying the handle of a drawer
    sweep_speed: float = 0.30  # m/s, small pieces in front of the blade
    hop_z: float = 0.10  # m, tool height between two strokes of a sweep: the palm passes above blocks and bowls
    release_speed: float = 0.08  # m/s, the last centimetres before letting go
    grip_force: float = 20.0  # N per finger
    open_width: float = 0.08  # m, widest opening
    release_rise: float = 0.025  # m above the planned height where the slow part of lowering begins
    missed_width: float = 0.010  # m, fingers that close further than this hold no block
    holding_width: float = 0.046  # m, fingers that stand wider than this hold no block
    free_spot_radius: float = 0.05  # m, how far from a named location that is taken a block may be set down
    safety: SafetyConfig = field(default_factory=SafetyConfig)

    def __post_init__(self):
        """Refuse numbers that cannot work together."""
        for name in ('travel_speed', 'approach_speed', 'release_speed', 'slide_speed', 'sweep_speed'):
            if not 0 < getattr(self, name) <= self.safety.max_speed:
                raise ConfigError(
                    f'skills.{name} is {getattr(self, name)} m/s; allowed: at most {self.safety.max_speed}'
                )
        if not 0 < self.missed_width < self.holding_width < self.open_width:
            raise ConfigError('skills need 0 < missed_width < holding_width < open_width')
        if not self.travel_z < self.safety.z_max:
            raise ConfigError(f'skills.travel_z is {self.travel_z} m; allowed: below {self.safety.z_max} m')


def is_holding(gripper_width: float, config: SkillConfig) -> bool:
    """Return whether fingers at that width (metres) have closed on a block."""
    return config.missed_width < gripper_width < config.holding_width


def rise(arm: Arm, config: SkillConfig) -> None:
    """Lift the hand straight up to travelling height; do nothing when it is there or higher."""
    T = arm.tcp_pose()
    if T[2, 3] < config.travel_z - 0.005:
        arm.move_to(raise_to(T, config.travel_z), config.travel_speed)


def raise_to(T_base_tcp: np.ndarray, z: float) -> np.ndarray:
    """Return the same pose at another height in metres, upright to the last digit."""
    T = np.array(T_base_tcp, float)
    yaw = np.arctan2(T[1, 1], T[0, 1])
    c, s = np.cos(yaw), np.sin(yaw)
    T[:3, :3] = np.array([(-s, c, 0), (c, s, 0), (0, 0, -1)])
    T[2, 3] = z
    return T


def shift_to(T_base_tcp: np.ndarray, xy) -> np.ndarray:
    """Return the same pose above another point of the table, in metres: a stroke does not turn the hand."""
    T = np.array(T_base_tcp, float)
    T[:2, 3] = xy
    return T


def take(grasp: Grasp, name: str, arm: Arm, config: SkillConfig) -> SkillResult:
    """
    Take what the grasp aims at and carry it home.

    :raises MotionError: a move was refused or blocked; the arm stands where that happened.
    """
    rise(arm, config)
    arm.move_to(raise_to(grasp.T_base_tcp, config.travel_z), config.travel_speed)
    arm.set_gripper(grasp.opening, config.grip_force)
    try:
        arm.move_to(grasp.T_base_tcp, config.approach_speed)
    except MotionBlocked:
        return give_up(arm, config, f'the fingers ran against something at the {name}; look again and retry')
    if not is_holding(arm.set_gripper(0.0, config.grip_force), config):
        return give_up(arm, config, f'the grasp missed the {name}: the fingers closed on nothing')
    arm.move_to(raise_to(grasp.T_base_tcp, config.travel_z), config.travel_speed)
    if not is_holding(arm.gripper_width(), config):
        return give_up(arm, config, f'the {name} slipped out of the fingers while it was lifted')
    arm.go_home()
    if not is_holding(arm.gripper_width(), config):
        return give_up(arm, config, f'the {name} was dropped on the way')
    return SkillResult(True, f'holding the {name}')


def release(grasp: Grasp, name: str, arm: Arm, config: SkillConfig) -> SkillResult:
    """
    Carry the held block to where the grasp says, lower it until it touches, let go, come home.

    :raises MotionError: a move was refused or blocked; the arm stands where that happened.
    """
    if not is_holding(arm.gripper_width(), config):
        return give_up(arm, config, f'the hand no longer holds the {name}')
    rise(arm, config)
    arm.move_to(raise_to(grasp.T_base_tcp, config.travel_z), config.travel_speed)
    if not is_holding(arm.gripper_width(), config):
        return give_up(arm, config, f'the {name} was dropped on the way')
    lower(grasp, arm, config)
    held = is_holding(arm.gripper_width(), config)
    arm.set_gripper(grasp.opening, config.grip_force)
    arm.move_to(raise_to(arm.tcp_pose(), config.travel_z), config.approach_speed)
    arm.go_home()
    return SkillResult(True) if held else SkillResult(False, f'the {name} was dropped while it was set down')


def lower(grasp: Grasp, arm: Arm, config: SkillConfig) -> None:
    """Lower what is held, the last part slowly, until it touches something or is as low as it may be."""
    z = grasp.T_base_tcp[2, 3]
    with suppress(MotionBlocked):
        arm.move_to(raise_to(grasp.T_base_tcp, z + config.release_rise), config.approach_speed)
        lowest = max(z - grasp.press, config.safety.z_min)
        arm.move_to(raise_to(grasp.T_base_tcp, lowest), config.release_speed)


def give_up(arm: Arm, config: SkillConfig, reason: str) -> SkillResult:
    """Open the hand, leave the table, and return a failure; a cancellation goes through."""
    try:
        arm.set_gripper(config.open_width, config.grip_force)
        rise(arm, config)
        arm.go_home()
    except MotionCancelled:
        raise
    except MotionError as error:
        reason = f'{reason}; and the arm could not go home: {error}'
    return SkillResult(False, reason)
