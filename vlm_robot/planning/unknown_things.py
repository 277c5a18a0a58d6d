"""
Things that a sentence names and that are neither here nor known: they are refused, not taken for a block.

A small language model that has to name something of the scene takes "the pyramid" for "the block" and asks which one.
What a definite phrase names is therefore looked up in the scene by rules: solids that are no block (``SOLIDS``) always,
other nouns where the planner asks about things that the sentence never speaks of. Words are matched, nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import re

from vlm_robot.datatypes import Question, Scene
from vlm_robot.planning.asking import NOUNS
from vlm_robot.vocabulary import AREAS, COLOURS, LOCATIONS, shape_of

# Solids that nobody calls a block; what blocks can be laid into (line, ring, triangle) is not among them.
_SOLIDS = 'ball cone cylinder disc disk hexagon octahedron pentagon prism pyramid sphere star tetrahedron wedge'
_ADJECTIVES = """
big bigger biggest black colored coloured dark different grey highest horizontal large light little lower lowest
matching mismatched next opposite other round same small smaller smallest upper vertical wooden
"""
# Heads of phrases that name no certain kind of thing, or a place.
_OPEN_WORDS = """
back center centre closest color colour diagonal drawer edge everything farthest fifth first fourth front furthest group
hand it item last leftmost line nearest object one order pile place rest rightmost robot row second spot stack stuff
table them thing third tower two user way
"""
_LINKS = 'and are as at below by for from has have in into is near next of off on onto or over that to under which with'
LINKS = frozenset(_LINKS.split())
SOLIDS = frozenset(_SOLIDS.split())
ADJECTIVES = frozenset((*COLOURS, *_ADJECTIVES.split()))
OPEN_WORDS = frozenset((*_OPEN_WORDS.split(), *(word for name in (*LOCATIONS, *AREAS) for word in name.split())))
_PHRASE = re.compile(r"\b(?:the|every|each)((?: [a-z]+(?:[-'][a-z]+)*)+)")


def find_unknown_solid(sentence: str, scene: Scene) -> str:
    """Return the first solid with its colour that a definite phrase names and the scene lacks; empty for none."""
    here = _list_scene_words(scene)
    return next((words for words, head in _list_phrases(sentence) if head in SOLIDS and head not in here), '')


def find_misread(sentence: str, scene: Scene, question: Question) -> str:
    """
    Return what a sentence names that the planner has taken for something else; empty where the question is right.

    :param question: what the planner asks, with the things among which it wants to know.
    """
    said = {_singular(word) for word in re.findall(r'[a-z]+', sentence.lower())}
    shapes = {shape_of(name.rstrip(' 0123456789')) for name in question.choices}
    named = {noun for shape in shapes for noun in (*NOUNS.get(shape, ()), *shape.split())}
    if not question.choices or said & (named | {'object', 'one', 'item', 'thing'}):
        return ''
    known = _list_scene_words(scene) | OPEN_WORDS | ADJECTIVES | {noun for nouns in NOUNS.values() for noun in nouns}
    return next((words for words, head in _list_phrases(sentence) if head not in known), '')


def _list_phrases(sentence: str) -> Iterator[tuple[str, str]]:
    """Yield the words of every definite phrase up to its head, and the head in the singular."""
    for match in _PHRASE.finditer(' '.join(sentence.lower().split())):
        words = match[1].split()
        count = next((i for i, word in enumerate(words) if word not in ADJECTIVES), len(words) - 1)
        if words[count] not in LINKS:  # "the red in the corner" leaves the noun out
            yield ' '.join((*words[:count], _singular(words[count]))), _singular(words[count])


def _list_scene_words(scene: Scene) -> set[str]:
    return set(_words_of(item.label for item in scene.objects)) | set(_words_of(scene.names))


def _words_of(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield from (_singular(word) for word in name.lower().split())


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith('s') and not word.endswith('ss') else word
