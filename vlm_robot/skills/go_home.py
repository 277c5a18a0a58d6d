"""Go home: lift the hand clear of everything and take the arm out of the cameras' view."""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.motions import rise, SkillConfig


def go_home(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Rise and go home; what is held stays in the hand."""
    rise(arm, config)
    arm.go_home()
    return SkillResult(True)
