"""
The text that a language model completes with a program: what it may call, what is there, what is wanted.

The form is ProgPrompt's (arXiv 2209.11302): a line of imports, the objects as a list, the sentence as a
comment above a function to be written. The first line never changes and the sentence stands last, so a
model's key-value cache serves one prompt after the other; worked examples and earlier turns of a dialogue
have the same form and stand before. Training data is written by the same functions. Text from outside is
flattened to one comment line: it is data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vlm_robot.datatypes import Scene
from vlm_robot.planning.parsing import flatten, is_name
from vlm_robot.planning.program import HEADER, INDENT
from vlm_robot.planning.program_parts import SKILL_CALLS
from vlm_robot.planning.sight_notes import write_notes

HEAD = f'from skills import {", ".join(SKILL_CALLS)}\n\n'
STOP = '\n\n'  # what ends a program


@dataclass(frozen=True)
class Turn:
    """
    A sentence and the program that answered it: an earlier turn of a dialogue or a worked example.

    :param program: indented lines, as ``format_program`` writes them.
    :param objects: names of what was there; left out of the prompt where empty.
    :param held: what the hand held when the sentence came.
    """

    sentence: str
    program: str
    objects: tuple[str, ...] = ()
    held: str = ''


def write_program_prompt(sentence: str, scene: Scene, turns: Sequence[Turn] = (), examples: Sequence[Turn] = ()) -> str:
    """
    Return the prompt up to and with the line ``def task():`` and its line end.

    :param turns: what was said and done before in this dialogue, oldest first.
    :param examples: worked examples, the most fitting one last.
    """
    before = [write_turn(turn) for turn in (*examples, *turns)]
    names = [name for name in scene.names if is_name(name)]
    if scene.held and scene.held not in names:
        names.append(scene.held)
    notes = write_notes(scene.described, sentence)
    return ''.join([HEAD, *before, write_opening(sentence, names, scene.held, notes)])


def write_turn(turn: Turn) -> str:
    """Return a whole block: objects, sentence, function, empty line."""
    lines = [line.rstrip() for line in turn.program.rstrip().split('\n') if line.strip()]
    body = [line if line.startswith(INDENT) else INDENT + line for line in lines]
    return write_opening(turn.sentence, turn.objects, turn.held) + '\n'.join(body) + STOP


def write_opening(sentence: str, objects: Sequence[str], held: str = '', notes: str = '') -> str:
    """Return what stands above a function's body; ``notes`` are what else is seen."""
    lines = [f'objects = [{", ".join(map(quote, objects))}]'] if objects else []
    lines += [f'holding = {quote(held)}'] if held else []
    lines += [f'# seen: {notes}'] if notes else []
    return '\n'.join([*lines, f'# {flatten(sentence)}', HEADER, ''])


def quote(name: str) -> str:
    """Return a name between quotes, without signs that would end it."""
    plain = flatten(name)
    return f'"{plain}"' if "'" in plain else f"'{plain}'"
