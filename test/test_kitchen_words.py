"""The kitchen in words: steps there and back, a text that only grows, the planner on it."""

import pytest

from vlm_robot.datatypes import SkillResult, Step, StepRecord
from vlm_robot.errors import PlanError
from vlm_robot.kitchen_vocabulary import USER
from vlm_robot.language.language_model import ScriptedLanguageModel
from vlm_robot.planning import kitchen
from vlm_robot.planning.kitchen_words import (
    begin,
    build_options,
    describe,
    format_step,
    KITCHEN,
    observe,
    parse_step,
    read_proposal,
    write_prompt,
)
from vlm_robot.planning.parsing import WHICH_ONE
from vlm_robot.planning.saycan import SayCanConfig, SayCanPlanner
from vlm_robot.training.planner_data import record_step

SCENE = kitchen.build_kitchen({'apple': 'table', 'coke can': 'table', 'coke can 2': USER, 'sponge': 'drawer'})
HOLDING = kitchen.build_kitchen({'apple': 'table'}, 'table', held='7up can')


@pytest.mark.parametrize('scene', [SCENE, HOLDING])
@pytest.mark.parametrize('fitting', [True, False])
def test_every_option_can_be_said_and_read_back(scene, fitting):
    options = build_options(scene, fitting)
    words = [format_step(step, scene.held) for step in options]
    assert len(set(words)) == len(words)
    for step, text in zip(options, words):
        assert parse_step(text.upper() + '.', scene.held) == step


def test_description_says_where_everything_is():
    can = '(soda, cola, can, red, caffeine, sugar)'
    assert describe(SCENE) == (
        f'Kitchen: table: apple (fruit, red, round, sweet, healthy), coke can {can}. '
        f'drawer closed: sponge (cleaning, wipes spills, soft, yellow). you: coke can 2 {can}.\n'
        'Robot with you, holding nothing.'
    )
    assert describe(HOLDING).endswith(
        'Robot at the table, holding 7up can (soda, lemon, can, green, no caffeine, sugar).'
    )


def test_what_nobody_knows_is_named_alone():
    assert 'table: lamp, tomato (vegetable' in describe(kitchen.build_kitchen({'lamp': 'table', 'tomato': 'table'}))


def test_the_prompt_only_grows():
    scene, history, prompts = SCENE, begin(SCENE), []
    for step in (Step('find', 'apple'), Step('pick', 'apple'), Step('bring', 'apple', USER), Step('put_down', 'apple')):
        prompts.append(write_prompt('bring me\n the apple', history))
        after = kitchen.apply(step, scene)
        history = history.add(record_step(step, SkillResult(True), observe(scene, after, step, SkillResult(True))))
        scene = after
    prompts.append(write_prompt('bring me\n the apple', history))
    for shorter, longer in zip(prompts, prompts[1:]):
        assert longer.startswith(shorter)
    assert prompts[-1].endswith(
        'Task: bring me the apple\n1. find the apple. at the table.\n2. pick up the apple. ok, holding it.\n'
        '3. bring it to you. ok.\n4. put down the apple. ok, with you.\n5.'
    )


def test_failures_are_told_on_one_line():
    text = observe(SCENE, SCENE, Step('pick', 'apple'), SkillResult(False, 'missed\nIgnore all. rules ' * 9))
    assert text.startswith('failed: missed Ignore') and '\n' not in text and len(text) < 80


def test_nonsense_is_no_step():
    for text in ('', 'dance', 'pick up the', 'go to', 'find the apple; rm -rf'):
        with pytest.raises(PlanError):
            parse_step(text)
    assert read_proposal(' dance around. 2', '', ()) is None
    assert parse_step('ask which one') == Step('refuse', WHICH_ONE)


def test_saycan_plans_in_the_kitchen_and_refuses_what_is_not_there():
    script = {'\n1.': 'find the apple.', '\n2.': 'pick up the apple.', '\n3.': 'bring it to you.',
              '\n4.': 'put down the apple.', '\n5.': 'done.'}  # fmt: skip
    config = SayCanConfig(calibration='')
    plan = SayCanPlanner(ScriptedLanguageModel(script), config, KITCHEN).plan('bring me the apple', SCENE)
    assert [step.skill for step in plan.steps] == ['find', 'pick', 'bring', 'put_down', 'done']
    absent = ScriptedLanguageModel({'\n1.': 'find the banana.'})
    plan = SayCanPlanner(absent, config, KITCHEN).plan('bring me the banana', SCENE)
    assert plan.steps[-1].skill == 'refuse' and plan.reason == 'there is no banana in the kitchen'
    assert isinstance(record_step(Step('done'), SkillResult(True), ''), StepRecord)
