"""
Further wordings of questions, for training only, and noise on them, so that the model reads words and not sentences.

The test asks half of its questions in wordings that training never says. What should prepare for that: many ways to ask
the same, and easy data augmentation (Wei and Zou, arXiv 1901.11196): small words dropped, words put in, words swapped.
What stands in two or more slots keeps its order, because it carries the meaning. A wording that has come to contain a
kept one is dropped: the fence of ``sight_separation`` holds for noise too.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
import re

import numpy as np

from vlm_robot.training.sight_separation import pick

FURTHER = {
    'existence': (
        'can you see a {a}?', 'is a {a} visible?', 'are {as} visible?', 'does the picture show a {a}?',
        'is at least one {a} there?', 'have you found a {a}?', 'can a {a} be seen?', 'does a {a} exist?',
        'are there {as} in the picture?', 'could there be a {a}?', 'i look for a {a}, is one there?', 'a {a}?',
        'check whether there is a {a}',
    ),
    'colour': (
        'what colour does {a} have?', 'name the colour of {a}', 'tell me the colour of {a}', 'in which colour is {a}?',
        'the colour of {a}?', 'which colour has {a}?', 'what is the colour that {a} has?', 'say what colour {a} has',
        'look at {a}, what is its colour?', 'how is {a} coloured?', 'what colour would you say {a} has?',
    ),
    'count': (
        'count the {as}', 'how many {as}?', 'how many {as} can you count?', 'tell me how many {as} there are',
        'give me the number of {as}', 'the number of {as}?', 'how many {as} does the picture show?', 'number of {as}?',
        'how many {as} can be seen?', 'there are how many {as}?', 'say the count of {as}', 'what is the count of {as}?',
    ),
    'relation': (
        'does {a} lie {p} {b}?', 'can you see {a} {p} {b}?', 'does {a} stand {p} {b}?', 'have you found {a} {p} {b}?',
        'would you say that {a} lies {p} {b}?', 'check whether {a} lies {p} {b}', '{a} {p} {b}, is that right?',
        'does the picture show {a} {p} {b}?', 'look at {a}, is it {p} {b}?', 'can {a} be seen {p} {b}?', '{a} {p} {b}?',
    ),
    'in any': (
        'does {a} lie in a bowl?', 'can you see {a} in a bowl?', 'does a bowl hold {a}?',
        'check whether a bowl holds {a}',
        'is there a bowl with {a} in it?', 'look at {a}, is it in a bowl?', 'have you found {a} in a bowl?',
    ),
    'place': (
        'what holds {a}?', 'what carries {a}?', 'where does {a} lie?', 'where can {a} be found?',
        'where can you see {a}?',
        'what does {a} lie on or in?', 'what is under {a}?', 'tell me the place of {a}', 'what is the place of {a}?',
        'look at {a}, where is it?', 'say where {a} lies',
    ),
    'comparison': (
        'are more {as} than {bs} there?', 'can you see more {as} than {bs}?', 'can you see fewer {bs} than {as}?',
        'are the {as} more than the {bs}?', 'are the {bs} fewer than the {as}?', 'do the {as} outnumber the {bs}?',
        'is the count of {as} more than that of {bs}?', 'does the picture show more {as} than {bs}?',
        'check whether there are more {as} than {bs}', 'are there {as} in a number more than that of {bs}?',
        'does the picture show fewer {bs} than {as}?', 'there are more {as} than {bs}, is that right?',
    ),
}  # fmt: skip
ASKING = ('please tell me, ', 'look, ', 'can you say, ', 'robot, ', 'now, ', 'i ask you, ', 'do you know, ')
SMALL = frozenset((
    'is', 'are', 'there', 'the', 'a', 'an', 'do', 'does', 'you', 'see', 'that', 'lies', 'of', 'to', 'any', 'it', 'can',
    'be', 'which', 'what',
))  # fmt: skip
FILLING = ('there', 'now', 'please', 'the', 'that', 'is', 'you', 'see', 'of', 'here', 'it', 'any', 'exactly', 'that is')
ORDERED = frozenset((
    'more', 'fewer', 'than', 'outnumber', 'left', 'right', 'above', 'below', 'in', 'on', 'from', 'first', 'second',
    'third', 'fourth', 'not',
))  # fmt: skip
SIDE = ('the {np} lying {s} of the {a}', 'the {np} which is {s} of the {a}', 'the {np} on the {s} of the {a}',
        'the {np} which you see to the {s} of the {a}')  # fmt: skip
HEIGHT = ('the {np} which is {s} the {a}', 'the {np} lying {s} the {a}', 'the {np} seen {s} the {a}')
EXTREME = ('the {s} one of the {nps}', 'the {np} which lies {s}', 'among the {nps} the {s} one')
RANK = ('the {np} which lies {ord} from the {s}', 'the {ord} {np} counted from the {s}', 'the {np} {ord} from the {s}')
FURTHER_REFERRING = {
    '': ('the {np} there', 'the single {np}'),
    **{s: tuple(text.replace('{s}', s) for text in SIDE) for s in ('left', 'right')},
    **{s: tuple(text.replace('{s}', s) for text in HEIGHT) for s in ('above', 'below')},
    **{
        kind: tuple(text.replace('{s}', word) for text in EXTREME)
        for kind, word in (
            ('leftmost', 'leftmost'), ('rightmost', 'rightmost'), ('topmost', 'topmost'), ('bottommost', 'lowest'),
        )
    },
    **{f'from {s}': tuple(text.replace('{s}', s) for text in RANK) for s in ('left', 'right')},
    'nearest': ('the nearest {np} to the {a}', 'the {np} which lies nearest to the {a}', 'the closest {np} to the {a}'),
    'farthest': ('the farthest {np} from the {a}', 'the {np} which lies farthest from the {a}'),
    'in': ('the {np} inside the {a}', 'the {np} which the {a} has in it', 'the {np} lying in the {a}'),
    'on': ('the {np} lying on the {a}', 'the {np} which stands on the {a}', 'the {np} standing on top of the {a}'),
    'in any': ('the {np} inside a bowl', 'the {np} which a bowl holds', 'the {np} lying in a bowl'),
    'not in': ('the {np} outside of the bowls', 'the {np} which no bowl holds', 'the {np} lying outside the bowls'),
    'held': ('the {np} held by the gripper', 'the {np} which the gripper holds', 'the {np} lying in the gripper'),
}  # fmt: skip


def list_further_words() -> set[str]:
    """Return every word that the further wordings and the noise bring."""
    groups = [*FURTHER.values(), *FURTHER_REFERRING.values(), ASKING, FILLING]
    texts = ' '.join(text for group in groups for text in group)
    return set(re.findall(r'[a-z]+', re.sub(r'{\w+}', ' ', texts)))


def vary(template: str, kept: Iterable[str], rng: np.random.Generator) -> str:
    """Return a template, half of the time with noise, that contains none of the ``kept`` ones."""
    if rng.random() < 0.5:
        return template
    fences = _plain_all(tuple(kept))
    for _ in range(4):
        varied = _disturb(template, rng)
        if not any(f' {fence} ' in f' {plain(varied)} ' for fence in fences):
            return varied
    return template


def plain(template: str) -> str:
    """Return a template without its marks, in single spaces."""
    return ' '.join(re.sub(r'[^\w{} ]', ' ', template.lower()).split())


@lru_cache(maxsize=64)
def _plain_all(templates: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(plain, templates))


def _disturb(template: str, rng: np.random.Generator) -> str:
    mark = '?' if template.endswith('?') else ''
    words = template.removesuffix('?').split()
    kept = [word for word in words if word not in SMALL or rng.random() > 0.15]
    if rng.random() < 0.4:
        kept.insert(int(rng.integers(len(kept) + 1)), pick(rng, FILLING))
    if rng.random() < 0.4 and len(kept) > 1:
        i, j = rng.choice(len(kept), 2, replace=False)
        swapped = list(kept)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        if _skeleton(swapped) == _skeleton(kept):
            kept = swapped
    start = pick(rng, ASKING) if rng.random() < 0.12 else ''
    return start + ' '.join(kept) + mark


def _skeleton(words: list[str]) -> list[str]:
    """Return what must keep its order; a single slot may stand anywhere."""
    heavy = [word for word in words if '{' in word or word in ORDERED]
    return heavy if len(heavy) > 1 else []
