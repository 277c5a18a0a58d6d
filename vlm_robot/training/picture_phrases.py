"""
Phrases that name things of a picture, and phrases that name nothing in it, for masks and boxes.

A phrase fits every thing of its colour and shape; a thing that hardly shows is neither right nor wrong. Absent phrases
are of two kinds: pairs of colour and shape that this picture lacks, mostly those that share a word with something it
has, and words for what is never on the table.
"""

from __future__ import annotations

from dataclasses import dataclass
import re

import numpy as np

from vlm_robot.training.owlvit_phrases import COLOUR_WORDS, GENERIC_WORDS, sample_absent
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.sight_separation import list_colours, pick, Wordings
from vlm_robot.vocabulary import SHAPES

NOUN_WORDS = {
    'block': ('block', 'block', 'block', 'cube', 'box', 'brick'),
    'bowl': ('bowl', 'bowl', 'bowl', 'dish', 'basin'),
    '': GENERIC_WORDS[:3],
}
NAMING = Wordings(
    (
        '{}', '{}', '{}', 'the {}', 'the {}', 'a {}', 'a {}', 'photo of a {}', 'a photo of a {}', 'picture of a {}',
        'an image of a {}', 'my {}', 'one {}', 'photo of the {}',
    ),
    ('any {}', 'all of the {}', 'what looks like a {}', 'a close look at the {}', 'some {} or other'),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class PicturePhrase:
    """
    A phrase and what it means in one picture.

    :param fits: (N,) int8, per thing: 1 it is named, 0 it is not, -1 it would be but hardly shows: leave it out.
    :param mask: (H, W) bool, all that the phrase names; empty for an absent phrase.
    :param ignore: (H, W) bool, pixels that are neither right nor wrong.
    :param is_new: the wording is one that training never says.
    """

    text: str
    fits: np.ndarray
    mask: np.ndarray
    ignore: np.ndarray
    colour: str = ''
    shape: str = ''
    is_new: bool = False

    @property
    def is_present(self) -> bool:
        """Return whether the phrase names something."""
        return bool((self.fits == 1).any())


def sample_picture_phrases(
    picture: Picture, split: str, rng: np.random.Generator, present: int = 3, absent: int = 2
) -> list[PicturePhrase]:
    """Return up to ``present`` phrases that fit something, and ``absent`` that fit nothing, in this order."""
    clear = [thing for thing in picture.things if thing.is_clear]
    named = [_name_thing(pick(rng, clear), rng) for _ in range(present if clear else 0)]
    phrases = [_word(picture, split, rng, *pair) for pair in named]
    missing = list_absent(picture, split)
    near = [pair for pair in missing if any(pair[0] == t.colour or pair[1] == t.shape for t in picture.things)]
    for _ in range(absent):
        if missing and rng.random() < 0.65:
            phrases.append(_word(picture, split, rng, *pick(rng, near if near and rng.random() < 0.7 else missing)))
        else:
            phrases.append(_fit(picture, sample_absent(rng).text, None))
    return phrases


def list_absent(picture: Picture, split: str) -> list[tuple[str, str]]:
    """Return the pairs of colour and shape that a split may name and that no thing has, however little it shows."""
    there = {(thing.colour, thing.shape) for thing in picture.things}
    return [(c, s) for s in SHAPES for c in list_colours(split, s) if (c, s) not in there]


def canonical_phrase(picture: Picture, colour: str, shape: str) -> PicturePhrase:
    """Return the plain phrase of a colour and shape, for example ``red block``."""
    return _fit(picture, f'{colour} {shape}', (colour, shape))


def name_things(colour: str, shape: str, rng: np.random.Generator) -> str:
    """Return a colour and a shape in one of their words; either may be empty."""
    colour_word = pick(rng, COLOUR_WORDS[colour]) if colour else ''
    return f'{colour_word} {pick(rng, NOUN_WORDS[shape])}'.strip()


def fix_articles(text: str) -> str:
    """Return text with ``an`` before vowels: ``a orange block`` becomes ``an orange block``."""
    return re.sub(r'\b([Aa]) (?=[aeiou](?!ne\b))', r'\1n ', text)


def pluralise(words: str) -> str:
    """Return the plural of a noun phrase: ``red box`` becomes ``red boxes``."""
    return f'{words}es' if words.endswith(('x', 'sh')) else f'{words}s'


def matches(thing: PictureThing, colour: str, shape: str) -> bool:
    """Return whether a thing is of that colour and shape; an empty word fits all."""
    return thing.colour in (colour or thing.colour,) and thing.shape in (shape or thing.shape,)


def _name_thing(thing: PictureThing, rng: np.random.Generator) -> tuple[str, str]:
    kind = rng.random()
    if kind < 0.7:
        return thing.colour, thing.shape
    return ('', thing.shape) if kind < 0.85 else (thing.colour, '')


def _word(picture: Picture, split: str, rng: np.random.Generator, colour: str, shape: str) -> PicturePhrase:
    wording, is_new = NAMING.pick(split, rng)
    return _fit(picture, fix_articles(wording.format(name_things(colour, shape, rng))), (colour, shape), is_new)


def _fit(picture: Picture, text: str, pair: tuple[str, str] | None, is_new: bool = False) -> PicturePhrase:
    fits = np.array([pair is not None and matches(thing, *pair) for thing in picture.things], np.int8)
    fits[[bool(fit) and not thing.is_clear for fit, thing in zip(fits, picture.things, strict=True)]] = -1
    nothing = np.zeros(picture.rgb.shape[:2], bool)
    mask, ignore = nothing.copy(), nothing
    for fit, thing in zip(fits, picture.things, strict=True):
        if fit == 1:
            mask |= thing.mask
        elif fit == -1:
            ignore = ignore | thing.mask
    return PicturePhrase(text, fits, mask, ignore & ~mask, *(pair or ('', '')), is_new)
