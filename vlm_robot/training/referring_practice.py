"""
Expressions to practise finding a thing by: by its shape and what it lies beside, never by its colour.

Questions for a colour need them, and drawing them from ``referring`` until one comes without a colour took half of
the training's time. The wordings are those of training, further ones, and noise on them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vlm_robot.training.picture_phrases import fix_articles, name_things, pluralise
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.question_wordings import FURTHER_REFERRING, vary
from vlm_robot.training.referring import ANCHORED, COMMON, Expression, KINDS, Referring, resolve
from vlm_robot.training.referring_wordings import ORDINALS, WORDINGS
from vlm_robot.training.sight_separation import pick
from vlm_robot.vocabulary import SHAPES

TRIES = 12
KEPT = tuple(template for wordings in WORDINGS.values() for template in wordings.kept)


def refer_freely(picture: Picture, rng: np.random.Generator) -> Referring | None:
    """Return an expression that names one of several things of a shape; None where none was found soon."""
    shapes = [thing.shape for thing in picture.things]
    rivals = [i for i, shape in enumerate(shapes) if shapes.count(shape) > 1 and picture.things[i].is_clear]
    for _ in range(TRIES if rivals else 0):
        kind = pick(rng, COMMON if rng.random() < 0.65 else KINDS)
        target = pick(rng, rivals)
        expression = _propose(kind, target, picture, rng)
        if expression and resolve(expression, picture) == target:
            return Referring(say_freely(expression, rng), expression, target)
    return None


def say_freely(expression: Expression, rng: np.random.Generator) -> str:
    """Return words for an expression that begin with ``the``."""
    trained = [text for text in WORDINGS[expression.relation].trained if text.startswith('the ')]
    template = pick(rng, (pick(rng, trained), pick(rng, FURTHER_REFERRING[expression.relation])))
    template = vary(template, KEPT, rng) if rng.random() < 0.5 else template
    words, anchor = name_things('', expression.shape, rng), expression.anchor
    other = name_things(anchor.colour, anchor.shape, rng) if anchor else ''
    slots = {'np': words, 'nps': pluralise(words), 'a': other, 'ord': ORDINALS[expression.rank]}
    return fix_articles(template.format(**slots))


def _propose(kind: str, target: int, picture: Picture, rng: np.random.Generator) -> Expression | None:
    thing, things = picture.things[target], picture.things
    place = {'in': 'bowl', 'in any': 'bowl', 'on': 'stack', 'held': 'hand'}.get(kind, thing.place)
    if place != thing.place or (kind == 'not in' and (thing.shape != 'block' or thing.place == 'bowl')):
        return None
    named = Expression('', thing.shape, kind)
    if kind in ANCHORED:
        others = [i for i, other in enumerate(things) if i != target and other.is_clear]
        others = [i for i in others if kind not in ('in', 'on') or i == thing.host]
        return replace(named, anchor=_name(things[pick(rng, others)], rng)) if others else None
    return replace(named, rank=int(rng.integers(2, 5))) if kind.startswith('from') else named


def _name(thing: PictureThing, rng: np.random.Generator) -> Expression:
    kind = rng.random()
    if kind < 0.7 or thing.shape not in SHAPES:
        return Expression(thing.colour, thing.shape)
    return Expression('', thing.shape) if kind < 0.85 else Expression(thing.colour, '')
