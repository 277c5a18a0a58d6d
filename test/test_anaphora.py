"""Words that point back to the turn before, and those that do not."""

import pytest

from vlm_robot.planning.anaphora import recall_places
from vlm_robot.planning.program_prompt import Turn

BOWL = Turn('put the red block in the green bowl', "    put(the('red block'), the('green bowl'))\n")
CORNER = Turn('put it in the corner', "    put(the('red block'), 'top left corner')\n")
LOOP = Turn('sort them', "    for b in all('block'):\n        put(b, the('bowl', colour_of=b))\n")


@pytest.mark.parametrize(
    ('sentence', 'turn', 'read'),
    [
        ('put the blue block in the same bowl', BOWL, 'put the blue block in the green bowl'),
        ('put the blue block at the same place', CORNER, 'put the blue block at the top left corner'),
        ('Put the blue one into that same bowl, please', BOWL, 'Put the blue one into the green bowl, please'),
    ],
)
def test_the_same_place_is_the_one_of_the_last_turn(sentence, turn, read):
    text, notes = recall_places(sentence, [LOOP, turn])
    assert text == read
    assert len(notes) == 1 and read.split(' the ')[-1].split(',')[0] in notes[0]


@pytest.mark.parametrize(
    ('sentence', 'turns'),
    [
        ('put the blue block in the same bowl', []),
        ('put the blue block in the same bowl', [LOOP]),  # each block had a bowl of its own
        ('put the blue block in the same bowl', [CORNER]),  # a corner is no bowl
        ('put both blocks in the same bowl', [BOWL]),
        ('put the red block and the blue block in the same bowl', [BOWL]),
        ('do the same with the blue one', [BOWL]),
        ('put the blue block in the bowl of the same colour', [CORNER]),
        ('put the blue block in the same bowl', [Turn('nonsense', '    no program')]),
    ],
)
def test_everything_else_stays_as_it_was_said(sentence, turns):
    assert recall_places(sentence, turns) == (sentence, [])
