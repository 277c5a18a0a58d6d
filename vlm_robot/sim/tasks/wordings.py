"""
The sentences of the evaluation suite, as templates with slots: one table, family -> task -> wordings.

Families follow published sets, re-typed in our own words and never copied from a file: A, B, C and D the
seen and unseen instructions of Code as Policies (arXiv 2209.07753, appendix K), A also CLIPort (arXiv
2109.12098); E, F and G the task list of SayCan's open notebook and its known failures (arXiv 2204.01691),
KnowNo (2307.01928) and LoHoRavens (2310.12020); I the robustness rows that we add. H, the kitchen, has its
own file (``evaluation/kitchen_suite.py``); J asks what A, B and G ask while the table is disturbed.

Training must not see any of these wordings: ``match_suite`` is the fact that its separation rule rests on.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
import re
from types import MappingProxyType

from vlm_robot.vocabulary import COLOURS, LOCATIONS

PICK_AND_PLACE = (
    'Pick up the {block} and place it on the {block2}.',
    'Pick up the {block} and place it on the {bowl}.',
    'Pick up the {block} and place it on the {location}.',
    'Put the {block_colour} blocks in a {bowl_colour} bowl.',
    'Put the {block} on the {location}.',
)

_TEMPLATES: dict[str, dict[str, tuple[str, ...]]] = {
    'A': {'pick_and_place': PICK_AND_PLACE},
    'B': {
        'area': ('Put all the blocks on the {place}.',),
        'one_bowl': ('Put all the blocks in the {bowl}.',),
        'matching': ('Put all the blocks in the bowls with matching colors.',),
        'stack': ('Stack all the blocks.',),
    },
    'C': {
        'nth': ('Pick up the {nth} block from the {direction} and place it on the {place}.',),
        'distance': ('Pick up the block {extreme} to the {bowl} and place it on the {place}.',),
        'direction': ('Pick up the block {side_of} the {bowl} and place it on the {place}.',),
    },
    'D': {
        'different_corners': ('Put all the blocks in different corners.',),
        'mismatched': ('Put the blocks in the bowls with mismatched colors.',),
        'stack_corner': ('Stack all the blocks on the {corner}.',),
        'line': ('Put all the blocks in a {line} line.',),
        'offset': ('Pick up the {block} and place it 5 cm {side_of} the {bowl}.',),
        'corner_of_bowl': ('Pick up the {block} and place it on the corner {extreme} to the {bowl}.',),
    },
    'E': {
        'colour_noun': ('Put the {noun}-colored block in the {noun2}-colored bowl.',),
        'colour_of_noun': ('Put the block that has the color of {a_noun} on the {place}.',),
        'lightness': ('Move the {lightness} colored block to the {place}.',),
        'group': ('Group the {colour} objects together.',),
        'synonym': ('Drop the {colour} cube into the {colour2} dish.',),
    },
    'F': {
        'not_one': ('Put a block that is not {colour} in the {bowl}.',),
        'not_all': ('Put all the blocks that are not {colour} in the {bowl}.',),
        'except': ('Put every block except the {colour} one on the {place}.',),
        'absent_block': ('Put the {block} in the bowl.',),
        'present_block': ('Put the {block} in the bowl.',),
        'absent_bowl': ('Move the {block} into the {bowl}.',),
        'present_bowl': ('Move the {block} into the {bowl}.',),
        'absent_thing': ('Put the {thing} on the {place}.',),
        'which_block': ('Put the block in the {bowl}.',),
        'only_block': ('Put the block in the {bowl}.',),
        'which_bowl': ('Put the {block} in the bowl.',),
        'only_bowl': ('Put the {block} in the bowl.',),
    },
    'G': {
        'round_trip': ('Clockwise, move the block through all the corners.',),
        'alternate': ('Stack the blocks in alternate colors.',),
        'areas': ('Move all the blocks in the {area} to the {area2}.',),
        'same_colour': ('Stack the blocks of the same color on top of each other.',),
    },
    'I': {
        'paraphrase': (
            'Could you pop the {colour} cube into the {colour2} dish?',
            'I would love to see the {block} sitting in the {bowl}.',
            'Take hold of the {block}, would you, and let it rest at the {place}.',
            'Everything that is a block should go into the {bowl}, thanks.',
        ),
        'typos': PICK_AND_PLACE,
        'polite': (
            'Good morning! If it is not too much trouble, please put the {block} in the {bowl}. Thank you!',
            'Hello robot, I know that you are busy, but could you please put the {block} on the {place} for me?',
        ),
        'japanese': (
            '{block}を{bowl}に入れてください。',
            '{block}を{place}に置いて。',
            '全部のブロックを{bowl}に入れて。',
        ),
        'chinese': ('请把{block}放进{bowl}里。', '把{block}放到{place}。', '把所有的积木都放进{bowl}里。'),
    },
    'cliport': {'block_in_bowl': ('put the {colour} blocks in a {colour2} bowl',)},
}
TEMPLATES: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(_TEMPLATES)

COLOUR_NOUNS = MappingProxyType(
    {
        'banana': 'yellow', 'sky': 'blue', 'tomato': 'red', 'grass': 'green', 'carrot': 'orange', 'lemon': 'yellow',
        'strawberry': 'red', 'ocean': 'blue', 'lime': 'green', 'pumpkin': 'orange',
    }
)  # fmt: skip
ABSENT_THINGS = ('mug', 'apple', 'toy car', 'spoon', 'pyramid', 'ball')
NUMERALS = ('first', 'second', 'third', 'fourth')
SIDES_OF = MappingProxyType({'left': 'to the left of', 'right': 'to the right of', 'top': 'above', 'bottom': 'below'})
AREAS = ('left area', 'right area', 'top area', 'bottom area')

_COLOUR = '|'.join([*COLOURS, 'grey'])
_FILLERS = {
    'block': rf'(?:{_COLOUR}) block(?: \d+)?',
    'bowl': rf'(?:{_COLOUR}) bowl(?: \d+)?',
    'colour': _COLOUR,
    'place': '|'.join(LOCATIONS),
    'location': '|'.join(LOCATIONS),
    'corner': '|'.join(name for name in LOCATIONS if 'corner' in name),
    'nth': '|'.join(NUMERALS),
    'direction': 'left|right|top|bottom',
    'side_of': '|'.join(SIDES_OF.values()),
    'extreme': 'closest|farthest',
    'line': 'horizontal|vertical|diagonal',
    'lightness': 'light|dark',
    'area': '|'.join(AREAS),
    'noun': '|'.join(COLOUR_NOUNS),
    'a_noun': '(?:an? |the )?[a-z]+',
    'thing': '|'.join(ABSENT_THINGS),
}


def list_templates(family: str = '') -> tuple[str, ...]:
    """Return the wordings of a family, or of all families where none is named, each once."""
    families = [TEMPLATES[family]] if family else list(TEMPLATES.values())
    return tuple(dict.fromkeys(text for tasks in families for texts in tasks.values() for text in texts))


def match_suite(sentence: str) -> str:
    """Return the first family whose wordings say the sentence, whatever its case and punctuation; empty if none."""
    words = _normalise(sentence)
    return next((family for family, pattern in _compile_all() if pattern.fullmatch(words)), '')


def _normalise(text: str) -> str:
    return ' '.join(re.sub(r'[^\w\s{}]', ' ', text.lower()).split())


@cache
def _compile_all() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((family, _compile(text)) for family in TEMPLATES for text in list_templates(family))


def _compile(template: str) -> re.Pattern[str]:
    """Return the pattern of a template; in a sentence in another script a slot takes any words."""
    is_english = _normalise(template).replace('{', '').replace('}', '').isascii()
    pieces = re.split(r'{(\w+)}', _normalise(template))
    pattern = ''.join(re.escape(p) if i % 2 == 0 else f'(?:{_filler(p, is_english)})' for i, p in enumerate(pieces))
    return re.compile(pattern)


def _filler(slot: str, is_english: bool) -> str:
    if not is_english:
        return '.+'
    name = slot.rstrip('2345')
    return _FILLERS['colour' if name.endswith('_colour') else name]
