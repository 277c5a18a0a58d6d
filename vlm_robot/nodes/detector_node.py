"""
Finds what words name in the newest picture of every camera and where it lies: images in, detections out.

A lifecycle node: configure loads the model, activate subscribes. The callbacks only keep the newest frame of
each camera; one thread looks at frames in turn and never at an old one. Labels are looked for as they are;
the model encodes a query once. Positions are in the base frame, boxes in pixels of the original image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
import torch

from vlm_robot.errors import ConfigError, VlmRobotError
from vlm_robot.nodes import conversions, lifespan, parameters
from vlm_robot.nodes.diagnostics import Meter
from vlm_robot.nodes.frame_queue import FrameQueue, PARTS
from vlm_robot.nodes.liveness import alive_qos, reliable_qos
from vlm_robot.perception.lifting import lift_all, LiftingConfig
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector
from vlm_robot.vocabulary import list_labels
from vlm_robot_interfaces.msg import DetectionArray
from vlm_robot_interfaces.srv import SetQueries

KINDS = {'image': Image, 'depth': Image, 'camera_info': CameraInfo, 'pose': PoseStamped}
RELIABILITIES = ('auto', 'reliable', 'best_effort')


@dataclass(frozen=True)
class DetectorNodeConfig:
    """What is looked at, for what, and by which model."""

    autostart: bool = True  # configure and activate without being told; false where a lifecycle manager does it
    cameras: tuple[str, ...] = (
        'front',
        'top',
    )  # names; each camera's topics are <name>/image, depth, camera_info, pose
    queries: tuple[str, ...] = field(default_factory=list_labels)  # what is looked for until set_queries says otherwise
    image_reliability: str = 'auto'  # auto follows the publisher; or reliable, best_effort
    threads: int = 0  # CPU threads of the model; 0 leaves torch's choice
    model: OwlVitConfig = field(default_factory=OwlVitConfig)
    lifting: LiftingConfig = field(default_factory=LiftingConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.image_reliability not in RELIABILITIES:
            raise ConfigError(f"image_reliability is '{self.image_reliability}'; allowed: {list(RELIABILITIES)}")
        if self.threads < 0:
            raise ConfigError(f'threads is {self.threads}; allowed: 0 or more')
        if not self.cameras:
            raise ConfigError('cameras is empty; name at least one')


class DetectorNode(LifecycleNode):
    """Eyes."""

    def __init__(self):
        """Declare parameters and offer the services; nothing is loaded yet."""
        super().__init__('detector', **lifespan.NODE_OPTIONS)
        self.config = parameters.declare(self, DetectorNodeConfig())
        self.detector: OwlVitDetector | None = None
        self.meter = Meter()
        self._queries = (tuple(self.config.queries), {})  # labels, and thresholds where set_queries gave some
        self._frames = FrameQueue(self.config.cameras)
        self._active = threading.Event()
        self._worker: threading.Thread | None = None
        self._images: dict[str, list] = {}
        group = ReentrantCallbackGroup()
        self._group = group
        self._publisher = self.create_lifecycle_publisher(DetectionArray, 'detections', alive_qos())
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', reliable_qos())
        self.create_service(SetQueries, 'set_queries', self._set_queries, callback_group=group)
        self.create_timer(1.0, self._tell_health, callback_group=MutuallyExclusiveCallbackGroup())

    def on_configure(self, state) -> TransitionCallbackReturn:
        """Load the model."""
        begin = time.monotonic()
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        try:
            self.detector = OwlVitDetector(self.config.model)
        except VlmRobotError as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(f"loaded '{self.detector.name}' in {time.monotonic() - begin:.1f} s")
        return super().on_configure(state)

    def on_activate(self, state) -> TransitionCallbackReturn:
        """Subscribe to the cameras and start to look."""
        self._active.set()
        for camera in self.config.cameras:
            self._subscribe(camera, self.config.image_reliability == 'best_effort')
        self._worker = threading.Thread(target=self._look_until_inactive, daemon=True)
        self._worker.start()
        return super().on_activate(state)

    def on_deactivate(self, state) -> TransitionCallbackReturn:
        """Stop looking; the model stays loaded."""
        self._stop_looking()
        for subscriptions in self._images.values():
            for subscription in subscriptions:
                self.destroy_subscription(subscription)
        self._images.clear()
        return super().on_deactivate(state)

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        """Forget the model."""
        self.detector = None
        return super().on_cleanup(state)

    def close(self) -> None:
        """Stop looking at the end of the process."""
        self._stop_looking()

    # ---- frames

    def _subscribe(self, camera: str, best_effort: bool) -> None:
        for subscription in self._images.pop(camera, ()):
            self.destroy_subscription(subscription)
        reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        self._images[camera] = [
            self.create_subscription(
                KINDS[part],
                f'{camera}/{part}',
                lambda message, part=part: self._keep(camera, part, message),
                QoSProfile(depth=1, reliability=reliability),
                callback_group=self._group,
            )
            for part in PARTS
        ]

    def _keep(self, camera: str, part: str, message) -> None:
        self._frames.put(camera, part, (message.header.stamp.sec, message.header.stamp.nanosec), message)

    def _look_until_inactive(self) -> None:
        while self._active.is_set():
            taken = self._frames.take(timeout=0.2)
            if taken is None:
                continue
            try:
                self._publisher.publish(self._look(*taken))
            except VlmRobotError as error:
                self.meter.fail(str(error))
                self.get_logger().warning(f'{taken[0]}: {error}', throttle_duration_sec=5.0)

    def _look(self, camera: str, parts: tuple) -> DetectionArray:
        begin, (queries, thresholds) = time.monotonic(), self._queries
        frame = conversions.from_frame(camera, *parts)
        found = self.detector.detect(frame.rgb, queries, thresholds)
        lifted = lift_all(found, frame, self.config.lifting)
        message = conversions.to_detections(found, lifted, parts[0], parts[3])
        message.camera, message.model, message.queries = camera, self.detector.name, list(queries)
        message.processing_s = time.monotonic() - begin
        self.meter.count(message.processing_s)
        return message

    def _stop_looking(self) -> None:
        self._active.clear()
        self._frames.clear()
        if self._worker is not None:
            self._worker.join()
            self._worker = None

    # ---- services and health

    def _set_queries(self, request, response):
        queries = tuple(' '.join(query.split()) for query in request.queries)
        if not all(queries) or len(set(queries)) != len(queries):
            response.message = f'queries must be different and not empty; got {list(request.queries)}'
        elif len(request.thresholds) not in (0, len(queries)):
            response.message = f'{len(queries)} queries need as many thresholds or none; got {len(request.thresholds)}'
        else:
            self._queries = (queries, dict(zip(queries, request.thresholds)))
            response.success = True
        return response

    def _tell_health(self) -> None:
        details = {
            'model': self.detector.name if self.detector else 'not loaded',
            'device': str(getattr(self.detector, 'device', '')),
            'queries': str(len(self._queries[0])),
            'frames dropped': str(self._frames.dropped),
        }
        array = self.meter.report(self.get_name(), details, self._active.is_set())
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)
        if self._active.is_set() and self.config.image_reliability == 'auto':
            self._follow_publishers()

    def _follow_publishers(self) -> None:
        """Subscribe best effort where a camera offers no more; reliable would get nothing from it."""
        for camera, subscriptions in list(self._images.items()):
            offers = self.get_publishers_info_by_topic(f'{camera}/image')
            best_effort = any(o.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT for o in offers)
            if offers and best_effort != (subscriptions[0].qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT):
                self.get_logger().info(f"camera '{camera}': best effort is {best_effort}, as its publisher offers")
                self._subscribe(camera, best_effort)


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(DetectorNode, threads=4))


if __name__ == '__main__':
    main()
