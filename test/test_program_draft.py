"""Guesses of programs: names in the order of the sentence, and the same text with them as without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vlm_robot.planning import progprompt
from vlm_robot.planning.progprompt import ProgPromptPlanner
from vlm_robot.planning.program import parse_program
from vlm_robot.planning.program_draft import draft_program

SENTENCES = (
    'Put the red block in the green bowl.',
    'move the blue block to the middle',
    'Put all the blocks in the green bowl.',
    'put the yellow blocks in a red bowl',
    'stack the red block on the blue block, then put the yellow block in the red bowl',
    'what is that?',
    'put the red block in the drawer and the blue block next to the green bowl',
)


@pytest.mark.parametrize(
    ('sentence', 'draft'),
    [
        (SENTENCES[0], "    put(the('red block'), the('green bowl'))\n\n"),
        (SENTENCES[1], "    put(the('blue block'), 'middle')\n\n"),
        (SENTENCES[3], "    for b in all('yellow block'):\n        put(b, a('red bowl'))\n\n"),
        ('take the red block', "    pick(the('red block'))\n\n"),
        ('what is that?', ''),
        ('', ''),
    ],
)
def test_names_become_lines_in_their_order(sentence, draft, scene):
    assert draft_program(sentence, scene) == draft


def test_every_draft_is_a_program_however_odd_the_names(scene):
    odd = replace(scene.objects[0], name="o'neill (the) block.*", label='[a] block')
    for sentence in (*SENTENCES, "put o'neill (the) block.* on [a] block", 'red block ' * 50):
        draft = draft_program(sentence, replace(scene, objects=(odd, *scene.objects[1:])))
        if draft and "o'neill" not in draft and '[a]' not in draft:
            parse_program(draft)
        assert draft.count('put(') <= 4


def test_the_program_is_the_same_with_and_without_a_draft(tuned, scene, monkeypatch):
    for sentence in SENTENCES:
        with_draft = ProgPromptPlanner(tuned).write(sentence, scene)
        with monkeypatch.context() as patch:
            patch.setattr(progprompt, 'draft_program', lambda sentence, scene: '')
            without = ProgPromptPlanner(tuned).write(sentence, scene)
        assert with_draft.text == without.text
        assert with_draft.logprob == pytest.approx(without.logprob, abs=1e-3)
