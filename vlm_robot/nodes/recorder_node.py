"""
Records what goes over the topics of the graph into a rosbag2 folder with one MCAP file (``bag.py``).

Messages are taken as bytes and written by a thread of their own; where the disk is too slow, whole messages are
left out and counted. It subscribes to what is there with the QoS that the publishers offer: reliable and latched
where all of them are. ``vlm-robot replay`` gives such a folder to the nodes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
import queue
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from vlm_robot.errors import ConfigError, PerceptionError
from vlm_robot.nodes import camera_watch, lifespan, parameters
from vlm_robot.nodes.bag import BagWriter, find_class, name_kind
from vlm_robot.nodes.frame_queue import PARTS
from vlm_robot.nodes.liveness import reliable_qos

KINDS = {
    'detections': 'vlm_robot_interfaces/msg/DetectionArray',
    'scene': 'vlm_robot_interfaces/msg/Scene',
    'hand_state': 'vlm_robot_interfaces/msg/HandState',
    'plan': 'vlm_robot_interfaces/msg/Plan',
    'step_records': 'vlm_robot_interfaces/msg/StepRecord',
    'joint_states': 'sensor_msgs/msg/JointState',
    'tcp_pose': 'geometry_msgs/msg/PoseStamped',
    'world_changed': 'std_msgs/msg/Header',
    'scene_journal': 'std_msgs/msg/Header',
    'planner_journal': 'std_msgs/msg/Header',
    '/clock': 'rosgraph_msgs/msg/Clock',
}
CAMERA_KINDS = {part: name_kind(camera_watch.KINDS[part]) for part in PARTS}
SEARCH_PERIOD = 0.2  # seconds between two looks for publishers
WAITING = 400  # messages that may wait for the disk


@dataclass(frozen=True)
class RecorderNodeConfig:
    """What is recorded, and where."""

    folder: str = ''  # of the recording, made anew; empty: recordings/<date and time> in the working directory
    cameras: tuple[str, ...] = ('front', 'top')  # recorded: <camera>/image, depth, camera_info, pose
    topics: tuple[str, ...] = tuple(KINDS)  # other topics; see KINDS in this module for those that are known

    def __post_init__(self) -> None:
        """Refuse topics whose type is not known."""
        unknown = [topic for topic in self.topics if topic not in KINDS]
        if unknown:
            raise ConfigError(f'topics {unknown} cannot be recorded; known: {list(KINDS)}')


class RecorderNode(Node):
    """The one who remembers everything."""

    def __init__(self):
        """Open the file and look for publishers."""
        super().__init__('recorder', **lifespan.NODE_OPTIONS)
        self.config = parameters.declare(self, RecorderNodeConfig())
        folder = Path(self.config.folder or f'recordings/{datetime.now():%Y-%m-%d_%H-%M-%S}').expanduser()
        cameras = {f'{name}/{part}': kind for name in self.config.cameras for part, kind in CAMERA_KINDS.items()}
        self._kinds = {topic: KINDS[topic] for topic in self.config.topics} | cameras
        self._writer = BagWriter(folder, sorted(set(self._kinds.values())))
        self._queue: queue.Queue = queue.Queue(WAITING)
        self.failure, self.dropped = '', 0
        self._closing = threading.Event()
        self._group = MutuallyExclusiveCallbackGroup()  # messages of one topic keep their order
        self._topics: dict[str, object] = {}
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', reliable_qos())
        self.create_timer(SEARCH_PERIOD, self._subscribe_to_new)
        self.create_timer(1.0, self._tell_health)
        self._thread = threading.Thread(target=self._write_until_closed, daemon=True)
        self._thread.start()
        self.get_logger().info(f"recording into '{folder}'")

    def close(self) -> None:
        """Write what waits and finish the file."""
        self._closing.set()
        self._thread.join()
        try:
            self._writer.close()
        except PerceptionError as error:
            self.get_logger().error(str(error))
        self.get_logger().info(f"{self._writer.count} messages in '{self._writer.folder}', {self.dropped} left out")

    def _subscribe_to_new(self) -> None:
        for topic in [name for name in self._kinds if name not in self._topics]:
            name = self.resolve_topic_name(topic)
            offers = [offer.qos_profile for offer in self.get_publishers_info_by_topic(name)]
            if offers:
                self._topics[topic] = self.create_subscription(
                    find_class(self._kinds[topic]),
                    topic,
                    lambda data, name=name, kind=self._kinds[topic]: self._keep(name, kind, data),
                    _match(offers),
                    callback_group=self._group,
                    raw=True,
                )

    def _keep(self, topic: str, kind: str, data: bytes) -> None:
        try:
            self._queue.put_nowait((topic, kind, bytes(data), time.time_ns()))
        except queue.Full:
            self.dropped += 1

    def _write_until_closed(self) -> None:
        while not (self._closing.is_set() and self._queue.empty()):
            try:
                item = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            if self.failure:
                self.dropped += 1
                continue
            try:
                self._writer.write(*item)
            except PerceptionError as error:  # a full disk ends the recording, not the robot
                self.failure = str(error)
                self.get_logger().error(self.failure)

    def _tell_health(self) -> None:
        level = DiagnosticStatus.ERROR if self.failure else DiagnosticStatus.OK
        level = DiagnosticStatus.WARN if self.dropped and not self.failure else level
        figures = {'messages': self._writer.count, 'left out': self.dropped, 'folder': self._writer.folder}
        status = DiagnosticStatus(
            level=level,
            name='recorder: file',
            message=self.failure or 'recording',
            hardware_id=lifespan.tell_name(self),
            values=[KeyValue(key=key, value=str(value)) for key, value in figures.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def _match(offers: list[QoSProfile]) -> QoSProfile:
    """Return reliable and latched QoS where all publishers offer so much."""
    reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
    latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
    return QoSProfile(
        depth=50,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(RecorderNode, threads=3))


if __name__ == '__main__':
    main()
