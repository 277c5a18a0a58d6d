"""
The symbolic kitchen: where things are, where the robot is, what each of SayCan's skills would change.

A kitchen is a ``Scene`` whose facts are relations: ``apple at table``, ``robot at user``, ``robot near apple``
(after ``find``), ``drawer is open``. The place ``drawer`` holds things inside and is out of reach while closed.
Skills follow SayCan (Ahn et al., arXiv 2204.01691): find, go to, bring, pick up, put down, open and close the
drawer. Distances are metres between the places where the robot stands. No physics, no words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import math
from types import MappingProxyType

from vlm_robot.datatypes import Relation, Scene, SceneObject, Step
from vlm_robot.errors import name_nearest, PlanError
from vlm_robot.kitchen_vocabulary import DOCKS, DRAWER, PLACES, thing_of, THINGS, USER
from vlm_robot.planning.affordance import Affordance, AffordanceConfig

ROBOT = 'robot'
NAVIGATION = ('find', 'go_to', 'bring')
SKILLS = ('find', 'go_to', 'bring', 'pick', 'put_down', 'open_drawer', 'close_drawer')
FAR = 100.0  # metres at which going somewhere counts as hopeless; SayCan's appendix has the same number
STANDS = MappingProxyType({place: pose[:2] for place, pose in DOCKS.items()})


def build_kitchen(
    places: Mapping[str, str], robot: str = USER, held: str = '', drawer_open: bool = False, stamp: float = 0.0
) -> Scene:
    """
    Return a kitchen.

    :param places: name -> place of everything that is not held.
    :param robot: where the robot stands.
    :raises PlanError: an unknown place.
    """
    for place in (*places.values(), robot):
        if place not in PLACES:
            raise PlanError(f"there is no place '{place}' in the kitchen{name_nearest(place, PLACES)}")
    names = [*places, held] if held else list(places)
    objects = tuple(
        SceneObject(name, thing_of(name), (*STANDS[places.get(name, robot)], 0.0)) for name in sorted(names)
    )
    facts = [Relation(name, 'at', place) for name, place in places.items() if name != held]
    facts += [Relation(ROBOT, 'at', robot), Relation(DRAWER, 'is', 'open' if drawer_open else 'closed')]
    return Scene(objects, _sort(facts), held, stamp)


def place_of(name: str, scene: Scene) -> str:
    """Return where a thing or the robot is; empty for what is held or unknown."""
    return next((r.object for r in scene.relations if r.subject == name and r.predicate == 'at'), '')


def is_open(scene: Scene) -> bool:
    """Return whether the drawer is open."""
    return Relation(DRAWER, 'is', 'open') in scene.relations


def is_near(name: str, scene: Scene) -> bool:
    """Return whether the robot found a thing and has not left since."""
    return Relation(ROBOT, 'near', name) in scene.relations


def explain_absence(name: str, scene: Scene) -> str:
    """Return why a name cannot be handled: it is not there, or there are several."""
    twins = [item.name for item in scene.objects if item.label == name]
    if len(twins) > 1:
        return f'there are several: {", ".join(twins)}; say which one'
    return f'there is no {name} in the kitchen'


def judge(step: Step, scene: Scene, config: AffordanceConfig = AffordanceConfig()) -> Affordance:
    """Return how likely a step would succeed here and now: presence, the hand, the drawer and the distance."""
    if step.skill in ('done', 'refuse'):
        return Affordance(getattr(config, step.skill))
    if step.skill not in SKILLS:
        return Affordance(0.0, f"there is no skill '{step.skill}' in the kitchen")
    reason = find_obstacle(step, scene)
    if reason:
        return Affordance(0.0, reason)
    if step.skill not in NAVIGATION:
        return Affordance(1.0)
    goal = place_of(step.target, scene) if step.skill == 'find' else step.destination
    distance = math.dist(STANDS[place_of(ROBOT, scene)], STANDS[goal])
    return Affordance(max(0.0, (FAR - distance) / FAR))


def judge_nothing(step: Step, scene: Scene, config: AffordanceConfig = AffordanceConfig()) -> Affordance:
    """Return 1 for every step: the ablation without a value function."""
    return Affordance(getattr(config, step.skill)) if step.skill in ('done', 'refuse') else Affordance(1.0)


def find_obstacle(step: Step, scene: Scene) -> str:
    """Return why a step cannot be done here and now; empty when it can."""
    here = place_of(ROBOT, scene)
    if step.skill in ('find', 'pick') and scene.find(step.target) is None:
        return explain_absence(step.target, scene)
    if step.skill in ('go_to', 'bring') and step.destination not in PLACES:
        return f'there is no {step.destination} in the kitchen'
    if step.skill in ('bring', 'put_down') and not scene.held:
        return 'the hand is empty'
    if step.skill in ('find', 'pick', 'open_drawer', 'close_drawer') and scene.held:
        return f'the hand already holds the {scene.held}'
    if step.skill in ('bring', 'put_down', 'go_to') and step.target not in ('', scene.held):
        return f'the hand does not hold the {step.target}'
    if step.skill == 'pick':
        return _find_pick_obstacle(step.target, here, scene)
    if step.skill == 'put_down' and here == DRAWER and not is_open(scene):
        return 'the drawer is closed'
    if step.skill in ('open_drawer', 'close_drawer') and here != DRAWER:
        return f'the drawer is not within reach from the {here}'
    return ''


def _find_pick_obstacle(name: str, here: str, scene: Scene) -> str:
    place = place_of(name, scene)
    if place != here:
        return f'the {name} is not within reach; it is at the {place}'
    if place == DRAWER and not is_open(scene):
        return f'the {name} is in the closed drawer'
    return ''


def apply(step: Step, scene: Scene) -> Scene:
    """
    Return the kitchen after a step that succeeds.

    :raises PlanError: the step cannot be done here.
    """
    if step.skill in ('done', 'refuse'):
        return scene
    if step.skill not in SKILLS:
        raise PlanError(f"there is no skill '{step.skill}' in the kitchen{name_nearest(step.skill, SKILLS)}")
    reason = find_obstacle(step, scene)
    if reason:
        raise PlanError(f'{step.skill} {step.target or step.destination}: {reason}')
    here = place_of(ROBOT, scene)
    if step.skill == 'find':
        return _change(scene, robot=place_of(step.target, scene), near=step.target)
    if step.skill in ('go_to', 'bring'):
        return _change(scene, robot=step.destination)
    if step.skill == 'pick':
        return _change(replace(scene, held=step.target), robot=here)
    if step.skill == 'put_down':
        return _change(replace(scene, held=''), robot=here, put=(scene.held, here))
    near = next((name for name in scene.names if is_near(name, scene)), '')
    return _change(scene, robot=here, near=near, drawer='open' if step.skill == 'open_drawer' else 'closed')


def contradict(step: Step, before: Scene, after: Scene) -> str:
    """Return what speaks against a step having succeeded, seen from the kitchen afterwards; empty when nothing does."""
    if find_obstacle(step, before):
        return ''
    wanted = apply(step, before)
    here, there = place_of(ROBOT, after), place_of(ROBOT, wanted)
    if here != there:
        return f'the robot is at the {here}'
    if after.held != wanted.held:
        return f'the hand holds {after.held or "nothing"}'
    if is_open(after) != is_open(wanted):
        return f'the drawer is {"open" if is_open(after) else "closed"}'
    put = before.held if step.skill == 'put_down' else ''
    if put and place_of(put, after) != there:
        return f'the {put} is at the {place_of(put, after) or "floor"}'
    return ''


def _change(scene: Scene, *, robot: str, near: str = '', put: tuple[str, str] | None = None, drawer: str = '') -> Scene:
    """Return the scene with the robot's facts written anew; what is held has no place."""
    facts = [r for r in scene.relations if r.subject not in (ROBOT, scene.held, DRAWER)]
    facts += [Relation(ROBOT, 'at', robot)]
    facts += [Relation(ROBOT, 'near', near)] if near else []
    facts += [Relation(put[0], 'at', put[1])] if put else []
    facts += [Relation(DRAWER, 'is', drawer or ('open' if is_open(scene) else 'closed'))]
    objects = tuple(
        replace(item, p_base=(*STANDS[put[1]], 0.0)) if put and item.name == put[0] else item for item in scene.objects
    )
    return replace(scene, objects=objects, relations=_sort(facts))


def _sort(facts: list[Relation]) -> tuple[Relation, ...]:
    return tuple(sorted(facts, key=lambda r: (r.subject, r.predicate, r.object)))


def list_sayable(scene: Scene) -> list[str]:
    """Return all names that can be said: what is there and every thing that could be."""
    labels = {item.label for item in scene.objects}
    return [*scene.names, *(name for name in THINGS if name not in labels)]
