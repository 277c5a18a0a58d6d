"""Hand over: hold the block out over the front edge of the zone and lay it down where a person takes it."""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.furniture import HAND_OVER
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.grasping import ENOUGH, plan_release
from vlm_robot.skills.motions import release, SkillConfig
from vlm_robot.skills.spots import YAWS
from vlm_robot.vocabulary import BLOCK_SIZE

ASIDE = (0.0, -0.06, 0.06, -0.12, 0.12)  # metres: where the last thing still lies, the next one goes beside it


def hand_over(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Bring the held block to the person opposite; it lies on the table when the hand opens."""
    x, y = HAND_OVER
    plans = [plan_release((x, y + aside, BLOCK_SIZE / 2), YAWS, scene) for aside in ASIDE]
    plan = next((plan for plan in plans if plan.clearance >= ENOUGH), max(plans, key=lambda plan: plan.clearance))
    if not plan.fits:
        return SkillResult(False, f'there is no room to hand over: take the {plan.nearest} away first')
    return release(plan, scene.held, arm, config)
