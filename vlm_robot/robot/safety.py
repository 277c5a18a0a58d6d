"""
Safety limits that wrap an arm and are one, and a wrapper that asks before and during every motion.

Every move of a skill passes ``SafeArm``. What the limits forbid raises MotionError before anything
moves; nothing is clipped in silence. Frames and units are those of ``robot.arm``. This module knows no
simulator and no ROS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import threading

import numpy as np

from vlm_robot.errors import ConfigError, MotionCancelled, MotionError
from vlm_robot.robot.arm import Arm

FARTHEST = 1e6  # numbers beyond it are no place and overflow in products


@dataclass(frozen=True)
class SafetyConfig:
    """What the arm may do; metres in the base frame, table top at z = 0."""

    x_min: float = 0.20  # m
    x_max: float = 0.78  # m
    y_min: float = -0.45  # m
    y_max: float = 0.45  # m
    z_min: float = 0.012  # m, the finger tips reach 9 mm below the tool centre point
    z_max: float = 0.70  # m
    max_speed: float = 0.60  # m/s of the tool centre point
    max_tilt_deg: float = 15.0  # degrees between the hand and straight down
    max_width: float = 0.08  # m, gripper opening
    max_force: float = 40.0  # N per finger

    def __post_init__(self):
        """Refuse limits that leave nothing."""
        for axis in 'xyz':
            low, high = getattr(self, f'{axis}_min'), getattr(self, f'{axis}_max')
            if not low < high:
                raise ConfigError(f'safety.{axis}_min is {low} and {axis}_max is {high}; allowed: min below max')
        for name in ('max_speed', 'max_tilt_deg', 'max_width', 'max_force'):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ConfigError(f'safety.{name} is {getattr(self, name)}; allowed: above 0')


class SafeArm:
    """An Arm that refuses what the limits forbid."""

    def __init__(self, arm: Arm, config: SafetyConfig | None = None):
        """Guard ``arm``."""
        self.arm = arm
        self.config = config or SafetyConfig()

    def tcp_pose(self) -> np.ndarray:
        """Return T_base_tcp, (4, 4) float64."""
        return self.arm.tcp_pose()

    def move_to(self, T_base_tcp: np.ndarray, speed: float = 0.25) -> None:
        """Move in a straight line; raise MotionError when the pose or the speed is outside the limits."""
        reason = check_pose(T_base_tcp, self.config) or check_speed(speed, self.config)
        if reason:
            raise MotionError(reason)
        self.arm.move_to(np.array(T_base_tcp, float), speed)

    def go_home(self) -> None:
        """Move to the resting posture."""
        self.arm.go_home()

    def set_gripper(self, width: float, force: float = 20.0) -> float:
        """Open or close the fingers; raise MotionError when width or force is outside the limits."""
        reason = check_gripper(width, force, self.config)
        if reason:
            raise MotionError(reason)
        return self.arm.set_gripper(width, force)

    def gripper_width(self) -> float:
        """Return the distance between the finger tips in metres."""
        return self.arm.gripper_width()

    def stop(self) -> None:
        """Halt now, from any thread."""
        self.arm.stop()


class CancellableArm:
    """An Arm that stops, and raises MotionCancelled, as soon as a question answers yes."""

    def __init__(self, arm: Arm, is_cancelled: Callable[[], bool], period: float = 0.005):
        """Ask ``is_cancelled`` before every motion and every ``period`` seconds of real time during one."""
        self.arm = arm
        self.is_cancelled = is_cancelled
        self.period = period

    def tcp_pose(self) -> np.ndarray:
        """Return T_base_tcp, (4, 4) float64."""
        return self.arm.tcp_pose()

    def move_to(self, T_base_tcp: np.ndarray, speed: float = 0.25) -> None:
        """Move in a straight line unless cancelled."""
        self._watch(lambda: self.arm.move_to(T_base_tcp, speed))

    def go_home(self) -> None:
        """Move to the resting posture unless cancelled."""
        self._watch(self.arm.go_home)

    def set_gripper(self, width: float, force: float = 20.0) -> float:
        """Open or close the fingers unless cancelled."""
        return self._watch(lambda: self.arm.set_gripper(width, force))

    def gripper_width(self) -> float:
        """Return the distance between the finger tips in metres."""
        return self.arm.gripper_width()

    def stop(self) -> None:
        """Halt now, from any thread."""
        self.arm.stop()

    def _watch(self, motion: Callable):
        """Run a motion beside a thread that stops the arm, again and again, once the answer is yes."""
        self._refuse_if_cancelled()
        over = threading.Event()

        def guard():
            while not over.wait(self.period):
                if self.is_cancelled():
                    self.arm.stop()

        watcher = threading.Thread(target=guard, daemon=True)
        watcher.start()
        try:
            result = motion()
        finally:
            over.set()
            watcher.join()
        self._refuse_if_cancelled()
        return result

    def _refuse_if_cancelled(self) -> None:
        if self.is_cancelled():
            raise MotionCancelled('the motion was cancelled on request; the arm stands where it was stopped')


def check_pose(T_base_tcp: np.ndarray, config: SafetyConfig) -> str:
    """Return why a pose is forbidden; empty when it is allowed."""
    T = np.asarray(T_base_tcp, float)
    if T.shape != (4, 4) or not np.isfinite(T).all() or np.abs(T).max() > FARTHEST:
        return f'the pose must be a (4, 4) matrix of finite numbers; got shape {T.shape}: {T.tolist()}'
    R = T[:3, :3]
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-4) or np.linalg.det(R) < 0 or not np.allclose(T[3], (0, 0, 0, 1)):
        return f'the pose must be a rigid transform; got {T.round(4).tolist()}'
    for axis, value in zip('xyz', T[:3, 3], strict=True):
        low, high = getattr(config, f'{axis}_min'), getattr(config, f'{axis}_max')
        if not low <= value <= high:
            place = 'the table or the workspace' if axis == 'z' else 'the workspace'
            return f'the tool was asked to go to {axis} = {value:.3f} m; {place} allows {low:.3f} to {high:.3f}'
    tilt_deg = float(np.degrees(np.arccos(np.clip(-R[2, 2], -1.0, 1.0))))
    if tilt_deg > config.max_tilt_deg:
        return f'the hand was asked to tilt by {tilt_deg:.1f} degrees; allowed: {config.max_tilt_deg} degrees'
    return ''


def check_speed(speed: float, config: SafetyConfig) -> str:
    """Return why a speed is forbidden; empty when it is allowed."""
    if not (np.isfinite(speed) and 0 < speed <= config.max_speed):
        return f'a speed of {speed} m/s was asked; allowed: above 0, at most {config.max_speed} m/s'
    return ''


def check_gripper(width: float, force: float, config: SafetyConfig) -> str:
    """Return why a gripper command is forbidden; empty when it is allowed."""
    if not (np.isfinite(width) and 0 <= width <= config.max_width):
        return f'a gripper width of {width} m was asked; allowed: 0 to {config.max_width} m'
    if not (np.isfinite(force) and 0 < force <= config.max_force):
        return f'a gripper force of {force} N was asked; allowed: above 0, at most {config.max_force} N'
    return ''
