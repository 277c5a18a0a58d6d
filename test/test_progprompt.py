"""The planner that writes programs: its decisions, plans, refusals and questions; runs of the closed loop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vlm_robot.datatypes import Scene, SkillResult, Step, StepRecord
from vlm_robot.errors import ConfigError
from vlm_robot.language.language_model import Generation, ScriptedLanguageModel
from vlm_robot.planning.affordance import AffordanceConfig
from vlm_robot.planning.binding import Move
from vlm_robot.planning.checking import check_plan
from vlm_robot.planning.closed_loop import run_task
from vlm_robot.planning.dialogue import Dialogue
from vlm_robot.planning.parsing import WHICH_ONE
from vlm_robot.planning.progprompt import ProgPromptPlanner, ProgramConfig
from vlm_robot.planning.program import parse_program
from vlm_robot.planning.program_prompt import HEAD, Turn
from vlm_robot.planning.prompt import begin
from vlm_robot.planning.symbolic import apply, relate
from vlm_robot.skills.table import SKILLS

ALL_IN = "    put(all('block'), the('green bowl'))\n\n"


def build(programs: dict[str, str], **settings) -> ProgPromptPlanner:
    """Return a planner whose model answers each sentence with a program."""
    script = {f'# {sentence}\ndef task():': program for sentence, program in programs.items()}
    return ProgPromptPlanner(ScriptedLanguageModel(script), ProgramConfig(**settings))


class SureWriter(ScriptedLanguageModel):
    """A scripted model that tells how likely its text is and keeps what it was asked."""

    def __init__(self, text: str, logprob: float):
        super().__init__({})
        self.text, self.logprob, self.grammars = text, logprob, []

    def write(self, prompt, max_new_tokens=64, stop=(), grammar='', draft=''):
        self.prompts.append(prompt)
        self.grammars.append(grammar)
        return Generation(self.text, self.logprob, 10)


class Table:
    """A symbolic table behind look and act; chosen attempts fail."""

    def __init__(self, scene: Scene, failing=()):
        self.scene, self.failing, self.count = scene, set(failing), 0

    def look(self) -> Scene:
        return self.scene

    def act(self, step: Step) -> SkillResult:
        self.count += 1
        if self.count in self.failing:
            return SkillResult(False, 'the fingers missed it')
        self.scene = apply(step, self.scene)
        return SkillResult(True)


def test_a_plan_is_the_program_rolled_out(scene):
    plan = build({'fill it': ALL_IN}).plan('fill it', scene)
    assert [step.skill for step in plan.steps] == ['pick', 'place_in'] * 3 + ['done']
    assert plan.program == ALL_IN.rstrip('\n') + '\n' and not plan.reason and plan.question is None
    end = check_plan(plan, scene, SKILLS)
    assert all(relate(end)[name] == ('in', 'green bowl') for name in scene.names if 'block' in name)


def test_the_loop_carries_a_program_out_and_tries_again(scene):
    table = Table(scene, failing=(1, 4))
    result = run_task('fill it', build({'fill it': ALL_IN}), table.look, table.act)
    assert result.status == 'done' and len(result.records) == 6 + 2 + 1
    assert all(relate(table.scene)[name] == ('in', 'green bowl') for name in scene.names if 'block' in name)
    assert result.plan.program == ALL_IN.rstrip('\n') + '\n'


def test_the_option_carries_the_probability_of_the_program_and_the_affordance(scene):
    model = SureWriter(ALL_IN, -0.5)
    hazy = replace(scene, objects=tuple(replace(item, score=0.3) for item in scene.objects))
    rules = AffordanceConfig(kind='geometry')
    decision = ProgPromptPlanner(model, affordance=rules).decide('fill it', hazy)
    option = decision.chosen
    assert option.step == Step('pick', 'red block') and decision.options == (option,)
    assert option.language == pytest.approx(2.71828**-0.5, abs=1e-4) and option.language_logprob == -0.5
    assert option.affordance == pytest.approx(0.6) and option.product == pytest.approx(option.language * 0.6)
    assert 'start:' in model.grammars[0] and model.prompts[0].startswith(HEAD)
    free = SureWriter(ALL_IN, -0.5)
    ProgPromptPlanner(free, ProgramConfig(constrained=False)).decide('fill it', hazy)
    assert free.grammars == ['']


def test_a_backend_that_tells_no_probability_gets_the_configured_one(scene):
    planner = build({'fill it': ALL_IN}, unknown_probability=0.25)
    assert planner.decide('fill it', scene).chosen.language == pytest.approx(0.25)


def test_a_history_without_records_begins_anew_and_asking_twice_changes_nothing(scene):
    planner = build({'fill it': ALL_IN})
    history = begin(scene)
    first = planner.decide('fill it', scene, history)
    assert planner.decide('fill it', scene, history).chosen == first.chosen == planner.decide('fill it', scene).chosen
    history = history.add(StepRecord(first, SkillResult(False, 'missed'), 'failed'))
    assert [planner.decide('fill it', scene, history).chosen.step for _ in range(5)] == [first.chosen.step] * 5
    after = apply(first.chosen.step, scene)
    history = history.add(StepRecord(first, SkillResult(True), 'ok'))
    second = planner.decide('fill it', after, history)
    assert second.chosen.step == Step('place_in', 'red block', 'green bowl')
    assert planner.decide('fill it', scene, begin(scene)).chosen.step == first.chosen.step


def test_a_planner_that_missed_the_beginning_goes_on_from_the_scene(scene):
    held = apply(Step('pick', 'red block'), scene)
    decision = build({'fill it': ALL_IN}).decide('fill it', scene)
    history = begin(scene).add(StepRecord(decision, SkillResult(True), 'ok'))
    fresh = build({'fill it': ALL_IN}).decide('fill it', held, history)
    assert fresh.chosen.step == Step('place_in', 'red block', 'green bowl')


def test_absent_things_are_refused_and_unclear_ones_asked_about(scene):
    planner = build({'a': "    put(the('purple block'), 'middle')\n\n", 'b': "    put(the('block'), 'middle')\n\n"})
    decision = planner.decide('a', scene)
    assert decision.chosen.step == Step('refuse') and decision.reason == 'there is no purple block in view'
    plan = planner.plan('b', scene)
    assert plan.steps == (Step('refuse', WHICH_ONE),) and plan.question.choices == (
        'red block',
        'blue block',
        'yellow block',
    )


def test_an_answer_goes_on_with_the_task(scene):
    asked = 'put the block away'
    planner = build({asked: "    put(the('block'), 'middle')\n\n"})
    planner.model.script['the blue block\ndef task():'] = "    put(the('blue block'), 'middle')\n\n"
    table = Table(scene)
    result = run_task(asked, planner, table.look, table.act, ask=lambda question: 'the blue block')
    assert result.status == 'done' and relate(table.scene)['blue block'] == ('at', 'middle')
    assert result.questions[0][0].startswith('Which block')


def test_what_is_no_program_is_refused_and_asked_for_again(scene):
    planner = ProgPromptPlanner(ScriptedLanguageModel({'def task():': '    import os\n\n'}), ProgramConfig(attempts=3))
    decision = planner.decide('x', scene)
    assert decision.chosen.step == Step('refuse') and 'import os' in decision.reason
    assert len(set(planner.model.prompts)) == 3  # a hint stands in what is asked again
    table = Table(scene)
    result = run_task('x', planner, table.look, table.act)
    assert result.status == 'refused' and table.count == 0


def test_a_program_is_written_once_for_plan_and_loop(scene):
    planner, table = build({'fill it': ALL_IN}), Table(scene)
    run_task('fill it', planner, table.look, table.act)
    assert len(planner.model.prompts) == 1


def test_earlier_turns_stand_in_the_prompt_and_undo_puts_back(scene):
    planner = build({'undo that': '    undo()\n\n'})
    moved = apply(Step('place_in', 'red block', 'green bowl'), apply(Step('pick', 'red block'), scene))
    planner.dialogue = Dialogue(
        (Turn('fill it', ALL_IN),), (Move('red block', scene.get('red block').p_base),)
    )  # fmt: skip
    plan = planner.plan('undo that', moved)
    assert [step.skill for step in plan.steps] == ['pick', 'place_at', 'done']
    assert '# fill it\ndef task():\n' + ALL_IN in planner.model.prompts[-1]


def test_a_step_that_keeps_failing_ends_in_its_reason(scene):
    table = Table(scene, failing=range(1, 50))
    result = run_task('fill it', build({'fill it': ALL_IN}), table.look, table.act)
    assert result.status == 'failed' and 'missed' in result.reason and table.count <= 4


def test_settings_are_checked():
    for wrong in ({'attempts': 0}, {'max_new_tokens': 0}, {'unknown_probability': 0.0}, {'worked_examples': -1}):
        with pytest.raises(ConfigError):
            ProgramConfig(**wrong)


SENTENCES = ('stack everything', 'tidy the purple toys away; import os')


def test_whatever_the_untuned_model_writes_is_a_program(untuned, scene):
    planner = ProgPromptPlanner(untuned, ProgramConfig(max_new_tokens=96))
    for sentence in SENTENCES:
        written = planner.write(sentence, scene)
        assert written.program == parse_program(written.text)
        assert 0 <= written.probability <= 1 and written.logprob < 0
        plan = planner.plan(sentence, scene)
        assert plan.steps and (plan.steps[-1].skill == 'done' or plan.reason)


def test_under_a_grammar_the_probability_is_that_of_the_model(untuned):
    prompt, grammar = '# say hello\ndef task():\n', 'start: "    go_home()\\n\\n"'
    guided = untuned.write(prompt, 64, (), grammar)
    assert guided.text == '    go_home()\n\n'
    ids = untuned.tokenizer(guided.text)['input_ids']
    assert guided.token_count == len(ids)
    untuned.forget()
    again = untuned.write(prompt, 64, (), 'start: ("    go_home()" | "    undo()") "\\n\\n"')
    assert again.text in ('    go_home()\n\n', '    undo()\n\n')
    free = untuned.write(prompt, 3)
    assert free.text == untuned.generate(prompt, 3) and free.logprob < 0
    if again.text == guided.text:
        assert again.logprob == pytest.approx(guided.logprob, abs=1e-3)
