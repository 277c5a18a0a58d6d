"""
Plays the parts of a robot that a recording can play: cameras, clock, hand, and the action ``execute_skill``.

What the nodes answer is kept until ``replay.py`` asks for it, and so is what they say they have taken in
(``intake.py``): whoever publishes a message here can wait until the node behind it has really dealt with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import threading
from typing import Any

from builtin_interfaces.msg import Time
import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header

from vlm_robot.datatypes import Step
from vlm_robot.errors import PerceptionError
from vlm_robot.nodes import lifespan, plan_conversions
from vlm_robot.nodes.camera_watch import KINDS
from vlm_robot.nodes.intake import Entry, key_of, Kind, PLANNER_JOURNAL, read_entry, SCENE_JOURNAL
from vlm_robot.nodes.liveness import alive_qos, reliable_qos
from vlm_robot.nodes.pool_executor import MultiThreadedExecutor
from vlm_robot_interfaces.action import ExecuteSkill
from vlm_robot_interfaces.msg import DetectionArray, HandState
from vlm_robot_interfaces.msg import Scene as SceneMessage

RETRY = 2.0  # wall-clock seconds after which a frame that nobody has seen is shown once more
ANSWER_TIMEOUT = 120.0  # wall-clock seconds for a detection, a decision or the end of a task


class Stage:
    """The parts of a robot that a recording can play: cameras, clock, hand and skills."""

    def __init__(self, domain: int, namespace: str, cameras: list[str]):
        """Offer the topics and the action; nothing is published yet."""
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain, signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self.node = rclpy.create_node('replay', context=self.context, namespace=namespace)
        self.cameras = tuple(cameras)
        self.seen: dict[tuple[str, tuple[int, int]], DetectionArray] = {}  # by camera and stamp
        self.scenes: list[SceneMessage] = []
        self.journals: dict[str, list[Entry]] = {SCENE_JOURNAL: [], PLANNER_JOURNAL: []}
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
        self._listen(DetectionArray, 'detections', self._keep_detections, alive_qos())
        self._listen(SceneMessage, 'scene', self.scenes.append, reliable_qos(10, latched=True))
        for topic, entries in self.journals.items():
            self._listen(Header, topic, lambda m, kept=entries: kept.append(read_entry(m)), reliable_qos(50, True))
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
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the graph."""
        self._closing.set()
        self._thread.join(5.0)
        lifespan.leave_domain(self.node)

    def count(self, topic: str, *kinds: Kind) -> int:
        """Return how many entries of these kinds (none: of all) a journal holds."""
        return sum(not kinds or (entry is not None and entry.kind in kinds) for entry in self.journals[topic])

    def wait_for(self, is_true: Callable[[], object], what: str, timeout: float = ANSWER_TIMEOUT) -> None:
        """Wait until a condition on what was kept holds; raise PerceptionError that names ``what`` did not come."""
        if not self.expect(is_true, timeout):
            raise PerceptionError(f'{what} did not come within {timeout:g} s')

    def expect(self, is_true: Callable[[], object], timeout: float) -> bool:
        """Wait for a condition on what was kept and return whether it came true."""
        with self._news:
            return bool(self._news.wait_for(is_true, timeout))

    def show(self, camera: str, frame: Mapping[str, Any]) -> None:
        """Publish the parts of one frame of a camera."""
        for part, message in frame.items():
            self.publishers[f'{camera}/{part}'].publish(message)

    def wake(self, camera: str, frame: Mapping[str, Any], nanoseconds: int) -> bool:
        """
        Show a frame with another stamp and return whether a scene of it has soon reached the planner.

        Then every connection between two nodes on the way stands; else DDS still looks for one of them.
        """
        stamp = Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
        for message in frame.values():
            message.header.stamp = stamp
        self.show(camera, frame)
        look, scene = Entry(Kind.LOOK, camera, key_of(stamp)), Entry(Kind.SCENE, '', key_of(stamp))
        return self.expect(
            lambda: look in self.journals[SCENE_JOURNAL] and scene in self.journals[PLANNER_JOURNAL], RETRY
        )

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

    def _listen(self, kind: type, topic: str, keep: Callable, qos) -> None:
        """Keep the messages of a topic in their order."""

        def hear(message) -> None:
            with self._news:
                keep(message)
                self._news.notify_all()

        self.node.create_subscription(kind, topic, hear, qos, callback_group=MutuallyExclusiveCallbackGroup())

    def _keep_detections(self, message: DetectionArray) -> None:
        self.seen[message.camera, key_of(message.header.stamp)] = message

    def _spin(self) -> None:
        lifespan.spin_until(self._closing, self._executor, self.node)
