"""
Carries out skills: the action ``execute_skill`` on the newest scene, within limits, cancelled at any moment.

It publishes what the hand holds; the scene node needs it, because no camera sees through a hand.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
import threading
import traceback

from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Header

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.errors import VlmRobotError
from vlm_robot.nodes import conversions, lifespan, parameters, plan_conversions
from vlm_robot.nodes.action_client import MANY
from vlm_robot.nodes.base_desk import BaseDesk
from vlm_robot.nodes.diagnostics import Health
from vlm_robot.nodes.liveness import alive_qos, LifeSign, publish, reliable_qos
from vlm_robot.nodes.nav2_base import Nav2Base
from vlm_robot.nodes.robot_adapter import build_arm
from vlm_robot.nodes.robot_config import RobotConfig
from vlm_robot.skills.execution import execute, held_after
from vlm_robot.skills.motions import SkillConfig
from vlm_robot_interfaces.action import ExecuteSkill
from vlm_robot_interfaces.msg import HandState
from vlm_robot_interfaces.msg import Scene as SceneMessage

HAND_PERIOD = 0.5  # seconds between two hand states while nothing happens
BUSY = 'another skill is running; cancel it or wait for its end'


@dataclass(frozen=True)
class SkillNodeConfig:
    """The numbers of the skills, the limits of the arm, and the servers that move it."""

    skills: SkillConfig = field(default_factory=SkillConfig)
    robot: RobotConfig = field(default_factory=RobotConfig)


class SkillNode(Node):
    """One skill at a time."""

    def __init__(self):
        """Connect to scene and arm and offer the action."""
        super().__init__('skill', **lifespan.NODE_OPTIONS)
        self.config = parameters.declare(self, SkillNodeConfig())
        self._scene, self._held, self._moving = Scene(), '', False
        self._busy, self._closing = threading.Lock(), threading.Event()
        self._handle, self._telling = None, threading.Lock()
        self._ends: Counter[str] = Counter()  # skills by how they ended
        self._health = Health(self, 'skills', self._list_figures)
        group = ReentrantCallbackGroup()
        robot = self.config.robot
        self.arm = build_arm(self, group, robot, self.config.skills.safety, self._tell_motion)
        self._base: BaseDesk | None = None
        if robot.base == 'nav2':
            self._base = BaseDesk(self, group, Nav2Base(self, group, robot), robot.nav2, self._busy)
        self._hand = self.create_publisher(HandState, 'hand_state', alive_qos(5, latched=True))
        in_order = MutuallyExclusiveCallbackGroup()  # an older scene must not overtake a newer one
        self._scene_sign = LifeSign(self, SceneMessage, 'scene', self._on_scene, latched=True, group=in_order)
        self.create_subscription(
            Header, 'world_changed', self._forget, reliable_qos(1, latched=True), callback_group=group
        )
        self.create_timer(HAND_PERIOD, self._publish_hand, callback_group=MutuallyExclusiveCallbackGroup())
        self._server = ActionServer(
            self,
            ExecuteSkill,
            'execute_skill',
            self._execute,
            callback_group=group,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
            **MANY,
        )

    def close(self) -> None:
        """Stop the arm and let the running skill return."""
        self._closing.set()
        self.arm.stop()
        if self._base is not None:
            self._base.close()
        with self._busy:  # the running skill has ended
            pass

    def _execute(self, handle) -> ExecuteSkill.Result:
        if not self._busy.acquire(blocking=False):
            handle.abort()
            return plan_conversions.to_skill_result(SkillResult(False, BUSY), 0.0)
        start = self._now()
        try:
            self._handle = handle
            result = self._carry_out(plan_conversions.from_step(handle.request.step), handle)
        finally:
            self._handle = None
            self._busy.release()
        self._finish(handle, result)
        return plan_conversions.to_skill_result(result, self._now() - start)

    def _carry_out(self, step: Step, handle) -> SkillResult:
        def is_cancelled() -> bool:
            return handle.is_cancel_requested or self._closing.is_set()

        if step.skill == 'go_to' and self._base is not None:
            return self._base.go_to(step.destination, is_cancelled)
        scene, self._moving = self._scene, True
        self._publish_hand()  # from now on pictures show a moving arm
        self.get_logger().info(f'{step.skill} {step.target} {step.destination}'.rstrip())
        try:
            result = execute(step, scene, self.arm, self.config.skills, is_cancelled)
            self._held = held_after(step, self._held, self.arm.gripper_width(), self.config.skills)
        except VlmRobotError as error:
            result = SkillResult(False, str(error))
        except Exception as error:  # a fault of ours; the planner must hear a reason, and the node must go on
            self.get_logger().error(f'{step.skill} failed: {"".join(traceback.format_exception(error))}')
            result = SkillResult(False, f'the skill {step.skill} has a fault: {type(error).__name__}: {error}')
        finally:
            self._moving = False
            self._publish_hand()
        return result

    def _list_figures(self) -> dict[str, object]:
        return {'moving': self._moving, 'held': self._held or 'nothing', **self._ends}

    def _finish(self, handle, result: SkillResult) -> None:
        self._ends['done' if result.success else 'cancelled' if result.cancelled else 'failed'] += 1
        if not result.success:
            self.get_logger().warning(f'failed: {result.reason}')
        if result.cancelled and handle.is_cancel_requested:
            handle.canceled()
        elif result.success:
            handle.succeed()
        else:
            handle.abort()

    def _tell_motion(self, what: str) -> None:
        if self._handle is not None:
            self._handle.publish_feedback(ExecuteSkill.Feedback(phase=what))

    def _publish_hand(self) -> None:
        try:
            T, width = self.arm.tcp_pose(), self.arm.gripper_width()
        except VlmRobotError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=10.0)
            return
        with self._telling:  # an older state must not overtake a newer one
            publish(self._hand, conversions.to_hand_state(self._held, width, T, self._now(), self._moving))

    def _on_scene(self, message: SceneMessage) -> None:
        self._scene = conversions.from_scene(message)

    def _forget(self, message: Header) -> None:
        """Start afresh: somebody has put another world before the robot."""
        self._scene, self._held = Scene(stamp=conversions.to_seconds(message.stamp)), ''
        self._publish_hand()

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(SkillNode, threads=6, is_quick=True))


if __name__ == '__main__':
    main()
