"""
What the robot sees and believes, drawn for people: ``<camera>/annotated`` pictures, and markers for RViz.

A picture is drawn when there is something to say about it (detections, masks, a caption of the same stamp or a little
older) and only while somebody looks at it; without a viewer this node does not even subscribe to images. Markers come
from the scene where ``visualization_msgs`` is installed, ``detections_2d`` where ``vision_msgs`` is.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from vlm_robot.annotation import draw_detections
from vlm_robot.errors import ConfigError, VlmRobotError
from vlm_robot.nodes import conversions, lifespan, markers, parameters, pixels, sight_conversions, vision_messages
from vlm_robot.nodes.camera_watch import comes_packed, PACKED
from vlm_robot.nodes.compressed import unpack
from vlm_robot.nodes.diagnostics import Meter
from vlm_robot.nodes.liveness import reliable_qos, subscribe_for_a_while
from vlm_robot.sight_annotation import draw_caption, draw_captions, draw_masks
from vlm_robot_interfaces.msg import CaptionArray, DetectionArray, Scene, Segmentation

SOURCES = {'detections': DetectionArray, 'masks': Segmentation, 'captions': CaptionArray}
PICTURES = (Image, CompressedImage, CameraInfo)  # what a camera's driver sends
KEPT_IMAGES = 30  # images a camera that wait for what will be said about them


@dataclass(frozen=True)
class AnnotatorNodeConfig:
    """What is drawn."""

    cameras: tuple[str, ...] = ('front', 'top')  # read: <camera>/image, published: <camera>/annotated
    sources: tuple[str, ...] = ('detections', 'masks', 'captions')  # what is drawn on them
    max_age: float = 3.0  # seconds that a mask or caption may be older than the image it is drawn on

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        unknown = [name for name in self.sources if name not in SOURCES]
        if unknown or not self.sources:
            raise ConfigError(f'sources is {list(self.sources)}; allowed: one or more of {list(SOURCES)}')
        if self.max_age < 0 or not self.cameras:
            raise ConfigError(f'cameras is {list(self.cameras)}, max_age {self.max_age}; name a camera, 0 s or more')


class AnnotatorNode(Node):
    """Draws what others have found."""

    def __init__(self):
        """Offer pictures and markers; subscribe to nothing that nobody looks at."""
        super().__init__('annotator', **lifespan.NODE_OPTIONS)
        self.config = parameters.declare(self, AnnotatorNodeConfig())
        self.meter, self._lock = Meter(), threading.Lock()
        self._images: dict[str, OrderedDict] = {camera: OrderedDict() for camera in self.config.cameras}
        self._said: dict[tuple[str, str], Any] = {}
        self._packed: dict[str, type] = {}  # camera -> kind of its pictures
        self._infos: dict[str, CameraInfo] = {}
        self._topics: dict[str, Any] = {}
        self._group = MutuallyExclusiveCallbackGroup()
        self._pictures = {
            camera: self.create_publisher(Image, f'{camera}/annotated', reliable_qos(1)) for camera in self._images
        }
        self._markers = self._offer(markers.MarkerArray, 'scene_markers', 'visualization_msgs')
        self._boxes = self._offer(vision_messages.Detection2DArray, 'detections_2d', 'vision_msgs')
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', reliable_qos())
        self.create_timer(0.5, self._follow_viewers, callback_group=self._group)
        self.create_timer(1.0, self._tell_health, callback_group=self._group)

    def _offer(self, kind: type | None, topic: str, package: str):
        if kind is None:
            self.get_logger().info(f"no '{topic}': the package {package} is not installed")
            return None
        return self.create_publisher(kind, topic, reliable_qos(1, latched=topic == 'scene_markers'))

    # ---- who looks decides what is subscribed

    def _follow_viewers(self) -> None:
        viewed = [camera for camera, topic in self._pictures.items() if topic.get_subscription_count()]
        wanted: dict[str, tuple] = {}
        for camera in viewed:
            topic = self._find_topic(camera)  # and of which kind
            wanted[topic] = (self._packed[camera], lambda m, c=camera: self._keep(c, m))
            wanted[f'{camera}/camera_info'] = (CameraInfo, lambda m, c=camera: self._infos.update({c: m}))
        if viewed:
            wanted |= {s: (SOURCES[s], lambda m, s=s: self._hear(s, m)) for s in self.config.sources}
        if self._boxes is not None and self._boxes.get_subscription_count():
            wanted['detections'] = (DetectionArray, lambda m: self._hear('detections', m))
        if self._markers is not None and self._markers.get_subscription_count():
            wanted['scene'] = (Scene, self._mark)
        for topic in [name for name in self._topics if name not in wanted]:
            self.destroy_subscription(self._topics.pop(topic))
        for topic in [name for name in wanted if name not in self._topics]:
            kind, callback = wanted[topic]
            qos = self._match(topic) if kind in PICTURES else reliable_qos(5, latched=topic == 'scene')
            self._topics[topic] = subscribe_for_a_while(self, kind, topic, callback, qos, self._group)

    def _find_topic(self, camera: str) -> str:
        """Return where the pictures of a camera come from: compressed where it offers nothing else."""
        is_packed = comes_packed(self, camera, 'image', self._packed.get(camera) is CompressedImage)
        self._packed[camera] = CompressedImage if is_packed else Image
        return f'{camera}/{PACKED["image"] if is_packed else "image"}'

    def _match(self, topic: str) -> QoSProfile:
        """Return best effort where the camera offers no more."""
        offers = [offer.qos_profile.reliability for offer in self.get_publishers_info_by_topic(topic)]
        best_effort = ReliabilityPolicy.BEST_EFFORT in offers
        return QoSProfile(
            depth=1, reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        )

    # ---- what is said about which image

    def _keep(self, camera: str, message: Image | CompressedImage) -> None:
        images = self._images[camera]
        images[conversions.to_seconds(message.header.stamp)] = message
        while len(images) > KEPT_IMAGES:
            images.popitem(last=False)

    def _hear(self, source: str, message) -> None:
        if source == 'detections' and self._boxes is not None and self._boxes.get_subscription_count():
            self._boxes.publish(vision_messages.to_detections_2d(message))
        self._said[source, message.camera] = message
        image = self._images.get(message.camera, {}).get(conversions.to_seconds(message.header.stamp))
        if image is not None and self._pictures[message.camera].get_subscription_count():
            self._draw(message.camera, image)

    def _draw(self, camera: str, image: Image | CompressedImage) -> None:
        begin, stamp = time.monotonic(), conversions.to_seconds(image.header.stamp)
        fresh = {
            source: said
            for (source, name), said in self._said.items()
            if name == camera and abs(stamp - conversions.to_seconds(said.header.stamp)) <= self.config.max_age
        }
        try:
            picture = draw_all(
                conversions.straighten(pixels.from_colour(unpack(image)), self._infos.get(camera)), fresh
            )
        except VlmRobotError as error:
            self.meter.fail(str(error))
            return
        self._pictures[camera].publish(pixels.to_image(picture, 'rgb8', image.header))
        self.meter.count(time.monotonic() - begin)

    def _mark(self, message: Scene) -> None:
        self._markers.publish(markers.to_markers(conversions.from_scene(message), message.header.frame_id))

    def _tell_health(self) -> None:
        is_idle = not any(topic.get_subscription_count() for topic in self._pictures.values())
        array = self.meter.report(lifespan.tell_name(self), {'subscribed': ', '.join(self._topics)}, True, is_idle)
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def draw_all(rgb: np.ndarray, said: dict[str, Any]) -> np.ndarray:
    """Return a picture with everything that was said about it: masks below, boxes above, captions under it."""
    if 'masks' in said:
        masks = sight_conversions.from_segmentation(said['masks'])
        rgb = draw_masks(rgb, [mask for mask in masks if mask.mask.shape == rgb.shape[:2]])
    if 'detections' in said:
        rgb = draw_detections(rgb, [conversions.from_detection(item) for item in said['detections'].detections])
    captions = [sight_conversions.from_caption(message) for message in getattr(said.get('captions'), 'captions', ())]
    if len(captions) == 1:
        return draw_caption(rgb, captions[0])
    return draw_captions(rgb, captions) if captions else rgb


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(AnnotatorNode, threads=2))


if __name__ == '__main__':
    main()
