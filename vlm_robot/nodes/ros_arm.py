"""
An Arm behind the actions ``move_arm`` and ``move_gripper``: the robot's driver carries out what skills ask.

Every verb blocks its own thread while the executor's other threads bring the answers. Tool pose and finger
width come from the driver's topics and, exactly, from the result of the last motion.
"""

from __future__ import annotations

from collections.abc import Callable
import threading
import time

from geometry_msgs.msg import PoseStamped
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from vlm_robot.errors import MotionBlocked, MotionCancelled, MotionError
from vlm_robot.nodes import conversions
from vlm_robot.nodes.action_calls import call_action
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot_interfaces.action import MoveArm, MoveGripper

SILENCE = 10.0  # wall-clock seconds without joint states until the driver is gone; a busy one may pause
FINGERS = 'finger_joint'  # part of the names of the joints whose sum is the opening


class RosArm:
    """Implements ``robot.arm.Arm``."""

    def __init__(self, node: Node, group, on_motion: Callable[[str], None] = lambda what: None):
        """
        Connect to the driver.

        :param group: a reentrant callback group; the callers of the verbs must not block it.
        :param on_motion: told in a word what begins.
        """
        self._on_motion = on_motion
        self._stopped = threading.Event()
        self._T: np.ndarray | None = None
        self._width: float | None = None
        self._heard = time.monotonic()
        self._clients = (
            ActionClient(node, MoveArm, 'move_arm', callback_group=group),
            ActionClient(node, MoveGripper, 'move_gripper', callback_group=group),
        )
        self._subscriptions = (
            node.create_subscription(PoseStamped, 'tcp_pose', self._on_pose, reliable_qos(1), callback_group=group),
            node.create_subscription(
                JointState, 'joint_states', self._on_joints, reliable_qos(1), callback_group=group
            ),
        )

    def tcp_pose(self) -> np.ndarray:
        """Return T_base_tcp, (4, 4) float64; raise MotionError when the driver is silent."""
        return self._await(lambda: self._T, "'tcp_pose'").copy()

    def gripper_width(self) -> float:
        """Return metres between the finger tips; raise MotionError when the driver is silent."""
        return self._await(lambda: self._width, "fingers in 'joint_states'")

    def move_to(self, T_base_tcp: np.ndarray, speed: float = 0.25) -> None:
        """Move in a straight line; raise MotionError, MotionBlocked or MotionCancelled."""
        self._on_motion('moving')
        self._move(MoveArm.Goal(pose=conversions.to_pose(np.asarray(T_base_tcp, float)), speed=float(speed)))

    def go_home(self) -> None:
        """Move to the resting posture; raise MotionError or MotionCancelled."""
        self._on_motion('going home')
        self._move(MoveArm.Goal(home=True))

    def set_gripper(self, width: float, force: float = 20.0) -> float:
        """Open or close the fingers and return the width that was reached."""
        self._on_motion('gripping')
        result = self._call(self._clients[1], MoveGripper.Goal(width=float(width), force=float(force)))
        self._width = float(result.width)
        self._raise_failure(result)
        return self._width

    def stop(self) -> None:
        """Halt now, from any thread; the running call raises MotionCancelled."""
        self._stopped.set()

    def _move(self, goal: MoveArm.Goal) -> None:
        result = self._call(self._clients[0], goal)
        self._T = conversions.from_pose(result.pose)
        self._raise_failure(result)

    def _call(self, client: ActionClient, goal):
        self._stopped.clear()
        return call_action(client, goal, self._check)

    def _check(self) -> None:
        if self._stopped.is_set():
            raise MotionCancelled('the motion was stopped on request; the arm stands where it was stopped')
        if time.monotonic() - self._heard > SILENCE:
            raise MotionError(f'no joint states for {SILENCE} s: the driver of the arm has stopped')

    def _raise_failure(self, result) -> None:
        if result.cancelled:
            raise MotionCancelled(result.reason)
        if not result.success:
            raise (MotionBlocked if getattr(result, 'blocked', False) else MotionError)(result.reason)

    def _await(self, read: Callable, what: str):
        deadline = time.monotonic() + SILENCE
        while read() is None:
            if time.monotonic() > deadline:
                raise MotionError(f'no {what} within {SILENCE} s; is the driver of the arm running?')
            time.sleep(0.02)
        return read()

    def _on_pose(self, message: PoseStamped) -> None:
        self._T = conversions.from_pose(message.pose)

    def _on_joints(self, message: JointState) -> None:
        self._heard = time.monotonic()
        named = zip(message.name, message.position, strict=False)
        fingers = [position for name, position in named if FINGERS in name]
        if fingers and np.isfinite(fingers).all():
            self._width = float(max(0.0, sum(fingers)))
