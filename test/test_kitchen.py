"""The symbolic kitchen: what steps change, what is possible, what contradicts a success."""

import random

import pytest

from vlm_robot.datatypes import Step
from vlm_robot.errors import PlanError
from vlm_robot.kitchen_vocabulary import DOCKS, PLACES, SHAPES_OF_THINGS, THINGS, USER
from vlm_robot.planning import kitchen
from vlm_robot.planning.kitchen_words import build_options


@pytest.fixture
def start():
    return kitchen.build_kitchen({'apple': 'table', 'coke can': 'far counter', 'sponge': 'drawer'})


def run(scene, *steps):
    for step in steps:
        scene = kitchen.apply(step, scene)
    return scene


FETCH = (Step('find', 'apple'), Step('pick', 'apple'), Step('bring', 'apple', USER), Step('put_down', 'apple'))


def test_bringing_a_thing_moves_it_and_nothing_else(start):
    end = run(start, *FETCH)
    assert kitchen.place_of('apple', end) == USER and end.held == ''
    assert kitchen.place_of('coke can', end) == 'far counter'
    assert not kitchen.is_near('apple', end)


def test_things_in_the_closed_drawer_are_out_of_reach_until_it_is_open(start):
    near = run(start, Step('find', 'sponge'))
    assert kitchen.judge(Step('pick', 'sponge'), near).value == 0
    with pytest.raises(PlanError, match='closed drawer'):
        kitchen.apply(Step('pick', 'sponge'), near)
    assert run(near, Step('open_drawer'), Step('pick', 'sponge')).held == 'sponge'


@pytest.mark.parametrize(
    ('step', 'reason'),
    [
        (Step('pick', 'apple'), 'not within reach'),
        (Step('find', 'banana'), 'no banana'),
        (Step('put_down', 'apple'), 'empty'),
        (Step('open_drawer'), 'not within reach'),
        (Step('go_to', '', 'moon'), 'no moon'),
    ],
)
def test_what_cannot_be_done_has_a_reason(start, step, reason):
    can = kitchen.judge(step, start)
    assert can.value == 0 and reason in can.reason


def test_affordance_is_zero_exactly_where_apply_refuses():
    rng = random.Random(1)
    scene = kitchen.build_kitchen({'apple': 'table', 'coke can': 'drawer', 'tea bottle': USER}, 'drawer')
    for _ in range(300):
        possible = []
        for step in build_options(scene, only_fitting_hand=False):
            if step.skill in ('done', 'refuse'):
                continue
            if kitchen.judge(step, scene).value > 0:
                kitchen.apply(step, scene)
                possible.append(step)
            else:
                with pytest.raises(PlanError):
                    kitchen.apply(step, scene)
        scene = kitchen.apply(rng.choice(possible), scene)


def test_nearer_places_are_likelier(start):
    near, far = (kitchen.judge(Step('go_to', '', place), start).value for place in (USER, 'far counter'))
    assert 0.9 < far < near <= 1.0


def test_a_success_that_did_not_happen_is_contradicted(start):
    found = run(start, Step('find', 'apple'))
    assert kitchen.contradict(Step('pick', 'apple'), found, found) == 'the hand holds nothing'
    held = run(found, Step('pick', 'apple'))
    assert kitchen.contradict(Step('pick', 'apple'), found, held) == ''
    assert 'robot is at' in kitchen.contradict(Step('bring', 'apple', USER), held, held)
    at_drawer = run(start, Step('go_to', '', 'drawer'))
    assert kitchen.contradict(Step('open_drawer'), at_drawer, at_drawer) == 'the drawer is closed'


def test_every_thing_has_a_shape_that_fits_the_hand_and_every_place_a_dock():
    assert set(SHAPES_OF_THINGS) == set(THINGS) and set(DOCKS) == set(PLACES)
    assert all(size[1] <= 0.075 for _, size, _ in SHAPES_OF_THINGS.values())
