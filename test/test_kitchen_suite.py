"""The 101 kitchen instructions: each can be solved, none is solved already, grading is strict."""

from collections import Counter

import pytest

from vlm_robot.config import AgentConfig
from vlm_robot.datatypes import Plan, Step
from vlm_robot.errors import ConfigError, ScenarioError
from vlm_robot.evaluation.kitchen_goals import KitchenState, parse_kitchen_goal
from vlm_robot.evaluation.kitchen_instructions import load_instructions, plan_by_expert, PUBLISHED
from vlm_robot.evaluation.kitchen_planners import build_kitchen_planner, Indifferent
from vlm_robot.evaluation.kitchen_suite import evaluate_kitchen, grade_kitchen_plan, tabulate_kitchen

INSTRUCTIONS = load_instructions()


def test_families_have_the_sizes_of_the_paper():
    assert Counter(item.family for item in INSTRUCTIONS) == {
        'primitive': 15, 'nouns': 15, 'verbs': 15, 'structured': 15, 'embodiment': 11, 'crowd': 15, 'long': 15,
    }  # fmt: skip


@pytest.mark.parametrize('item', INSTRUCTIONS, ids=lambda item: str(item.number))
def test_the_expert_succeeds_and_doing_nothing_or_one_thing_too_many_fails(item):
    plan = plan_by_expert(item)
    grade = grade_kitchen_plan(plan, item)
    assert grade.success and grade.executability == 1 and grade.recall == 1, (item.sentence, grade, plan)
    assert not grade_kitchen_plan(Plan((Step('done'),)), item).success
    assert not grade_kitchen_plan(Plan(plan.steps[:-1]), item).success, 'a plan without done'
    assert not grade_kitchen_plan(Plan((Step('find', 'unicorn'), *plan.steps)), item).success


def test_moving_what_nobody_asked_for_fails():
    item = next(i for i in INSTRUCTIONS if i.sentence == 'Recycle that coke can')
    extra = (Step('find', 'apple'), Step('pick', 'apple'), Step('bring', 'apple', 'user'), Step('put_down', 'apple'))
    grade = grade_kitchen_plan(Plan((*extra, *plan_by_expert(item).steps)), item)
    assert not grade.success and grade.recall == 1 and 'apple' in grade.reason


def test_goals_read_and_hold():
    state = KitchenState({'apple': 'table', 'orange': 'user', 'coke can': 'hand'}, 'user', 'coke can', True)
    true = ({'at': ['apple', 'table']}, {'held': 'coke can'}, {'robot': 'user'}, {'drawer': 'open'},
            {'count': [1, 'user', ['apple', 'orange']]}, {'not': {'at': ['apple', 'user']}},
            {'any': [{'robot': 'table'}, {'robot': 'user'}]})  # fmt: skip
    assert all(parse_kitchen_goal(data).holds(state) for data in true)
    assert parse_kitchen_goal({'all': list(true)}).holds(state)
    for data in ({'at': ['apple', 'moon']}, {'fly': 'apple'}, ['at'], {'all': []}):
        with pytest.raises(ScenarioError):
            parse_kitchen_goal(data)


def test_report_has_the_expert_at_hundred_percent_beside_the_published_values():
    seen = []
    report = evaluate_kitchen(AgentConfig(), 'T0', 'expert', on_result=seen.append)
    assert report['n'] == len(seen) == 101 and report['plan_success'] == 1.0
    assert report['execution_success'] is None
    assert report['families']['long']['published_plan'] == PUBLISHED['long'][0]
    assert 'real mock kitchen' in tabulate_kitchen(report)


def test_words_are_needed_affordance_alone_never_ends():
    planner = build_kitchen_planner('affordance', Indifferent())
    assert planner.plan('bring me the apple', INSTRUCTIONS[0].scene).steps[-1].skill != 'done'


def test_unknown_names_are_refused():
    for tier, planner, numbers in (('T9', 'expert', None), ('T0', 'magic', None), ('T0', 'expert', [101])):
        with pytest.raises(ConfigError):
            evaluate_kitchen(AgentConfig(), tier, planner, numbers)
