"""Tests for dialogue.py: what is remembered, how it is brought back, and what stands between people and a planner."""

import pytest

from vlm_robot.datatypes import Plan, SkillResult, Step, TaskResult
from vlm_robot.errors import ModelError
from vlm_robot.language.language_model import ScriptedLanguageModel
from vlm_robot.planning.closed_loop import run_task
from vlm_robot.planning.dialogue import Dialogue, Listener, MAX_TURNS
from vlm_robot.planning.progprompt import ProgPromptPlanner, ProgramConfig
from vlm_robot.planning.saycan import SayCanPlanner
from vlm_robot.planning.symbolic import apply, relate


def carry_out(scene):
    """Return the scene after the red block was put in the green bowl."""
    return apply(Step('place_in', 'red block', 'green bowl'), apply(Step('pick', 'red block'), scene))


def test_the_memory_is_bounded_and_can_be_emptied(scene):
    dialogue = Dialogue()
    for number in range(MAX_TURNS + 3):
        dialogue.remember(f'sentence {number}', Plan(program='    go_home()'), 'done', scene, carry_out(scene))
    assert [turn.sentence for turn in dialogue.turns] == [f'sentence {n}' for n in range(3, MAX_TURNS + 3)]
    assert dialogue.moves
    dialogue.forget()
    assert (dialogue.turns, dialogue.moves) == ((), ())


def test_a_refused_sentence_leaves_the_memory_as_it_is(scene):
    dialogue = Dialogue()
    dialogue.remember('put it there', Plan(program='    go_home()'), 'done', scene, carry_out(scene))
    before = (dialogue.turns, dialogue.moves)
    dialogue.remember('fly', Plan(program="    refuse('no')", reason='no'), 'refused', scene, scene)
    assert (dialogue.turns, dialogue.moves) == before


class Recorder:
    """A planner that keeps what it is asked and passes it on."""

    dialogue = None

    def __init__(self, planner):
        self.planner, self.asked = planner, []

    def __getattr__(self, name):
        return getattr(self.planner, name)

    def project(self, sentence, scene):
        self.asked.append(sentence)
        return self.planner.project(sentence, scene)

    def decide(self, sentence, scene, history=None):
        self.asked.append(sentence)
        return self.planner.decide(sentence, scene, history)


@pytest.fixture
def planner():
    """Return a planner whose model wants the red block in the green bowl."""
    task = 'Task: put the red block in the green bowl'
    script = {
        f'{task}\n1.': 'pick up the red block.',
        'holding red block.\n2.': 'put it in the green bowl.',
        'red block in green bowl.\n3.': 'done.',
    }
    return Recorder(SayCanPlanner(ScriptedLanguageModel(script)))


def test_a_planner_reads_what_was_understood_and_people_hear_what_was_changed(planner, scene):
    world = {'scene': scene}

    def act(step):
        world['scene'] = apply(step, world['scene'])
        return SkillResult(True)

    dialogue = Dialogue()
    listener = Listener(planner, dialogue)
    said = 'Could you put teh red blcok in the green bowl?'
    result = listener.end(run_task(said, listener, lambda: world['scene'], act))
    assert result.status == 'done', result.reason
    assert result.sentence == said
    assert set(planner.asked) == {'put the red block in the green bowl'}
    assert "read 'blcok' as 'block'" in result.notes
    (move,) = dialogue.moves
    assert (move.name, move.point) == ('red block', scene.get('red block').p_base)
    assert planner.dialogue is dialogue


def test_a_refusal_names_the_words_that_nobody_knows(scene):
    listener = Listener(SayCanPlanner(ScriptedLanguageModel({'Task: flurb the red block\n1.': 'refuse.'})))
    assert "'flurb'" in listener.plan('flurb the red block', scene).reason


def test_an_answer_is_read_by_itself(scene):
    listener = Listener(SayCanPlanner(ScriptedLanguageModel({})))
    said = '赤いブロックをボウルに入れて; which one? 緑の'
    assert listener.read(said, scene) == 'put the red block in the bowl; which one? the green one'


def test_a_new_sentence_during_a_task_is_a_turn_of_its_own(planner, scene):
    dialogue = Dialogue()
    listener = Listener(planner, dialogue)
    listener.project('put the red block in the green bowl', scene)
    first = TaskResult('', 'cancelled', '', plan=Plan(program='    first()'))
    listener.end(first)
    listener.project('stack all the blocks', scene)
    listener.end(TaskResult('', 'done', '', plan=Plan(program='    second()')))
    assert [turn.sentence for turn in dialogue.turns] == ['put the red block in the green bowl', 'stack all the blocks']


def test_a_model_that_fails_ends_the_task_and_nothing_moves(scene):
    class Broken(ScriptedLanguageModel):
        def score(self, prompt, continuations):
            raise ModelError('the language server is down')

    moved = []
    listener = Listener(SayCanPlanner(Broken({})))
    result = listener.end(run_task('put the zebra-coloured block there', listener, lambda: scene, moved.append))
    assert result.status == 'failed'
    assert 'server is down' in result.reason
    assert moved == []


class Author(ScriptedLanguageModel):
    """A model that writes a program for the last sentence of the prompt."""

    def __init__(self, **programs):
        super().__init__({})
        self.programs = {sentence.replace('_', ' '): text for sentence, text in programs.items()}

    def generate(self, prompt, max_new_tokens=64, stop=(), grammar=''):
        self.prompts.append(prompt)
        sentence = prompt.rstrip().splitlines()[-2].removeprefix('# ')
        return self.programs[sentence]


def converse(model, scene, *sentences, ask=None):
    """Carry out sentences one after the other on a symbolic table; return results and scenes."""
    dialogue, ends, world = Dialogue(), [], {'scene': scene}

    def act(step):
        world['scene'] = apply(step, world['scene'])
        return SkillResult(True)

    for sentence in sentences:
        listener = Listener(ProgPromptPlanner(model, ProgramConfig(constrained=False)), dialogue)
        result = listener.end(run_task(sentence, listener, lambda: world['scene'], act, ask=ask))
        ends.append((result, world['scene']))
    return ends


def test_undo_brings_back_what_the_last_sentence_moved(scene):
    model = Author(
        put_the_red_block_in_the_green_bowl="    put(the('red block'), the('green bowl'))\n",
        undo_that='    undo()\n',
    )
    (first, moved), (second, back) = converse(model, scene, 'put teh red block in the green bowl', '元に戻して')
    assert (first.status, second.status) == ('done', 'done'), second.reason
    assert relate(moved)['red block'] == ('in', 'green bowl')
    assert back.get('red block').p_base[:2] == pytest.approx(scene.get('red block').p_base[:2], abs=1e-3)
    assert first.records[0].decision.line == 1


def test_earlier_sentences_and_programs_stand_in_the_prompt(scene):
    model = Author(
        put_the_red_block_in_the_green_bowl="    put(the('red block'), the('green bowl'))\n",
        do_the_same_with_the_blue_one="    put(the('blue block'), the('green bowl'))\n",
    )
    ends = converse(model, scene, 'put the red block in the green bowl', 'do the same with the blue one')
    assert [result.status for result, _ in ends] == ['done', 'done']
    last = model.prompts[-1]
    assert "# put the red block in the green bowl\ndef task():\n    put(the('red block'), the('green bowl'))" in last
    assert relate(ends[-1][1])['blue block'] == ('in', 'green bowl')


def test_a_question_is_asked_and_its_answer_carried_out(scene):
    model = Author()
    model.programs = {
        'put the block in the green bowl': "    put(the('block'), the('green bowl'))\n",
        'put the block in the green bowl; which one? the blue block': "    put(the('blue block'), the('green bowl'))\n",
    }
    asked = []

    def ask(question):
        asked.append(question)
        return 'the blue blcok'

    ((result, after),) = converse(model, scene, 'put the block in the green bowl', ask=ask)
    assert result.status == 'done', result.reason
    assert set(asked[0].choices) == {'red block', 'blue block', 'yellow block'}
    assert relate(after)['blue block'] == ('in', 'green bowl')
    assert "read 'blcok' as 'block'" in result.notes


def test_a_question_that_nobody_answers_ends_as_refused(scene):
    model = Author(put_the_block_in_the_green_bowl="    put(the('block'), the('green bowl'))\n")
    ((result, after),) = converse(model, scene, 'put the block in the green bowl')
    assert result.status == 'refused'
    assert result.plan.question is not None
    assert result.reason == result.plan.question.text
    assert after is scene
