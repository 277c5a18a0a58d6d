"""
Programs that do not belong to the graph and talk on its topics: other types, broken bytes, wild values, many goals.

Each is a participant of its own: DDS keeps one type per topic and participant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
import contextlib
import threading
import time

from action_msgs.srv import CancelGoal
from geometry_msgs.msg import PoseStamped
import numpy as np
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header, String

from vlm_robot.errors import PerceptionError
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.liveness import alive_qos, reliable_qos
from vlm_robot.nodes.participant import Participant
from vlm_robot_interfaces.action import ExecuteTask
from vlm_robot_interfaces.msg import Detection, DetectionArray, HandState, Scene, SceneObject

TOPICS: dict[str, type] = {
    'front/image': Image,
    'front/depth': Image,
    'front/camera_info': CameraInfo,
    'front/pose': PoseStamped,
    'tcp_pose': PoseStamped,
    'joint_states': JointState,
    'detections': DetectionArray,
    'scene': Scene,
    'hand_state': HandState,
    'world_changed': Header,
    '/clock': Clock,
}
LATCHED = ('world_changed',)
PERIOD = 0.1  # wall-clock seconds between two messages of a stranger
NAN, FAR = float('nan'), 1e6


class Stranger(Participant):
    """Publishes what does not belong there until it is closed."""

    def __init__(self, domain: int, topics: Mapping[str, type]):
        """Offer the topics; ``speak`` sends on all of them, again and again."""
        super().__init__('stranger', domain)
        self._offers = {
            topic: self.node.create_publisher(kind, topic, self._choose_qos(topic)) for topic, kind in topics.items()
        }

    def speak(self, messages: Mapping[str, list]) -> Stranger:
        """Send the messages of every topic in turn every PERIOD seconds; return itself."""
        count = 0

        def send() -> None:
            nonlocal count
            for topic, publisher in self._offers.items():
                with contextlib.suppress(RuntimeError):  # rclpy's RCLError: too long for a type of fixed size
                    publisher.publish(messages[topic][count % len(messages[topic])])
            count += 1

        self.node.create_timer(PERIOD, send)
        self.start()
        return self

    @staticmethod
    def _choose_qos(topic: str):
        is_promised = topic in ('detections', 'scene', 'hand_state')
        return alive_qos(5, latched=topic != 'detections') if is_promised else reliable_qos(5, topic in LATCHED)


def speak_other_types(domain: int) -> Stranger:
    """Publish strings on topics of every other type."""
    return Stranger(domain, dict.fromkeys(TOPICS, String)).speak({topic: [String(data='hello')] for topic in TOPICS})


def speak_broken_bytes(domain: int, seed: int = 0) -> Stranger:
    """Publish bytes of the right type that no such message serialises to."""
    rng = np.random.default_rng(seed)
    header = b'\x00\x01\x00\x00'
    texts = [header + rng.bytes(int(size)) for size in rng.integers(0, 400, 40)] + [header, header + b'\xff' * 64]
    return Stranger(domain, TOPICS).speak(dict.fromkeys(TOPICS, texts))


def speak_wild_values(domain: int) -> Stranger:
    """Publish well-formed messages whose numbers make no sense, on what the driver and the detector say."""
    pose = PoseStamped()
    pose.pose.position.x, pose.pose.orientation.w = NAN, 7.0
    joints = [
        JointState(name=['panda_finger_joint1'], position=[NAN]),
        JointState(name=['panda_finger_joint1', 'b'], position=[-1e300]),
        JointState(),
    ]
    item = Detection(label='red block', score=NAN, x_min_px=-FAR, x_max_px=NAN, has_position=True, yaw=NAN)
    item.position.x, item.size.z = NAN, -FAR
    found = [DetectionArray(camera='front', queries=['red block'], detections=[item] * 3), DetectionArray(camera='?')]
    return _speak(domain, {'tcp_pose': [pose], 'joint_states': joints, 'detections': found})


def speak_wild_scene(domain: int) -> Stranger:
    """Publish a scene and a hand that are not there: things a kilometre away, without size, at NaN."""
    objects = [SceneObject(name=name, label=name, yaw=NAN) for name in ('red block', 'green bowl')]
    objects[0].position.x, objects[1].position.y = FAR, NAN
    hand = HandState(held='moon', width_m=NAN)
    return _speak(domain, {'scene': [Scene(objects=objects, held='moon'), Scene()], 'hand_state': [hand]})


def _speak(domain: int, messages: Mapping[str, list]) -> Stranger:
    return Stranger(domain, {topic: TOPICS[topic] for topic in messages}).speak(messages)


class Crowd(Participant):
    """Clients of ``execute_task`` that a person would not be: many goals at once, or gone while one runs."""

    def __init__(self, domain: int):
        """Join and wait for the planner; raise PerceptionError where there is none."""
        super().__init__('crowd', domain)
        self._client = ActionClient(self.node, ExecuteTask, 'execute_task')
        self._cancel = self.node.create_client(CancelGoal, 'execute_task/_action/cancel_goal')
        self.start()
        if not self._client.wait_for_server(30.0):
            self.close()
            raise PerceptionError('no action execute_task within 30 s')

    def send_many(self, sentence: str, count: int, timeout: float) -> Counter:
        """Send as many goals at once and return how often each status came, ``lost`` for no answer in time."""
        statuses: Counter = Counter()
        lock, left = threading.Lock(), threading.Semaphore(0)

        def note(status: str) -> None:
            with lock:
                statuses[status] += 1
            left.release()

        def on_answer(future) -> None:
            handle = future.result()
            if not handle.accepted:
                note('rejected')
                return
            result = handle.get_result_async()
            result.add_done_callback(lambda done: note(done.result().result.status or 'no status'))

        for _ in range(count):
            self._client.send_goal_async(ExecuteTask.Goal(sentence=sentence)).add_done_callback(on_answer)
        deadline = time.monotonic() + timeout
        came = sum(left.acquire(timeout=max(0.0, deadline - time.monotonic())) for _ in range(count))
        with lock:
            return statuses + Counter({'lost': count - came})

    def send_and_forget(self, sentence: str) -> None:
        """Send one goal and never ask how it ends."""
        self._client.send_goal_async(ExecuteTask.Goal(sentence=sentence))

    def cancel_all(self, timeout: float = 10.0) -> bool:
        """Ask for the end of every task, whoever gave it; return whether anybody answered."""
        done = threading.Event()
        self._cancel.call_async(CancelGoal.Request()).add_done_callback(lambda future: done.set())
        return done.wait(timeout)
