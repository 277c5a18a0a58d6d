"""Program and SayCan mixed: the surer one decides, the affordance counts for both."""

from __future__ import annotations

import math
import random

import pytest

from vlm_robot.datatypes import SkillResult, Step, StepRecord
from vlm_robot.errors import ConfigError
from vlm_robot.language.language_model import ContinuationScore, Generation
from vlm_robot.planning.dialogue import Listener
from vlm_robot.planning.foresight import foresee, think_ahead
from vlm_robot.planning.mixture import MixtureConfig, MixturePlanner
from vlm_robot.planning.planners import build_planner, PlannerConfig
from vlm_robot.planning.progprompt import ProgPromptPlanner
from vlm_robot.planning.saycan import SayCanConfig, SayCanPlanner
from vlm_robot.planning.symbolic import apply

SENTENCE = 'put the red block in the green bowl'
RED = "    put(the('red block'), the('green bowl'))\n\n"


class Voice:
    """A model that writes one program with a probability and wishes one step."""

    def __init__(self, program: str, probability: float, wish: str):
        self.name, self.program, self.probability, self.wish, self.scored = 'voice', program, probability, wish, 0

    def score(self, prompt, continuations):
        self.scored += 1
        return [ContinuationScore(t, -0.01 if t.strip(' .') == self.wish else -9.0, 1) for t in continuations]

    def generate(self, prompt, max_new_tokens=64, stop=(), grammar=''):
        return self.program

    def write(self, prompt, max_new_tokens=64, stop=(), grammar='', draft=''):
        return Generation(self.program, math.log(self.probability), 5)


def mix(voice: Voice, **settings) -> MixturePlanner:
    saycan = SayCanPlanner(voice, SayCanConfig(calibration=''))
    return MixturePlanner(ProgPromptPlanner(voice), saycan, MixtureConfig(**{'exponent': 1.0, **settings}))


class Babbler(Voice):
    """A model that scores every option at random, the same way each time."""

    def __init__(self, program: str, probability: float, seed: int):
        super().__init__(program, probability, '')
        self.seed = seed

    def score(self, prompt, continuations):
        self.scored += 1
        draws = (random.Random(f'{self.seed}{prompt}{text}').gauss(0, 4) for text in continuations)
        return [ContinuationScore(text, draw, 1) for text, draw in zip(continuations, draws)]


@pytest.mark.parametrize(('probability', 'chosen'), [(0.9, 'red block'), (0.05, 'blue block')])
def test_the_surer_one_decides(probability, chosen, scene):
    decision = mix(Voice(RED, probability, 'pick up the blue block')).decide(SENTENCE, scene)
    assert decision.chosen.step == Step('pick', chosen)


def test_language_scores_are_mixed_and_affordance_multiplies(scene):
    voice = Voice(RED, 0.75, 'pick up the blue block')
    planner = mix(voice)
    alone = {option.step: option for option in planner.saycan.decide(SENTENCE, scene).options}
    decision = planner.decide(SENTENCE, scene)
    assert sum(option.language for option in decision.options) == pytest.approx(1)
    for option in decision.options:
        wished = 0.75 * (option.step == Step('pick', 'red block'))
        assert option.language == pytest.approx(wished + 0.25 * alone[option.step].language)
        assert option.product == pytest.approx(option.language * option.affordance)
    products = [option.product for option in decision.options]
    assert products == sorted(products, reverse=True)


def test_the_exponent_weighs_the_program(scene):
    voice = Voice(RED, 0.3, 'pick up the blue block')
    assert mix(voice).decide(SENTENCE, scene).chosen.step.target == 'blue block'
    assert mix(voice, exponent=0.2).decide(SENTENCE, scene).chosen.step.target == 'red block'


def test_a_sure_program_spares_the_scoring_only_when_configured(scene):
    voice = Voice(RED, 0.95, 'pick up the blue block')
    mix(voice).decide(SENTENCE, scene)
    assert voice.scored == 1
    decision = mix(voice, sure=0.9).decide(SENTENCE, scene)
    assert voice.scored == 1 and decision.chosen.step == Step('pick', 'red block')


def test_a_spot_that_is_no_option_of_saycan_is_weighed_too(scene):
    held = mix(Voice(RED, 0.9, 'done'))
    program = "    put(the('red block'), beside(the('green bowl'), 'left'))\n\n"
    plan = mix(Voice(program, 0.9, 'done')).plan('put the red block left of the green bowl', scene)
    assert [step.skill for step in plan.steps] == ['pick', 'place_at', 'done'] and 'spot' in plan.steps[1].destination
    assert held.plan(SENTENCE, scene).program == RED.rstrip('\n') + '\n'


def test_the_program_refuses_and_asks_with_its_reasons(scene):
    absent = mix(Voice("    put(the('pink block'), 'middle')\n\n", 0.9, 'pick up the blue block'))
    plan = absent.plan('put the pink block in the middle', scene)
    assert plan.steps == (Step('refuse'),) and plan.reason == 'there is no pink block in view'
    unclear = mix(Voice("    put(the('block'), 'middle')\n\n", 0.9, 'pick up the blue block'))
    assert unclear.plan('put the block in the middle', scene).question.choices[0] == 'red block'


def test_a_plan_that_both_spoil_ends(scene):
    plan = mix(Voice('    import os\n\n', 0.5, 'pick up the blue block')).plan(SENTENCE, scene)
    assert plan.reason and plan.steps


def test_the_kind_is_a_setting(scene):
    voice = Voice(RED, 0.9, 'pick up the red block')
    kinds = {'saycan': SayCanPlanner, 'program': ProgPromptPlanner, 'both': MixturePlanner}
    for kind, expected in kinds.items():
        planner = build_planner(voice, PlannerConfig(kind=kind))
        assert type(planner) is expected
        assert planner.decide(SENTENCE, scene).chosen.step == Step('pick', 'red block')
    with pytest.raises(ConfigError, match='both'):
        PlannerConfig(kind='boht')
    for wrong in ({'exponent': 0.0}, {'sure': 1.5}):
        with pytest.raises(ConfigError):
            MixtureConfig(**wrong)


def test_the_voice_that_chose_a_step_is_believed_at_the_next(scene):
    planner = mix(Voice(RED, 0.55, 'pick up the blue block'))
    first = planner.decide(SENTENCE, scene)
    assert first.chosen.step == Step('pick', 'red block') and first.chosen.language < 0.6
    record = StepRecord(first, SkillResult(True), 'ok')
    planner.model.wish = 'put it at the middle'  # SayCan goes on disagreeing, and now would win by its own score
    history = planner.domain.begin(scene).add(record)
    second = planner.decide(SENTENCE, apply(first.chosen.step, scene), history)
    assert second.chosen.step == Step('place_in', 'red block', 'green bowl') and second.chosen.language > 0.9


def test_other_tasks_do_not_share_what_was_learned(scene):
    planner = mix(Voice(RED, 0.55, 'pick up the blue block'))
    weights = [planner.decide(SENTENCE, scene).chosen.language for _ in range(3)]
    assert weights[0] == pytest.approx(weights[1]) == pytest.approx(weights[2])


PROGRAMS = (
    RED,
    "    put(the('blue block'), the('green bowl'))\n" + RED,
    "    put(the('red block'), beside(the('green bowl'), 'left'))\n\n",
    "    put(the('pink block'), 'middle')\n\n",
    "    put(the('block'), 'middle')\n\n",
    '    import os\n\n',
)


@pytest.mark.parametrize('program', PROGRAMS)
def test_what_is_foreseen_is_the_plan_whatever_the_options_score(program, scene):
    spared = 0
    for seed in range(60):
        draw = random.Random(seed)
        probability = draw.uniform(0.001, 0.999)
        settings = {'exponent': draw.choice((0.3, 1.0)), 'sure': draw.choice((0.8, 1.0))}
        foreseen, projected = (mix(Babbler(program, probability, seed), **settings) for _ in range(2))
        plan = foreseen.foresee(SENTENCE, scene).plan
        assert plan == projected.project(SENTENCE, scene).plan, (seed, probability, settings)
        spared += not foreseen.model.scored and projected.model.scored > 0
    assert (spared > 10) == (program in PROGRAMS[:3])  # what is refused is always weighed in full


def test_thinking_ahead_leaves_nothing_to_ask_the_model(scene):
    voice = Voice(RED, 0.9, 'pick up the red block')
    planner = mix(voice)
    think_ahead(Listener(planner), SENTENCE, scene)
    assert voice.scored == 1  # the first step's options
    listener = Listener(planner)
    foresee(listener, SENTENCE, scene)
    listener.decide(SENTENCE, scene, planner.domain.begin(scene))
    assert voice.scored == 1
