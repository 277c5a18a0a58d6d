"""Tests for evaluation/baselines.py: what the planner is compared with."""

import pytest

from vlm_robot.datatypes import Plan, SkillResult, Step, StepRecord
from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.baselines import (
    allow_everything,
    answer_always,
    BASELINES,
    build_baseline,
    OracleFollower,
    PlanFollower,
    write_freely,
)
from vlm_robot.language.language_model import ScriptedLanguageModel
from vlm_robot.planning.affordance import AffordanceConfig
from vlm_robot.planning.domain import TABLE
from vlm_robot.planning.planners import PlannerConfig
from vlm_robot.planning.saycan import SayCanPlanner
from vlm_robot.sim.tasks.families import FAMILIES

STEPS = (Step('pick', 'red block'), Step('place_in', 'red block', 'green bowl'), Step('done'))


def record(decision, success):
    return StepRecord(decision, SkillResult(success))


def test_a_follower_goes_on_whatever_happens(scene):
    planner = PlanFollower(lambda sentence, scene: Plan(STEPS))
    assert planner.plan('', scene).steps == STEPS
    history = TABLE.begin(scene)
    history = history.add(record(planner.decide('', scene, history), False))
    assert planner.decide('', scene, history).chosen.step == STEPS[1]


def test_a_follower_that_retries_picks_up_what_was_lost(scene):
    planner = PlanFollower(lambda sentence, scene: Plan(STEPS), retry=True)
    planner.plan('', scene)
    history = TABLE.begin(scene)
    history = history.add(record(planner.decide('', scene, history), False))
    assert planner.decide('', scene, history).chosen.step == STEPS[0]
    history = history.add(record(planner.decide('', scene, history), True))
    assert planner.decide('', scene, history).chosen.step == STEPS[0]  # the hand is empty


def test_a_projection_has_a_decision_for_every_step(scene):
    projection = PlanFollower(lambda sentence, scene: Plan(STEPS)).project('', scene)
    assert tuple(decision.chosen.step for decision in projection.decisions) == STEPS


def test_the_oracle_asks_first_where_that_is_right(scene):
    family = FAMILIES['F']
    episode = next(e for e in (family.sample(seed) for seed in range(12)) if e.expected == 'ask')
    oracle = OracleFollower(episode)
    assert oracle.plan(episode.sentence, scene).question is not None
    answered = oracle.plan(f'{episode.sentence}; which one? {episode.answer}', scene)
    assert answered.question is None and answered.steps == episode.reference


def test_without_affordances_everything_can_be_done(scene):
    step = Step('pick', 'purple block')
    assert TABLE.judge(step, scene, AffordanceConfig()).value == 0
    assert allow_everything().judge(step, scene, AffordanceConfig()).value == 1


def test_free_plans_end_at_the_first_line_that_is_no_step(scene):
    model = ScriptedLanguageModel({'1.': ' pick up the red block. ', '2.': ' dance. '})
    plan = write_freely(model)('put the red block in the green bowl', scene)
    assert plan.steps == (STEPS[0], Step('refuse')) and 'dance' in plan.reason


def test_free_plans_say_done_themselves(scene):
    model = ScriptedLanguageModel({'1.': ' pick up the red block.', '2.': ' put it in the green bowl.', '3.': ' done.'})
    assert write_freely(model)('put the red block in the green bowl', scene).steps == STEPS


def test_always_asking_asks_once_and_always_acting_never_refuses(scene):
    refuse = Plan((Step('refuse'),), 'there is none')
    asks = answer_always('ask', lambda sentence, scene: Plan(STEPS))
    assert asks('do it', scene).question is not None
    assert asks('do it; which one? this', scene).steps == STEPS
    acts = answer_always('act', lambda sentence, scene: refuse)('do it', scene)
    assert acts.steps == (Step('done'),) and not acts.reason


@pytest.mark.parametrize('name', BASELINES)
def test_every_baseline_plans_what_can_be_planned(name, scene):
    family = FAMILIES['B']
    episode = family.sample(0)
    model = ScriptedLanguageModel({'1.': 'done'})
    config = PlannerConfig(kind='saycan')
    planner = build_baseline(name, SayCanPlanner(model, config), config)(episode)
    steps = planner.plan(episode.sentence, scene).steps
    assert steps and steps[-1].skill in ('done', 'refuse')


def test_unknown_baselines_are_refused():
    with pytest.raises(ConfigError, match="did you mean 'oracle'"):
        build_baseline('oracel', None, PlannerConfig())
