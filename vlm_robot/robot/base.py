"""
What a mobile base must be able to do, its limits, and a wrapper that lets somebody cancel it.

A pose is (x, y, yaw) of the arm's foot in the map frame: metres and radians, x forward at yaw 0 (REP 103).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
import threading
from typing import Protocol

from vlm_robot.errors import ConfigError, MotionCancelled, MotionError

Pose2 = tuple[float, float, float]


@dataclass(frozen=True)
class BaseConfig:
    """What the base may do; metres and radians in the map frame."""

    x_min: float = -3.0  # m
    x_max: float = 3.0  # m
    y_min: float = -3.0  # m
    y_max: float = 3.0  # m
    max_speed: float = 0.8  # m/s
    max_turn: float = 1.2  # rad/s
    acceleration: float = 1.0  # m/s^2; a held can swings when it is much more
    radius: float = 0.30  # m, of the robot seen from above, with 4 cm of room

    def __post_init__(self):
        """Refuse limits that leave nothing."""
        if not (self.x_min < self.x_max and self.y_min < self.y_max):
            raise ConfigError(f'base limits {self} must have min below max')
        if min(self.max_speed, self.max_turn, self.acceleration, self.radius) <= 0:
            raise ConfigError(f'base speed, turn, acceleration and radius must be above 0, got {self}')


class Base(Protocol):
    """Three verbs; ``go_to`` blocks until the base has arrived and raises MotionError when it could not."""

    def pose(self) -> Pose2:
        """Return where the base is."""
        ...

    def go_to(self, pose: Pose2) -> None:
        """Drive to the pose around obstacles; raise MotionError or MotionCancelled."""
        ...

    def stop(self) -> None:
        """Halt now, from any thread; the running call raises MotionCancelled."""
        ...


def check_base_pose(pose: Pose2, config: BaseConfig) -> None:
    """Raise MotionError when a pose is no three finite numbers or outside the limits."""
    if len(pose) != 3 or not all(math.isfinite(value) for value in pose):
        raise MotionError(f'a base pose is three finite numbers (x, y, yaw), got {pose}')
    if not (config.x_min <= pose[0] <= config.x_max and config.y_min <= pose[1] <= config.y_max):
        raise MotionError(
            f'the base was asked to go to ({pose[0]:.2f}, {pose[1]:.2f}) m; allowed: x {config.x_min} to '
            f'{config.x_max}, y {config.y_min} to {config.y_max}'
        )


class CancellableBase:
    """A Base that stops, and raises MotionCancelled, as soon as a question answers yes."""

    def __init__(self, base: Base, is_cancelled: Callable[[], bool], period: float = 0.02):
        """Ask ``is_cancelled`` before every drive and every ``period`` seconds of real time during one."""
        self.base, self.is_cancelled, self.period = base, is_cancelled, period

    def pose(self) -> Pose2:
        """Return where the base is."""
        return self.base.pose()

    def go_to(self, pose: Pose2) -> None:
        """Drive to the pose unless cancelled."""
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over,), daemon=True)
        self._refuse_if_cancelled()
        watcher.start()
        try:
            self.base.go_to(pose)
        finally:
            over.set()
            watcher.join()
        self._refuse_if_cancelled()

    def stop(self) -> None:
        """Halt now, from any thread."""
        self.base.stop()

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(self.period):
            if self.is_cancelled():
                self.base.stop()

    def _refuse_if_cancelled(self) -> None:
        if self.is_cancelled():
            raise MotionCancelled('the drive was cancelled on request; the base stands where it was stopped')
