"""
Talks to a running graph from an ordinary program: sentences, scenarios, the truth, and what the robot sees.

It spins in its own thread, so every method may simply block. Values come out, not messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import contextlib
import os
import threading
import time
import uuid

from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.srv import GetState
import numpy as np
import rclpy
from rclpy.task import Future
from sensor_msgs.msg import Image

from vlm_robot.datatypes import Detection, Question, Scene, StepRecord, TaskResult, WorldState
from vlm_robot.errors import MotionCancelled, PerceptionError, ScenarioError
from vlm_robot.nodes import conversions, lifespan, pixels, plan_conversions
from vlm_robot.nodes.action_calls import call_action
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.liveness import alive_qos, reliable_qos
from vlm_robot.nodes.middleware import list_settings
from vlm_robot.nodes.pool_executor import MultiThreadedExecutor
from vlm_robot_interfaces.action import ExecuteTask
from vlm_robot_interfaces.msg import DetectionArray
from vlm_robot_interfaces.msg import Scene as SceneMessage
from vlm_robot_interfaces.msg import StepRecord as StepRecordMessage
from vlm_robot_interfaces.srv import AnswerQuestion, GetWorldState, LoadScenario, SetQueries

CAMERAS = ('front', 'top')
ASK_AGAIN = 5.0  # wall-clock seconds after which a planner that did not tell its state is asked again
FRESH = 1.0  # wall-clock seconds for which it counts that the planner said to be active
SERVICE_TIMEOUT = 30.0  # wall-clock seconds


class Asking:
    """Puts every question of a task once to a person, however often it is told."""

    def __init__(self, ask: Callable[[Question], str], answer: Callable[[int, str], str]):
        """Keep who answers, and how the answer is sent."""
        self._ask, self._send = ask, answer
        self._known: set[int] = set()

    def hear(self, feedback: ExecuteTask.Feedback) -> None:
        """Take in feedback; a question that is new is answered in a thread of its own."""
        number = feedback.question_id
        if feedback.phase == 'asking' and number not in self._known:
            self._known.add(number)
            question = Question(feedback.question, tuple(feedback.answers))
            threading.Thread(target=self._answer, args=(question, number), daemon=True).start()

    def _answer(self, question: Question, number: int) -> None:
        words = self._ask(question)
        with contextlib.suppress(PerceptionError):  # the task has ended meanwhile, and its node with it
            self._send(number, words)


class TaskClient:
    """A user of the graph; a context manager."""

    def __init__(self, domain: int | None = None, namespace: str = '', cameras: Sequence[str] = CAMERAS):
        """Join the domain (None: ROS_DOMAIN_ID) and listen."""
        self.domain = domain
        os.environ.update(list_settings())  # the middleware reads them when the context begins
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain, signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self.node = rclpy.create_node(f'task_client_{uuid.uuid4().hex[:8]}', context=self.context, namespace=namespace)
        self.scene = Scene()
        self.images: dict[str, np.ndarray] = {}  # camera -> newest (H, W, 3) uint8
        self.detections: dict[str, tuple[float, list[Detection]]] = {}  # camera -> stamp, newest detections
        self.tool: np.ndarray | None = None  # (3,) metres, where the fingers are in the base frame
        self._cancel, self._closing = threading.Event(), threading.Event()
        self._on_record: Callable[[StepRecord], None] | None = None
        self._passed, self._lock = 0, threading.Lock()
        self._asked: Future | None = None  # what state the planner is in
        self._asked_at, self._active_at = 0.0, float('-inf')  # wall-clock seconds
        self._cameras = tuple(cameras)
        self._connect()
        self._executor = MultiThreadedExecutor(num_threads=3, context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _connect(self) -> None:
        node = self.node
        self._task = ActionClient(node, ExecuteTask, 'execute_task')
        self._state = node.create_client(GetState, 'planner/get_state')
        self._answer = node.create_client(AnswerQuestion, 'answer_question')
        self._load = node.create_client(LoadScenario, 'load_scenario')
        self._truth = node.create_client(GetWorldState, 'get_world_state')
        self._queries = node.create_client(SetQueries, 'set_queries')
        for camera in self._cameras:
            node.create_subscription(
                Image, f'{camera}/image', lambda m, name=camera: self._keep_image(name, m), reliable_qos(1)
            )
        node.create_subscription(PoseStamped, 'tcp_pose', self._keep_tool, reliable_qos(1))
        node.create_subscription(DetectionArray, 'detections', self._keep_detections, alive_qos())
        node.create_subscription(SceneMessage, 'scene', self._keep_scene, reliable_qos(1, latched=True))
        node.create_subscription(StepRecordMessage, 'step_records', self._pass_record, reliable_qos(50))

    def __enter__(self) -> TaskClient:
        """Return itself."""
        return self

    def __exit__(self, *_) -> None:
        """Leave the graph."""
        self.close()

    def close(self) -> None:
        """Leave the graph; a second call does nothing."""
        self._closing.set()
        self._thread.join(5.0)  # first: an executor that waits on a context that is gone raises
        lifespan.leave_domain(self.node)

    def send(
        self,
        sentence: str,
        on_record: Callable[[StepRecord], None] | None = None,
        *,
        plan_only: bool = False,
        ask: Callable[[Question], str] = lambda question: '',
    ) -> TaskResult:
        """
        Give the robot a sentence and return how the task ended.

        :param on_record: called with every turn as it comes, from another thread.
        :param ask: answers a question, in a thread of its own; an empty answer ends the task as ``refused``.
        :raises MotionError: there is no planner, or it does not answer.
        """
        self._cancel.clear()
        self._passed, self._on_record = 0, on_record
        self._has_planner = self._task.wait_for_server(10.0)
        goal, results = ExecuteTask.Goal(sentence=sentence, plan_only=plan_only), []
        try:
            asking = Asking(ask, self.answer)
            result = call_action(self._task, goal, self._check, on_feedback=asking.hear, on_cancelled=results.append)
        except MotionCancelled:
            if not results:
                raise
            result = results[0]
        finally:
            with self._lock:
                self._on_record = None
        end = plan_conversions.from_task_result(sentence, result)
        for record in end.records[self._passed :] if on_record else ():
            on_record(record)  # the result can overtake the topic
        return end

    def answer(self, number: int, words: str) -> str:
        """Answer a question by its number, or say something while a task runs (0); return why it was not taken."""
        response = self._call(self._answer, AnswerQuestion.Request(question_id=number, answer=words))
        return response.message

    def cancel(self) -> None:
        """Cancel the task that ``send`` waits for, from another thread; ``send`` returns its end."""
        self._cancel.set()

    def load_scenario(self, name: str, seed: int = 0) -> str:
        """Put a scenario's table before the robot and return its sentence; raise ScenarioError."""
        response = self._call(self._load, LoadScenario.Request(scenario=name, seed=seed))
        if not response.success:
            raise ScenarioError(response.message)
        self.images.clear()
        self.detections.clear()
        return response.sentence

    def world_state(self) -> WorldState:
        """Return the simulator's truth, for graders."""
        return conversions.from_world_state(self._call(self._truth, GetWorldState.Request()))

    def set_queries(self, queries: Sequence[str]) -> str:
        """Change what the detector looks for; return why it refused, or nothing."""
        return self._call(self._queries, SetQueries.Request(queries=list(queries))).message

    def list_missing(self) -> list[str]:
        """Return what the graph still lacks before it can take a sentence, in words."""
        missing = [] if self._is_planner_active() else ['active planner']
        missing += [f'detections of camera {name}' for name in self._cameras if name not in self.detections]
        return missing + ([] if self.scene.stamp > 0 else ['scene'])

    def _is_planner_active(self) -> bool:
        """Return whether the planner said so just now, and ask again; it takes no sentence while it loads."""
        asked, now = self._asked, time.monotonic()
        if asked is not None and asked.done():
            self._active_at = now if asked.result().current_state.label == 'active' else float('-inf')
            self._asked = None
        elif asked is not None and now - self._asked_at > ASK_AGAIN:
            asked.cancel()
            self._asked = None
        if self._asked is None and self._state.service_is_ready():
            self._asked, self._asked_at = self._state.call_async(GetState.Request()), now
        return self._task.server_is_ready() and now - self._active_at < FRESH

    def _check(self) -> None:
        if self._cancel.is_set():
            raise MotionCancelled('the task was cancelled')
        if self._has_planner and not self._task.server_is_ready():
            raise PerceptionError('the planner node stopped: the action execute_task is gone; start it again')

    def _call(self, client, request):
        if not client.wait_for_service(SERVICE_TIMEOUT):
            raise PerceptionError(f"no service '{client.srv_name}' within {SERVICE_TIMEOUT:g} s; is its node running?")
        future, done = client.call_async(request), threading.Event()
        future.add_done_callback(lambda _: done.set())
        if not done.wait(SERVICE_TIMEOUT):
            raise PerceptionError(f"service '{client.srv_name}' did not answer within {SERVICE_TIMEOUT:g} s")
        return future.result()

    def _spin(self) -> None:
        lifespan.spin_until(self._closing, self._executor, self.node)

    def _keep_image(self, camera: str, message: Image) -> None:
        self.images[camera] = pixels.from_colour(message)

    def _keep_detections(self, message: DetectionArray) -> None:
        found = [conversions.from_detection(item) for item in message.detections]
        self.detections[message.camera] = (conversions.to_seconds(message.header.stamp), found)

    def _keep_scene(self, message: SceneMessage) -> None:
        self.scene = conversions.from_scene(message)

    def _keep_tool(self, message: PoseStamped) -> None:
        self.tool = conversions.from_pose(message.pose)[:3, 3]

    def _pass_record(self, message: StepRecordMessage) -> None:
        with self._lock:
            if self._on_record is not None:
                self._passed += 1
                self._on_record(plan_conversions.from_record(message))
