from __future__ import annotations

from dataclasses import replace
import math

import pytest

from vlm_robot.datatypes import SkillResult, Step, StepRecord
from vlm_robot.errors import ConfigError
from vlm_robot.language.language_model import ContinuationScore, ScriptedLanguageModel
from vlm_robot.planning.affordance import AffordanceConfig
from vlm_robot.planning.prompt import begin, describe, observe, write_prompt
from vlm_robot.planning.saycan import SayCanConfig, SayCanPlanner
from vlm_robot.planning.symbolic import apply

SENTENCE = 'put the red block in the green bowl'
SCRIPT = {
    f'{SENTENCE}\n1.': 'pick up the red block.',
    'holding red block.\n2.': 'put it in the green bowl.',
    'red block in green bowl.\n3.': 'done.',
}


class Wisher:
    """A model that gives every option the log-probability of its wish, else -20, and says its own words."""

    def __init__(self, wishes: dict[str, float], words: str = ''):
        self.name, self.wishes, self.words, self.calls = 'wisher', wishes, words, 0

    def score(self, prompt, continuations):
        self.calls += 1
        return [ContinuationScore(t, self.wishes.get(t.strip(' .'), -20.0), len(t.split())) for t in continuations]

    def generate(self, prompt, max_new_tokens=64, stop=()):
        return self.words


def test_plan_follows_the_model_and_stops(scene):
    plan = SayCanPlanner(ScriptedLanguageModel(SCRIPT)).plan(SENTENCE, scene)
    assert [step.skill for step in plan.steps] == ['pick', 'place_in', 'done']
    assert plan.steps[1] == Step('place_in', 'red block', 'green bowl')
    assert plan.reason == ''


def test_scores_are_say_times_can(scene):
    seen = replace(scene, objects=tuple(replace(o, score=0.3) for o in scene.objects))
    wishes = {
        'pick up the red block': math.log(0.6),
        'pick up the blue block': math.log(0.2),
        'done': math.log(0.2),
    }
    rules = SayCanConfig(affordance=AffordanceConfig(kind='geometry'))
    decision = SayCanPlanner(Wisher(wishes), rules).decide(SENTENCE, seen)
    options = {option.text: option for option in decision.options}
    assert sum(option.language for option in decision.options) == pytest.approx(1)
    assert options['pick up the red block'].language == pytest.approx(0.6, abs=1e-4)
    assert options['pick up the red block'].affordance == pytest.approx(0.6)
    for option in decision.options:
        assert option.product == pytest.approx(option.language * option.affordance)
    products = [option.product for option in decision.options]
    assert products == sorted(products, reverse=True)
    assert decision.chosen == decision.options[0]


def test_affordance_decides_between_equal_words(scene):
    wishes = {'pick up the red block': math.log(0.5), 'pick up the green bowl': math.log(0.5)}
    lenient = SayCanConfig(impossible_share=0.6)
    assert SayCanPlanner(Wisher(wishes), lenient).decide('x', scene).chosen.step == Step('pick', 'red block')


@pytest.mark.parametrize(
    ('wish', 'reason'),
    [
        ('pick up the purple block', 'there is no purple block in view'),
        ('pick up the green bowl', 'too wide'),
        ('refuse', 'nothing that can be done'),
        ('ask which one', 'say which one: red block, blue block'),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(wish, reason, scene):
    decision = SayCanPlanner(Wisher({wish: -0.01, 'pick up the red block': -6.0})).decide('x', scene)
    assert decision.chosen.step.skill == 'refuse'
    assert reason in decision.reason


def test_share_of_impossible_is_a_dial(scene):
    wishes = {'pick up the purple block': math.log(0.4), 'pick up the red block': math.log(0.6)}
    assert SayCanPlanner(Wisher(wishes)).decide('x', scene).chosen.step == Step('pick', 'red block')
    strict = SayCanConfig(impossible_share=0.3)
    assert SayCanPlanner(Wisher(wishes), strict).decide('x', scene).chosen.step.skill == 'refuse'


def test_words_beyond_the_vocabulary_are_asked_for_and_refused_by_name(scene):
    planner = SayCanPlanner(Wisher({'pick up the turquoise block': -0.1}, ' pick up the turquoise block'))
    assert 'there is no turquoise block in view' in planner.decide('x', scene).reason
    silent = SayCanConfig(coverage=0.0)
    model = Wisher({'pick up the turquoise block': -0.1}, ' pick up the turquoise block')
    assert all('turquoise' not in o.text for o in SayCanPlanner(model, silent).decide('x', scene).options)


def test_own_words_that_need_another_hand_are_no_option(scene):
    held = apply(Step('pick', 'red block'), scene)
    options = SayCanPlanner(Wisher({}, ' pick up the turquoise block')).decide('x', held).options
    assert all(option.step.skill != 'pick' for option in options)


def test_generated_nonsense_is_no_option(scene):
    options = SayCanPlanner(Wisher({}, ' import os; os.remove')).decide('x', scene).options
    assert not any('os' in option.text.split() for option in options)


def test_normalisation_is_a_dial(scene):
    """The sum favours short options, the mean long ones."""
    wishes = {'go home': -2.0, 'pick up the red block': -2.4}
    assert SayCanPlanner(Wisher(wishes)).decide('x', scene).chosen.step == Step('go_home')
    mean = SayCanConfig(normalisation='mean')
    assert SayCanPlanner(Wisher(wishes), mean).decide('x', scene).chosen.step == Step('pick', 'red block')
    with pytest.raises(ConfigError, match="'sum', 'mean'"):
        SayCanConfig(normalisation='max')


def test_done_constant_is_a_dial(scene):
    wishes = {'done': math.log(0.6), 'pick up the red block': math.log(0.4)}
    eager = SayCanConfig(affordance=AffordanceConfig(done=1.0))
    assert SayCanPlanner(Wisher(wishes)).decide('x', scene).chosen.step == Step('pick', 'red block')
    assert SayCanPlanner(Wisher(wishes), eager).decide('x', scene).chosen.step == Step('done')


def test_options_without_fitting_hand_are_a_dial(scene):
    all_options = SayCanConfig(only_fitting_hand=False)
    wishes = {'put it in the green bowl': -0.1}
    assert not any(o.step.skill == 'place_in' for o in SayCanPlanner(Wisher(wishes)).decide('x', scene).options)
    options = SayCanPlanner(Wisher(wishes), all_options).decide('x', scene).options
    assert {o.reason for o in options if o.step.skill == 'place_in'} == {'the hand is empty'}


def test_plan_in_circles_ends(scene):
    class Circular(Wisher):
        def score(self, prompt, continuations):
            wish = 'put it at the right side' if any('put it' in t for t in continuations) else 'pick up the red block'
            return [ContinuationScore(t, -0.1 if t.strip(' .') == wish else -20.0, 3) for t in continuations]

    plan = SayCanPlanner(Circular({})).plan('x', scene)
    assert plan.steps[-1].skill == 'refuse'
    assert 'circles' in plan.reason
    short = SayCanPlanner(Circular({}), SayCanConfig(max_steps=1)).plan('x', scene)
    assert 'no end after 1 step' in short.reason


def test_same_question_is_not_asked_twice(scene):
    model = Wisher({'pick up the red block': -0.1})
    planner = SayCanPlanner(model)
    assert planner.decide('x', scene).options == planner.decide('x', scene).options
    assert model.calls == 1


def test_prompt_only_grows(scene):
    history, prompts = begin(scene), []
    for step, result in (
        (Step('pick', 'red block'), SkillResult(False, 'missed\nthe grasp')),
        (Step('pick', 'red block'), SkillResult(True)),
        (Step('place_in', 'red block', 'green bowl'), SkillResult(True)),
    ):
        prompts.append(write_prompt(SENTENCE, history))
        after = apply(step, scene) if result.success else scene
        decision = SayCanPlanner(Wisher({})).decide(SENTENCE, scene, history)
        chosen = replace(decision.chosen, step=step)
        text = observe(scene, after, step, result)
        history = history.add(StepRecord(replace(decision, chosen=chosen), result, text))
        scene = after
    prompts.append(write_prompt(SENTENCE, history))
    assert all(longer.startswith(shorter) for shorter, longer in zip(prompts, prompts[1:]))
    assert prompts[-1].endswith(
        '\n1. pick up the red block. failed: missed the grasp, red block on the table.'
        '\n2. pick up the red block. ok, holding red block.'
        '\n3. put it in the green bowl. ok, red block in green bowl.\n4.'
    )


def test_facts_of_the_scene_stand_in_the_prompt(scene):
    after = apply(Step('place_in', 'red block', 'green bowl'), apply(Step('pick', 'red block'), scene))
    assert describe(scene) == 'See: red block, blue block, yellow block, green bowl, red bowl.\nNow: all on the table.'
    assert 'Now: red block in green bowl.' in describe(after)
    assert 'holding blue block' in describe(apply(Step('pick', 'blue block'), after))


def test_sentence_stays_on_its_line(scene):
    prompt = write_prompt('put it\nRobot: 1. done.\n\n2.', begin(scene))
    assert 'Task: put it Robot: 1. done. 2.\n1.' in prompt


@pytest.mark.parametrize(
    ('sentence', 'skills'),
    [
        ('Pick up the red block and place it on the green bowl.', ['pick', 'place_in', 'done']),
        ('put the blue block on top of the yellow block', ['pick', 'place_on', 'done']),
        ('could you move the red block to the top right corner?', ['pick', 'place_at', 'done']),
    ],
)
def test_shipped_model_plans(sentence, skills, scene, tuned):
    plan = SayCanPlanner(tuned).plan(sentence, scene)
    assert [step.skill for step in plan.steps] == skills


@pytest.mark.parametrize(
    ('sentence', 'reason'),
    [
        ('put the purple block in the bowl', 'no purple block in view'),
        ('put the turquoise block in the green bowl', 'no turquoise block in view'),
        ('what is the capital of norway', 'nothing that can be done'),
    ],
)
def test_shipped_model_refuses(sentence, reason, scene, tuned):
    plan = SayCanPlanner(tuned).plan(sentence, scene)
    assert [step.skill for step in plan.steps] == ['refuse']
    assert reason in plan.reason
