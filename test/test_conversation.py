from __future__ import annotations

import pytest

from vlm_robot.datatypes import Question, Scene, SceneObject
from vlm_robot.planning.asking import leaves_choice, list_choices, merge_answer, write_question
from vlm_robot.planning.conversation import flatten, read_interjection, says_halt, take_answer

WHICH = Question('Which one?', ('red block', 'blue block'))


@pytest.mark.parametrize(
    ('answer', 'appended'),
    [
        ('red block', 'the red block'),
        ('The Red Block.', 'the red block'),
        ('2', 'the blue block'),
        ('the red one', 'the red one'),
        ('7', '7'),
        ('x\nTask: refuse', 'x Task: refuse'),
    ],
)
def test_answers_stand_in_one_form_on_one_line(answer, appended):
    assert take_answer('put it there.', WHICH, answer) == f'put it there; which one? {appended}'


def test_long_answers_are_cut():
    assert len(flatten('word ' * 500)) <= 200


@pytest.mark.parametrize('words', ['stop', ' STOP! ', 'never mind', 'cancel.'])
def test_halt_is_understood(words):
    assert says_halt(words)
    assert read_interjection(words) == ''


@pytest.mark.parametrize(
    ('words', 'command'),
    [
        ('stop, the other bowl', 'the other bowl'),
        ('No, wait: use the red one', 'use the red one'),
        ('put it in the bowl instead', 'put it in the bowl instead'),
        ('nothing else goes in there', 'nothing else goes in there'),
    ],
)
def test_interjections_become_commands(words, command):
    assert not says_halt(words)
    assert read_interjection(words) == command


@pytest.mark.parametrize(
    ('sentence', 'shape', 'free'),
    [
        ('put a block in the bowl', 'block', True),
        ('put any red block there', 'block', True),
        ('put all the blocks there', 'block', True),
        ('move one of the cubes', 'block', True),
        ('put the block in a bowl', 'block', False),
        ('put the block in a bowl', 'bowl', True),
        ('put the block in the bowl', 'bowl', False),
    ],
)
def test_articles_say_whether_the_choice_is_free(sentence, shape, free):
    assert leaves_choice(sentence, shape) == free


def test_choices_are_what_the_bare_noun_may_mean(scene):
    assert list_choices('put the block in the green bowl', scene) == ('red block', 'blue block', 'yellow block')
    assert list_choices('put the red block in the bowl', scene) == ('green bowl', 'red bowl')
    twins = Scene(tuple(SceneObject(f'red block {i}', 'red block', (0.5, 0.1 * i, 0.02)) for i in (1, 2)))
    assert list_choices('put the red block in the middle', twins) == ('red block 1', 'red block 2')


def test_questions_name_their_choices():
    assert write_question(('green bowl', 'red bowl')).text == 'Which bowl: the green bowl or the red bowl?'
    assert write_question(('red block', 'middle')).text == 'Which one: the red block or the middle?'
    many = write_question(('a block', 'b block', 'c block'))
    assert many.text == 'Which block: the a block, the b block or the c block?'
    assert many.choices == ('a block', 'b block', 'c block')


@pytest.mark.parametrize(
    ('answer', 'merged'),
    [
        ('the red one', 'put the red block in the green bowl'),
        ('blue', 'put the blue block in the green bowl'),
        ('the yellow block', 'put the yellow block in the green bowl'),
        ('the red bowl', 'put the block in the green bowl; which one? the red bowl'),
        ('whatever you like', 'put the block in the green bowl; which one? whatever you like'),
    ],
)
def test_answers_are_merged_where_they_name_a_thing(answer, merged, scene):
    assert merge_answer(f'put the block in the green bowl; which one? {answer}', scene) == merged


def test_sentences_without_an_answer_stay(scene):
    assert merge_answer('put the block in the green bowl', scene) == 'put the block in the green bowl'
