"""
Carries out one step: checks it against the table and the scene, guards the arm, turns failures into reasons.

It knows neither cameras nor language; the scene it is given is what it believes.
"""

from __future__ import annotations

from collections.abc import Callable

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.errors import MotionCancelled, MotionError, name_nearest, PlanError
from vlm_robot.furniture import describe_opening, DIRECTIONS, DRAWER, find_region, is_open
from vlm_robot.robot.arm import Arm
from vlm_robot.robot.safety import CancellableArm, SafeArm
from vlm_robot.skills.grasping import find_cover, find_drawer_around
from vlm_robot.skills.motions import is_holding, rise, SkillConfig
from vlm_robot.skills.table import SKILLS, SkillSpec
from vlm_robot.vocabulary import AREAS, find_place, LOCATIONS, shape_of

PSEUDO_SKILLS = ('done', 'refuse')  # decisions of a planner that move nothing

CONTAINERS = ('bowl', DRAWER)
# Destinations that are no objects: what knows them, and the words to suggest.
PLACES: dict[str, tuple[Callable[[str], object], tuple[str, ...]]] = {
    'location': (find_place, tuple(LOCATIONS)),
    'region': (find_region, (*LOCATIONS, *AREAS)),
    'direction': (lambda word: word in DIRECTIONS or find_place(word), (*DIRECTIONS, *LOCATIONS)),
}


def execute(
    step: Step,
    scene: Scene,
    arm: Arm,
    config: SkillConfig | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    look: Callable[[], Scene] | None = None,
) -> SkillResult:
    """
    Carry out one step and return how it went; block until the arm is at rest.

    After a success the arm is at home (with the block in its hand after ``pick``), so that the cameras see
    the whole table. The caller keeps ``Scene.held`` true: see ``held_after``.

    :param step: skill, target, destination; ``done`` and ``refuse`` succeed and move nothing.
    :param scene: positions in the base frame, ``held`` as the hand is now.
    :param arm: any Arm; it is wrapped by ``SafeArm(arm, config.safety)`` unless it is one.
    :param is_cancelled: asked before each motion and every 5 ms in one; once true, the arm
        halts where it is and the result has ``cancelled=True``; ``arm.stop()`` does the same.
    :param look: returns the scene as it is then; skills of several rounds look before each further round, and
        do only one where they cannot.
    :return: expected failures (unknown object, missed grasp, no room, unreachable) as a reason, never raised.
    :raises PlanError: the skill's name is not in the table.
    """
    config = config or SkillConfig()
    reason = check_step(step, scene)
    if reason:
        return SkillResult(False, reason)
    if step.skill in PSEUDO_SKILLS:
        return SkillResult(True, f'{step.skill} moves nothing')
    spec = SKILLS[step.skill]
    guarded: Arm = arm if isinstance(arm, SafeArm) else SafeArm(arm, config.safety)
    if is_cancelled is not None:
        guarded = CancellableArm(guarded, is_cancelled)
    try:
        return _do_rounds(step, scene, lambda now: spec.function(step, now, guarded, config), look)
    except MotionCancelled as error:
        return SkillResult(False, f'{step.skill} was cancelled: {error}', cancelled=True)
    except MotionError as error:
        return _retreat(guarded, config, f'{step.skill} failed: {error}')


def check_step(step: Step, scene: Scene) -> str:
    """
    Return why the step cannot be tried in this scene; empty when it can.

    :raises PlanError: the skill's name is not in the table.
    """
    if step.skill in PSEUDO_SKILLS:
        return ''
    if step.skill not in SKILLS:
        known = (*SKILLS, *PSEUDO_SKILLS)
        raise PlanError(f"there is no skill '{step.skill}'{name_nearest(step.skill, known)}")
    spec = SKILLS[step.skill]
    return _check_hand(spec, step, scene) or _check_target(spec, step, scene) or _check_destination(spec, step, scene)


def _do_rounds(
    step: Step, scene: Scene, do: Callable[[Scene], SkillResult], look: Callable[[], Scene] | None
) -> SkillResult:
    """Do a skill once, or with a look after every round until it is over."""
    spec, result = SKILLS[step.skill], do(scene)
    if look is None or spec.is_over is None:
        return result
    for _ in range(spec.rounds - 1):
        now = look()
        if not result.success or spec.is_over(step, now):
            return result
        result = do(now)
    if result.success and not spec.is_over(step, look()):
        return SkillResult(False, f'after {spec.rounds} rounds the {step.target} is not done; look again and retry')
    return result


def held_after(step: Step, held: str, gripper_width: float, config: SkillConfig | None = None) -> str:
    """
    Return the name of what the hand holds after a step, from the step and the fingers alone.

    :param held: what was held before the step.
    :param gripper_width: metres, ``arm.gripper_width()`` after the step, however it ended.
    """
    if not is_holding(gripper_width, config or SkillConfig()):
        return ''
    return step.target if step.skill == 'pick' else held


def _check_hand(spec: SkillSpec, step: Step, scene: Scene) -> str:
    if spec.hand == 'empty' and scene.held:
        return f'the hand already holds the {scene.held}; place it first'
    if spec.hand == 'holding' and not scene.held:
        return f'the hand is empty; pick the {step.target or "block"} first'
    if spec.hand == 'holding' and step.target not in ('', scene.held):
        return f'the hand holds the {scene.held}, not the {step.target}; place it first'
    return ''


def _check_target(spec: SkillSpec, step: Step, scene: Scene) -> str:
    if spec.hand != 'empty' or not spec.target:
        return ''
    target = scene.find(step.target)
    if target is None:
        return f"there is no '{step.target}' in the scene{name_nearest(step.target, scene.names)}"
    if shape_of(target.label) != spec.target:
        return f'the {step.target} is no {spec.target}; {spec.name} takes a {spec.target}'
    drawer = find_drawer_around(target.p_base, scene.objects) if spec.target == 'block' else None
    if drawer and not is_open(drawer.p_base):
        return f'the {step.target} lies in the {drawer.name}, which is not open; open it first'
    cover = find_cover(target, scene.objects) if spec.needs_clear_target else None
    return f'the {cover.name} lies on the {step.target}; move it first' if cover else ''


def _check_destination(spec: SkillSpec, step: Step, scene: Scene) -> str:
    if not spec.destination:
        return ''
    if spec.destination in PLACES:
        is_known, words = PLACES[spec.destination]
        if is_known(step.destination):
            return ''
        return f"there is no place '{step.destination}' on the table{name_nearest(step.destination, words)}"
    destination = scene.find(step.destination)
    if destination is None:
        return f"there is no '{step.destination}' in the scene{name_nearest(step.destination, scene.names)}"
    if step.destination == scene.held:
        return f'the {scene.held} is in the hand and cannot be its own destination'
    shapes = CONTAINERS if spec.destination == 'container' else (spec.destination,)
    if shape_of(destination.label) not in shapes:
        allowed = ' or '.join(shapes)
        return f'the {step.destination} is no {allowed}; {spec.name} needs a {allowed}'
    if shape_of(destination.label) == DRAWER and not is_open(destination.p_base):
        return f'the {step.destination} is {describe_opening(destination.p_base)}; open it first'
    others = [item for item in scene.objects if item.name != scene.held]
    cover = find_cover(destination, others) if spec.destination == 'block' else None
    return f'the {cover.name} already lies on the {step.destination}; move it first' if cover else ''


def _retreat(arm: Arm, config: SkillConfig, reason: str) -> SkillResult:
    """Leave the table after a refused or blocked move, with whatever is in the hand; return the failure."""
    try:
        rise(arm, config)
        arm.go_home()
    except MotionCancelled as error:
        return SkillResult(False, f'{reason}; cancelled on the way home: {error}', cancelled=True)
    except MotionError as error:
        reason = f'{reason}; and the arm could not go home: {error}'
    return SkillResult(False, reason)
