"""
Kitchens drawn for training and the things that a sentence about them may name.

Besides the seventeen things of the simulated kitchen there are others from the shop (words/things.yaml), so that
the attributes in the text must be read.
"""

from __future__ import annotations

from dataclasses import dataclass
import random

from vlm_robot.datatypes import Scene
from vlm_robot.kitchen_vocabulary import DRAWER, PLACES, SHELVES, THINGS, TRASH, USER
from vlm_robot.planning.kitchen import build_kitchen, place_of
from vlm_robot.planning.kitchen_expert import Goal
from vlm_robot.planning.kitchen_knowledge import load_things
from vlm_robot.training import kitchen_kinds as kinds
from vlm_robot.training.kitchen_attributes import describe_kind
from vlm_robot.training.kitchen_speech import expand, fits, name_place, name_thing, order

ATTRIBUTE_SHARE = 0.55  # of the phrases that name no thing: put together, the others from the list
OWN_SHARE = 0.55  # of the kitchens that hold nothing but the seventeen things of the simulated one


@dataclass(frozen=True)
class KitchenTask:
    """A sentence in a kitchen, with the goals that fulfil it, in order: (relation, thing, place)."""

    kind: str
    sentence: str
    scene: Scene
    goals: tuple[Goal, ...]


def draw_kitchen(rng: random.Random, holding_share: float = 0.08) -> Scene:
    """Return a kitchen with two to eight things, the robot anywhere, now and then something in its hand."""
    shop = list(THINGS) if rng.random() < OWN_SHARE else list(load_things())
    names = rng.sample(shop, rng.choice((2, 2, 3, 3, 3, 4, 4, 5, 6)))
    if rng.random() < 0.12:
        names.append(f'{names[0]} 2')
    shelves = (*SHELVES, *SHELVES, *SHELVES, *SHELVES, DRAWER, USER)
    places = {name: rng.choice(shelves) for name in names}
    held = ''
    if rng.random() < holding_share:
        held = rng.choice(names)
        del places[held]
    robot = rng.choice((USER, USER, USER, *PLACES))
    return build_kitchen(places, robot, held, rng.random() < 0.3)


def choose_thing(rng: random.Random, scene: Scene, apart_from: str = '') -> tuple[str, str] | None:
    """Return a phrase and the first thing it fits that is not yet at ``apart_from``; None where nothing fits."""
    names = [name for name in order(scene) if place_of(name, scene) != apart_from]
    if not names:
        return None
    roll = rng.random()
    if roll < 0.40:
        name = rng.choice(names)
        return name_thing(rng, name, rng.choice(('the', 'the', 'the', 'a'))), name
    if roll < 0.55:
        return _choose_by_place(rng, scene, names)
    return _choose_by_kind(rng, names)


def _choose_by_kind(rng: random.Random, names: list[str]) -> tuple[str, str]:
    """Return a phrase of a kind or of attributes, and the first of the names that it fits."""
    described = describe_kind(rng, names) if rng.random() < ATTRIBUTE_SHARE else None
    if described is None:
        known = [kind for kind in kinds.KINDS_OF_THINGS if any(fits(name, kind[0]) for name in names)]
        attributes, phrases = rng.choice(known)
        described = attributes, rng.choice(phrases)
    return described[1], next(name for name in names if fits(name, described[0]))


def _choose_by_place(rng: random.Random, scene: Scene, names: list[str]) -> tuple[str, str]:
    """Return a phrase that says where the thing is: 'the drink on the table', 'something from the table'."""
    place = place_of(rng.choice(names), scene)
    there = [name for name in names if place_of(name, scene) == place]
    where = expand(rng, rng.choice(('on {p}', 'from {p}', 'that is (on|at) {p}')), p=name_place(rng, place))
    if place in (DRAWER, TRASH):
        where = f'from {name_place(rng, place)}'
    if rng.random() < 0.5:
        name = rng.choice(there)
        return f'{name_thing(rng, name)} {where}', name
    phrase, name = _choose_by_kind(rng, there)
    return f'{phrase} {where}', name
