"""
The kitchen's skills on a mobile arm: drive to a dock, take, put down, pull and push the drawer.

Scene positions are in the map frame; the hand works in the frame of the arm's foot, whose z = 0 is the height of
every surface. Grasps come from above, across the thin side of a thing, at a height at which the palm stays clear.
It knows no simulator and no language; expected failures are results with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
import math

from vlm_robot.datatypes import Scene, SceneObject, SkillResult, Step
from vlm_robot.errors import MotionBlocked, MotionCancelled, MotionError, PlanError
from vlm_robot.kitchen_vocabulary import (
    BIN_AHEAD,
    DOCKS,
    DRAWER,
    DRAWER_FLOOR,
    DRAWER_SLOTS,
    DRAWER_TRAVEL,
    KNOB_AHEAD,
    SLOTS,
    TRASH,
)
from vlm_robot.robot.arm import Arm
from vlm_robot.robot.base import Base, CancellableBase
from vlm_robot.robot.safety import CancellableArm, SafeArm, SafetyConfig
from vlm_robot.skills.grasping import Grasp, point_down
from vlm_robot.skills.motions import give_up, raise_to, release, rise, SkillConfig, take

KITCHEN_SKILLS = SkillConfig(travel_z=0.31, missed_width=0.015, holding_width=0.072)  # things 2.4 to 6.2 cm wide
PALM = 0.030  # metres below a thing's top at which it is held; the palm is 47 mm above the tool point
LOWEST = 0.014  # metres above what a thing stands on, the lowest tool point
LET_GO_RISE = 0.004  # metres above contact from which things are let go
KNOB_Z = 0.030  # metres, tool height at the drawer's knob
BIN_Z = 0.13  # metres, tool height over the bin
APART = 0.155  # metres between things that stand beside each other; a hand with open fingers fits between
PULL_SPEED = 0.20  # m/s


@dataclass(frozen=True)
class KitchenRobot:
    """An arm on a base."""

    arm: Arm
    base: Base


def execute_kitchen(
    step: Step,
    scene: Scene,
    robot: KitchenRobot,
    config: SkillConfig = KITCHEN_SKILLS,
    is_cancelled: Callable[[], bool] | None = None,
) -> SkillResult:
    """
    Carry out one kitchen step and return how it went; block until everything is at rest.

    :param scene: positions in the map frame; relations say where things and robot are.
    :param is_cancelled: once true, arm and base halt where they are and the result has ``cancelled=True``.
    :raises PlanError: the skill's name is not known.
    """
    if step.skill in ('done', 'refuse'):
        return SkillResult(True, f'{step.skill} moves nothing')
    if step.skill not in _FUNCTIONS:
        raise PlanError(f"there is no kitchen skill '{step.skill}'; allowed: {sorted(_FUNCTIONS)}")
    low = DRAWER_FLOOR + LOWEST - 0.002 if _place(scene, 'robot') == DRAWER else SafetyConfig.z_min
    arm: Arm = SafeArm(robot.arm, replace(config.safety, z_min=low))
    base = robot.base
    if is_cancelled is not None:
        arm, base = CancellableArm(arm, is_cancelled), CancellableBase(base, is_cancelled)
    try:
        return _FUNCTIONS[step.skill](step, scene, KitchenRobot(arm, base), config)
    except MotionCancelled as error:
        return SkillResult(False, f'{step.skill} was cancelled: {error}', cancelled=True)
    except MotionError as error:
        return _retreat(arm, config, f'{step.skill} failed: {error}')


def _find(step: Step, scene: Scene, robot: KitchenRobot, config: SkillConfig) -> SkillResult:
    place = _place(scene, step.target)
    if place not in DOCKS:
        return SkillResult(False, f'the {step.target} is nowhere within reach')
    robot.base.go_to(DOCKS[place])
    return SkillResult(True, f'at the {place}')


def _go_to(step: Step, scene: Scene, robot: KitchenRobot, config: SkillConfig) -> SkillResult:
    if step.destination not in DOCKS:
        return SkillResult(False, f'there is no {step.destination}')
    robot.base.go_to(DOCKS[step.destination])
    return SkillResult(True, f'at the {step.destination}')


def _pick(step: Step, scene: Scene, robot: KitchenRobot, config: SkillConfig) -> SkillResult:
    item = scene.find(step.target)
    if item is None or scene.held:
        return SkillResult(False, f'there is no {step.target}' if item is None else f'the hand holds {scene.held}')
    x, y, yaw = to_foot(robot.base, item)
    bottom = item.p_base[2] - item.size[2] / 2
    height = bottom + hold_height(item)
    return take(Grasp(point_down((x, y, height), yaw + math.pi / 2), config.open_width), item.name, robot.arm, config)


def _put_down(step: Step, scene: Scene, robot: KitchenRobot, config: SkillConfig) -> SkillResult:
    item = scene.find(scene.held) if scene.held else None
    if item is None:
        return SkillResult(False, 'the hand is empty')
    place = _place(scene, 'robot')
    if place == TRASH:
        return _drop(item, robot, config)
    spot = find_free_slot(place, scene)
    if spot is None:
        return SkillResult(False, f'there is no room at the {place}')
    floor = DRAWER_FLOOR if place == DRAWER else 0.0
    height = floor + hold_height(item) + LET_GO_RISE
    grasp = Grasp(point_down((*spot, height), math.pi / 2), config.open_width, press=2 * LET_GO_RISE)
    return release(grasp, item.name, robot.arm, config)


def _drop(item: SceneObject, robot: KitchenRobot, config: SkillConfig) -> SkillResult:
    arm = robot.arm
    rise(arm, config)
    over = point_down((BIN_AHEAD, 0.0, config.travel_z), math.pi / 2)
    arm.move_to(over, config.travel_speed)
    arm.move_to(raise_to(over, BIN_Z), config.approach_speed)
    arm.set_gripper(config.open_width, config.grip_force)
    rise(arm, config)
    arm.go_home()
    return SkillResult(True)


def _open_drawer(step: Step, scene: Scene, robot: KitchenRobot, config: SkillConfig) -> SkillResult:
    return _slide(KNOB_AHEAD, KNOB_AHEAD - DRAWER_TRAVEL, scene, robot, config)


def _close_drawer(step: Step, scene: Scene, robot: KitchenRobot, config: SkillConfig) -> SkillResult:
    return _slide(KNOB_AHEAD - DRAWER_TRAVEL, KNOB_AHEAD, scene, robot, config)


def _slide(start: float, end: float, scene: Scene, robot: KitchenRobot, config: SkillConfig) -> SkillResult:
    """Take the drawer by its knob and move it, unless it is there already."""
    arm = robot.arm
    if ('open' if end < start else 'closed') in {r.object for r in scene.relations if r.subject == DRAWER}:
        return SkillResult(True, 'it is so already')
    over = point_down((start, 0.0, config.travel_z), math.pi / 2)
    rise(arm, config)
    arm.move_to(over, config.travel_speed)
    arm.set_gripper(config.open_width, config.grip_force)
    arm.move_to(raise_to(over, KNOB_Z), config.approach_speed)
    if arm.set_gripper(0.0, 2 * config.grip_force) < config.missed_width:
        return give_up(arm, config, 'the fingers missed the knob of the drawer')
    try:
        arm.move_to(point_down((end, 0.0, KNOB_Z), math.pi / 2), PULL_SPEED)
    except MotionBlocked as error:
        return give_up(arm, config, f'the drawer is stuck: {error}')
    arm.set_gripper(config.open_width, config.grip_force)
    rise(arm, config)
    arm.go_home()
    return SkillResult(True)


def _go_home(step: Step, scene: Scene, robot: KitchenRobot, config: SkillConfig) -> SkillResult:
    rise(robot.arm, config)
    robot.arm.go_home()
    return SkillResult(True)


_FUNCTIONS: dict[str, Callable[[Step, Scene, KitchenRobot, SkillConfig], SkillResult]] = {
    'find': _find,
    'go_to': _go_to,
    'bring': _go_to,
    'pick': _pick,
    'put_down': _put_down,
    'go_home': _go_home,
    'open_drawer': _open_drawer,
    'close_drawer': _close_drawer,
}


def to_foot(base: Base, item: SceneObject) -> tuple[float, float, float]:
    """Return x, y in metres and yaw in radians of a thing in the frame of the arm's foot."""
    x, y, yaw = base.pose()
    dx, dy = item.p_base[0] - x, item.p_base[1] - y
    c, s = math.cos(yaw), math.sin(yaw)
    return c * dx + s * dy, c * dy - s * dx, item.yaw - yaw


def hold_height(item: SceneObject) -> float:
    """Return metres above its bottom at which a thing is held."""
    return max(LOWEST, item.size[2] - PALM)


def find_free_slot(place: str, scene: Scene) -> tuple[float, float] | None:
    """Return a free spot of a place in its dock's frame, in metres; None says that it is full."""
    x, y, yaw = DOCKS[place]
    c, s = math.cos(yaw), math.sin(yaw)
    others = [item.p_base for item in scene.objects if item.name != scene.held]
    best, room = None, 0.0
    for ahead, aside in DRAWER_SLOTS if place == DRAWER else SLOTS:
        spot = (x + c * ahead - s * aside, y + s * ahead + c * aside)
        gap = min((math.dist(spot, other[:2]) for other in others), default=1.0)
        if gap >= APART:
            return ahead, aside
        if gap > room:
            best, room = (ahead, aside), gap
    return best if room > 0.8 * APART else None


def _place(scene: Scene, name: str) -> str:
    return next((r.object for r in scene.relations if r.subject == name and r.predicate == 'at'), '')


def _retreat(arm: Arm, config: SkillConfig, reason: str) -> SkillResult:
    """Leave the surface after a refused or blocked move, with whatever is in the hand; return the failure."""
    try:
        rise(arm, config)
        arm.go_home()
    except MotionError as error:
        reason = f'{reason}; and the arm could not go home: {error}'
    return SkillResult(False, reason)
