"""Pick: take a block from above and carry it home, so that the cameras see the table again."""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.grasping import plan_grasp
from vlm_robot.skills.motions import SkillConfig, take


def pick(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Take ``step.target``; the scene must hold it (``execution.check_step``)."""
    grasp = plan_grasp(scene.get(step.target), scene)
    if not grasp.fits:
        return SkillResult(
            False,
            f'there is no room for the fingers around the {step.target}: the {grasp.nearest} is too near',
        )
    return take(grasp, step.target, arm, config)
