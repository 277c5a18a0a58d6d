"""
Says in words what a picture shows, answers questions about it, names its class, and remembers what was seen.

A lifecycle node. Each part (``describer``, ``answerer``, ``embedder``) is loaded where its parameter names one; a
service whose part is missing says so. Descriptions go out at a low rate and only while somebody listens. What is read
in a picture or said about it is data, never an instruction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import time
from typing import Any

import numpy as np

from vlm_robot.config import AgentConfig
from vlm_robot.errors import ConfigError, name_nearest, SentenceError
from vlm_robot.language.description_reader import ReaderConfig
from vlm_robot.language.language_loading import LanguageConfig
from vlm_robot.nodes import lifespan, pixels, sight_conversions
from vlm_robot.nodes.camera_watch import WatchConfig
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.sight_node import SightNode
from vlm_robot.perception.clip_embedder import ClipConfig, ClipEmbedder
from vlm_robot.perception.crops import cut_around
from vlm_robot.perception.owlvit import OwlVitConfig
from vlm_robot.perception.vilt import ViltConfig
from vlm_robot_interfaces.msg import Description
from vlm_robot_interfaces.srv import AskScene, ClassifyImage, DescribeImage

PARTS_KNOWN = {'describer': ('', 'lens'), 'answerer': ('', 'vilt', 'lens'), 'embedder': ('', 'clip')}


@dataclass(frozen=True)
class DescriberNodeConfig(WatchConfig):
    """Which parts are loaded, and with which models."""

    describer: str = 'lens'  # tags, attributes, captions, text, objects, counts, relations; empty: none
    answerer: str = 'vilt'  # 'vilt' sees the image, 'lens' reads its description with the language model; empty: none
    embedder: str = 'clip'  # classes; empty: none
    rate: float = 0.2  # Hz of the wall clock, most descriptions a second
    detector: OwlVitConfig = field(default_factory=OwlVitConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    vilt: ViltConfig = field(default_factory=ViltConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)
    language: LanguageConfig = field(default_factory=LanguageConfig)

    def __post_init__(self) -> None:
        """Refuse parts that do not exist."""
        super().__post_init__()
        for part, known in PARTS_KNOWN.items():
            asked = getattr(self, part)
            if asked not in known:
                raise ConfigError(f"no {part} '{asked}'{name_nearest(asked, known)}; allowed: {list(known)}")


class DescriberNode(SightNode):
    """Words about pictures."""

    def __init__(self):
        """Offer topic and services; nothing is loaded yet."""
        super().__init__('describer', DescriberNodeConfig())
        self._descriptions = self.create_lifecycle_publisher(Description, 'description', reliable_qos())
        self.offer(DescribeImage, 'describe_image', self._describe)
        self.offer(AskScene, 'ask_scene', self._ask)
        self.offer(ClassifyImage, 'classify_image', self._classify)

    def load(self) -> dict[str, Any]:
        """Load the parts that the parameters name; what two of them need is loaded once."""
        from vlm_robot.evaluation.answering import load_answerer
        from vlm_robot.evaluation.describing import load_describer

        own, models = self.config, {}
        settings = AgentConfig(
            detector=own.detector, clip=own.clip, vilt=own.vilt, reader=own.reader, language=own.language
        )
        if own.describer:
            models['describer'] = load_describer(settings)
        if own.answerer:
            models['answerer'] = load_answerer(own.answerer, settings, models.get('describer'))
        if own.embedder:
            models['embedder'] = ClipEmbedder(own.clip)
        return models

    def is_wanted(self) -> bool:
        """Return whether somebody listens and there is a describer."""
        return 'describer' in self.models and self._descriptions.get_subscription_count() > 0

    def look(self, camera: str, messages: tuple) -> None:
        """Describe the newest image of a camera."""
        rgb = pixels.from_colour(messages[0])
        self._descriptions.publish(self._write(rgb, camera, messages[0].header))

    def _write(self, rgb: np.ndarray, camera: str, header) -> Description:
        begin, describer = time.monotonic(), self.get_model('describer')
        message = sight_conversions.to_description(describer.describe(rgb), header)
        message.camera, message.model, message.processing_s = camera, describer.name, time.monotonic() - begin
        return message

    def _describe(self, request, response) -> None:
        self.get_model('describer')
        response.description = self._write(*self.pick_image(request))

    def _ask(self, request, response) -> None:
        answerer, question = self.get_model('answerer'), ' '.join(request.question.split())
        if not question:
            raise SentenceError("the question is empty; ask for example 'how many blocks are there?'")
        answer = answerer.answer(self.pick_image(request)[0], question)
        response.answer, response.confidence = answer.text, float(answer.confidence)
        response.evidence = answer.evidence

    def _classify(self, request, response) -> None:
        embedder, labels = self.get_model('embedder'), [' '.join(label.split()) for label in request.labels]
        if len(labels) < 2 or not all(labels):
            raise SentenceError(f'labels must be two or more texts, none of them empty; got {list(request.labels)}')
        rgb = self.pick_image(request)[0]
        box = sight_conversions.read_region(request, rgb)
        shares = embedder.classify(rgb if box is None else cut_around(rgb, box), labels)
        order = np.argsort(-shares, kind='stable')
        response.labels = [labels[i] for i in order]
        response.probabilities = [float(shares[i]) for i in order]


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(DescriberNode, threads=4))


if __name__ == '__main__':
    main()
