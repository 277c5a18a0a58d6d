"""
Plays the parts of a robot that a recording can play: cameras, clock, hand, and the action ``execute_skill``.

What the nodes answer is kept until ``replay.py`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
import threading

import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header

from vlm_robot.datatypes import Step
from vlm_robot.errors import PerceptionError
from vlm_robot.nodes import conversions, plan_conversions
from vlm_robot.nodes.camera_watch import KINDS
from vlm_robot.nodes.liveness import alive_qos, reliable_qos
from vlm_robot_interfaces.action import ExecuteSkill
from vlm_robot_interfaces.msg import DetectionArray, HandState
from vlm_robot_interfaces.msg import Plan as PlanMessage
from vlm_robot_interfaces.msg import Scene as SceneMessage

ANSWER_TIMEOUT = 60.0  # wall-clock seconds for a detection, a decision or the end of a task


class Stage:
    """The parts of a robot that a recording can play: cameras, clock, hand and skills."""

    def __init__(self, domain: int, namespace: str, cameras: list[str]):
        """Offer the topics and the action; nothing is published yet."""
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain, signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self.node = rclpy.create_node('replay', context=self.context, namespace=namespace)
        self.seen: dict[tuple[str, float], DetectionArray] = {}
        self.scenes: dict[float, SceneMessage] = {}
        self.begun = 0  # tasks that the planner has begun
        self.asked: list[Step] = []  # steps that wait for their result
        self._results: list[ExecuteSkill.Result] = []
        self._news = threading.Condition()
        self._closing = threading.Event()
        node, group = self.node, ReentrantCallbackGroup()
        self.publishers = {
            '/clock': node.create_publisher(Clock, '/clock', reliable_qos(1)),
            'hand_state': node.create_publisher(HandState, 'hand_state', alive_qos(5, latched=True)),
            'world_changed': node.create_publisher(Header, 'world_changed', reliable_qos(1, latched=True)),
        }
        for camera in cameras:
            for part, kind in KINDS.items():
                self.publishers[f'{camera}/{part}'] = node.create_publisher(kind, f'{camera}/{part}', reliable_qos(2))
        node.create_subscription(DetectionArray, 'detections', self._keep_detections, alive_qos(), callback_group=group)
        node.create_subscription(PlanMessage, 'plan', self._keep_plan, reliable_qos(5), callback_group=group)
        node.create_subscription(
            SceneMessage, 'scene', self._keep_scene, reliable_qos(10, latched=True), callback_group=group
        )
        self._server = ActionServer(
            node,
            ExecuteSkill,
            'execute_skill',
            self._execute,
            callback_group=group,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )
        self._executor = MultiThreadedExecutor(num_threads=4, context=self.context)
        self._executor.add_node(node)
        threading.Thread(target=self._spin, daemon=True).start()

    def close(self) -> None:
        """Leave the graph."""
        self._closing.set()
        self.context.try_shutdown()

    def wait_for(self, is_true: Callable[[], object], what: str, timeout: float = ANSWER_TIMEOUT) -> None:
        """Wait until a condition on what was kept holds; raise PerceptionError that names ``what`` did not come."""
        if not self.expect(is_true, timeout):
            raise PerceptionError(f'{what} did not come within {timeout:g} s')

    def expect(self, is_true: Callable[[], object], timeout: float) -> bool:
        """Wait for a condition on what was kept and return whether it came true."""
        with self._news:
            return bool(self._news.wait_for(is_true, timeout))

    def answer(self, result: ExecuteSkill.Result) -> None:
        """Let the step that waits end so."""
        with self._news:
            self._results.append(result)
            self._news.notify_all()

    def _execute(self, handle) -> ExecuteSkill.Result:
        with self._news:
            self.asked.append(plan_conversions.from_step(handle.request.step))
            self._news.notify_all()
            while not self._results and not self._closing.is_set() and not handle.is_cancel_requested:
                self._news.wait(0.05)
            result = self._results.pop(0) if self._results else ExecuteSkill.Result(reason='the replay ended')
        if handle.is_cancel_requested:
            handle.canceled()
        elif result.success:
            handle.succeed()
        else:
            handle.abort()
        return result

    def _keep_detections(self, message: DetectionArray) -> None:
        with self._news:
            self.seen[message.camera, conversions.to_seconds(message.header.stamp)] = message
            self._news.notify_all()

    def _keep_plan(self, message: PlanMessage) -> None:
        with self._news:
            self.begun += message.status == 'planning'
            self._news.notify_all()

    def _keep_scene(self, message: SceneMessage) -> None:
        with self._news:
            self.scenes[conversions.to_seconds(message.header.stamp)] = message
            self._news.notify_all()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()
