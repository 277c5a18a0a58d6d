"""Phrases of kinds and attributes are read as the things in view that they fit; everything else stays as it was."""

import random
import re

import pytest

from vlm_robot.planning import kitchen_grounding
from vlm_robot.planning.kitchen import build_kitchen
from vlm_robot.planning.kitchen_grounding import ground
from vlm_robot.training.kitchen_separation import HELD_OUT_MARKS
from vlm_robot.training.kitchen_tasks import sample_kitchen_task

SCENE = build_kitchen(
    {
        'coke can': 'table',
        'pear': 'table',
        'mineral water': 'close counter',
        'popcorn': 'far counter',
        'milk carton': 'far counter',
    }
)


@pytest.mark.parametrize(
    ('said', 'read'),
    [
        ('bring me something green to eat', 'bring me the pear'),
        ('put a drink without sugar on the table', 'put the mineral water on the table'),
        ('a beverage that is not a soda, please', 'the mineral water, please'),
        ('bring me anything from the far counter that is not a drink', 'bring me the popcorn'),
        ('throw the red can away', 'throw the coke can away'),
        ('put all the drinks on the far counter', 'put the coke can and the mineral water on the far counter'),
        ('put everything from the table in the drawer', 'put the coke can and the pear in the drawer'),
        ('bring two drinks here', 'bring the coke can and the mineral water here'),
        ('i drank my coke, the empty can is trash', 'i drank my coke, the coke can is trash'),
        ('fetch some salted snack and a nice soda', 'fetch the popcorn and the coke can'),
    ],
)
def test_phrases_are_read_as_the_things_they_fit(said, read):
    assert ground(said, SCENE)[0] == read


@pytest.mark.parametrize(
    'sentence',
    [
        'bring me the mineral water',
        'bring me a spicy snack',  # none is there
        'bring me the drink',  # which one?
        'can you help me with that thing',
        'a drink that smells of roses',  # more is said than is known
        'go to the far counter',
        '',
    ],
)
def test_what_fits_nothing_or_is_not_understood_stays(sentence):
    assert ground(sentence, SCENE) == (sentence, [])


def test_what_the_hand_holds_is_meant_first():
    scene = build_kitchen({'sprite can': 'table'}, held='coke can')
    assert ground('give me what you are holding', scene)[0] == 'give me the coke can'
    assert ground('put a soda on the table', scene)[0] == 'put the coke can on the table'


def test_no_word_of_the_rules_is_a_mark_of_the_evaluation():
    words = {*kitchen_grounding.ADJECTIVES, *kitchen_grounding.NOUNS, *kitchen_grounding.USES,
             *kitchen_grounding.SUBSTANCES, *kitchen_grounding.PLACE_WORDS}  # fmt: skip
    assert not words & set(HELD_OUT_MARKS)
    scene = build_kitchen({'sprite can': 'table'}, held='coke can')
    assert ground('give me what you have in your hand', scene) == ('give me what you have in your hand', [])


def test_grounding_agrees_with_the_goals_of_generated_sentences():
    rng = random.Random(11)
    right = wrong = 0
    for _ in range(300):
        task = sample_kitchen_task(rng)
        _, notes = ground(task.sentence, task.scene)
        read = [note.split("' as '")[1] for note in notes]
        told = [name for part in read for name in re.findall(r"the ([\w ]+?)(?=, the | and the |'$)", part)]
        if told:
            meant = {name for _, name, _ in task.goals}
            right, wrong = right + (set(told) <= meant), wrong + (not set(told) <= meant)
    assert right > 60 and right >= 9 * wrong
