"""Things that nobody has here are refused by name; what is open to a question stays a question."""

from __future__ import annotations

import pytest

from vlm_robot.datatypes import Question, Scene, SceneObject
from vlm_robot.language.language_model import ScriptedLanguageModel
from vlm_robot.planning.closed_loop import run_task
from vlm_robot.planning.dialogue import Listener
from vlm_robot.planning.progprompt import ProgPromptPlanner
from vlm_robot.planning.unknown_things import find_misread, find_unknown_solid, SOLIDS

BLOCKS = Question('Which block?', ('red block', 'blue block'))


@pytest.mark.parametrize('solid', sorted(SOLIDS))
def test_a_solid_that_is_not_there_is_named_whatever_its_colour_and_number(scene, solid):
    assert find_unknown_solid(f'put the {solid} in the red bowl', scene) == solid
    assert find_unknown_solid(f'Put the yellow {solid}s in the red bowl', scene) == f'yellow {solid}'
    there = Scene((*scene.objects, SceneObject(f'red {solid}', f'red {solid}', (0.5, 0.2, 0.02))))
    assert find_unknown_solid(f'put the {solid} in the red bowl', there) == ''


@pytest.mark.parametrize(
    'sentence',
    [
        'put the red block in the green bowl',
        'stack all the blocks in the shape of a pyramid',
        'put the cube to the left of the bowl',
        'put the other one in the same corner',
        'undo that',
    ],
)
def test_ordinary_sentences_name_nothing_unknown(scene, sentence):
    assert find_unknown_solid(sentence, scene) == '' and find_misread(sentence, scene, BLOCKS) == ''


def test_a_question_about_blocks_is_wrong_where_the_sentence_speaks_of_something_else(scene):
    assert find_misread('put the teapot in the bowl', scene, BLOCKS) == 'teapot'
    assert find_misread('put the blue teapot in the red bowl', scene, BLOCKS) == 'blue teapot'
    fine = ('put the block in the bowl', 'put that in the bowl', 'put the red in the corner', 'put the thing away')
    for words in fine:
        assert find_misread(words, scene, BLOCKS) == ''


@pytest.mark.parametrize('sentence', ['put the pyramid in the red bowl', 'put the teapot in the red bowl'])
def test_what_is_unknown_is_refused_with_a_reason_and_no_question(scene, sentence):
    noun = sentence.split()[2]
    program = "    put(the('block'), the('red bowl'))\n\n"  # what the model makes of it
    planner = ProgPromptPlanner(ScriptedLanguageModel({'def task():': program}))
    moved, asked = [], []
    result = run_task(sentence, Listener(planner), lambda: scene, moved.append, ask=lambda q: asked.append(q) or '')
    assert result.status == 'refused' and result.reason == f'there is no {noun} in view'
    assert not moved and not asked
