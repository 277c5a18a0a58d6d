from __future__ import annotations

from dataclasses import replace
import math
import re

import pytest

from vlm_robot.datatypes import SkillResult, Step, StepRecord
from vlm_robot.errors import ConfigError
from vlm_robot.language.language_model import ContinuationScore, ScriptedLanguageModel
from vlm_robot.planning.affordance import AffordanceConfig
from vlm_robot.planning.asking import merge_answer
from vlm_robot.planning.calibration import Calibration, save_calibration
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


TWO_BLOCKS = {'pick up the red block': math.log(0.5), 'pick up the blue block': math.log(0.4), 'done': math.log(0.1)}


class Doubter(Wisher):
    """A model that hesitates between two blocks, then puts what is held where it was told and is done."""

    def __init__(self, there: dict[str, str]):
        super().__init__(TWO_BLOCKS)
        self.there = there

    def score(self, prompt, continuations):
        if any('put it' in text for text in continuations):
            held = re.findall(r'holding (\w+ block)', prompt)[-1]
            wishes = {self.there[held]: -0.1}
        else:
            wishes = {'done': -0.1} if '2.' in prompt else TWO_BLOCKS
        return [ContinuationScore(t, wishes.get(t.strip(' .'), -20.0), len(t.split())) for t in continuations]


@pytest.fixture
def unsure(tmp_path):
    """Return settings that ask as soon as a second option has a tenth of the confidence."""
    save_calibration(Calibration(threshold=0.9, level=0.1, n=100), tmp_path)
    return SayCanConfig(calibration=str(tmp_path))


BOTH = {'red block': 'put it in the green bowl', 'blue block': 'put it in the green bowl'}


def test_doubt_between_different_ends_is_a_question(scene, unsure):
    projection = SayCanPlanner(Doubter(BOTH), unsure).project('put the block in the green bowl', scene)
    question = projection.plan.question
    assert question.choices == ('red block', 'blue block')
    assert question.text == 'Which block: the red block or the blue block?'
    assert projection.plan.steps == (Step('refuse'),) or projection.plan.steps[-1].skill == 'refuse'
    assert projection.decisions[-1].question == question


@pytest.mark.parametrize(
    'sentence',
    ['put a block in the green bowl', 'put any block in the bowl', 'put all the blocks in it', 'put one block there'],
)
def test_what_the_sentence_leaves_open_is_not_asked(sentence, scene, unsure):
    plan = SayCanPlanner(Doubter(BOTH), unsure).plan(sentence, scene)
    assert plan.question is None
    assert plan.steps[0] == Step('pick', 'red block')


def test_doubt_that_makes_no_difference_is_not_asked(scene, unsure):
    """Whichever block is taken first, the end is the same: an order is no question."""

    class Tidier(Doubter):
        def score(self, prompt, continuations):
            held = any('put it' in text for text in continuations)
            done = [name for name in BOTH if f'{name} in green bowl' in prompt]
            left = [name for name in BOTH if name not in done]
            wishes = {'put it in the green bowl': -0.1} if held else {f'pick up the {name}': -0.7 for name in left}
            wishes = wishes or {'done': -0.1}
            return [ContinuationScore(t, wishes.get(t.strip(' .'), -20.0), len(t.split())) for t in continuations]

    plan = SayCanPlanner(Tidier(BOTH), unsure).plan('put the red and the blue one in the green bowl', scene)
    assert plan.question is None
    assert [step.skill for step in plan.steps] == ['pick', 'place_in', 'pick', 'place_in', 'done']


def test_margin_is_a_dial(scene, unsure, tmp_path):
    sentence = 'put the block in the green bowl'
    assert SayCanPlanner(Doubter(BOTH), SayCanConfig(calibration='')).plan(sentence, scene).question is None
    save_calibration(Calibration(threshold=0.55, level=0.1, n=100), tmp_path)
    assert SayCanPlanner(Doubter(BOTH), unsure).plan(sentence, scene).question is None


def test_answer_resolves_the_noun_that_was_asked_about(scene, unsure):
    model = Doubter(BOTH)
    prompts = []
    score = model.score
    model.score = lambda prompt, texts: prompts.append(prompt) or score(prompt, texts)
    plan = SayCanPlanner(model, unsure).plan('put the block in the green bowl; which one? the blue one', scene)
    assert plan.question is None
    assert 'Task: put the blue block in the green bowl\n' in prompts[0]
    free = 'put the block in the green bowl; which one? the nearest'
    assert merge_answer(free, scene) == free
    assert merge_answer('put the red block in the bowl; which one? red', scene) == 'put the red block in the red bowl'


def test_pmi_takes_off_what_is_likely_anyway(scene):
    """A step that is said after any sentence wins by the sum and loses by the pointwise information."""

    class Habit(Wisher):
        def score(self, prompt, continuations):
            said = {'pick up the red block': -1.0, 'pick up the blue block': -2.0}
            prior = {'pick up the red block': -1.0, 'pick up the blue block': -6.0}
            wishes = said if 'Task: x' in prompt else prior
            return [ContinuationScore(t, wishes.get(t.strip(' .'), -20.0), 5) for t in continuations]

    assert SayCanPlanner(Habit({})).decide('x', scene).chosen.step == Step('pick', 'red block')
    pmi = SayCanConfig(normalisation='pmi')
    assert SayCanPlanner(Habit({}), pmi).decide('x', scene).chosen.step == Step('pick', 'blue block')


def test_without_affordance_the_words_alone_decide(scene):
    """SayCan's ablation: nothing refuses what is impossible, and planning still comes to an end."""
    wishes = {'pick up the purple block': -0.1, 'pick up the red block': -3.0}
    blind = SayCanConfig(affordance=AffordanceConfig(kind='none'))
    decision = SayCanPlanner(Wisher(wishes), blind).decide('x', scene)
    assert decision.chosen.step == Step('pick', 'purple block')
    assert decision.chosen.reason == 'there is no purple block in view'
    plan = SayCanPlanner(Wisher(wishes), blind).plan('x', scene)
    assert plan.steps[0] == Step('pick', 'purple block')
    assert 'circles' in plan.reason


def test_affordance_is_renewed_by_every_look_while_the_words_stay(scene):
    """The same prompt is scored once; the same option is judged anew in a scene where neighbours came close."""
    model = Wisher({'pick up the red block': -0.1})
    planner = SayCanPlanner(model)
    x, y, z = scene.get('red block').p_base
    sides = {'blue block': (x + 0.045, y, z), 'yellow block': (x, y + 0.045, z)}
    crowded = replace(scene, objects=tuple(replace(o, p_base=sides.get(o.name, o.p_base)) for o in scene.objects))
    before, after = planner.decide('x', scene).options[0], planner.decide('x', crowded).options[0]
    assert model.calls == 1
    assert before.step == after.step == Step('pick', 'red block')
    assert before.language_logprob == after.language_logprob
    assert after.affordance < before.affordance - 0.02
