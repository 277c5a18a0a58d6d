"""
The fixed rule that keeps the kitchen's evaluation out of training.

Things and places may be shared, wordings not: a sentence whose skeleton (polite words dropped, things and
places blanked out) is that of an evaluation sentence is never trained, nor is any sentence with a mark: words
that only the evaluation uses.
"""

from __future__ import annotations

from functools import cache
import re

import yaml

from vlm_robot.resources import find
from vlm_robot.training.kitchen_wordings import PLACE_WORDS, THING_WORDS
from vlm_robot.training.planner_separation import normalise

HELD_OUT_MARKS = (
    'lemony', 'nibble', 'washes', 'hot and spicy', 'whole grain', 'knocked', 'mop', 'supply me', 'park', 'transport',
    'gone bad', 'gym', 'sleepy', 'breakfast', 'take care of', 'onto the', 'should lie', 'over here', 'lives on',
    'out of chips',
    'party', 'in that order', 'swap', 'throat', 'love heat', 'went all over', 'piece of fruit', 'hide', 'trash the',
    'bin the',
    'supply', 'get rid of the', 'be discarded', 'afterwards', 'leave the rest', 'as well', 'for lunch',
    'both thirsty', 'yellow fruit', 'citrus fruit', 'no caffeine in', 'energy drink', 'plain water',
    'hand me a beverage',
    'release the', 'cannot have any sugar', 'empty can', 'what you have in your hand',
)  # fmt: skip
_POLITE = re.compile(
    r'^(?:(?:please|kindly|robot|hey|ok|hello|now|just|can you|could you|would you|how would you|i want you to|'
    r'i need you to|i would like you to|go ahead and|help me and|help me|try to|your (?:job|task) is to) )+'
)
_TAIL = re.compile(r'(?: (?:please|for me|now|thanks|thank you|right away|quickly))+$')


@cache
def _names() -> re.Pattern[str]:
    words = {word for group in THING_WORDS.values() for word in group} | set(THING_WORDS)
    return re.compile(r'\b(?:' + '|'.join(sorted(map(re.escape, words), key=len, reverse=True)) + r')(?: \d+)?\b')


@cache
def _places() -> re.Pattern[str]:
    words = {word.removeprefix('the ') for group in PLACE_WORDS.values() for word in group} - {'me'}
    return re.compile(r'\b(?:' + '|'.join(sorted(map(re.escape, words), key=len, reverse=True)) + r')\b')


def skeleton(sentence: str) -> str:
    """Return what is left of a sentence without polite words and with things and places blanked out."""
    words = _TAIL.sub('', _POLITE.sub('', normalise(sentence)))
    return _names().sub('#', _places().sub('@', words))


@cache
def list_evaluation_sentences() -> tuple[str, ...]:
    """Return the sentences of the kitchen suite."""
    return tuple(item['say'] for item in yaml.safe_load(find('sim/kitchen/instructions.yaml').read_text()))


@cache
def _skeletons() -> frozenset[str]:
    return frozenset(map(skeleton, list_evaluation_sentences()))


def is_kitchen_evaluation(sentence: str) -> bool:
    """Return whether training must not see the sentence."""
    words = normalise(sentence)
    return skeleton(sentence) in _skeletons() or any(
        re.search(rf'\b{re.escape(mark)}\b', words) for mark in HELD_OUT_MARKS
    )
