"""Unstack: take the topmost block of a stack off and set it down on the nearest free spot of the table."""

from __future__ import annotations

from dataclasses import replace

from vlm_robot.datatypes import Scene, SceneObject, SkillResult, Step
from vlm_robot.errors import MotionCancelled, MotionError
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.grasping import find_cover, plan_grasp
from vlm_robot.skills.motions import give_up, release, SkillConfig, take
from vlm_robot.skills.spots import find_free_spot
from vlm_robot.vocabulary import BLOCK_SIZE


def unstack(step: Step, scene: Scene, arm: Arm, config: SkillConfig) -> SkillResult:
    """Clear ``step.target`` of what lies on it, topmost first; where nothing does, take it off what it lies on."""
    top = find_top(scene.get(step.target), scene)
    if top.name == step.target and top.p_base[2] < BLOCK_SIZE:
        return SkillResult(False, f'nothing lies on the {step.target}, and it lies on nothing')
    grasp = plan_grasp(top, scene)
    if not grasp.fits:
        return SkillResult(False, f'there is no room for the fingers around the {top.name}: see the {grasp.nearest}')
    spot = find_free_spot(top.p_base, replace(scene, held=top.name))
    if not spot.fits:
        return SkillResult(False, f'there is no free spot on the table for the {top.name}')
    taken = take(grasp, top.name, arm, config)
    if not taken.success:
        return taken
    try:
        return release(spot, top.name, arm, config)
    except MotionCancelled:
        raise
    except MotionError as error:
        return give_up(arm, config, f'the {top.name} could not be set down: {error}')


def find_top(item: SceneObject, scene: Scene) -> SceneObject:
    """Return the topmost block of the stack above a block, or the block itself."""
    above = find_cover(item, scene.objects)
    while above is not None:
        item, above = above, find_cover(above, scene.objects)
    return item


def is_unstacked(step: Step, scene: Scene) -> bool:
    """Return whether nothing lies on the target any more."""
    target = scene.find(step.target)
    return target is None or find_cover(target, scene.objects) is None
