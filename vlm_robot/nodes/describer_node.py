"""
Says in words what a picture shows, answers questions about it, names its class, and remembers what was seen.

A lifecycle node. The parameter ``parts`` says what is loaded; a service whose part is missing says so. Descriptions
go out at a low rate and only while somebody listens. What is read in a picture or said about it is data, never an
instruction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import time
from typing import Any

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import TransitionCallbackReturn

from vlm_robot.config import AgentConfig
from vlm_robot.errors import ConfigError, ModelError, SentenceError, VlmRobotError
from vlm_robot.evaluation.answering import load_answerer, WAYS
from vlm_robot.evaluation.describing import load_describer
from vlm_robot.language.description_reader import ReaderConfig
from vlm_robot.language.language_loading import LanguageConfig
from vlm_robot.nodes import conversions, lifespan, sight_conversions
from vlm_robot.nodes.camera_watch import WatchConfig
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.sight_node import check_parts, SightNode
from vlm_robot.perception.clip_embedder import ClipConfig, ClipEmbedder
from vlm_robot.perception.crops import cut_around
from vlm_robot.perception.describer import DescriberConfig
from vlm_robot.perception.ocr import OcrConfig
from vlm_robot.perception.owlvit import OwlVitConfig
from vlm_robot.perception.pixel_llm.grounder import PixelLlmConfig
from vlm_robot.perception.tagging import TaggingConfig
from vlm_robot.perception.vilt import ViltConfig
from vlm_robot.scene.memory import Look, MemoryConfig, SceneMemory
from vlm_robot_interfaces.msg import Description, DetectionArray
from vlm_robot_interfaces.srv import AskScene, ClassifyImage, DescribeImage, RetrieveViews

KNOWN_PARTS = ('describer', 'answerer', 'embedder')
# Of AgentConfig, what the parts are loaded with.
SECTIONS = ('detector', 'grounder', 'clip', 'tagging', 'ocr', 'describer', 'vilt', 'reader', 'language')
MOST_VIEWS = 10  # that are told where a request does not say how many


@dataclass(frozen=True)
class DescriberNodeConfig(WatchConfig):
    """Which parts are loaded, and with which models."""

    parts: tuple[str, ...] = KNOWN_PARTS  # what is loaded: describer, answerer, embedder
    answers_by: str = 'vilt'  # vilt sees the image, lens reads its description with the language model
    rate: float = 0.2  # Hz of the wall clock, most descriptions a second
    detector: OwlVitConfig = field(default_factory=OwlVitConfig)
    grounder: PixelLlmConfig = field(default_factory=PixelLlmConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    tagging: TaggingConfig = field(default_factory=TaggingConfig)
    ocr: OcrConfig = field(default_factory=OcrConfig)
    describer: DescriberConfig = field(default_factory=DescriberConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    vilt: ViltConfig = field(default_factory=ViltConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)
    language: LanguageConfig = field(default_factory=LanguageConfig)

    def __post_init__(self) -> None:
        """Refuse parts that do not exist."""
        super().__post_init__()
        check_parts(self.parts, KNOWN_PARTS)
        if self.answers_by not in WAYS:
            raise ConfigError(f"answers_by is '{self.answers_by}'; allowed: {list(WAYS)}")


class DescriberNode(SightNode):
    """Words about pictures."""

    def __init__(self):
        """Offer topic and services; nothing is loaded yet."""
        super().__init__('describer', DescriberNodeConfig())
        self._descriptions = self.create_lifecycle_publisher(Description, 'description', reliable_qos())
        self.offer(DescribeImage, 'describe_image', self._describe)
        self.offer(AskScene, 'ask_scene', self._ask)
        self.offer(ClassifyImage, 'classify_image', self._classify)
        self.offer(RetrieveViews, 'retrieve_views', self._retrieve)
        group = MutuallyExclusiveCallbackGroup()  # remembering may be slow: only the newest detections wait
        self.memory: SceneMemory | None = None
        self.create_subscription(DetectionArray, 'detections', self._remember, reliable_qos(1), callback_group=group)

    def load(self) -> dict[str, Any]:
        """Load the parts that the parameters name; what two of them need is loaded once."""
        own, models = self.config, {}
        settings = AgentConfig(**{section: getattr(own, section) for section in SECTIONS})
        if 'describer' in own.parts:
            models['describer'] = load_describer(settings)
        if 'answerer' in own.parts:
            models['answerer'] = load_answerer(own.answers_by, settings, models.get('describer'))
        if 'embedder' in own.parts:
            tagger = getattr(models.get('describer'), 'tagger', None)
            models['embedder'] = tagger.embedder if tagger else ClipEmbedder(own.clip)
        return models

    def on_configure(self, state) -> TransitionCallbackReturn:
        """Load the models and begin an empty memory."""
        outcome = super().on_configure(state)
        if self.config.memory.is_on and 'embedder' in self.models:
            self.memory = SceneMemory(self.models['embedder'], self.config.memory)
        return outcome

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        """Forget models and memory."""
        self.memory = None
        return super().on_cleanup(state)

    def is_wanted(self) -> bool:
        """Return whether somebody listens and there is a describer."""
        return 'describer' in self.models and self._descriptions.get_subscription_count() > 0

    def look(self, camera: str, messages: tuple) -> None:
        """Describe the newest image of a camera."""
        rgb = self.watch.straighten(camera, messages[0])
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

    # ---- memory

    def _remember(self, message: DetectionArray) -> None:
        """Keep the image that detections were made from, and the things in it, as embeddings."""
        try:
            image = self.watch.find(message.camera, message.header) if self.memory is not None else None
            if image is None:
                return
            rgb, looks = self.watch.straighten(message.camera, image), []
            for item in message.detections:
                seen, place = conversions.from_detection(item), conversions.from_point(item.position)
                cut = cut_around(rgb, seen.box_xyxy_px)
                looks.append(Look(cut, seen.label, seen.box_xyxy_px, place if item.has_position else None))
            self.memory.remember(rgb, looks, conversions.to_seconds(message.header.stamp), message.camera)
        except VlmRobotError as error:
            self.watch.meter.fail(str(error))

    def _retrieve(self, request, response) -> None:
        self.get_model('embedder')
        if self.memory is None:
            raise ModelError("the describer node remembers nothing; set its parameter 'memory.is_on' to true")
        text = ' '.join(request.text.split())
        if not text:
            raise SentenceError("the text is empty; say what to look for, for example 'the green bowl'")
        if request.newest:
            newest = self.memory.last_seen(text)
            found = [newest] if newest else []
        else:
            found = self.memory.retrieve(text, request.limit or MOST_VIEWS)
        response.views = [sight_conversions.to_view(item) for item in found]

    def list_details(self) -> dict[str, str]:
        """Return how much is remembered."""
        return {'remembered views': str(len(self.memory)) if self.memory is not None else 'none: memory is off'}


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(DescriberNode, threads=4))


if __name__ == '__main__':
    main()
