from __future__ import annotations

import pytest

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.errors import ConfigError, PerceptionError, SentenceError
from vlm_robot.language.language_model import ScriptedLanguageModel
from vlm_robot.planning.closed_loop import check_sentence, ClosedLoopConfig, run_task
from vlm_robot.planning.saycan import SayCanPlanner
from vlm_robot.planning.symbolic import apply, relate

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


def test_circles_end(scene):
    table = Table(scene)
    table.act = lambda step: SkillResult(True)  # claims success, moves nothing
    script = {**SCRIPT, **{f'red block on the table.\n{n}.': 'pick up the red block.' for n in range(2, 20)}}
    planner = SayCanPlanner(ScriptedLanguageModel(script))
    result = run_task(SENTENCE, planner, table.look, table.act, config=ClosedLoopConfig(max_repeats=2))
    assert result.status == 'failed'
    assert 'circles' in result.reason
    result = run_task(
        SENTENCE, planner, table.look, table.act, config=ClosedLoopConfig(max_steps=2, max_repeats=9)
    )
    assert 'limit' in result.reason


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
