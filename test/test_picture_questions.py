"""Questions about pictures: the answers are true, balanced, and in words of their split."""

from collections import Counter

import numpy as np
import pytest

from vlm_robot.training.fake_pictures import build_picture, put_thing, scatter_things
from vlm_robot.training.owlvit_phrases import COLOUR_WORDS
from vlm_robot.training.picture_questions import (
    ANSWERS,
    ask,
    ASKED,
    count_things,
    is_related,
    PLACES,
    QUESTION_KINDS,
)
from vlm_robot.training.sight_separation import HELD_OUT_PAIRS
from vlm_robot.vocabulary import COLOURS, SHAPES


@pytest.fixture(scope='module')
def asked():
    rng = np.random.default_rng(2)
    pictures = [scatter_things(rng) for _ in range(120)]
    pairs = [(picture, ask(picture, 'train', rng, kind)) for picture in pictures for kind in QUESTION_KINDS]
    return [(picture, question) for picture, question in pairs if question]


def test_every_kind_is_asked_and_every_answer_is_known(asked):
    assert {question.kind for _, question in asked} == set(QUESTION_KINDS)
    assert {question.answer for _, question in asked} <= set(ANSWERS)
    assert len(set(ANSWERS)) == len(ANSWERS)


@pytest.mark.parametrize('kind', ['existence', 'relation', 'comparison'])
def test_yes_and_no_are_about_equally_frequent(asked, kind):
    counted = Counter(question.answer for _, question in asked if question.kind == kind)
    assert set(counted) == {'yes', 'no'}
    assert 0.6 < counted['yes'] / counted['no'] < 1.6


def test_no_number_is_half_of_all_and_the_table_is_not_half_of_all_places(asked):
    for kind in ('count', 'place'):
        counted = Counter(question.answer for _, question in asked if question.kind == kind)
        assert max(counted.values()) <= 0.5 * sum(counted.values())
        assert len(counted) >= 4


def test_existence_and_counts_are_true(asked):
    colour_words = {word for words in COLOUR_WORDS.values() for word in words}
    checked = Counter()
    for picture, question in asked:
        words = question.text.rstrip('?').split()
        colours = [word for word in words if word in colour_words]
        shape = next((shape for shape in SHAPES if {shape, f'{shape}s'} & set(words)), '')
        if shape and set(colours) <= set(COLOURS) and question.kind in ('count', 'existence'):
            count = count_things(picture, ''.join(colours), shape)
            assert question.answer == (str(count) if question.kind == 'count' else 'yes' if count else 'no')
            checked[question.kind] += 1
    assert min(checked.values()) > 10


def test_relations_are_those_of_the_picture():
    picture = build_picture(
        put_thing('blue bowl', (0.5, 0.5)),
        put_thing('red block', (0.55, 0.5), 'bowl', 0),
        put_thing('red block', (0.2, 0.51)),
        put_thing('white block', (0.2, 0.4), 'stack', 2),
    )
    assert is_related(picture, 1, 'in', 0) is True
    assert is_related(picture, 2, 'in', 0) is False
    assert is_related(picture, 3, 'on', 2) is True
    assert is_related(picture, 2, 'left', 0) is True
    assert is_related(picture, 0, 'left', 2) is False
    assert is_related(picture, 2, 'above', 0) is None  # too close to call
    assert is_related(picture, 1, 'right', 0) is None  # it lies in it
    assert is_related(picture, 0, 'in', 1) is None


def test_places_are_answered_from_the_truth():
    rng = np.random.default_rng(0)
    for place, answer in PLACES.items():
        carrier = {'bowl': ['blue bowl'], 'stack': ['blue block']}.get(place, [])
        things = [put_thing(label, (0.5, 0.5)) for label in carrier]
        picture = build_picture(*things, put_thing('red block', (0.5, 0.4), place, 0 if carrier else None))
        found = {q.answer for q in (ask(picture, 'train', rng, 'place') for _ in range(60)) if q and 'red' in q.text}
        assert answer in found
        assert found <= {answer, 'yes' if place == 'bowl' else 'no'}


def test_training_asks_for_no_held_out_pair_and_in_no_kept_wording(asked):
    for _, question in asked:
        assert not question.is_new
        for colour, shape in HELD_OUT_PAIRS:
            assert f'{colour} {shape}' not in question.text
    assert all(wordings.kept for wordings in ASKED.values())
    rng, trained = np.random.default_rng(3), {question.text for _, question in asked}
    tested = [ask(picture, 'test', rng) for picture, _ in asked[:80]]
    new = {question.text for question in tested if question and question.is_new}
    assert new
    assert not new & trained


def test_what_hardly_shows_is_not_asked_about():
    picture = build_picture(put_thing('red block', (0.5, 0.5), visible_px=3))
    rng = np.random.default_rng(1)
    assert count_things(picture, 'red', 'block') is None
    for _ in range(100):
        question = ask(picture, 'test', rng)
        assert question is None or 'red block' not in question.text


def test_an_empty_table_has_questions_and_impossible_ones_are_none():
    rng = np.random.default_rng(1)
    assert {ask(build_picture(), 'test', rng, 'count').answer for _ in range(9)} == {'0'}
    assert ask(build_picture(), 'test', rng, 'place') is None
    assert ask(build_picture(), 'test', rng, 'colour') is None
