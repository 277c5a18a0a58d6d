"""
The kitchen's expert: what to do next for a list of goals; it acts in training data and as the suite's ceiling.

A goal is (relation, thing, place): ``at``, ``hold``, ``find``, ``free`` (let go of it), ``robot``, ``open``,
``closed`` or ``refuse``. Goals are worked on in order; one that is true already is skipped.
"""

from __future__ import annotations

from vlm_robot.datatypes import Plan, Scene, Step
from vlm_robot.kitchen_vocabulary import DRAWER, USER
from vlm_robot.planning import kitchen
from vlm_robot.planning.kitchen import find_obstacle, is_near, is_open, place_of, ROBOT

Goal = tuple[str, str, str]
LONGEST = 24  # steps


def is_true(goal: Goal, scene: Scene) -> bool:
    """Return whether a goal holds in the kitchen; refusals never do."""
    relation, name, place = goal
    return {
        'at': place_of(name, scene) == place,
        'hold': scene.held == name,
        'find': is_near(name, scene),
        'free': scene.held != name,
        'robot': place_of(ROBOT, scene) == place,
        'open': is_open(scene),
        'closed': not is_open(scene),
        'refuse': False,
    }[relation]


def choose_step(goals: tuple[Goal, ...], position: int, scene: Scene) -> tuple[Step, int]:
    """Return what the expert does next and the index of the goal it works on, which only grows."""
    while position < len(goals) and is_true(goals[position], scene):
        position += 1
    if position == len(goals):
        return Step('done'), position
    relation, name, place = goals[position]
    if relation == 'refuse':
        return Step('refuse'), position
    if relation == 'robot':
        return Step('go_to', scene.held, place), position
    if relation == 'free':
        return Step('put_down', name), position
    if scene.held and scene.held != name:
        return _let_go(scene), position
    if relation in ('open', 'closed'):
        return _handle_drawer(relation, scene), position
    if relation == 'at' and scene.held == name:
        return _carry(name, place, scene), position
    return _take(relation, name, scene), position


def _handle_drawer(relation: str, scene: Scene) -> Step:
    if place_of(ROBOT, scene) != DRAWER:
        return Step('go_to', '', DRAWER)
    return Step('open_drawer' if relation == 'open' else 'close_drawer')


def _let_go(scene: Scene) -> Step:
    """Return putting down what is held, at the next counter where the drawer is closed."""
    if place_of(ROBOT, scene) == DRAWER and not is_open(scene):
        return Step('go_to', scene.held, 'close counter')
    return Step('put_down', scene.held)


def _carry(name: str, place: str, scene: Scene) -> Step:
    if place_of(ROBOT, scene) == place:
        return _let_go(scene)
    return Step('bring', name, USER) if place == USER else Step('go_to', name, place)


def _take(relation: str, name: str, scene: Scene) -> Step:
    if not is_near(name, scene):
        return Step('find', name)
    if relation == 'find':
        return Step('done')
    return Step('open_drawer') if place_of(name, scene) == DRAWER and not is_open(scene) else Step('pick', name)


def plan_kitchen(scene: Scene, goals: tuple[Goal, ...]) -> Plan:
    """Return the expert's plan when nothing fails; its last step is ``done``, a refusal, or impossible."""
    position, steps = 0, []
    for _ in range(LONGEST):
        step, position = choose_step(goals, position, scene)
        steps.append(step)
        if step.skill in ('done', 'refuse') or find_obstacle(step, scene):
            break
        scene = kitchen.apply(step, scene)
    return Plan(tuple(steps))
