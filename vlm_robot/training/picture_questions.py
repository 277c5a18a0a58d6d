"""
Questions about a picture with the answer that is true of it.

Six kinds: existence, colour, count, relation, place and comparison. The answer is drawn first and a question that it
answers is looked for, so that yes and no, the numbers and the places come about equally often and the words alone give
nothing away (Goyal et al., Making the V in VQA Matter, CVPR 2017; the kinds follow CLEVR, Johnson et al., CVPR 2017).
A thing that hardly shows is never asked about. Training asks in more wordings, with noise (``question_wordings``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations

import numpy as np

from vlm_robot.training.picture_phrases import fix_articles, list_absent, matches, name_things, pluralise
from vlm_robot.training.pictures import Picture
from vlm_robot.training.question_wordings import FURTHER, vary
from vlm_robot.training.referring import Expression, MARGIN, place_of, resolve, sample_referring, SIDES
from vlm_robot.training.referring_practice import refer_freely
from vlm_robot.training.sight_separation import list_colours, pick, Wordings
from vlm_robot.vocabulary import COLOURS, SHAPES

MOST = 9  # nothing is counted further
PLACES = {'table': 'table', 'bowl': 'bowl', 'stack': 'block', 'hand': 'gripper'}
ANSWERS = ('yes', 'no', *COLOURS, *(str(number) for number in range(MOST + 1)), *PLACES.values())
QUESTION_KINDS = ('existence', 'colour', 'count', 'relation', 'place', 'comparison')
TRIES = 25
ASKED = {
    'existence': Wordings(
        ('is there a {a}?', 'is a {a} there?', 'do you see a {a}?', 'are there any {as}?'),
        ('do you see any {as}?', 'is there any {a}?'),
    ),
    'colour': Wordings(
        ('what colour is {a}?', 'what is the colour of {a}?', 'which colour is {a}?'),
        ('{a} is what colour?', 'which is the colour of {a}?'),
    ),
    'count': Wordings(
        ('how many {as} are there?', 'how many {as} do you see?', 'what is the number of {as}?'),
        ('what number of {as} do you see?', 'what number of {as} is there?'),
    ),
    'relation': Wordings(
        ('is {a} {p} {b}?', 'is {a} {p} {b}?', 'do you see {a} {p} {b}?'),
        ('{a} is {p} {b}?', 'are there {a} {p} {b}?'),
    ),
    'in any': Wordings(('is {a} in a bowl?', 'do you see {a} in a bowl?'), ('{a} is in a bowl?',)),
    'place': Wordings(
        ('where is {a}?', 'what is {a} on or in?', 'where do you see {a}?'), ('on or in what is {a}?', '{a} is where?')
    ),
    'comparison': Wordings(
        ('are there more {as} than {bs}?', 'do you see more {as} than {bs}?', 'are there fewer {bs} than {as}?'),
        ('do you see fewer {bs} than {as}?', 'is the number of {as} more than the number of {bs}?'),
    ),
}
KEPT = tuple(template for wordings in ASKED.values() for template in wordings.kept)
SAID = {'left': 'left of', 'right': 'right of', 'above': 'above', 'below': 'below', 'in': 'in', 'on': 'on'}


@dataclass(frozen=True)
class PictureQuestion:
    """
    A question, its one-word answer (one of ANSWERS) and its kind.

    :param is_new: the wording is one that training never says.
    :param subject: which thing of the picture a question for a colour or place is about.
    """

    text: str
    answer: str
    kind: str
    is_new: bool = False
    subject: int | None = None


def ask(picture: Picture, split: str, rng: np.random.Generator, kind: str | None = None) -> PictureQuestion | None:
    """
    Return a question about a picture in words of the split.

    :param kind: one of QUESTION_KINDS; None is any that the picture allows.
    :return: None where the picture allows none.
    """
    for name in [kind] if kind else rng.permutation(QUESTION_KINDS).tolist():
        wanted = bool(rng.random() < 0.5)
        for _ in range(TRIES):
            question = ASKERS[name](picture, split, rng, wanted)
            if question is not None:
                return question
    return None


@lru_cache(maxsize=512)
def count_things(picture: Picture, colour: str, shape: str) -> int | None:
    """Return how many things are of a colour and shape, empty fits all; None where one of them hardly shows."""
    fits = [thing for thing in picture.things if matches(thing, colour, shape)]
    return len(fits) if all(thing.is_clear for thing in fits) else None


def _ask_existence(picture: Picture, split: str, rng: np.random.Generator, wanted: bool) -> PictureQuestion | None:
    there = [(thing.colour, thing.shape) for thing in picture.things if thing.is_clear]
    pairs = there if wanted else list_absent(picture, split)
    if not pairs:
        return None
    colour, shape = pick(rng, pairs)
    colour, shape = pick(rng, ((colour, shape), (colour, shape), (colour, ''), ('', shape)))
    count = count_things(picture, colour, shape)
    if count is None or (count > 0) is not wanted:
        return None
    return _put('existence', 'yes' if wanted else 'no', split, rng, a=name_things(colour, shape, rng))


def _ask_colour(picture: Picture, split: str, rng: np.random.Generator, _: bool) -> PictureQuestion | None:
    if rng.random() < 0.5:  # alone of its shape
        shape = pick(rng, SHAPES)
        index, text, is_new = resolve(Expression('', shape), picture), f'the {name_things("", shape, rng)}', False
    else:
        item = refer_freely(picture, rng) if split == 'train' else sample_referring(picture, split, rng)
        if item is None or item.expression.colour or not item.text.startswith('the '):
            return None
        index, text, is_new = item.index, item.text, item.is_new
    if index is None:
        return None
    question = _put('colour', picture.things[index].colour, split, rng, a=text)
    return replace(question, is_new=question.is_new or is_new, subject=index)


def _ask_count(picture: Picture, split: str, rng: np.random.Generator, _: bool) -> PictureQuestion | None:
    named = [(c, s) for s in SHAPES for c in list_colours(split, s)]
    named += [(c, '') for c in COLOURS] + [('', s) for s in SHAPES] * 4 + [('', '')] * 4
    counted: dict[int, list[tuple[str, str]]] = {}
    for pair in named:
        count = count_things(picture, *pair)
        if count is not None and count <= MOST:
            counted.setdefault(count, []).append(pair)
    if not counted:
        return None
    count = pick(rng, sorted(counted))
    colour, shape = pick(rng, counted[count])
    return _put('count', str(count), split, rng, a=name_things(colour, shape, rng))


def _ask_relation(picture: Picture, split: str, rng: np.random.Generator, wanted: bool) -> PictureQuestion | None:
    unique = _list_unique(picture)
    if len(unique) < 2:
        return None
    relation = pick(rng, tuple(SAID))
    pairs = [
        (first, second)
        for first, second in permutations(unique, 2)
        if is_related(picture, unique[first], relation, unique[second]) is wanted
    ]
    if not pairs:
        return None
    a, b = (f'the {name_things(colour, shape, rng)}' for colour, shape in pick(rng, pairs))
    return _put('relation', 'yes' if wanted else 'no', split, rng, a=a, b=b, p=SAID[relation])


def is_related(picture: Picture, subject: int, relation: str, other: int) -> bool | None:
    """Return whether one thing lies to another as ``relation`` says; None is too close to call, or no fair question."""
    things = picture.things
    if relation in ('in', 'on'):
        shape, place = ('bowl', 'bowl') if relation == 'in' else ('block', 'stack')
        if things[subject].shape != 'block' or things[other].shape != shape:
            return None
        return things[subject].host == other and things[subject].place == place
    if subject in (things[other].host, other) or things[subject].host == other:
        return None
    axis, sign = SIDES[relation]
    ahead = sign * float((place_of(things[subject], picture) - place_of(things[other], picture))[axis])
    return None if abs(ahead) < MARGIN else ahead > 0


def _ask_place(picture: Picture, split: str, rng: np.random.Generator, wanted: bool) -> PictureQuestion | None:
    unique = {pair: i for pair, i in _list_unique(picture).items() if picture.things[i].shape == 'block'}
    common = {'table'} if wanted else set()  # else nearly every answer were the table
    places = sorted({picture.things[i].place for i in unique.values()} - common)
    if not places:
        return None
    place = pick(rng, places)
    colour, shape = pick(rng, [pair for pair, i in unique.items() if picture.things[i].place == place])
    a = f'the {name_things(colour, shape, rng)}'
    if rng.random() < 0.3 and (place == 'bowl' or rng.random() < 0.4):
        question = _put('in any', 'yes' if place == 'bowl' else 'no', split, rng, a=a)
        return replace(question, subject=unique[colour, shape])
    return replace(_put('place', PLACES[place], split, rng, a=a), subject=unique[colour, shape])


def _ask_comparison(picture: Picture, split: str, rng: np.random.Generator, wanted: bool) -> PictureQuestion | None:
    kind, shown = rng.random(), sorted({thing.colour for thing in picture.things}) or list(COLOURS)
    if kind < 0.3:
        pairs = [('', shape) for shape in SHAPES]
    elif kind < 0.65:
        pairs = [(pick(rng, shown), ''), (pick(rng, shown), '')]
    else:
        shape = pick(rng, SHAPES)
        pairs = [(colour, shape) for colour in (pick(rng, shown), pick(rng, shown))]
    first, second = pairs if rng.random() < 0.5 else pairs[::-1]
    more, less = count_things(picture, *first), count_things(picture, *second)
    named = all(not colour or not shape or colour in list_colours(split, shape) for colour, shape in pairs)
    if first == second or more is None or less is None or not named or (more > less) is not wanted:
        return None
    a, b = name_things(*first, rng), name_things(*second, rng)
    return _put('comparison', 'yes' if wanted else 'no', split, rng, a=a, b=b)


@lru_cache(maxsize=8)
def _list_unique(picture: Picture) -> dict[tuple[str, str], int]:
    pairs = {(thing.colour, thing.shape) for thing in picture.things}
    pairs |= {(colour, '') for colour, _ in pairs} | {('', shape) for _, shape in pairs}
    found = {pair: resolve(Expression(*pair), picture) for pair in sorted(pairs)}
    return {pair: index for pair, index in found.items() if index is not None}


def _put(key: str, answer: str, split: str, rng: np.random.Generator, **words: str) -> PictureQuestion:
    wording, is_new = ASKED[key].pick(split, rng)
    if split == 'train':
        wording = vary(pick(rng, (wording, pick(rng, FURTHER[key]))), KEPT, rng)
    slots = words | {f'{name}s': pluralise(value) for name, value in words.items()}
    return PictureQuestion(fix_articles(wording.format(**slots)), answer, 'place' if key == 'in any' else key, is_new)


ASKERS: dict[str, Callable[[Picture, str, np.random.Generator, bool], PictureQuestion | None]] = {
    'existence': _ask_existence,
    'colour': _ask_colour,
    'count': _ask_count,
    'relation': _ask_relation,
    'place': _ask_place,
    'comparison': _ask_comparison,
}
