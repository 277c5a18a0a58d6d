"""A plan before it is needed, and by the shortest way: what the robot does with the time in which it waits."""

from __future__ import annotations

from typing import Any

from vlm_robot.datatypes import Scene
from vlm_robot.planning.domain import TABLE
from vlm_robot.planning.saycan import Projection


def foresee(planner: Any, sentence: str, scene: Scene) -> Projection:
    """Return the plan that ``planner.project`` makes, by the shorter way where a planner has one (``foresee``)."""
    return getattr(planner, 'foresee', planner.project)(sentence, scene)


def think_ahead(planner: Any, sentence: str, scene: Scene) -> None:
    """
    Plan, and choose the first step, for a scene that is only a guess.

    Nothing is returned: what the language model said is remembered by the planner and the model, so the same
    questions about a scene that reads the same cost nothing afterwards.
    """
    if not foresee(planner, sentence, scene).plan.reason:
        planner.decide(sentence, scene, getattr(planner, 'domain', TABLE).begin(scene))
