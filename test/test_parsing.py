from __future__ import annotations

import random

import pytest

from vlm_robot.datatypes import Plan, Step
from vlm_robot.errors import PlanError
from vlm_robot.planning.checking import check_plan
from vlm_robot.planning.parsing import format_plan, format_step, hold_after, parse_plan, parse_step, WHICH_ONE
from vlm_robot.planning.prompt import begin
from vlm_robot.skills.table import SKILLS
from vlm_robot.training.planner_data import build_plan
from vlm_robot.training.planner_kinds import sample_task
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.vocabulary import list_labels, LOCATIONS

NAMES = (*list_labels(), 'red block 1', 'green bowl 12', 'toy car', "robot's mug", 'ice-cream cup')


def random_step(rng: random.Random) -> Step:
    target, other = rng.choice(NAMES), rng.choice(NAMES)
    return rng.choice(
        (
            Step('pick', target),
            Step('place_in', target, other),
            Step('place_on', target, other),
            Step('place_at', target, rng.choice(list(LOCATIONS))),
            Step('go_home'),
            Step('done'),
            Step('refuse'),
            Step('refuse', WHICH_ONE),
        )
    )


@pytest.mark.parametrize('seed', range(200))
def test_plan_survives_words(seed):
    rng = random.Random(seed)
    plan = Plan(tuple(random_step(rng) for _ in range(rng.randint(0, 6))), rng.choice(('', 'there is no red block')))
    held = rng.choice(('', *NAMES))
    assert parse_plan(format_plan(plan, held), held) == plan


@pytest.mark.parametrize('seed', range(30))
def test_generated_plans_survive_words_and_pass_the_check(seed):
    sample = sample_task(random.Random(seed), Palette())
    plan = build_plan(sample)
    held = begin(sample.scene).held
    assert parse_plan(format_plan(plan, held), held) == plan
    if plan.steps[-1].skill == 'done':
        check_plan(plan, sample.scene, SKILLS)


def test_it_is_what_the_hand_holds():
    assert format_step(Step('place_in', 'red block', 'green bowl'), 'red block') == 'put it in the green bowl'
    assert format_step(Step('place_in', 'red block', 'green bowl')) == 'put the red block in the green bowl'
    assert parse_step('Put it in the green bowl. ', 'red block') == Step('place_in', 'red block', 'green bowl')


def test_hand_follows_picks_and_places():
    held = hold_after(Step('pick', 'red block'), '')
    assert held == 'red block'
    assert hold_after(Step('go_home'), held) == held
    assert hold_after(Step('place_at', held, 'middle'), held) == ''


@pytest.mark.parametrize(
    'text',
    [
        '',
        'explode',
        'pick up',
        'pick up the',
        'put it',
        'done now',
        '__import__("os")',
        'pick up the red, block',
    ],
)
def test_other_words_are_refused_with_what_is_allowed(text):
    with pytest.raises(PlanError, match=r'allowed.*pick up'):
        parse_step(text)


def test_lines_must_be_numbered():
    with pytest.raises(PlanError, match=r"should begin with '2\. '"):
        parse_plan('1. go home\n3. done')


@pytest.mark.parametrize('step', [Step('jump'), Step('pick'), Step('pick', 'red\nblock'), Step('go_home', 'x')])
def test_steps_that_cannot_be_said(step):
    with pytest.raises(PlanError):
        format_step(step)


@pytest.mark.parametrize(
    ('steps', 'fault'),
    [
        ((Step('fly', 'red block'), Step('done')), "no skill 'fly'"),
        ((Step('pick', 'pink block'), Step('done')), "no 'pink block'"),
        ((Step('place_in', 'red block', 'green bowl'), Step('done')), 'hand'),
        ((Step('pick', 'red block'), Step('pick', 'blue block'), Step('done')), 'hand'),
        ((Step('pick', 'red block'), Step('place_at', 'red block', 'moon'), Step('done')), 'moon'),
        ((Step('done'), Step('go_home')), 'last'),
        ((), 'no steps'),
    ],
)
def test_check_names_the_fault(steps, fault, scene):
    with pytest.raises(PlanError, match=fault):
        check_plan(Plan(steps), scene, SKILLS)
