"""
The fixed rule that keeps evaluation out of training: which sentences may never be trained.

Kept apart are the wordings of the evaluation suite, everything that names an unseen colour, and validation
wordings: verbs, frames and whole sentences reserved for measuring how the planner does on words it never met.
Wordings are compared as skeletons: without polite words and punctuation, with every name, colour, number,
place and direction blanked out, so that the same sentence about other things is the same wording.
"""

from __future__ import annotations

from functools import cache
import re

from vlm_robot.sim.tasks.wordings import COLOUR_NOUNS, list_templates, match_suite
from vlm_robot.training.program_heldout import TEMPLATES
from vlm_robot.training.program_people import PROGRAM_PEOPLE
from vlm_robot.training.program_people_fresh import FRESH_PEOPLE
from vlm_robot.vocabulary import COLOURS, LOCATIONS, UNSEEN_COLOURS

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


HELD_OUT_NOUNS = ('banana coloured', 'banana colored', 'sky coloured', 'sky colored', 'sky blue', 'banana yellow')
_NOUNS = {
    'block': ('blocks', 'cube', 'cubes', 'brick', 'bricks', 'box', 'boxes', 'piece', 'pieces', 'square', 'ones', 'one'),
    'bowl': ('bowls', 'dish', 'dishes', 'basin', 'basins', 'saucer', 'pot', 'vessel', 'container'),
}
_NOUN = re.compile(r'\b(' + '|'.join(word for group in _NOUNS.values() for word in group) + r')\b')
_BARE = (  # words before a noun that are no colour
    'the|a|an|all|any|every|each|both|of|these|those|this|that|some|your|my|two|three|four|five|which|in|on|and|to|or|'
    'other|same|one|it|is|are|not|coloured|color|colour'
)
_SLOT = re.compile(
    rf'\b(?:(?!(?:{_BARE})\b)[a-z]+ )?(?:[a-z]+ coloured |(?!(?:{_BARE})\b)[a-z]+ )'
    r'(?:block|bowl|object|thing)s?(?: \d+)?\b|\b(?:'
    + '|'.join(
        sorted(
            (
                *(f'{end}{part}' for part in LOCATIONS for end in ('', 'the ')),
                *(
                    f'the {way} {part}'
                    for way in ('left', 'right', 'top', 'bottom')
                    for part in ('area', 'half', 'edge', 'corner')
                ),
                *(f'the {part}' for part in ('middle', 'center', 'centre', 'left', 'right', 'top', 'bottom')),
                *COLOURS,
                *('grey', 'left', 'right', 'top', 'bottom', 'first', 'second', 'third', 'fourth', 'fifth'),
                *('closest', 'farthest', 'nearest', 'furthest', 'horizontal', 'vertical', 'diagonal', 'light', 'dark'),
                *(r'\d+(?:st|nd|rd|th)?', 'above', 'below', 'to the left of', 'to the right of', *COLOUR_NOUNS),
            ),
            key=len,
            reverse=True,
        )
    )
    + r')\b'
)
_POLITE = re.compile(
    r'^(?:(?:please|kindly|robot|hey|hi|hello|ok|okay|now|just|can you|could you|would you|will you|how would you|'
    r'i want you to|i need you to|i would like you to|go ahead and|help me|try to|your task is to|lets|simply|pls) )+'
)
_TAIL = re.compile(r'(?: (?:please|for me|now|thanks|thank you|if you can|ok|carefully|pls))+$')


def normalise(sentence: str) -> str:
    """Return the sentence in lower case with single spaces and without punctuation."""
    return ' '.join(re.sub(r"[^\w\s']", ' ', sentence.lower()).split())


def is_suite_wording(sentence: str) -> bool:
    """Say whether the sentence is one that the evaluation suite could ask."""
    words = normalise(sentence)
    return any(pattern.fullmatch(words) for pattern in _SUITE_PATTERNS)


def skeleton(sentence: str) -> str:
    """Return the wording of a sentence: ``put the # in the #``; template slots in braces are blanked out too."""
    words = normalise(re.sub(r'{\w+}', ' # ', sentence).replace('#', ' zzslot ')).replace('colored', 'coloured')
    words = _TAIL.sub('', _POLITE.sub('', words.replace("'", '')))
    words = _NOUN.sub(lambda match: next(noun for noun, group in _NOUNS.items() if match[1] in group), words)
    words = _SLOT.sub('zzslot', words)
    return re.sub(r'(?:the )?zzslot(?: (?:zzslot|of the table))*', '#', words)


@cache
def list_kept_skeletons() -> frozenset[str]:
    """Return the wordings that are only measured: the suite's, and sentences written by people."""
    people = (skeleton(sentence) for case in (*PROGRAM_PEOPLE, *FRESH_PEOPLE) for sentence in case.sentences)
    held_out = (skeleton(part) for group in TEMPLATES.values() for text, _ in group for part in text.split(' | '))
    told = {words for words in people if len(words.replace('#', '').split()) > 2}  # `# into #` is everybody's wording
    told |= {words for words in held_out if len(words.replace('#', '').split()) > 1}
    return frozenset(map(skeleton, list_templates())) | told


def is_kept_skeleton(sentence: str) -> bool:
    """Say whether the sentence has the wording of one that is only measured."""
    return bool(match_suite(sentence)) or skeleton(sentence) in list_kept_skeletons()


def is_validation_wording(sentence: str) -> bool:
    """Say whether the sentence uses a verb or frame reserved for validation."""
    words = f' {normalise(sentence)} '
    return any(f' {mark} ' in words for mark in HELD_OUT_VERBS + HELD_OUT_FRAMES + HELD_OUT_NOUNS)


def names_unseen_colour(text: str) -> bool:
    """Say whether the text names a colour that training may not see, ``grey`` included."""
    return not {*UNSEEN_COLOURS, 'grey'}.isdisjoint(re.findall(r'[a-z]+', text.lower()))


def is_trainable(sentence: str, scene_text: str = '') -> bool:
    """Say whether training may see the sentence and scene text."""
    return not (
        is_suite_wording(sentence)
        or is_kept_skeleton(sentence)
        or is_validation_wording(sentence)
        or names_unseen_colour(f'{sentence} {scene_text}')
    )
