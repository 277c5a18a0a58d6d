"""
Says which pixels phrases name: images in, masks out, and a service for one image and its phrases or box.

A lifecycle node. It works on camera images only while somebody listens to its topics. Masks have the size of the
original image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import time
from typing import Any

from sensor_msgs.msg import Image

from vlm_robot.errors import SentenceError
from vlm_robot.nodes import lifespan, sight_conversions
from vlm_robot.nodes.camera_watch import WatchConfig
from vlm_robot.nodes.change_rules import When
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.query_list import QueryList
from vlm_robot.nodes.sight_node import SightNode
from vlm_robot.perception.clipseg import ClipSegConfig, ClipSegSegmenter
from vlm_robot.perception.regions import cut_mask
from vlm_robot.perception.visual_prompts import PicturePrompt
from vlm_robot.vocabulary import list_labels
from vlm_robot_interfaces.msg import Segmentation
from vlm_robot_interfaces.srv import SegmentImage, SetQueries


@dataclass(frozen=True)
class SegmenterNodeConfig(WatchConfig):
    """What is segmented, and by which model."""

    queries: tuple[str, ...] = field(default_factory=list_labels)  # segmented until ~/set_queries says otherwise
    model: ClipSegConfig = field(default_factory=ClipSegConfig)


RULES = dict.fromkeys(('queries', 'model.threshold', 'model.presence', 'model.rivals', 'model.edges'), When.ALWAYS)


class SegmenterNode(SightNode):
    """Eyes that see shapes."""

    def __init__(self):
        """Offer topics and services; nothing is loaded yet."""
        super().__init__('segmenter', SegmenterNodeConfig(), rules=RULES)
        self.queries = QueryList(self.config.queries)
        self._masks = self.create_lifecycle_publisher(Segmentation, 'masks', reliable_qos())
        self._labels = self.create_lifecycle_publisher(Image, 'masks/labels', reliable_qos())
        self.offer(SegmentImage, 'segment_image', self._segment)
        self.offer(SetQueries, '~/set_queries', lambda request, response: self.set_queries(request))

    def load(self) -> dict[str, Any]:
        """Load the segmenter."""
        return {'segmenter': ClipSegSegmenter(self.config.model)}

    def adjust(self, old: SegmenterNodeConfig, new: SegmenterNodeConfig) -> None:
        """Take over queries and thresholds."""
        if new.queries != self.queries.labels:
            self.queries.replace(new.queries)
        if 'segmenter' in self.models:
            self.models['segmenter'].adjust(new.model)

    def is_wanted(self) -> bool:
        """Return whether somebody listens."""
        return any(topic.get_subscription_count() for topic in (self._masks, self._labels))

    def look(self, camera: str, messages: tuple) -> None:
        """Segment the newest image of a camera."""
        begin, segmenter = time.monotonic(), self.get_model('segmenter')
        rgb = self.watch.straighten(camera, messages[0])
        masks = self.queries.filter(segmenter.segment(rgb, self.queries.labels))
        message = sight_conversions.to_segmentation(masks, rgb, messages[0].header)
        message.camera, message.model, message.processing_s = camera, segmenter.name, time.monotonic() - begin
        self._masks.publish(message)
        self._labels.publish(message.labels)

    def list_details(self) -> dict[str, str]:
        """Return how many queries there are."""
        return {'queries': str(len(self.queries.labels))}

    def _segment(self, request, response) -> None:
        begin, segmenter = time.monotonic(), self.get_model('segmenter')
        rgb, camera, header = self.pick_image(request)
        box = sight_conversions.read_region(request, rgb)
        queries = [' '.join(query.split()) for query in request.queries]
        if not queries and box is None:
            raise SentenceError("nothing to segment: give queries such as 'red block', or a region with has_region")
        prompts = queries if box is None else [PicturePrompt(rgb, box, text=query) for query in queries or ['']]
        masks = segmenter.segment(rgb, prompts)
        masks = masks if box is None else [cut_mask(mask, box) for mask in masks]
        response.segmentation = sight_conversions.to_segmentation(masks, rgb, header, with_masks=True)
        response.segmentation.camera, response.segmentation.model = camera, segmenter.name
        response.segmentation.processing_s = time.monotonic() - begin


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(SegmenterNode, threads=4))


if __name__ == '__main__':
    main()
