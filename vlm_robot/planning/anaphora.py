"""
Words that point back to the turn before: ``the same bowl`` is the one into which something was put last.

Only words for one single thing are read so (``put the blue block in the same bowl``); with several things in the
sentence (``both blocks in the same bowl``) they point to each other and stay. What is asked for beyond this
(``the same with the green one``) is left to the planner, which sees the earlier programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import re

from vlm_robot.errors import PlanError
from vlm_robot.planning.program import parse_program
from vlm_robot.planning.program_parts import Call, Do, For, Program, Text, Value
from vlm_robot.planning.program_prompt import Turn
from vlm_robot.vocabulary import LOCATIONS

PLACES = frozenset(('place', 'spot', 'position', 'location', 'one'))
SAME = re.compile(r'\b(?:the|that) same ([a-z]+)\b', re.IGNORECASE)
SEVERAL = re.compile(r'\b(?:and|all|both|every|each|blocks|cubes|things|objects|them|two|three|four)\b', re.IGNORECASE)
PLACING = ('put', 'stack')


def recall_places(text: str, turns: Sequence[Turn]) -> tuple[str, list[str]]:
    """
    Return the text with ``the same bowl`` or ``the same place`` named as the last turn knew it, and a note on it.

    :param turns: oldest first; only the last one counts.
    """
    found = SAME.search(text)
    if not found or not turns or SEVERAL.search(text[: found.start()]):
        return text, []
    named = _find_destination(turns[-1].program)
    noun = found[1].lower()
    if not named or (noun not in PLACES and noun != named.split(' ')[-1]):
        return text, []
    words = f'the {named}'
    return text[: found.start()] + words + text[found.end() :], [f"read '{found[0]}' as '{words}'"]


def _find_destination(program: str) -> str:
    """Return the name of where the last thing of a program was put; empty where it has none of its own."""
    try:
        calls = [call for call in _list_calls(parse_program(program)) if call.function in PLACING]
    except PlanError:
        return ''
    if not calls or len(calls[-1].args) < 2:
        return ''
    return _name(calls[-1].args[1])


def _list_calls(program: Program | For) -> Iterator[Call]:
    for statement in program.body:
        if isinstance(statement, Do):
            yield statement.call
        elif isinstance(statement, For):
            yield from _list_calls(statement)


def _name(value: Value) -> str:
    if isinstance(value, Text) and value.value in LOCATIONS:
        return value.value
    if isinstance(value, Call) and value.function == 'the' and not value.options and isinstance(value.args[0], Text):
        return value.args[0].value
    return ''
