"""
A mobile base behind Nav2's NavigateToPose.

Poses are (x, y, yaw) as in ``robot.base``, here of Nav2's robot frame, in the map frame. Goals outside the limits are
refused before they are sent; speeds are those of Nav2's controller.
Interface: nav2_msgs/action/NavigateToPose, https://github.com/ros-navigation/navigation2.
"""

from __future__ import annotations

from collections.abc import Callable
import math
import threading
import time

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from rclpy.node import Node

from vlm_robot.errors import MotionCancelled, MotionError
from vlm_robot.nodes import conversions
from vlm_robot.nodes.foreign_messages import load_interfaces, name_constant
from vlm_robot.nodes.liveness import reliable_qos, subscribe_for_a_while
from vlm_robot.nodes.robot_config import RobotConfig
from vlm_robot.nodes.robot_server import Ending, RobotServer
from vlm_robot.robot.base import check_base_pose, Pose2

PERIOD = 0.05  # seconds between two looks at what is waited for


class Nav2Base:
    """Implements ``robot.base.Base``."""

    def __init__(self, node: Node, group, config: RobotConfig):
        """Connect to Nav2; raise ConfigError where nav2_msgs is not installed."""
        self.config, self.silence = config.nav2, config.silence
        self._node = node
        self._pose: Pose2 | None = None
        self._stopped = threading.Event()
        self._action = load_interfaces('nav2_msgs.action', "robot.base 'nav2'").NavigateToPose
        self._server = RobotServer(
            node,
            self._action,
            config.nav2.action,
            group=group,
            server_timeout=config.server_timeout,
            motion_timeout=config.motion_timeout,
        )
        for latched in (True, False):  # AMCL keeps its last pose for who comes late, other localisers do not
            subscribe_for_a_while(
                node, PoseWithCovarianceStamped, config.nav2.pose_topic, self._hear, reliable_qos(1, latched), group
            )

    @property
    def is_localised(self) -> bool:
        """Return whether somebody has told where the base is."""
        return self._pose is not None

    def pose(self) -> Pose2:
        """Return where the base is; raise MotionError when nobody has told yet."""
        deadline = time.monotonic() + self.silence
        while self._pose is None:
            if time.monotonic() > deadline:
                topic = self.config.pose_topic
                raise MotionError(f"no pose of the base on '{topic}' for {self.silence:g} s; is it localised?")
            time.sleep(PERIOD)
        return self._pose

    def go_to(self, pose: Pose2, on_progress: Callable[[Pose2, float], None] = lambda pose, left: None) -> None:
        """
        Drive to the pose around obstacles; raise MotionError or MotionCancelled.

        :param on_progress: told now and then where the base is and the metres that are left.
        """
        check_base_pose(pose, self.config.limits)
        self._stopped.clear()
        goal = self._action.Goal(behavior_tree=self.config.behavior_tree)
        now = self._node.get_clock().now().nanoseconds * 1e-9
        goal.pose = to_pose_stamped(pose, now, self.config.frame)

        def tell(feedback) -> None:
            on_progress(from_pose(feedback.current_pose.pose), float(feedback.distance_remaining))

        self._raise_failure(self._server.run(goal, self._check, tell), pose)

    def stop(self) -> None:
        """Halt now, from any thread; the running call raises MotionCancelled."""
        self._stopped.set()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise MotionCancelled('the drive was stopped on request; the base stands where Nav2 halted it')

    def _raise_failure(self, ending: Ending, pose: Pose2) -> None:
        if ending.succeeded:
            return
        result, code = ending.result, getattr(ending.result, 'error_code', 0)  # Humble has no codes
        reason = f': {name_constant(type(result), code)}' if code else ''
        detail = f' ({result.error_msg})' if getattr(result, 'error_msg', '') else ''
        raise MotionError(f'Nav2 {ending.word} the drive to ({pose[0]:.2f}, {pose[1]:.2f}) m{reason}{detail}')

    def _hear(self, message: PoseWithCovarianceStamped) -> None:
        self._pose = from_pose(message.pose.pose)


def from_pose(pose) -> Pose2:
    """Return x, y and yaw of a geometry_msgs/Pose that stands upright."""
    turn = pose.orientation
    yaw = math.atan2(2 * (turn.w * turn.z + turn.x * turn.y), 1 - 2 * (turn.y**2 + turn.z**2))
    return pose.position.x, pose.position.y, yaw


def to_pose_stamped(pose: Pose2, stamp: float, frame: str) -> PoseStamped:
    """Return x, y and yaw as a message; ``stamp`` in seconds."""
    message = PoseStamped(header=conversions.to_header(stamp, frame))
    message.pose.position.x, message.pose.position.y = float(pose[0]), float(pose[1])
    message.pose.orientation.z, message.pose.orientation.w = math.sin(pose[2] / 2), math.cos(pose[2] / 2)
    return message
