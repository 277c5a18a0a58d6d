"""
SayCan: what the words say times what the robot can (Ahn et al., arXiv 2204.01691).

It knows a language model and a scene; no camera, no arm, no ROS.
"""

from __future__ import annotations

from dataclasses import dataclass

from vlm_robot.datatypes import Decision, Plan, Scene
from vlm_robot.language.language_model import LanguageModel


@dataclass(frozen=True)
class SayCanConfig:
    """How options are built, scored and refused (fields follow)."""


class SayCanPlanner:
    """
    Chooses the next skill.

    ``begin(scene)`` gives the ``History`` of a task that starts now (prompt.py); ``history.add(record)`` a longer one.
    """

    def __init__(self, model: LanguageModel, config: SayCanConfig = SayCanConfig()):
        """Keep the model; nothing is loaded here."""

    def decide(self, sentence: str, scene: Scene, history=None) -> Decision:
        """Return the chosen next step and every option with its scores, best first."""
        raise NotImplementedError

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return a whole plan by rolling the decisions out symbolically; ends in ``done`` or ``refuse``."""
        raise NotImplementedError
