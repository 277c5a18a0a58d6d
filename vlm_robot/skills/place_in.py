"""Place in: lay the held block into a bowl, beside or on what lies there already."""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.motions import release, SkillConfig
from vlm_robot.skills.spots import find_bowl_spot


def place_in(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Lay the held block into ``step.destination``; the scene must hold both (``execution.check_step``)."""
    plan = find_bowl_spot(scene.get(step.destination), scene)
    if not plan.fits:
        return SkillResult(
            False,
            f'there is no room for the hand in the {step.destination}: the {plan.nearest} is in the way',
        )
    return release(plan, scene.held, arm, config)
