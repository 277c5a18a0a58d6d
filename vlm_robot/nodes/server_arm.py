"""
An Arm behind the servers of a real robot: one mover, one gripper, and what the robot says about itself.

Frames and units are those of ``robot.arm``. Every verb blocks its own thread while the executor's other threads bring
the answers; ``stop`` cancels the running goal at its server.
"""

from __future__ import annotations

from collections.abc import Callable
import threading
from typing import Protocol

import numpy as np

from vlm_robot.errors import MotionCancelled
from vlm_robot.nodes.joint_watch import RobotWatch

Check = Callable[[], None]


class Mover(Protocol):
    """Moves the arm; raises MotionError, MotionBlocked or MotionCancelled."""

    def move_to(self, T_base_tcp: np.ndarray, speed: float, check: Check) -> None:
        """Move the tool in a straight line at most at ``speed`` metres per second."""
        ...

    def go_home(self, check: Check) -> None:
        """Move to the resting posture."""
        ...


class Gripper(Protocol):
    """Opens and closes the fingers."""

    def move(self, width: float, force: float, check: Check) -> float:
        """Move the fingers towards ``width`` metres; return the width that was reached."""
        ...

    def width(self) -> float:
        """Return the distance between the finger tips in metres."""
        ...


class ServerArm:
    """Implements ``robot.arm.Arm``."""

    def __init__(
        self,
        mover: Mover,
        gripper: Gripper,
        robot: RobotWatch,
        on_motion: Callable[[str], None] = lambda what: None,
    ):
        """
        Put an arm together.

        :param on_motion: told in a word what begins.
        """
        self._mover, self._gripper, self._robot = mover, gripper, robot
        self._on_motion = on_motion
        self._stopped = threading.Event()

    def tcp_pose(self) -> np.ndarray:
        """Return T_base_tcp, (4, 4) float64; raise MotionError when the robot is silent."""
        return self._robot.tcp_pose()

    def gripper_width(self) -> float:
        """Return metres between the finger tips; raise MotionError when the robot is silent."""
        return self._gripper.width()

    def move_to(self, T_base_tcp: np.ndarray, speed: float = 0.25) -> None:
        """Move in a straight line; raise MotionError, MotionBlocked or MotionCancelled."""
        self._begin('moving')
        self._mover.move_to(np.asarray(T_base_tcp, float), speed, self._check)

    def go_home(self) -> None:
        """Move to the resting posture; raise MotionError or MotionCancelled."""
        self._begin('going home')
        self._mover.go_home(self._check)

    def set_gripper(self, width: float, force: float = 20.0) -> float:
        """Open or close the fingers and return the width that was reached."""
        self._begin('gripping')
        return self._gripper.move(width, force, self._check)

    def stop(self) -> None:
        """Halt now, from any thread; the running call raises MotionCancelled."""
        self._stopped.set()

    def _begin(self, what: str) -> None:
        self._stopped.clear()
        self._on_motion(what)

    def _check(self) -> None:
        if self._stopped.is_set():
            raise MotionCancelled('the motion was stopped on request; the arm stands where it was stopped')
        self._robot.check()
