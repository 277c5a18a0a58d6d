from __future__ import annotations

import random

import pytest

from vlm_robot.training.planner_separation import is_trainable
from vlm_robot.training.program_data import indent
from vlm_robot.training.program_heldout import sample_heldout, TEMPLATES
from vlm_robot.training.program_measure import (
    add_up,
    draw_tasks,
    is_right,
    KINDS,
    measure_kind,
    MIXED,
    run_program,
    write_prompt,
)
from vlm_robot.training.program_people import TABLES

FOUR, PAIRS = TABLES['four'], TABLES['pairs']


def oracle(kind, count):
    answers = {write_prompt(task): indent(task.turns[-1].body) for task in draw_tasks(kind, count, 1)}
    return lambda prompt: answers[prompt]


@pytest.mark.parametrize('kind', KINDS)
def test_reference_programs_are_right_and_nothing_else_is_by_chance(kind):
    assert measure_kind(oracle(kind, 8), kind, 8, 1).right == len(list(draw_tasks(kind, 8, 1)))
    broken = measure_kind(lambda prompt: '    import os\n', kind, 8, 1)
    assert broken.right == 0
    assert len(broken.failures) == broken.n


@pytest.mark.parametrize('kind', TEMPLATES)
@pytest.mark.parametrize('seed', range(6))
def test_held_out_wordings_are_never_trained(kind, seed):
    task = sample_heldout(random.Random(seed), kind, MIXED)
    assert not any(is_trainable(turn.sentence) for turn in task.turns)


@pytest.mark.parametrize(
    'text, other, same',
    [
        ("put(the('red block'), 'middle')", "put(the('block', closest_to=the('red bowl')), 'middle')", False),
        (
            "put(the('red block'), the('red bowl'))",
            "put(a('red block'), the('bowl', colour_of=the('red block')))",
            True,
        ),
        ("put(the('block'), the('red bowl'))", "put(a('block'), the('red bowl'))", False),
        ("put(the('block'), the('red bowl'))", "put(the('cube'), the('red bowl'))", False),
        ("put(the('pink block'), 'middle')", "refuse('there is no pink block')", True),
        ("put(the('red block'), 'middle')", "refuse('no')", False),
        ('undo()', "refuse('no')", False),
        ('go_home()', "refuse('no')", False),
        ('go_home()', "put(the('red block'), 'middle')", False),
        ("pick(the('red block'))", "pick(the('blue block'))", False),
    ],
)  # fmt: skip
def test_right_is_the_same_end(text, other, same):
    assert is_right(indent(text), indent(other), FOUR) == same
    assert is_right(indent(other), indent(text), FOUR) == same


def test_a_question_is_no_refusal():
    assert run_program(indent("put(the('red block'), 'middle')"), PAIRS).status == 'asked'
    assert run_program(indent("put(the('pink block'), 'middle')"), PAIRS).status == 'absent'
    assert run_program(indent("refuse('no')"), PAIRS).status == 'refused'


def test_scores_add_up():
    scores = [measure_kind(oracle(kind, 4), kind, 4, 1) for kind in ('single', 'all')]
    assert (add_up(scores).right, add_up(scores).n) == (8, 8)
