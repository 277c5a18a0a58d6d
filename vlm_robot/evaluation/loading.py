"""Loads the models that a run needs, and no others, with a word on what takes long."""

from __future__ import annotations

from vlm_robot.config import AgentConfig
from vlm_robot.evaluation.describing import load_describer
from vlm_robot.evaluation.episodes import Stack
from vlm_robot.language.language_loading import load_language_model
from vlm_robot.perception.clipseg import ClipSegSegmenter
from vlm_robot.perception.owlvit import OwlVitDetector
from vlm_robot.planning.planners import build_planner, reads_descriptions
from vlm_robot.scene.memory import SceneMemory


def load_stack(config: AgentConfig, sees: bool = True) -> Stack:
    """
    Load the language model, and where the run ``sees`` the detector.

    A segmenter comes with it where lifting uses masks, a describer where the planner reads descriptions.

    :raises ModelError: a checkpoint cannot be loaded, or the language server is down.
    """
    model = load_language_model(config.language)
    detector = OwlVitDetector(config.detector) if sees else None
    memory = load_memory(config) if sees and config.memory.is_on else None
    segmenter = ClipSegSegmenter(config.segmenter) if sees and config.lifting.uses_masks else None
    describes = sees and reads_descriptions(config.planner, config.language)
    describer = load_describer(config, detector) if describes else None
    return Stack(config, model, build_planner(model, config.planner), detector, memory, segmenter, describer)


def load_memory(config: AgentConfig) -> SceneMemory:
    """Return an empty memory of what is seen, with the configured embedder; raise ModelError where it cannot load."""
    from vlm_robot.perception.clip_embedder import ClipEmbedder

    return SceneMemory(ClipEmbedder(config.clip), config.memory)
