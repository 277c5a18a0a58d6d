"""
A guess of the program that a language model will write for a sentence, to be checked in one pass.

It is right where a sentence names things and places in the order of their moving, which most commands do, and costs
little where it is wrong: the model writes what it would have written without it (``TransformersLanguageModel.write``).
Nothing is decided here, and no wording is known here, only the names of things and places.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
import re

from vlm_robot.datatypes import Scene
from vlm_robot.planning.parsing import flatten
from vlm_robot.planning.program import INDENT
from vlm_robot.vocabulary import AREAS, list_labels, LOCATIONS, SHAPES

MOST_NAMES = 8  # of one sentence
NUMBER = re.compile(r' \d+$')  # of a thing among its like, as in 'red block 2'


@dataclass(frozen=True)
class _Named:
    """Something that a sentence names: how programs say it, and whether it is many things."""

    value: str
    is_many: bool = False


def draft_program(sentence: str, scene: Scene) -> str:
    """Return lines that put each thing the sentence names into or onto what it names next; empty where none is."""
    names = _find_names(sentence, scene)[:MOST_NAMES]
    lines = [_put(thing, where) for thing, where in zip(names[::2], names[1::2])]
    if len(names) % 2:
        lines.append(f'{INDENT}pick({names[-1].value})\n')
    return ''.join(lines) + '\n' if lines else ''


def _put(thing: _Named, where: _Named) -> str:
    if thing.is_many:
        return f'{INDENT}for b in {thing.value}:\n{2 * INDENT}put(b, {where.value})\n'
    return f'{INDENT}put({thing.value}, {where.value})\n'


def _find_names(sentence: str, scene: Scene) -> list[_Named]:
    """Return what the sentence names, in its order."""
    named = (NUMBER.sub('', name) for name in scene.names)
    things = {*named, *(item.label for item in scene.objects), *list_labels()}
    pattern = _build_pattern(tuple(sorted(things, key=lambda name: (-len(name), name))))  # longest first
    return [_read(match) for match in pattern.finditer(flatten(sentence).lower())]


@lru_cache(maxsize=8)  # tables of things that have common names share one
def _build_pattern(things: tuple[str, ...]) -> re.Pattern[str]:
    places, singular, plural = (
        '|'.join(map(re.escape, names)) for names in ((*LOCATIONS, *AREAS), things, (*things, *SHAPES))
    )
    return re.compile(
        rf'\b(?:(?P<place>{places})|(?P<many>{plural})s|(?P<any>an? )?(?P<one>(?:{singular})(?: \d+)?))\b'
    )


def _read(match: re.Match[str]) -> _Named:
    if match['place']:
        return _Named(f"'{match['place']}'")
    if match['many']:
        return _Named(f"all('{match['many']}')", is_many=True)
    return _Named(f"{'a' if match['any'] else 'the'}('{match['one']}')")
