"""Place at: set the held block down at a named place of the table, or beside it where it is taken."""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.motions import release, SkillConfig
from vlm_robot.skills.spots import find_table_spot
from vlm_robot.vocabulary import find_place


def place_at(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Set the held block down at ``step.destination``, a location or a spot of the table."""
    place = find_place(step.destination)
    if place is None:
        return SkillResult(False, f"there is no place '{step.destination}' on the table")
    plan = find_table_spot(place, scene, config.free_spot_radius)
    if not plan.fits:
        reach = f'{100 * config.free_spot_radius:.0f} cm'
        reason = f'the {step.destination} is taken: no free spot within {reach} beside the {plan.nearest}'
        return SkillResult(False, reason)
    return release(plan, scene.held, arm, config)
