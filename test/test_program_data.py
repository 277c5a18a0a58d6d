from __future__ import annotations

from collections import Counter
import itertools
import random

import pytest

from vlm_robot.planning.program import format_program, INDENT, parse_program
from vlm_robot.planning.program_prompt import HEAD, STOP
from vlm_robot.training.planner_separation import is_trainable, names_unseen_colour
from vlm_robot.training.program_data import generate_programs, KINDS, sample_program, write_program_example
from vlm_robot.training.program_people import PROGRAM_PEOPLE, TABLES

EXAMPLES = list(itertools.islice(generate_programs(7), 2000))


def sentences_of(prompt):
    return [line[2:] for line in prompt.split('\n') if line.startswith('# ')]


def test_every_program_parses_and_is_written_as_programs_are():
    for example in EXAMPLES:
        program = parse_program(example.completion)
        assert format_program(program) + '\n' == example.completion


def test_no_training_sentence_is_one_that_is_measured():
    for example in EXAMPLES:
        assert all(is_trainable(sentence) for sentence in sentences_of(example.prompt)), example.prompt
        assert not names_unseen_colour(example.prompt + example.completion)


def test_prompt_and_body_have_the_form_that_the_planner_reads():
    for example in EXAMPLES:
        assert example.prompt.startswith(HEAD)
        assert example.prompt.endswith('\ndef task():\n')
        assert example.completion.startswith(INDENT)
        assert example.completion.endswith(STOP)
        assert STOP not in example.completion.removesuffix(STOP)


def test_examples_are_many_and_of_every_kind():
    kinds = Counter(example.kind for example in EXAMPLES)
    assert len(kinds) >= 25
    assert len({example.prompt for example in EXAMPLES}) > 0.98 * len(EXAMPLES)


@pytest.mark.parametrize('kind', [kind for kind, _ in KINDS], ids=lambda kind: kind.__name__)
def test_definite_words_are_never_any_thing(kind):
    """``the block`` is asked about and ``a block`` is not, so their programs must differ."""
    rng = random.Random(5)
    for _ in range(30):
        task = sample_program(rng, kinds=((kind, 1),))
        for turn in task.turns:
            if " a('block')" in f' {turn.body}' and 'which' not in turn.sentence:
                words = turn.sentence.lower()
                marks = (' a ', ' an ', ' any ', ' some ', ' one ', ' whichever ', ' anyone ', ' each ', ' every ')
                assert any(mark in f' {words} ' for mark in marks) or 'non-' in words or len(words.split()) < 4, words


def test_same_seed_same_examples():
    assert list(itertools.islice(generate_programs(7), 50)) == EXAMPLES[:50]
    assert list(itertools.islice(generate_programs(8), 50)) != EXAMPLES[:50]


def test_later_turns_show_the_earlier_ones():
    rng = random.Random(3)
    tasks = (sample_program(rng) for _ in range(400))
    task = next(task for task in tasks if len(task.turns) > 1)
    prompt = write_program_example(task, rng).prompt
    assert [turn.sentence for turn in task.turns] == sentences_of(prompt)
    assert task.turns[0].body.split('\n')[0] in prompt


@pytest.mark.parametrize('case', PROGRAM_PEOPLE, ids=lambda case: case.sentences[-1][:40])
def test_people_are_answered_by_programs_about_their_table(case):
    parse_program(case.program)
    assert case.table in TABLES
    assert len(case.before) == len(case.sentences) - 1


def test_the_grammar_lets_every_program_be_written():
    """What is trained can also be written under the grammar of its sentence and scene, token by token."""
    from transformers import AutoTokenizer

    from vlm_robot.language.constrained import GrammarGuide
    from vlm_robot.language.smollm import ensure_smollm2
    from vlm_robot.planning.program_grammar import write_grammar

    tokenizer = AutoTokenizer.from_pretrained(ensure_smollm2())
    guide, rng = GrammarGuide(tokenizer), random.Random(2)
    for _ in range(60):
        task = sample_program(rng)
        text = write_program_example(task, rng).completion
        guided = guide.begin(write_grammar(task.turns[-1].sentence, task.scene))
        guided.add(tokenizer(text)['input_ids'])  # raises where the grammar says no
