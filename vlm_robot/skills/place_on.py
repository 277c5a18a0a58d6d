"""Place on: set the held block squarely on top of another block."""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.grasping import find_bowl_around, opening_yaws, plan_release, snap_height
from vlm_robot.skills.motions import release, SkillConfig
from vlm_robot.vocabulary import BLOCK_SIZE


def place_on(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Set the held block on ``step.destination``; the scene must hold both (``execution.check_step``)."""
    below = scene.get(step.destination)
    x, y, z = below.p_base
    if not find_bowl_around(below.p_base, scene.objects):
        z = snap_height(z)
    plan = plan_release((x, y, z + BLOCK_SIZE), opening_yaws(below.yaw), scene, below.name)
    if not plan.fits:
        return SkillResult(
            False,
            f'there is no room for the hand above the {step.destination}: the {plan.nearest} is too near',
        )
    return release(plan, scene.held, arm, config)
