"""
Ties words to pixels: phrases to boxes, regions to phrases, sentences whose every word has its place.

A lifecycle node with two services and a topic of captions, which is filled only while somebody listens to it. The
parameter ``parts`` says what is loaded; masks of what a phrase names need the segmenter too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import time
from typing import Any

from vlm_robot.datatypes import GroundedCaption, Mask
from vlm_robot.errors import SentenceError
from vlm_robot.nodes import lifespan, sight_conversions
from vlm_robot.nodes.camera_watch import WatchConfig
from vlm_robot.nodes.change_rules import When
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.sight_node import check_parts, SightNode
from vlm_robot.perception.clipseg import ClipSegConfig, ClipSegSegmenter
from vlm_robot.perception.pixel_llm.grounder import PixelLlm, PixelLlmConfig
from vlm_robot_interfaces.msg import CaptionArray
from vlm_robot_interfaces.srv import CaptionRegion, GroundPhrase

KNOWN_PARTS = ('grounder', 'segmenter')


@dataclass(frozen=True)
class GrounderNodeConfig(WatchConfig):
    """Which models tie words to pixels."""

    parts: tuple[str, ...] = ('grounder',)  # what is loaded: grounder; segmenter, for masks of what is grounded
    dense: bool = False  # whether the topic tells one caption per thing instead of one per image
    model: PixelLlmConfig = field(default_factory=PixelLlmConfig)
    masks: ClipSegConfig = field(default_factory=ClipSegConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        super().__post_init__()
        check_parts(self.parts, KNOWN_PARTS)


RULES = {
    'dense': When.ALWAYS,
    **dict.fromkeys(('model.presence', 'model.object_score', 'model.is_snapped', 'model.most_words'), When.ALWAYS),
    **dict.fromkeys(('masks.threshold', 'masks.presence', 'masks.rivals'), When.ALWAYS),
}


class GrounderNode(SightNode):
    """Words and pixels."""

    def __init__(self):
        """Offer topic and services; nothing is loaded yet."""
        super().__init__('grounder', GrounderNodeConfig(), rules=RULES)
        self._captions = self.create_lifecycle_publisher(CaptionArray, 'captions', reliable_qos())
        self.offer(GroundPhrase, 'ground_phrase', self._ground)
        self.offer(CaptionRegion, 'caption_region', self._caption)

    def load(self) -> dict[str, Any]:
        """Load what the parameters name."""
        models: dict[str, Any] = {}
        if 'segmenter' in self.config.parts:
            models['segmenter'] = ClipSegSegmenter(self.config.masks)
        if 'grounder' in self.config.parts:
            models['grounder'] = PixelLlm(self.config.model, models.get('segmenter'))
        return models

    def adjust(self, old: GrounderNodeConfig, new: GrounderNodeConfig) -> None:
        """Take over thresholds."""
        for part, config in (('grounder', new.model), ('segmenter', new.masks)):
            if part in self.models:
                self.models[part].adjust(config)

    def is_wanted(self) -> bool:
        """Return whether somebody listens and there is a grounder."""
        return 'grounder' in self.models and self._captions.get_subscription_count() > 0

    def look(self, camera: str, messages: tuple) -> None:
        """Caption the newest image of a camera."""
        begin, grounder = time.monotonic(), self.get_model('grounder')
        rgb = self.watch.straighten(camera, messages[0])
        captions = grounder.caption_dense(rgb) if self.config.dense else [grounder.caption(rgb)]
        array = CaptionArray(header=messages[0].header, camera=camera, model=grounder.name)
        array.captions = [sight_conversions.to_caption(caption, array.header) for caption in captions]
        array.processing_s = time.monotonic() - begin
        self._captions.publish(array)

    def _ground(self, request, response) -> None:
        begin, grounder = time.monotonic(), self.get_model('grounder')
        phrase = ' '.join(request.phrase.split())
        if not phrase:
            raise SentenceError("the phrase is empty; say what to find, for example 'the red block'")
        rgb, camera, header = self.pick_image(request)
        masks: list[Mask] = []
        if request.with_mask and self.get_model('segmenter'):
            pairs = grounder.ground_masks(rgb, phrase)
            found, masks = [item for item, _ in pairs], [mask for _, mask in pairs]
        else:
            found = grounder.ground(rgb, phrase)
        response.detections = array = sight_conversions.to_found(found, rgb, header)
        for message, mask in zip(array.detections, masks):
            sight_conversions.fill_mask(message, mask.mask, header)
        array.camera, array.model, array.queries = camera, grounder.name, [phrase]
        array.processing_s = time.monotonic() - begin

    def _caption(self, request, response) -> None:
        grounder = self.get_model('grounder')
        rgb, _, header = self.pick_image(request)
        box = sight_conversions.read_region(request, rgb)
        if request.dense and box is not None:
            raise SentenceError('dense captions are of the whole image; leave either dense or has_region false')
        captions: list[GroundedCaption] = grounder.caption_dense(rgb) if request.dense else [grounder.caption(rgb, box)]
        response.captions = [sight_conversions.to_caption(caption, header) for caption in captions]


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(GrounderNode, threads=4))


if __name__ == '__main__':
    main()
