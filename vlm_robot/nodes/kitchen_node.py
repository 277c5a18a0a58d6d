"""
The simulated kitchen as a robot on wheels: driving is the action ``navigate_to``, every skill ``execute_skill``.

It stands in for the simulator, detector, scene and skill nodes of the table: it publishes the scene (true poses,
map frame), the hand's state and the signs of life that the planner node listens for. Simulated time passes only
while something moves, as fast as the machine can; stamps are those of the node's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
import math
import threading

from geometry_msgs.msg import PoseStamped
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.errors import ConfigError, MotionCancelled, VlmRobotError
from vlm_robot.evaluation.kitchen_episode import KitchenAgent
from vlm_robot.evaluation.kitchen_instructions import load_instructions
from vlm_robot.kitchen_vocabulary import DOCKS
from vlm_robot.nodes import conversions, lifespan, parameters, plan_conversions
from vlm_robot.nodes.liveness import alive_qos
from vlm_robot.nodes.nav2_base import from_pose, to_pose_stamped
from vlm_robot.planning.kitchen_words import describe
from vlm_robot.robot.base import CancellableBase, Pose2
from vlm_robot_interfaces.action import ExecuteSkill, NavigateTo
from vlm_robot_interfaces.msg import DetectionArray, HandState
from vlm_robot_interfaces.msg import Scene as SceneMessage

MAP_FRAME = 'map'
PERIOD = 0.3  # seconds between two scenes while nothing moves
FEEDBACK_STEPS = 48  # physics steps between two feedbacks of a drive, 0.2 s
BUSY = 'the robot is moving; cancel that or wait for its end'


@dataclass(frozen=True)
class KitchenNodeConfig:
    """Which kitchen is simulated."""

    instruction: int = 15  # number of the instruction whose kitchen is set up, 0 to 100

    def __post_init__(self) -> None:
        """Refuse numbers that do not exist."""
        if not 0 <= self.instruction <= 100:
            raise ConfigError(f'instruction is {self.instruction}; allowed: 0 to 100')


class KitchenNode(Node):
    """One motion at a time; the thread that carries it out owns the simulator meanwhile."""

    def __init__(self):
        """Build the kitchen and offer the actions."""
        super().__init__('kitchen', **lifespan.NODE_OPTIONS)
        self.config = parameters.declare(self, KitchenNodeConfig())
        instruction = load_instructions()[self.config.instruction]
        self.agent = KitchenAgent(instruction.scene)
        self._busy, self._closing = threading.Lock(), threading.Event()
        self._drive: tuple | None = None  # handle and goal of a running drive
        self._steps = 0
        self.agent.world.add_ticker(self._feed_back)
        group = ReentrantCallbackGroup()
        self._scene = self.create_publisher(SceneMessage, 'scene', alive_qos(5, latched=True))
        self._hand = self.create_publisher(HandState, 'hand_state', alive_qos(5, latched=True))
        self._seen = self.create_publisher(DetectionArray, 'detections', alive_qos(5))
        self._pose = self.create_publisher(PoseStamped, 'base_pose', 5)
        options = {'callback_group': group, 'cancel_callback': lambda handle: CancelResponse.ACCEPT}
        self._servers = [
            ActionServer(self, ExecuteSkill, 'execute_skill', self._execute, **options),
            ActionServer(self, NavigateTo, 'navigate_to', self._navigate, **options),
        ]
        self.create_timer(PERIOD, self._publish, callback_group=group)
        self.get_logger().info(f"kitchen of instruction {instruction.number}: try '{instruction.sentence}'")

    def close(self) -> None:
        """Stop what moves and free the simulator."""
        self._closing.set()
        with self._busy:
            self.agent.close()

    def _execute(self, handle) -> ExecuteSkill.Result:
        step = plan_conversions.from_step(handle.request.step)
        return plan_conversions.to_skill_result(self._move(handle, lambda: self.agent.act(step)), 0.0)

    def _navigate(self, handle) -> NavigateTo.Result:
        goal = handle.request
        result = self._move(handle, lambda: self._drive_to(handle, goal))
        message = NavigateTo.Result(success=result.success, cancelled=result.cancelled, reason=result.reason)
        message.pose = self._to_pose(self.agent.robot.base.pose())
        return message

    def _drive_to(self, handle, goal) -> SkillResult:
        if goal.place:
            self._drive = (handle, DOCKS.get(goal.place, self.agent.robot.base.pose()))
            return self.agent.act(Step('go_to', self.agent.look().held, goal.place))
        pose = from_pose(goal.pose.pose)
        self._drive = (handle, pose)
        try:
            CancellableBase(self.agent.robot.base, self.agent.is_cancelled).go_to(pose)
        except MotionCancelled as error:
            return SkillResult(False, str(error), cancelled=True)
        return SkillResult(True)

    def _move(self, handle, act: Callable[[], SkillResult]) -> SkillResult:
        """Carry out one motion and finish its goal; refuse while another runs."""
        if not self._busy.acquire(blocking=False):
            handle.abort()
            return SkillResult(False, BUSY)
        self.agent.is_cancelled = lambda: handle.is_cancel_requested or self._closing.is_set()
        try:
            result = act()
        except VlmRobotError as error:
            result = SkillResult(False, str(error))
        finally:
            self._drive = None
            self._busy.release()
        self._publish()
        finish = handle.canceled if result.cancelled and handle.is_cancel_requested else handle.abort
        (handle.succeed if result.success else finish)()
        return result

    def _publish(self) -> None:
        """Tell what is where; while something moves, which can last, only that the node lives."""
        if self._closing.is_set():
            return
        if not self._busy.acquire(blocking=False):
            self._seen.publish(DetectionArray(header=conversions.to_header(self._now(), MAP_FRAME)))
            return
        try:
            scene: Scene = replace(self.agent.look(), stamp=self._now())
            arm = self.agent.robot.arm
            hand = conversions.to_hand_state(scene.held, arm.gripper_width(), arm.tcp_pose(), scene.stamp)
            pose = self._to_pose(self.agent.robot.base.pose())
        finally:
            self._busy.release()
        self._seen.publish(DetectionArray(header=conversions.to_header(scene.stamp, MAP_FRAME)))
        self._hand.publish(hand)
        self._pose.publish(pose)
        self._scene.publish(conversions.to_scene(scene, describe(scene), MAP_FRAME))

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _feed_back(self) -> None:
        """Tell a drive's progress; called in the thread that steps the simulator."""
        self._steps += 1
        if self._drive is not None and self._steps % FEEDBACK_STEPS == 0:
            handle, goal = self._drive
            pose = self.agent.robot.base.pose()
            left = math.dist(pose[:2], goal[:2])
            handle.publish_feedback(NavigateTo.Feedback(pose=self._to_pose(pose), distance_left=left))

    def _to_pose(self, pose: Pose2) -> PoseStamped:
        return to_pose_stamped(pose, self._now(), MAP_FRAME)


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(KitchenNode, threads=6))


if __name__ == '__main__':
    main()
