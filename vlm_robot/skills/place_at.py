from __future__ import annotations

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.motions import SkillConfig


def place_at(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    raise NotImplementedError
