"""
The newest word of the robot about itself: joint positions and tool pose.

After a motion only what was sent later counts. Messages that were under way when the motion ended are passed over: a
plan from an old posture would begin with a jump.
"""

from __future__ import annotations

from collections.abc import Sequence
import threading
import time
from typing import Any

from geometry_msgs.msg import PoseStamped
import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState

from vlm_robot.errors import MotionError
from vlm_robot.nodes import conversions
from vlm_robot.nodes.robot_config import RobotConfig
from vlm_robot.robot import panda

DEPTH = 2  # of the queues; so many messages may come after ``forget`` that were sent before it
QOS = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)  # hears publishers of every kind


class Newest:
    """Keeps the newest message of a topic; reading waits for one."""

    def __init__(self, node: Node, kind: type, topic: str, silence: float):
        """Listen. ``silence``: wall-clock seconds that reading waits."""
        self.topic, self.silence = topic, silence
        self._news = threading.Condition()
        self._passed, self._message = 0, None
        in_order = MutuallyExclusiveCallbackGroup()
        node.create_subscription(kind, topic, self._hear, QOS, callback_group=in_order)

    def read(self) -> Any:
        """Return the newest message; raise MotionError when none comes."""
        deadline = time.monotonic() + self.silence
        with self._news:
            while self._message is None:
                if time.monotonic() > deadline:
                    raise MotionError(
                        f"nothing on '{self.topic}' for {self.silence:g} s; is the robot's driver running?"
                    )
                self._news.wait(0.05)
            return self._message

    def forget(self) -> None:
        """Count only what is sent from now on."""
        with self._news:
            self._passed, self._message = 0, None

    def _hear(self, message) -> None:
        with self._news:
            if self._passed >= DEPTH:
                self._message = message
                self._news.notify_all()
            self._passed += 1


class JointWatch:
    """Joint positions by name; one topic may carry arm and gripper in messages of their own."""

    def __init__(self, node: Node, topic: str, silence: float):
        """Listen to JointState. ``silence``: wall-clock seconds without a message until the robot counts as gone."""
        self.topic, self.silence = topic, silence
        self._news = threading.Condition()
        self._positions: dict[str, float] = {}
        self._heard: dict[str, int] = {}  # messages with that joint since ``forget``
        self._newest = time.monotonic()
        in_order = MutuallyExclusiveCallbackGroup()
        node.create_subscription(JointState, topic, self._hear, QOS, callback_group=in_order)

    def read(self, names: Sequence[str]) -> np.ndarray:
        """
        Return (N,) positions of these joints, waiting for them.

        :raises MotionError: the topic is silent, or does not carry all of them.
        """
        deadline = time.monotonic() + self.silence
        with self._news:
            while missing := [name for name in names if self._heard.get(name, 0) <= DEPTH]:
                if time.monotonic() > deadline:
                    raise MotionError(self._complain(missing))
                self._news.wait(0.05)
            return np.array([self._positions[name] for name in names])

    def forget(self) -> None:
        """Count only what is sent from now on."""
        with self._news:
            self._heard.clear()

    def check(self) -> None:
        """Raise MotionError when the robot has been silent for too long."""
        if time.monotonic() - self._newest > self.silence:
            raise MotionError(
                f"no joint states on '{self.topic}' for {self.silence:g} s: the robot's driver has stopped"
            )

    def _complain(self, missing: list[str]) -> str:
        self.check()
        known = sorted(self._positions)
        return f"'{self.topic}' carries no {missing}, only {known}; see robot.joints and robot.gripper.joints"

    def _hear(self, message: JointState) -> None:
        named = {name: value for name, value in zip(message.name, message.position, strict=False) if np.isfinite(value)}
        with self._news:
            self._newest = time.monotonic()
            self._positions.update(named)
            for name in named:
                self._heard[name] = self._heard.get(name, 0) + 1
            self._news.notify_all()


class RobotWatch:
    """Joints and tool of one arm."""

    def __init__(self, node: Node, config: RobotConfig):
        """Listen to the topics of the configuration."""
        self.config = config
        self.joints = JointWatch(node, config.joint_states, config.silence)
        self.poses = Newest(node, PoseStamped, config.pose_topic, config.silence) if config.pose_topic else None

    def read(self, names: Sequence[str]) -> np.ndarray:
        """Return (N,) positions of these joints; raise MotionError when they are not told."""
        return self.joints.read(names)

    def tcp_pose(self) -> np.ndarray:
        """Return T_base_tcp, (4, 4), as a topic tells it or as the Panda's joints stand."""
        if self.poses is not None:
            return conversions.from_pose(self.poses.read().pose)
        return panda.solve_forward(self.read(self.config.joints))[0]

    def forget(self) -> None:
        """Count only what is sent from now on."""
        self.joints.forget()
        if self.poses is not None:
            self.poses.forget()

    def check(self) -> None:
        """Raise MotionError when the robot has been silent for too long."""
        self.joints.check()
