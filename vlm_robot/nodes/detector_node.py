"""
Finds what words name in the newest picture of every camera and where it lies: images in, detections out.

A lifecycle node: configure loads the model, activate subscribes. It looks at frames in turn and never at an old one.
Labels are looked for as they are; the model encodes a query once. Positions are in the base frame, boxes in pixels of
the image as the camera's calibration straightens it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import time
from typing import Any

from vlm_robot.errors import ConfigError
from vlm_robot.nodes import conversions, lifespan
from vlm_robot.nodes.camera_watch import CameraWatch, WatchConfig
from vlm_robot.nodes.change_rules import When
from vlm_robot.nodes.frame_queue import PARTS
from vlm_robot.nodes.frame_tree import FrameTree
from vlm_robot.nodes.liveness import alive_qos
from vlm_robot.nodes.query_list import QueryList
from vlm_robot.nodes.sight_node import SightNode
from vlm_robot.perception.clipseg import ClipSegConfig, ClipSegSegmenter
from vlm_robot.perception.lifting import lift_all, LiftingConfig
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector
from vlm_robot.perception.regions import mask_found
from vlm_robot.vocabulary import list_labels
from vlm_robot_interfaces.msg import DetectionArray
from vlm_robot_interfaces.srv import SetQueries


@dataclass(frozen=True)
class DetectorNodeConfig(WatchConfig):
    """What is looked at, for what, and by which model."""

    queries: tuple[str, ...] = field(default_factory=list_labels)  # what is looked for until set_queries says otherwise
    pose_source: str = 'topic'  # where a camera stands: 'topic' <camera>/pose, or 'tf' where tf2_ros is installed
    base_frame: str = conversions.BASE_FRAME  # frame of all positions, as tf calls it
    model: OwlVitConfig = field(default_factory=OwlVitConfig)
    lifting: LiftingConfig = field(default_factory=LiftingConfig)
    segmenter: ClipSegConfig = field(default_factory=ClipSegConfig)  # loaded where lifting.uses_masks

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        super().__post_init__()
        if self.pose_source not in POSE_SOURCES:
            raise ConfigError(f"pose_source is '{self.pose_source}'; allowed: {list(POSE_SOURCES)}")


POSE_SOURCES = ('topic', 'tf')
RULES = {
    'queries': When.ALWAYS,
    'pose_source': When.NEVER,
    'base_frame': When.NEVER,
    'lifting.': When.ALWAYS,
    'lifting.uses_masks': When.UNCONFIGURED,
    **dict.fromkeys(('model.threshold', 'model.duplicate_iou', 'model.rival_iou'), When.ALWAYS),
    **dict.fromkeys(('model.least_inside', 'segmenter.threshold', 'segmenter.presence'), When.ALWAYS),
}


class DetectorNode(SightNode):
    """Eyes."""

    def __init__(self):
        """Declare parameters and offer the services; nothing is loaded yet."""
        super().__init__('detector', DetectorNodeConfig(), PARTS, RULES)
        if self.config.pose_source == 'tf':
            self._tree = FrameTree(self, self.config.base_frame)
            parts = [part for part in PARTS if part != 'pose']
            self.watch = CameraWatch(self, self.config, self._look_from_tree, self.is_wanted, parts)
        self.queries = QueryList(self.config.queries)
        self._publisher = self.create_lifecycle_publisher(DetectionArray, 'detections', alive_qos())
        self.offer(SetQueries, 'set_queries', lambda request, response: self.set_queries(request))

    def load(self) -> dict[str, Any]:
        """Load the detector, and the segmenter where lifting uses masks."""
        models: dict[str, Any] = {'detector': OwlVitDetector(self.config.model)}
        if self.config.lifting.uses_masks:
            models['segmenter'] = ClipSegSegmenter(self.config.segmenter)
        return models

    def adjust(self, old: DetectorNodeConfig, new: DetectorNodeConfig) -> None:
        """Take over queries and thresholds."""
        if new.queries != self.queries.labels:
            self.queries.replace(new.queries)
        if 'detector' in self.models:
            self.models['detector'].adjust(new.model)
        if 'segmenter' in self.models:
            self.models['segmenter'].adjust(new.segmenter)

    def is_wanted(self) -> bool:
        """Return True: the scene lives from detections."""
        return True

    def look(self, camera: str, messages: tuple) -> None:
        """Find what is asked for in the newest frame of a camera, and where it lies."""
        begin, detector, (queries, thresholds) = time.monotonic(), self.get_model('detector'), self.queries.state
        frame = conversions.from_frame(camera, *messages)
        found = detector.detect(frame.rgb, queries, thresholds)
        segmenter = self.models.get('segmenter')
        masks = mask_found(segmenter, frame.rgb, found) if segmenter else None
        lifted = lift_all(found, frame, self.config.lifting, masks)
        message = conversions.to_detections(found, lifted, messages[0], messages[3])
        message.camera, message.model, message.queries = camera, detector.name, list(queries)
        message.processing_s = time.monotonic() - begin
        self._publisher.publish(message)

    def _look_from_tree(self, camera: str, messages: tuple) -> None:
        self.look(camera, (*messages, self._tree.find(messages[0].header)))

    def list_details(self) -> dict[str, str]:
        """Return how many queries there are."""
        return {'queries': str(len(self.queries.labels))}


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(DetectorNode, threads=4))


if __name__ == '__main__':
    main()
