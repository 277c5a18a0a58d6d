"""
What an arm with a parallel gripper must be able to do, and a recording fake beside it.

``T_base_tcp`` is the pose of the tool centre point between the finger tips: z points out of the hand, y is the
direction in which the fingers open. For a hand that points straight down, z_tcp = -z_base.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Arm(Protocol):
    """Six verbs; every call blocks until the motion has ended and raises MotionError when it could not."""

    def tcp_pose(self) -> np.ndarray:
        """Return T_base_tcp, (4, 4) float64."""
        ...

    def move_to(self, T_base_tcp: np.ndarray, speed: float = 0.25) -> None:
        """Move in a straight line to the pose at most at ``speed`` metres per second."""
        ...

    def go_home(self) -> None:
        """Move to the resting posture in which the arm hides nothing from the cameras."""
        ...

    def set_gripper(self, width: float, force: float = 20.0) -> float:
        """Open or close the fingers towards ``width`` metres; return the width that was reached."""
        ...

    def gripper_width(self) -> float:
        """Return the distance between the finger tips in metres, 0 when closed."""
        ...

    def stop(self) -> None:
        """Halt now, from any thread; the running call raises MotionCancelled."""
        ...


class RecordingArm:
    """A fake for tests: goes anywhere at once and remembers every call."""

    def __init__(self, grasped_width: float = 0.0):
        """Pretend that closing the fingers stops at ``grasped_width`` metres."""
        self.calls: list[tuple] = []
        self.grasped_width = grasped_width
        self._T = np.diag([1.0, -1.0, -1.0, 1.0])
        self._width = 0.08

    def tcp_pose(self) -> np.ndarray:
        """Return the last pose that was asked for."""
        return self._T.copy()

    def move_to(self, T_base_tcp: np.ndarray, speed: float = 0.25) -> None:
        """Jump to the pose."""
        self.calls.append(('move_to', np.array(T_base_tcp), speed))
        self._T = np.array(T_base_tcp)

    def go_home(self) -> None:
        """Note the call."""
        self.calls.append(('go_home',))

    def set_gripper(self, width: float, force: float = 20.0) -> float:
        """Jump to the width, but not below the pretended object."""
        self.calls.append(('set_gripper', width, force))
        self._width = max(width, self.grasped_width)
        return self._width

    def gripper_width(self) -> float:
        """Return the last width."""
        return self._width

    def stop(self) -> None:
        """Note the call."""
        self.calls.append(('stop',))
