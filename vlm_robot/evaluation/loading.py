"""Loads the models that a run needs, and no others, with a word on what takes long."""

from __future__ import annotations

from vlm_robot.config import AgentConfig
from vlm_robot.evaluation.episodes import Stack
from vlm_robot.language.language_loading import load_language_model
from vlm_robot.perception.owlvit import OwlVitDetector
from vlm_robot.planning.planners import build_planner


def load_stack(config: AgentConfig, sees: bool = True) -> Stack:
    """
    Load the language model, and the detector where the run ``sees``.

    :raises ModelError: a checkpoint cannot be loaded, or the language server is down.
    """
    model = load_language_model(config.language)
    detector = OwlVitDetector(config.detector) if sees else None
    return Stack(config, model, build_planner(model, config.planner), detector)
