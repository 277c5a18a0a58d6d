"""
Carries out one step: checks it against the table and the scene, guards the arm, turns failures into reasons.

It knows neither cameras nor language; the scene it is given is what it believes.
"""

from __future__ import annotations

from collections.abc import Callable

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.motions import SkillConfig


def execute(
    step: Step,
    scene: Scene,
    arm: Arm,
    config: SkillConfig | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> SkillResult:
    """
    Carry out one step and return how it went; block until the arm is at rest.

    After a success the arm is at home (with the block in its hand after ``pick``), so that the cameras see the
    whole table. The caller keeps ``Scene.held`` true: see ``held_after``.

    :param step: skill, target, destination; ``done`` and ``refuse`` succeed and move nothing.
    :param scene: positions in the base frame, ``held`` as the hand is now.
    :param arm: any Arm; it is wrapped by ``SafeArm(arm, config.safety)`` unless it is one.
    :param is_cancelled: asked before every motion and about every 20 ms during one; once true, the arm halts
        where it is and the result has ``cancelled=True``. ``arm.stop()`` from another thread does the same.
    :return: expected failures (unknown object, missed grasp, no room, unreachable) as a reason, never raised.
    :raises PlanError: the skill's name is not in the table.
    """
    raise NotImplementedError


def check_step(step: Step, scene: Scene) -> str:
    """
    Return why the step cannot be tried in this scene; empty when it can.

    :raises PlanError: the skill's name is not in the table.
    """
    raise NotImplementedError


def held_after(step: Step, held: str, gripper_width: float, config: SkillConfig | None = None) -> str:
    """
    Return the name of what the hand holds after a step, from the step and the fingers alone.

    :param held: what was held before the step.
    :param gripper_width: metres, ``arm.gripper_width()`` after the step, however it ended.
    """
    raise NotImplementedError
