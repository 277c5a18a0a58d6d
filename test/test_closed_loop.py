from __future__ import annotations

from dataclasses import replace

import pytest

from vlm_robot.datatypes import Decision, OptionScore, Plan, Question, Scene, SkillResult, Step
from vlm_robot.errors import ConfigError, PerceptionError, SentenceError
from vlm_robot.language.language_model import ScriptedLanguageModel
from vlm_robot.planning.closed_loop import check_sentence, ClosedLoopConfig, run_task
from vlm_robot.planning.saycan import Projection, SayCanPlanner
from vlm_robot.planning.symbolic import apply, relate
from vlm_robot.vocabulary import LOCATIONS

SENTENCE = 'put the red block in the green bowl'
SCRIPT = {
    f'{SENTENCE}\n1.': 'pick up the red block.',
    'red block on the table.\n2.': 'pick up the red block.',
    'red block on the table.\n3.': 'pick up the red block.',
    **{f'holding red block.\n{n}.': 'put it in the green bowl.' for n in range(2, 6)},
    **{f'red block in green bowl.\n{n}.': 'done.' for n in range(3, 7)},
    'put the purple block away\n1.': 'pick up the purple block.',
}


class Table:
    """A symbolic robot whose skills fail as told."""

    def __init__(self, scene: Scene, failures: tuple[str, ...] = ()):
        self.scene, self.failures, self.acted = scene, list(failures), []

    def look(self) -> Scene:
        return self.scene

    def act(self, step: Step) -> SkillResult:
        self.acted.append(step)
        if self.failures:
            return SkillResult(False, self.failures.pop(0))
        self.scene = apply(step, self.scene)
        return SkillResult(True)


def run(table: Table, sentence: str = SENTENCE, **more):
    return run_task(sentence, SayCanPlanner(ScriptedLanguageModel(SCRIPT)), table.look, table.act, **more)


def test_task_is_done_and_told(scene):
    table, told = Table(scene), []
    result = run(table, on_record=told.append)
    assert result.status == 'done'
    assert relate(table.scene)['red block'] == ('in', 'green bowl')
    assert tuple(told) == result.records
    assert [record.decision.chosen.step.skill for record in result.records] == ['pick', 'place_in', 'done']
    assert result.records[1].scene_text == 'ok, red block in green bowl'
    assert result.plan.steps == tuple(record.decision.chosen.step for record in result.records)
    assert 'put the red block in the green bowl' in result.reason


def test_failure_is_retried(scene):
    table = Table(scene, failures=('missed the grasp',))
    result = run(table)
    assert result.status == 'done'
    assert [step.skill for step in table.acted] == ['pick', 'pick', 'place_in']
    assert result.records[0].scene_text == 'failed: missed the grasp, red block on the table'


def test_failures_have_a_limit_and_a_reason(scene):
    table = Table(scene, failures=('missed the grasp',) * 9)
    result = run(table, config=ClosedLoopConfig(max_failures=2))
    assert result.status == 'failed'
    assert "'pick up the red block' failed 2 times: missed the grasp" in result.reason
    assert len(table.acted) == 2


def test_refusal_moves_nothing(scene):
    table, told = Table(scene), []
    result = run(table, 'put the purple block away', on_record=told.append)
    assert result.status == 'refused'
    assert result.reason == 'there is no purple block in view'
    assert table.acted == []
    assert told[-1].decision.chosen.step.skill == 'refuse'


def test_object_that_vanishes_ends_the_task_with_its_name(scene):
    table = Table(scene)
    full = table.look

    def look() -> Scene:
        seen = full()
        if not table.acted:
            return seen
        return Scene(tuple(o for o in seen.objects if o.name != 'green bowl'), seen.relations, seen.held)

    table.look = look
    result = run(table)
    assert result.status == 'failed'
    assert 'no green bowl in view' in result.reason


def test_one_bad_frame_is_looked_at_again(scene):
    table = Table(scene)
    full, looks = table.look, []

    def look() -> Scene:
        looks.append(1)
        seen = full()
        if len(looks) == 2:
            return Scene(tuple(o for o in seen.objects if o.name != 'green bowl'), seen.relations, seen.held)
        return seen

    table.look = look
    assert run(table).status == 'done'
    looks.clear()
    table.scene = scene
    assert run(table, config=ClosedLoopConfig(max_looks=1)).status == 'failed'


def test_cancel_before_and_between_steps(scene):
    table = Table(scene)
    assert run(table, is_cancelled=lambda: True).status == 'cancelled'
    assert table.acted == []
    result = run(table, is_cancelled=lambda: bool(table.acted))
    assert result.status == 'cancelled'
    assert len(table.acted) == 1


def test_skill_that_was_cancelled_ends_the_task(scene):
    table = Table(scene)
    table.act = lambda step: SkillResult(False, 'stopped by hand', cancelled=True)
    result = run(table)
    assert (result.status, result.reason) == ('cancelled', 'stopped by hand')


def test_success_that_the_scene_contradicts_is_a_failure(scene):
    table = Table(scene)
    table.act = lambda step: SkillResult(True)  # claims success, moves nothing
    script = {**SCRIPT, **{f'red block on the table.\n{n}.': 'pick up the red block.' for n in range(2, 20)}}
    planner = SayCanPlanner(ScriptedLanguageModel(script))
    result = run_task(SENTENCE, planner, table.look, table.act)
    assert result.status == 'failed'
    assert "'pick up the red block' failed 4 times: it is not there" in result.reason
    assert result.records[0].scene_text == (
        'failed: it is not there: the red block is not in the hand, red block on the table'
    )
    trusting = ClosedLoopConfig(verify=False)
    assert run_task(SENTENCE, planner, table.look, table.act, config=trusting).records[0].result.success


def test_circles_end_and_guards_hold(scene):
    table = Table(scene)
    table.act = lambda step: SkillResult(True)  # claims success, moves nothing
    script = {**SCRIPT, **{f'red block on the table.\n{n}.': 'pick up the red block.' for n in range(2, 20)}}
    planner = SayCanPlanner(ScriptedLanguageModel(script))

    def go(**limits):
        return run_task(
            SENTENCE, planner, table.look, table.act, config=ClosedLoopConfig(verify=False, max_repeats=2, **limits)
        )

    result = go()
    assert result.status == 'failed'
    assert 'circles' in result.reason
    assert len(result.records) == 3
    assert 'after 2 steps, which is the limit' in go(max_steps=2).reason
    assert 'which is the limit' in go(max_seconds=1e-6).reason


def test_long_tasks_have_no_horizon(scene):
    """A block goes round all corners nine times; the same step recurs, but never in the same state."""
    corners = [name for name in LOCATIONS if 'corner' in name]
    steps = [s for n in range(36) for s in (Step('pick', 'red block'), Step('place_at', 'red block', corners[n % 4]))]
    table = Table(scene)
    result = run_task(SENTENCE, Follower([*steps, Step('done')]), table.look, table.act)
    assert result.status == 'failed'  # the ninth round is the ninth time in that state
    assert 'circles' in result.reason
    table = Table(scene)
    patient = ClosedLoopConfig(max_repeats=9)
    assert run_task(SENTENCE, Follower([*steps, Step('done')]), table.look, table.act, config=patient).status == 'done'
    assert len(table.acted) == 72


def test_dropped_block_is_seen_and_picked_up_again(scene):
    """The hand says that it released the block in the bowl, but it lies on the table: the loop looks and repairs."""
    table, dropped = Table(scene), []
    full = table.act

    def act(step: Step) -> SkillResult:
        if step.skill == 'place_in' and not dropped:
            dropped.append(step)
            table.scene = apply(Step('place_at', 'red block', 'right side'), table.scene)
            return SkillResult(True)
        return full(step)

    table.act = act
    script = {
        **SCRIPT,
        'red block at right side.\n3.': 'pick up the red block.',
        **{f'red block in green bowl.\n{n}.': 'done.' for n in range(3, 7)},
    }
    result = run_task(SENTENCE, SayCanPlanner(ScriptedLanguageModel(script)), table.look, table.act)
    assert result.status == 'done'
    assert [r.result.success for r in result.records] == [True, False, True, True, True]
    assert 'it is not there: the red block is not in the green bowl' in result.records[1].result.reason


def test_open_loop_neither_checks_nor_plans_again(scene):
    table = Table(scene)
    clumsy = iter([SkillResult(False, 'missed the grasp'), SkillResult(False, 'the hand is empty')])
    table.act = lambda step: table.acted.append(step) or next(clumsy)
    result = run(table, config=ClosedLoopConfig(open_loop=True))
    assert [step.skill for step in table.acted] == ['pick', 'place_in']
    assert relate(table.scene)['red block'] != ('in', 'green bowl')
    assert (result.status, result.records[0].result.success) == ('done', False)
    assert 'nothing was checked' in result.reason
    assert run(Table(scene, failures=('missed the grasp',))).status == 'done'  # closed loop: tried again


class Follower:
    """A planner with a fixed list of steps for every sentence; a question stands for itself."""

    def __init__(self, plans):
        self.plans = plans if isinstance(plans, dict) else {SENTENCE: plans}
        self.sentences, self.asked = [], []

    def project(self, sentence, scene):
        self.sentences.append(sentence)
        plan = self.plans[sentence]
        if isinstance(plan, Question):
            decision = replace(self._wrap(Step('refuse', 'which one')), question=plan, reason=plan.text)
            return Projection(Plan((Step('refuse'),), plan.text, question=plan), (decision,))
        steps = [step for step in plan if isinstance(step, Step)]
        return Projection(Plan(tuple(steps)), tuple(self._wrap(step) for step in steps))

    def decide(self, sentence, scene, history):
        done = sum(record.result.success for record in history.records)
        step = self.plans[sentence][done]
        if isinstance(step, Question):
            return replace(self._wrap(Step('refuse')), question=step)
        return self._wrap(step)

    def _wrap(self, step):
        option = OptionScore(step, step.skill, 0.0, 1.0, 1.0, 1.0)
        return Decision(option, (option,))


WHICH = Question('Which block: the red block or the blue block?', ('red block', 'blue block'))
VAGUE = 'put the block in the green bowl'
FILL = [Step('pick', 'red block'), Step('place_in', 'red block', 'green bowl'), Step('done')]
BLUE = [Step('pick', 'blue block'), Step('place_in', 'blue block', 'green bowl'), Step('done')]


@pytest.mark.parametrize('answer', ['red block', ' The RED block. ', '1', 'the red block'])
def test_answer_is_appended_and_planned_with(answer, scene):
    table, planner = Table(scene), Follower({VAGUE: WHICH, f'{VAGUE}; which one? the red block': FILL})
    result = run_task(VAGUE, planner, table.look, table.act, ask=lambda question: answer)
    assert result.status == 'done'
    assert relate(table.scene)['red block'] == ('in', 'green bowl')
    assert result.questions == ((WHICH.text, ' '.join(answer.split())),)
    assert result.sentence == VAGUE


def test_free_words_are_appended_as_they_are(scene):
    said = 'the one\nthat is nearest to me'
    spoken = f'{VAGUE}; which one? the one that is nearest to me'
    table, planner = Table(scene), Follower({VAGUE: WHICH, spoken: FILL})
    assert run_task(VAGUE, planner, table.look, table.act, ask=lambda question: said).status == 'done'


@pytest.mark.parametrize('ask', [None, lambda question: '', lambda question: '  '])
def test_question_without_an_answer_is_a_refusal(ask, scene):
    table, told = Table(scene), []
    result = run_task(VAGUE, Follower({VAGUE: WHICH}), table.look, table.act, ask=ask, on_record=told.append)
    assert (result.status, result.reason) == ('refused', WHICH.text)
    assert result.plan.question == WHICH
    assert table.acted == []
    assert told[-1].decision.question == WHICH


def test_answer_that_calls_it_off_cancels(scene):
    table = Table(scene)
    result = run_task(VAGUE, Follower({VAGUE: WHICH}), table.look, table.act, ask=lambda question: 'never mind')
    assert result.status == 'cancelled'
    assert table.acted == []


def test_questions_have_an_end(scene):
    plans = {VAGUE: WHICH}
    for _ in range(5):
        plans[f'{list(plans)[-1]}; which one? hm'] = WHICH
    asked = []
    result = run_task(
        VAGUE, Follower(plans), Table(scene).look, None, ask=lambda question: asked.append(question) or 'hm'
    )
    assert result.status == 'refused'
    assert len(asked) == ClosedLoopConfig().max_questions


def test_question_in_the_middle_of_a_task(scene):
    table = Table(scene)
    planner = Follower({SENTENCE: [FILL[0], WHICH], f'{SENTENCE}; which one? the blue block': [FILL[1], Step('done')]})
    result = run_task(SENTENCE, planner, table.look, table.act, ask=lambda question: '2')
    assert result.status == 'done'
    assert relate(table.scene)['red block'] == ('in', 'green bowl')


def test_words_during_the_task_are_the_next_turn(scene):
    table, remembered = Table(scene), []
    planner = Follower(
        {SENTENCE: FILL, 'put it on the yellow block': [Step('place_on', 'red block', 'yellow block'), Step('done')]}
    )
    planner.end = remembered.append
    words = iter(['', 'stop, put it on the yellow block', '', ''])
    result = run_task(SENTENCE, planner, table.look, table.act, feedback=lambda: next(words))
    assert result.status == 'done'
    assert relate(table.scene)['red block'] == ('on', 'yellow block')
    assert planner.sentences == [SENTENCE, 'put it on the yellow block']
    assert result.questions == (('', 'put it on the yellow block'),)
    assert [step.skill for step in remembered[0].steps] == ['pick']


def test_stop_during_the_task_ends_it(scene):
    table = Table(scene)
    words = iter(['', 'Stop!'])
    result = run_task(SENTENCE, Follower(FILL), table.look, table.act, feedback=lambda: next(words))
    assert result.status == 'cancelled'
    assert [step.skill for step in table.acted] == ['pick']


def test_blind_robot_fails_with_a_reason(scene):
    table = Table(scene)

    def look() -> Scene:
        if table.acted:
            raise PerceptionError('no detections for 2.0 s')
        return scene

    table.look = look
    result = run(table)
    assert result.status == 'failed'
    assert 'no detections for 2.0 s' in result.reason
    assert len(result.records) == 0 or result.records[0].result.success


@pytest.mark.parametrize('sentence', ['', '  \n ', '12 34 !?', 'a' * 5000])
def test_sentences_that_are_none(sentence, scene):
    with pytest.raises(SentenceError, match='for example'):
        run(Table(scene), sentence)


def test_sentence_limit_is_a_dial():
    assert check_sentence(' put  it\nthere ') == 'put it there'
    with pytest.raises(SentenceError, match='12 characters, at most 5'):
        check_sentence('put it there', 5)
    with pytest.raises(ConfigError):
        ClosedLoopConfig(max_steps=0)
