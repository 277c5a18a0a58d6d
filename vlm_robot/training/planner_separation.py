"""
The fixed rule that keeps evaluation out of training: which sentences may never be trained.

Three kinds are kept apart: the wordings of the evaluation suite (families A, B and D), everything that
names an unseen colour, and validation wordings: verbs and frames reserved for measuring how the planner
does on words it never met.
"""

from __future__ import annotations

import re

from vlm_robot.vocabulary import LOCATIONS, UNSEEN_COLOURS

HELD_OUT_VERBS = ('stick', 'sticking', 'deposit', 'depositing', 'relocate', 'relocating', 'plop', 'plopping')
HELD_OUT_FRAMES = (
    'belongs',
    'belong',
    'end up',
    'ends up',
    'home for',
    'make it so',
    'rest of the',
    'find its way',
    'be so kind',
    'job is',
)

_COLOUR = '[a-z]+'
_THING = rf'{_COLOUR} (?:block|bowl)(?: \d+)?'
_PLACE = '|'.join(LOCATIONS)
_SUITE = (
    # A: single pick and place
    rf'pick up the {_THING} and place it (on|in) the ({_THING}|{_PLACE})',
    rf'put the {_COLOUR} blocks? in an? {_COLOUR} bowl',
    rf'put the {_COLOUR} block on the ({_PLACE})',
    # B: set goals
    r'(put|stack) all the blocks( .*)?',
    # D: unseen instructions
    r'put all the blocks .*(different|mismatched|diagonal|horizontal|vertical|line|farthest).*',
)
_SUITE_PATTERNS = tuple(re.compile(pattern) for pattern in _SUITE)


def normalise(sentence: str) -> str:
    """Return the sentence in lower case with single spaces and without punctuation."""
    return ' '.join(re.sub(r"[^\w\s']", ' ', sentence.lower()).split())


def is_suite_wording(sentence: str) -> bool:
    """Say whether the sentence is one that the evaluation suite could ask."""
    words = normalise(sentence)
    return any(pattern.fullmatch(words) for pattern in _SUITE_PATTERNS)


def is_validation_wording(sentence: str) -> bool:
    """Say whether the sentence uses a verb or frame reserved for validation."""
    words = f' {normalise(sentence)} '
    return any(f' {mark} ' in words for mark in HELD_OUT_VERBS + HELD_OUT_FRAMES)


def names_unseen_colour(text: str) -> bool:
    """Say whether the text names a colour that training may not see, ``grey`` included."""
    return not {*UNSEEN_COLOURS, 'grey'}.isdisjoint(re.findall(r'[a-z]+', text.lower()))


def is_trainable(sentence: str, scene_text: str = '') -> bool:
    """Say whether training may see the sentence and scene text."""
    return not (
        is_suite_wording(sentence) or is_validation_wording(sentence) or names_unseen_colour(f'{sentence} {scene_text}')
    )
