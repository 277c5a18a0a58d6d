"""Put the describer together as the settings say; only what it uses is loaded."""

from __future__ import annotations

from vlm_robot.config import AgentConfig
from vlm_robot.perception.describer import LensDescriber
from vlm_robot.perception.detector import Detector
from vlm_robot.perception.sight import Grounder


def load_describer(
    config: AgentConfig | None = None, detector: Detector | None = None, grounder: Grounder | None = None
) -> LensDescriber:
    """
    Return who says in text what a picture shows.

    :param detector: used instead of loading the configured one; likewise ``grounder``, for captions.
    :raises ModelError: a model cannot be loaded.
    """
    config = config or AgentConfig()
    chosen = config.describer
    return LensDescriber(
        detector or _load_detector(config),
        _load_tagger(config) if chosen.tags else None,
        _load_reader(config) if chosen.writing else None,
        _load_captioner(config, grounder) if chosen.captions != 'none' else None,
        config.queries,
        chosen,
    )


def _load_detector(config: AgentConfig) -> Detector:
    from vlm_robot.perception.owlvit import OwlVitDetector

    return OwlVitDetector(config.detector)


def _load_tagger(config: AgentConfig):
    from vlm_robot.perception.clip_embedder import ClipEmbedder
    from vlm_robot.perception.tagging import Tagger

    return Tagger(ClipEmbedder(config.clip), config.tagging)


def _load_reader(config: AgentConfig):
    from vlm_robot.perception.ocr import TextReader

    return TextReader(config.ocr)


def _load_captioner(config: AgentConfig, grounder: Grounder | None):
    from vlm_robot.perception.captioner import Captioner, CaptionerConfig
    from vlm_robot.perception.pixel_llm.grounder import PixelLlm

    if config.describer.captioner:
        return Captioner(CaptionerConfig(model=config.describer.captioner, device=config.clip.device))
    return grounder or PixelLlm(config.grounder)
