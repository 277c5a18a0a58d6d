from __future__ import annotations

from dataclasses import replace
import random

import pytest

from vlm_robot.datatypes import Plan, Relation, Scene, SceneObject, Step
from vlm_robot.errors import PlanError
from vlm_robot.furniture import DRAWER_CLOSED
from vlm_robot.goals import parse_goal
from vlm_robot.planning.checking import check_plan
from vlm_robot.planning.options import build_options
from vlm_robot.planning.parsing import format_plan, parse_plan
from vlm_robot.planning.symbolic import apply, find_covers, find_spot, relate, to_state
from vlm_robot.skills.table import SKILLS
from vlm_robot.training.planner_data import build_plan, is_true
from vlm_robot.training.planner_kinds import sample_task
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.vocabulary import LOCATIONS


def carry(scene: Scene, block: str, skill: str, destination: str) -> Scene:
    return apply(Step(skill, block, destination), apply(Step('pick', block), scene))


@pytest.mark.parametrize(
    ('skill', 'destination', 'place'),
    [
        ('place_in', 'green bowl', ('in', 'green bowl')),
        ('place_on', 'blue block', ('on', 'blue block')),
        ('place_at', 'right side', ('at', 'right side')),
    ],
)
def test_effect_is_believed_and_measured(skill, destination, place, scene):
    after = carry(scene, 'red block', skill, destination)
    assert relate(after)['red block'] == place
    assert relate(replace(after, relations=()))['red block'] == place  # from positions alone
    assert parse_goal({place[0]: ['red block', destination]}).holds(to_state(after))
    assert after.held == ''
    assert after.names == scene.names


def test_pick_lifts_out_of_relations(scene):
    inside = carry(scene, 'red block', 'place_in', 'green bowl')
    lifted = apply(Step('pick', 'red block'), inside)
    assert lifted.held == 'red block'
    assert relate(lifted)['red block'] == ('held', '')
    assert not parse_goal({'in': ['red block', 'green bowl']}).holds(to_state(lifted))


def test_covers(scene):
    assert find_covers(carry(scene, 'red block', 'place_on', 'blue block')) == {'blue block': 'red block'}


def test_relations_of_the_scene_are_believed_before_positions(scene):
    told = replace(scene, relations=(Relation('red block', 'in', 'green bowl'), Relation('blue block', 'on', 'table')))
    assert relate(told)['red block'] == ('in', 'green bowl')
    assert relate(told)['blue block'][0] in ('table', 'at')


def test_occupied_location_gets_a_free_spot_within_the_goal_tolerance(scene):
    first = carry(scene, 'red block', 'place_at', 'right side')
    second = carry(first, 'blue block', 'place_at', 'right side')
    goal = parse_goal({'all': [{'at': ['red block', 'right side']}, {'at': ['blue block', 'right side']}]})
    assert find_spot('right side', scene) == LOCATIONS['right side'] != find_spot('right side', first)
    assert goal.holds(to_state(second))


@pytest.mark.parametrize(
    'step',
    [
        Step('pick', 'pink block'),
        Step('place_in', 'red block', 'green bowl'),
        Step('place_at', '', 'middle'),
        Step('dance'),
    ],
)
def test_senseless_steps_raise(step, scene):
    with pytest.raises(PlanError):
        apply(step, scene)


@pytest.mark.parametrize('seed', range(60))
def test_expert_reaches_the_goals_of_every_kind(seed):
    sample = sample_task(random.Random(seed), Palette())
    plan = build_plan(sample)
    if plan.steps[-1].skill != 'done':
        return
    scene = sample.scene
    for step in plan.steps:
        scene = apply(step, scene)
    last = {goal[1]: goal for goal in sample.goals if goal[0] != 'home'}
    assert all(is_true(goal, scene) for goal in last.values()), sample


def furnished() -> Scene:
    """Return a stack of two, a lone block, a shut drawer and a pile."""
    places = {'red block': (0.5, 0.0, 0.02), 'blue block': (0.5, 0.0, 0.06), 'green block': (0.4, 0.2, 0.02)}
    things = [SceneObject(name, name, place) for name, place in places.items()]
    drawer, pile = SceneObject('drawer', 'drawer', DRAWER_CLOSED), SceneObject('pile', 'pile', (0.6, -0.1, 0.006))
    return Scene((*things, drawer, pile))


FURNISHED = [
    ((Step('open_drawer', 'drawer'),), {'open': ['drawer']}),
    (
        (
            Step('open_drawer', 'drawer'),
            Step('pick', 'blue block'),
            Step('place_in', 'blue block', 'drawer'),
            Step('close_drawer', 'drawer'),
        ),
        {'all': [{'closed': ['drawer']}, {'in': ['blue block', 'drawer']}]},
    ),
    ((Step('sweep', 'pile', 'left side'),), {'swept': ['pile', 'left side']}),
    ((Step('push', 'green block', 'middle'),), {'at': ['green block', 'middle']}),
    ((Step('unstack', 'red block'),), {'not': {'on': ['blue block', 'red block']}}),
    ((Step('unstack', 'blue block'),), {'not': {'on': ['blue block', 'red block']}}),
    ((Step('pick', 'green block'), Step('hand_over', 'green block')), {'handed': ['green block']}),
]


@pytest.mark.parametrize(('steps', 'goal'), FURNISHED)
def test_steps_with_furniture_make_their_goals_true_and_can_be_said(steps, goal):
    plan = Plan((*steps, Step('done')))
    assert parse_plan(format_plan(plan)) == plan
    assert not parse_goal(goal).holds(to_state(furnished()))
    end = check_plan(plan, furnished(), SKILLS)
    assert parse_goal(goal).holds(to_state(end))
    scene = furnished()
    for step in steps:
        assert step.skill in {option.skill for option in build_options(scene)}
        scene = apply(step, scene)


def test_a_shut_drawer_takes_nothing():
    scene = apply(Step('pick', 'green block'), furnished())
    with pytest.raises(PlanError, match='open it first'):
        apply(Step('place_in', 'green block', 'drawer'), scene)
