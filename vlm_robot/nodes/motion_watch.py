"""How fast the joints move, on the clock of their own stamps: when did the arm come to rest, and did it stay there."""

from __future__ import annotations

from collections import deque
import threading
import time

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState

from vlm_robot.errors import MotionError
from vlm_robot.evaluation.rest import find_rest, MOVING_RAD_S, Speed
from vlm_robot.nodes import conversions
from vlm_robot.nodes.liveness import reliable_qos

FINGERS = 'finger'
KEPT = 50_000  # samples


class MotionWatch:
    """Keeps the speeds of the joints; thread-safe."""

    def __init__(self, node: Node, topic: str = 'joint_states'):
        """Listen on a node that somebody spins."""
        self._news = threading.Condition()
        self._speeds: deque[Speed] = deque(maxlen=KEPT)
        in_order = MutuallyExclusiveCallbackGroup()
        node.create_subscription(JointState, topic, self._hear, reliable_qos(50), callback_group=in_order)

    @property
    def now(self) -> float:
        """Return the newest stamp, seconds of the robot's clock; 0 before the first."""
        with self._news:
            return self._speeds[-1].stamp if self._speeds else 0.0

    def is_moving(self) -> bool:
        """Return whether the arm moves, by the newest word of it."""
        with self._news:
            return bool(self._speeds) and self._speeds[-1].arm > MOVING_RAD_S

    def wait_until_moving(self, timeout: float) -> bool:
        """Wait until the arm moves and return whether it does."""
        with self._news:
            return self._news.wait_for(self.is_moving, timeout)

    def wait_until(self, stamp: float, timeout: float = 60.0) -> None:
        """Wait until the robot's clock has come to a stamp; raise MotionError when it does not."""
        with self._news:
            if not self._news.wait_for(lambda: self._speeds and self._speeds[-1].stamp >= stamp, timeout):
                raise MotionError(f'the joint states did not come to {stamp:.2f} s within {timeout:g} s of waiting')

    def rest_after(self, stamp: float) -> float:
        """Return the seconds of the robot's clock from a stamp until the joints rested, and rest since."""
        with self._news:
            return find_rest(self._speeds, stamp)

    def _hear(self, message: JointState) -> None:
        speeds = [(name, abs(value)) for name, value in zip(message.name, message.velocity, strict=False)]
        arm = max((value for name, value in speeds if FINGERS not in name), default=0.0)
        fingers = max((value for name, value in speeds if FINGERS in name), default=0.0)
        with self._news:
            stamp = conversions.to_seconds(message.header.stamp)
            self._speeds.append(Speed(stamp, arm, fingers, time.monotonic()))
            self._news.notify_all()
