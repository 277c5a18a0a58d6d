"""
What PixelLLM reads about a picture: narrations, referring expressions, absent ones, regions; each word with its box.

Absent expressions name a pair of colour and shape that the picture lacks, something that is never on the table, a thing
that is there beside one that is not, or a bowl that holds nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
import re

import numpy as np

from vlm_robot.datatypes import Box
from vlm_robot.training.narration import list_word_targets, narrate, SAYINGS
from vlm_robot.training.owlvit_phrases import COLOUR_WORDS, GENERIC_WORDS, sample_absent, SHAPE_WORDS, WRAPPINGS
from vlm_robot.training.picture_phrases import fix_articles, list_absent
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture, resize_picture
from vlm_robot.training.pixel_llm_batches import draw_region, Example, PlacedText
from vlm_robot.training.referring import Expression, Referring, resolve, sample_referring, say
from vlm_robot.training.referring_wordings import ORDINALS, WORDINGS
from vlm_robot.training.sight_separation import pick

ABSENT_KINDS = ('pair', 'pair', 'pair', 'unknown', 'unknown', 'subject', 'anchor', 'empty')
NOUNS = {word for words in SHAPE_WORDS.values() for word in words} | set(GENERIC_WORDS)
BESIDE = ('left', 'right', 'above', 'below', 'nearest', 'in')


@dataclass(frozen=True)
class TextMix:
    """How many texts of each kind a picture has in a batch."""

    narrations: int = 1
    plain: int = 2
    related: int = 8
    absent: int = 3
    regions: int = 2


def list_pixel_words() -> list[str]:
    """Return every word that the generators can say, so that the tokenizer knows it."""
    wordings = [w for item in (*WORDINGS.values(), *SAYINGS.values()) for w in (*item.trained, *item.kept)]
    known = re.sub(r'{.*?}', ' ', ' '.join(wordings)).split()
    nouns = [w for options in (*COLOUR_WORDS.values(), *SHAPE_WORDS.values()) for w in options]
    plurals = [f'{word}s' for word in GENERIC_WORDS]
    wrapped = [word for wrapping in WRAPPINGS for word in wrapping.format('').split()]
    return [*known, *nouns, *GENERIC_WORDS, *plurals, *wrapped, *ORDINALS[1:], 'a', 'an', 'and']


def scale_box(box: Box, picture: Picture) -> Box:
    """Return a box in pixels of a picture as 0..1 of its sides."""
    width, height = picture.size_px
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def sample_absent_text(picture: Picture, split: str, rng: np.random.Generator) -> str:
    """Return a referring expression that names nothing in the picture, in words of the split."""
    missing, clear = list_absent(picture, split), [thing for thing in picture.things if thing.is_clear]
    kind = pick(rng, ABSENT_KINDS)
    if kind == 'unknown' or not missing:
        return fix_articles(sample_absent(rng).text)
    nothing = Expression(*pick(rng, missing))
    if kind == 'pair' or not clear:
        return say(nothing, split, rng)[0]
    thing = pick(rng, clear)
    there = Expression(thing.colour, thing.shape)
    relation = pick(rng, BESIDE)
    if kind == 'subject':
        return say(replace(nothing, relation=relation, anchor=there), split, rng)[0]
    if kind == 'anchor':
        return say(replace(there, relation=relation, anchor=nothing), split, rng)[0]
    return _say_empty(picture, split, rng) or say(nothing, split, rng)[0]


def _say_empty(picture: Picture, split: str, rng: np.random.Generator) -> str:
    """Return words for a block in a bowl that holds none like it; empty where the picture has no such pair."""
    things = picture.things
    bowls = [i for i, thing in enumerate(things) if thing.shape == 'bowl' and thing.is_clear]
    blocks = [thing for thing in things if thing.shape == 'block' and thing.is_clear]
    if not bowls or not blocks or not all(thing.is_clear for thing in things):
        return ''
    bowl, block = things[pick(rng, bowls)], pick(rng, blocks)
    same = [i for i, thing in enumerate(things) if thing.label == bowl.label]
    if any(thing.host in same and thing.label == block.label for thing in things):
        return ''
    anchor = Expression(bowl.colour, bowl.shape)
    return say(Expression(block.colour, block.shape, 'in', anchor), split, rng)[0]


def place_referring(found: Referring, picture: Picture) -> PlacedText:
    """Return a referring expression with the box of its answer, and that of the noun that can only mean one thing."""
    answer = scale_box(picture.things[found.index].box_xyxy_px, picture)
    words, expression = found.text.split(), found.expression
    boxes: list[Box | None] = [None] * len(words)
    nouns = [i for i, word in enumerate(words) if word in NOUNS]
    if not expression.relation and nouns:
        boxes[nouns[0]] = answer
    anchor = resolve(expression.anchor, picture) if expression.anchor else None
    if anchor is not None and len(nouns) > 1:
        boxes[nouns[1]] = scale_box(picture.things[anchor].box_xyxy_px, picture)
    return PlacedText('refer', found.text, tuple(boxes), answer)


def place_narration(picture: Picture, split: str, rng: np.random.Generator) -> PlacedText:
    """Return a narration with the box that the narrator's pointer went round at every word that names a thing."""
    told = narrate(picture, split, rng)
    targets = list_word_targets(told, picture)
    boxes = tuple(None if word.box_xyxy_px is None else scale_box(word.box_xyxy_px, picture) for word in targets)
    return PlacedText('caption', told.text, boxes)


def make_example(picture: Picture, split: str, rng: np.random.Generator, mix: TextMix, size_px: int) -> Example:
    """Return a picture at the model's size with sampled texts and regions."""
    if picture.size_px != (size_px, size_px):
        picture = resize_picture(picture, (size_px, size_px))
    texts = [place_narration(picture, split, rng) for _ in range(mix.narrations)]
    for has_relation, count in ((False, mix.plain), (True, mix.related)):
        for _ in range(count):
            found = sample_referring(picture, split, rng, has_relation)
            if found is None:
                break
            texts.append(place_referring(found, picture))
    for _ in range(mix.absent):
        text = sample_absent_text(picture, split, rng)
        texts.append(PlacedText('refer', text, (None,) * len(text.split())))
    clear = [i for i, thing in enumerate(picture.things) if thing.is_clear]
    chosen = rng.permutation(clear)[: mix.regions] if clear else []
    return Example(
        picture.rgb,
        np.array([scale_box(t.box_xyxy_px, picture) for t in picture.things], np.float32).reshape(-1, 4),
        np.array([thing.is_clear for thing in picture.things], bool),
        tuple(thing.label for thing in picture.things),
        tuple(texts),
        tuple(draw_region(picture, int(i), rng) for i in chosen),
    )


def make_source(
    store: PictureStore, mix: TextMix | None = None, size_px: int = 320
) -> Callable[[np.random.Generator], Example]:
    """Return a function that draws training examples from a store."""
    chosen = mix or TextMix()
    return lambda rng: make_example(store.sample(rng), store.split, rng, chosen, size_px)
