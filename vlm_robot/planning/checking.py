"""
A plan against the table of skills and the scene, before anything moves.

It knows which skills exist only from the table it is given; it judges no reach and no grasp.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from vlm_robot.datatypes import Plan, Scene, Step
from vlm_robot.errors import name_nearest, PlanError
from vlm_robot.planning.parsing import PSEUDO_SKILLS, RELEASE_SKILLS
from vlm_robot.planning.symbolic import apply
from vlm_robot.vocabulary import find_place, LOCATIONS

NEEDS_EMPTY_HAND = ('pick', 'push', 'sweep', 'unstack', 'open_drawer', 'close_drawer')


def check_plan(plan: Plan, scene: Scene, skills: Iterable[str]) -> Scene:
    """
    Return the symbolic scene at the end of the plan.

    :param skills: names of the skills that exist (``skills.SKILLS``).
    :raises PlanError: the plan is empty or does not end in ``done`` or ``refuse``, or a step names an unknown
        skill, object or place, or cannot follow the one before it.
    """
    known = tuple(skills)
    if not plan.steps:
        raise PlanError("the plan has no steps; the shortest plan is 'done'")
    for number, step in enumerate(plan.steps, 1):
        is_last = number == len(plan.steps)
        if (step.skill in PSEUDO_SKILLS) != is_last:
            raise PlanError(f"step {number} is '{step.skill}'; 'done' or 'refuse' stand last, and only there")
        try:
            _check_names(step, scene, known)
            scene = apply(step, scene)
        except PlanError as error:
            raise PlanError(f'step {number} of the plan: {error}') from error
    return scene


def _check_names(step: Step, scene: Scene, skills: Collection[str]) -> None:
    if step.skill in PSEUDO_SKILLS:
        return
    if step.skill not in skills:
        raise PlanError(f"there is no skill '{step.skill}'{name_nearest(step.skill, tuple(skills))}")
    if step.skill in NEEDS_EMPTY_HAND and scene.held:
        raise PlanError(f"the hand already holds '{scene.held}'; place it first")
    if step.target and scene.find(step.target) is None:
        raise PlanError(f"there is no '{step.target}' in the scene{name_nearest(step.target, scene.names)}")
    if step.skill == 'place_at' and find_place(step.destination) is None:
        raise PlanError(f"there is no place '{step.destination}'{name_nearest(step.destination, LOCATIONS)}")
    if step.skill in RELEASE_SKILLS and step.target != scene.held:
        raise PlanError(f"the hand holds '{scene.held or 'nothing'}', not '{step.target}'; pick it up first")
