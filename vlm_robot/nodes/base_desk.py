"""
What a robot with a mobile base offers beside its skills: the action ``navigate_to`` and the skill ``go_to``.

The places that have a name stand in the parameters (``robot.nav2.places``).
"""

from __future__ import annotations

from collections.abc import Callable
import threading

from rclpy.action import ActionServer, CancelResponse
from rclpy.node import Node

from vlm_robot.datatypes import SkillResult
from vlm_robot.errors import MotionCancelled, VlmRobotError
from vlm_robot.nodes.nav2_base import from_pose, Nav2Base, to_pose_stamped
from vlm_robot.nodes.robot_config import Nav2Config
from vlm_robot.robot.base import CancellableBase, Pose2
from vlm_robot_interfaces.action import NavigateTo

BUSY = 'the robot is moving; cancel that or wait for its end'


class BaseDesk:
    """Drives, one motion of the robot at a time."""

    def __init__(self, node: Node, group, base: Nav2Base, config: Nav2Config, busy: threading.Lock):
        """Offer the action; ``busy`` is held while the robot moves, by whoever moves it."""
        self.base, self.config, self.is_closing = base, config, threading.Event()
        self._node, self._busy = node, busy
        self._server = ActionServer(
            node,
            NavigateTo,
            'navigate_to',
            self._navigate,
            callback_group=group,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )

    def go_to(self, place: str, is_cancelled: Callable[[], bool]) -> SkillResult:
        """Drive to a place that has a name."""
        try:
            CancellableBase(self.base, is_cancelled).go_to(self.config.find(place))
        except MotionCancelled as error:
            return SkillResult(False, f'go_to was cancelled: {error}', cancelled=True)
        except VlmRobotError as error:
            return SkillResult(False, f'go_to failed: {error}')
        return SkillResult(True, f'at the {place}')

    def close(self) -> None:
        """Stop the base."""
        self.is_closing.set()
        self.base.stop()

    def _navigate(self, handle) -> NavigateTo.Result:
        if not self._busy.acquire(blocking=False):
            handle.abort()
            return NavigateTo.Result(reason=BUSY)
        try:
            result = self._drive(handle)
        finally:
            self._busy.release()
        if result.success:
            handle.succeed()
        elif result.cancelled and handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return self._to_result(result)

    def _drive(self, handle) -> SkillResult:
        goal = handle.request

        def tell(pose: Pose2, left: float) -> None:
            handle.publish_feedback(NavigateTo.Feedback(pose=self._to_message(pose), distance_left=left))

        def is_cancelled() -> bool:
            return handle.is_cancel_requested or self.is_closing.is_set()

        try:
            pose = self.config.find(goal.place) if goal.place else from_pose(goal.pose.pose)
            CancellableBase(_Telling(self.base, tell), is_cancelled).go_to(pose)
        except MotionCancelled as error:
            return SkillResult(False, str(error), cancelled=True)
        except VlmRobotError as error:
            return SkillResult(False, str(error))
        return SkillResult(True)

    def _to_result(self, result: SkillResult) -> NavigateTo.Result:
        message = NavigateTo.Result(success=result.success, cancelled=result.cancelled, reason=result.reason)
        if self.base.is_localised:
            message.pose = self._to_message(self.base.pose())
        return message

    def _to_message(self, pose: Pose2):
        return to_pose_stamped(pose, self._node.get_clock().now().nanoseconds * 1e-9, self.config.frame)


class _Telling:
    """A Base that tells its progress."""

    def __init__(self, base: Nav2Base, tell: Callable[[Pose2, float], None]):
        self.base, self.tell = base, tell

    def pose(self) -> Pose2:
        return self.base.pose()

    def go_to(self, pose: Pose2) -> None:
        self.base.go_to(pose, self.tell)

    def stop(self) -> None:
        self.base.stop()
