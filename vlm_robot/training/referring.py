"""
Referring expressions: a phrase that names exactly one thing of a picture, alone or by its relation to others.

An ``Expression`` is the meaning, ``resolve`` finds what it names and is the judge of generator, tests and baselines
alike. Directions are those of the picture. No relation is ambiguous: whatever it compares differs by at least
MARGIN of the picture's side (8 px of 320), or the expression names nothing. With a relation there is always a second
thing of the same words, so that the words alone do not do. Task: RefCOCO (Kazemzadeh et al., ReferItGame, EMNLP 2014);
sizes are not compared, because all blocks and all bowls of the table are equally large.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vlm_robot.training.picture_phrases import fix_articles, matches, name_things, pluralise
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.referring_wordings import ORDINALS, WORDINGS
from vlm_robot.training.sight_separation import pick

MARGIN = 0.0249  # of the picture's side: 8 px of 320 and a little less, so that rounding decides nothing
STEEP = 1.7  # a thing is left of another within 60 degrees of exactly left
NEARER = 1.2  # times as near as the next, at least
SIDES = {'left': (0, -1), 'right': (0, 1), 'above': (1, -1), 'below': (1, 1)}
EXTREMES = {'leftmost': 'left', 'rightmost': 'right', 'topmost': 'above', 'bottommost': 'below'}
ANCHORED = (*SIDES, 'nearest', 'farthest', 'in', 'on')
KINDS = (*ANCHORED, *EXTREMES, 'from left', 'from right', 'in any', 'not in', 'held')
COMMON = (*SIDES, *SIDES, 'in', 'in', 'nearest', 'not in')
TRIES, TRIES_PER_KIND = 100, 20
ASPECT = 0.75  # height by width of what the camera sees, also where the picture is squashed to a square


@dataclass(frozen=True)
class Expression:
    """
    The meaning of a referring expression.

    :param colour: empty fits all; so does an empty ``shape``.
    :param relation: one of KINDS; empty where the words alone do.
    :param anchor: what the thing is related to; itself without a relation.
    :param rank: of ``from left`` and ``from right``, counted from 1.
    """

    colour: str = ''
    shape: str = ''
    relation: str = ''
    anchor: Expression | None = None
    rank: int = 0


@dataclass(frozen=True)
class Referring:
    """
    A phrase, its meaning, and which thing of the picture it names.

    :param is_new: the wording is one that training never says.
    """

    text: str
    expression: Expression
    index: int
    is_new: bool = False

    @property
    def has_relation(self) -> bool:
        """Return whether the words alone would name several things."""
        return bool(self.expression.relation)


def resolve(expression: Expression, picture: Picture) -> int | None:
    """Return the index of the one thing that an expression names; None says nothing, several, or too close to call."""
    found = _find_candidates(expression, picture)
    if found is None:
        return None
    relation = expression.relation
    if relation in ANCHORED:
        anchor = resolve(expression.anchor, picture) if expression.anchor else None
        return None if anchor is None else _relate(relation, [i for i in found if i != anchor], anchor, picture)
    if relation in EXTREMES:
        return _rank(found, EXTREMES[relation], 1, picture) if len(found) > 1 else None
    if relation in ('from left', 'from right'):
        return _rank(found, relation.split(' ')[1], expression.rank, picture) if len(found) > 2 else None
    if relation:
        wanted = {'in any': lambda p: p == 'bowl', 'not in': lambda p: p != 'bowl', 'held': lambda p: p == 'hand'}
        found = [i for i in found if wanted[relation](picture.things[i].place)]
    return found[0] if len(found) == 1 else None


def sample_referring(
    picture: Picture, split: str, rng: np.random.Generator, has_relation: bool | None = None
) -> Referring | None:
    """
    Return an expression that names one thing of the picture, in words of the split.

    :param has_relation: whether it must need a relation; None leaves it to chance.
    :return: None where no such expression was found.
    """
    clear = [i for i, thing in enumerate(picture.things) if thing.is_clear]
    wanted = bool(rng.random() < 0.6) if has_relation is None else has_relation
    for attempt in range(TRIES if clear else 0):
        if attempt % TRIES_PER_KIND == 0:
            kind = pick(rng, KINDS if attempt >= TRIES // 2 else COMMON) if wanted else ''
        target = pick(rng, clear)
        expression = _propose(kind, target, picture, rng)
        if expression and resolve(expression, picture) == target and _is_needed(expression, picture):
            text, is_new = say(expression, split, rng)
            return Referring(text, expression, target, is_new)
    return None


def say(expression: Expression, split: str, rng: np.random.Generator) -> tuple[str, bool]:
    """Return words of the split for an expression, and whether training never says it in this way."""
    wording, is_new = WORDINGS[expression.relation].pick(split, rng)
    words = name_things(expression.colour, expression.shape, rng)
    anchor = expression.anchor
    other = name_things(anchor.colour, anchor.shape, rng) if anchor else ''
    return fix_articles(wording.format(np=words, nps=pluralise(words), a=other, ord=ORDINALS[expression.rank])), is_new


def place_of(thing: PictureThing, picture: Picture) -> np.ndarray:
    """Return the (2,) middle of a thing's box, 0..1 of the picture's width and height."""
    return np.array(thing.centre_px) / picture.size_px


def _find_candidates(expression: Expression, picture: Picture) -> list[int] | None:
    fits = [i for i, thing in enumerate(picture.things) if matches(thing, expression.colour, expression.shape)]
    return fits if all(picture.things[i].is_clear for i in fits) else None


def _relate(relation: str, found: list[int], anchor: int, picture: Picture) -> int | None:
    things = picture.things
    if relation in ('in', 'on'):
        found = [i for i in found if things[i].host == anchor]
        return found[0] if len(found) == 1 else None
    if not found or any(things[i].host == anchor or things[anchor].host == i for i in found):
        return None
    steps = np.array([place_of(things[i], picture) - place_of(things[anchor], picture) for i in found])
    if relation in SIDES:
        axis, sign = SIDES[relation]
        ahead = steps[:, axis] * sign
        chosen = np.flatnonzero(ahead > 0)
        if len(chosen) != 1 or np.abs(ahead).min() < MARGIN:
            return None
        return found[chosen[0]] if abs(steps[chosen[0], 1 - axis]) <= STEEP * ahead[chosen[0]] else None
    distances = np.hypot(steps[:, 0], steps[:, 1] * ASPECT)
    if relation == 'farthest':
        distances = 1 / np.maximum(distances, 1e-6)
    order = np.argsort(distances)
    near, next_near = distances[order[0]], distances[order[1]] if len(order) > 1 else np.inf
    return found[order[0]] if next_near >= NEARER * near else None


def _rank(found: list[int], side: str, rank: int, picture: Picture) -> int | None:
    axis, sign = SIDES[side]
    ahead = np.array([-sign * place_of(picture.things[i], picture)[axis] for i in found])
    order = np.argsort(ahead)
    if not 1 <= rank <= len(found):
        return None
    gaps = np.diff(ahead[order])[max(0, rank - 2) : rank]
    return found[order[rank - 1]] if (gaps >= MARGIN).all() else None


def _is_needed(expression: Expression, picture: Picture) -> bool:
    if not expression.relation:
        return True
    return len(_find_candidates(expression, picture) or ()) > 1


def _name(thing: PictureThing, rng: np.random.Generator) -> Expression:
    kind = rng.random()
    if kind < 0.7:
        return Expression(thing.colour, thing.shape)
    return Expression('', thing.shape) if kind < 0.85 else Expression(thing.colour, '')


def _propose(kind: str, target: int, picture: Picture, rng: np.random.Generator) -> Expression | None:
    thing, things = picture.things[target], picture.things
    place = {'in': 'bowl', 'in any': 'bowl', 'on': 'stack', 'held': 'hand'}.get(kind, thing.place)
    if place != thing.place or (kind == 'not in' and (thing.shape != 'block' or thing.place == 'bowl')):
        return None
    named = _name(thing, rng)
    if kind in ANCHORED:
        others = [i for i, other in enumerate(things) if i != target and other.is_clear]
        others = [i for i in others if kind not in ('in', 'on') or i == thing.host]
        return replace(named, relation=kind, anchor=_name(things[pick(rng, others)], rng)) if others else None
    rank = int(rng.integers(2, 5)) if kind.startswith('from') else 0
    return replace(named, relation=kind, rank=rank)
