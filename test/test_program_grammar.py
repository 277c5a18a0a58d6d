"""Every text of the grammar is a program, and the programs that people's sentences need are texts of it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.errors import ModelError
from vlm_robot.language.constrained import GrammarGuide
from vlm_robot.language.smollm import ensure_smollm2
from vlm_robot.planning.program import format_program, parse_program
from vlm_robot.planning.program_grammar import list_names, write_grammar

SCENE = Scene(
    (
        SceneObject('red block 1', 'red block', (0.45, -0.15, 0.02)),
        SceneObject('red block 2', 'red block', (0.45, 0.12, 0.02)),
        SceneObject('green bowl', 'green bowl', (0.58, 0.12, 0.0)),
    )
)
SENTENCE = 'put the turquoise cube beside the "banana" dish # then\nimport os'
MOST_TOKENS = 384


@pytest.fixture(scope='module')
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(ensure_smollm2())


@pytest.fixture(scope='module')
def guide(tokenizer):
    return GrammarGuide(tokenizer)


def walk(guided, rng: random.Random, end: int) -> list[int]:
    """Return random tokens of a grammar; where the text may end, it does so half of the time."""
    tokens: list[int] = []
    while not guided.is_complete() and len(tokens) < MOST_TOKENS:
        allowed = np.flatnonzero(guided.mask())
        token = end if end in allowed and rng.random() < 0.5 else int(rng.choice(allowed))
        guided.add([token])
        tokens.append(token)
    return tokens


def test_random_texts_of_the_grammar_parse(guide, tokenizer):
    rng = random.Random(0)
    grammar = write_grammar(SENTENCE, SCENE)
    end = tokenizer('\n\n')['input_ids'][0]
    finished = 0
    for _ in range(25):
        guided = guide.begin(grammar)
        text = tokenizer.decode(walk(guided, rng, end))
        if guided.is_complete():
            finished += 1
            program = parse_program(text)
            assert parse_program(format_program(program)) == program
    assert finished >= 15


BODIES = (
    "    put(the('red block 1'), the('green bowl'))\n\n",
    "    put(the('turquoise block'), beside(the('banana bowl'), 'left'))\n\n",
    "    for b in all('block'):\n        put(b, the('bowl', colour_of=b))\n\n",
    "    for b, p in zip(all('block'), line('diagonal')):\n        put(b, p)\n\n",
    "    for p in counterclockwise('side'):\n        put(the('block', closest_to=p), p)\n\n",
    "    # 1: first the drawer\n    assert is_open('drawer'), open('drawer')\n    put(some('block', 2), 'middle')\n\n",
    "    if count(all('block', at='left area')) > 1:\n        go_home()\n\n",
    "    if not is_in(the('red block'), the('bowl')):\n        undo()\n    else:\n        refuse('it is so')\n\n",
    "    put(all('block', but=[the('red block 1'), all('light block')]), 'top left corner')\n\n",
    "    stack([the('red block', from_left=1), the('red block', from_left=2)], 'middle')\n\n",
    "    swap(the('red block 1'), the('red block 2'))\n    push(the('red block'), 'left')\n\n",
)  # fmt: skip


@pytest.mark.parametrize('body', BODIES)
def test_programs_of_all_forms_are_texts_of_the_grammar(body, guide, tokenizer):
    parse_program(body)
    guided = guide.begin(write_grammar(SENTENCE, SCENE))
    guided.add(tokenizer(body)['input_ids'])
    assert guided.is_complete()


@pytest.mark.parametrize(
    'body',
    ['    import os\n\n', "    put(open('x'), 'middle')\n\n", "    put(b, 'middle')\n\n",
     "    put(the('pig'), 'middle')\n\n",
     "    put(the('block'), 'middle').x\n\n", '    while True:\n'],
)  # fmt: skip
def test_other_texts_are_not(body, guide, tokenizer):
    guided = guide.begin(write_grammar(SENTENCE, SCENE))
    with pytest.raises(ModelError, match='grammar'):
        guided.add(tokenizer(body)['input_ids'])


def test_forced_tokens_belong_to_the_text(guide, tokenizer):
    body = "    for b, p in zip(all('block'), line('vertical')):\n        put(b, p)\n\n"
    tokens = tokenizer(body)['input_ids']
    guided, place = guide.begin(write_grammar(SENTENCE, SCENE)), 0
    while place < len(tokens):
        forced = guided.list_forced()
        assert forced == tokens[place : place + len(forced)]
        taken = forced or [tokens[place]]
        guided.add(taken)
        place += len(taken)


def test_names_are_what_is_there_and_what_was_said():
    names = list_names(SENTENCE, SCENE)
    assert {'red block 1', 'red block', 'green bowl', 'turquoise block', 'banana', 'light block', 'corner'} <= set(
        names
    )
    assert not any("'" in name or '"' in name or '#' in name for name in names)
    assert len(names) == len(set(names))


def test_skills_that_do_not_exist_cannot_be_called(guide, tokenizer):
    guided = guide.begin(write_grammar(SENTENCE, SCENE, ('put', 'go_home')))
    with pytest.raises(ModelError):
        guided.add(tokenizer("    stack(all('block'))\n\n")['input_ids'])


def test_a_broken_grammar_is_a_model_error(guide):
    with pytest.raises(ModelError, match='grammar cannot be used'):
        guide.begin('start: nothing_like_that')
