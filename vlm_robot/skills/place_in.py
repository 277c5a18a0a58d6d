"""Place in: lay the held block into a bowl or an open drawer, beside or on what lies there already."""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.furniture import DRAWER
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.motions import release, SkillConfig
from vlm_robot.skills.spots import find_bowl_spot, find_drawer_spot
from vlm_robot.vocabulary import shape_of


def place_in(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Lay the held block into ``step.destination``; the scene must hold both (``execution.check_step``)."""
    around = scene.get(step.destination)
    if shape_of(around.label) == DRAWER:
        plan = find_drawer_spot(around, scene)
        if not plan.fits:
            return SkillResult(False, f'the {step.destination} is full: the {plan.nearest} is in the way')
        return release(plan, scene.held, arm, config)
    plan = find_bowl_spot(around, scene)
    if not plan.fits:
        return SkillResult(
            False,
            f'there is no room for the hand in the {step.destination}: the {plan.nearest} is in the way',
        )
    return release(plan, scene.held, arm, config)
