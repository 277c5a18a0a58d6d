"""Kitchen tasks about several things: lists, sets, counts, and several wishes in one sentence."""

from __future__ import annotations

import random

from vlm_robot.datatypes import Scene
from vlm_robot.kitchen_vocabulary import DRAWER, SHELVES, thing_of, TRASH, USER
from vlm_robot.planning.kitchen import is_open, place_of
from vlm_robot.planning.kitchen_expert import Goal
from vlm_robot.planning.kitchen_knowledge import is_a
from vlm_robot.training import kitchen_kinds as kinds
from vlm_robot.training.kitchen_scenes import choose_thing, KitchenTask
from vlm_robot.training.kitchen_speech import expand, finish, fits, name_place, order, say_move, short_name

# said before a list or behind a set; neither changes what is asked
LEADS = (
    'for dinner', 'for our picnic', 'for the road', 'my guests are coming', 'we are having a picnic',
    'it is movie night',
    'for my lunch box', 'i am packing my bag', 'we want to celebrate', 'for the children', 'the shop was closed',
)  # fmt: skip
BUT_NOTHING = (
    ', nothing else', ', but nothing else', ' and leave everything else where it is', ', not the other things',
    ' and nothing more',
)  # fmt: skip


def ask_several(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return a wish for two or three things, with one destination each or together."""
    if scene.held:
        return None
    asks = (_ask_list, _ask_set, _ask_twins, _ask_clauses, _ask_spill)
    return rng.choices(asks, (3, 3, 1, 2, 1))[0](rng, scene)


def _ask_list(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return 'bring me a fruit, a soda and a bag of chips'."""
    place = rng.choice((USER, USER, TRASH, *SHELVES))
    chosen: dict[str, str] = {}
    wanted = rng.choice((2, 2, 3, 3, 4))
    for _ in range(10):
        found = choose_thing(rng, scene, place)
        if found and len(chosen) < wanted:
            chosen.setdefault(found[1], found[0])
    if len(chosen) < 2:
        return None
    *front, last = chosen.values()
    both = f'{", ".join(front)}{rng.choice((" and ", ", and ", " and also ", " plus "))}{last}'
    wish, imperative = say_move(rng, both, place, len(chosen))
    if rng.random() < 0.2:
        wish, imperative = f'{rng.choice(LEADS)}{rng.choice((": ", ", ", ". ", "! "))}{wish}', False
    sentence = finish(rng, wish, imperative)
    return KitchenTask('kitchen list', sentence, scene, tuple(('at', name, place) for name in chosen))


def _ask_set(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return 'all the sodas', 'two cokes' or 'everything on the table' to one place."""
    place = rng.choice((USER, TRASH, TRASH, *SHELVES, *SHELVES))
    names = [name for name in order(scene) if place_of(name, scene) != place]
    plenty = [kind for kind in kinds.PLURALS if sum(fits(name, _split(kind)) for name in names) >= 2]
    roll = rng.random()
    if roll < 0.35 and names:
        start = place_of(rng.choice(names), scene)
        members = [name for name in names if place_of(name, scene) == start]
        phrase = expand(
            rng,
            '(everything|all things|all the things|all|whatever) (that is |that stands |)(on|at|from) {p}',
            p=name_place(rng, start),
        )
    elif plenty:
        kind = rng.choice(plenty)
        plural = rng.choice(kinds.PLURALS[kind])
        members = [name for name in names if fits(name, _split(kind))]
        phrase = expand(
            rng, rng.choice(('all the {k}', 'all {k}', 'all of the {k}', 'the {k}', 'every one of the {k}')), k=plural
        )
        if kind in kinds.SINGULARS and rng.random() < 0.3:
            phrase = f'{rng.choice(("every", "every", "each"))} {rng.choice(kinds.SINGULARS[kind])}'
        if roll > 0.7:
            members = members[:2]
            phrase = expand(rng, rng.choice(('two {k}', 'two {k}', 'a couple of {k}', '2 {k}')), k=plural)
    else:
        return None
    if not 1 <= len(members) <= 4:
        return None
    wish, imperative = say_move(rng, phrase, place, 2)
    if rng.random() < 0.15:
        wish += rng.choice(BUT_NOTHING)
    sentence = finish(rng, wish, imperative)
    return KitchenTask('kitchen set', sentence, scene, tuple(('at', name, place) for name in members))


def _split(kind: str) -> tuple[str, ...]:
    """Return the attributes of a kind: the first word and what is behind it."""
    return tuple(kind.split(' ', 1))


def _ask_twins(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return 'both coke cans' or 'the two apples' to one place."""
    twin = next((name for name in order(scene) if name[-2:] == ' 2'), '')
    pair = [name for name in order(scene) if thing_of(name) == thing_of(twin)] if twin else []
    place = rng.choice((USER, TRASH, *SHELVES))
    if len(pair) < 2 or any(place_of(name, scene) == place for name in pair):
        return None
    plural = thing_of(twin) if twin[:-2].endswith('s') else f'{thing_of(twin)}s'
    phrase = expand(rng, '(both|both of the|the two|two|all the|all) {k}', k=plural)
    sentence = finish(rng, *say_move(rng, phrase, place, 2))
    return KitchenTask('kitchen set', sentence, scene, tuple(('at', name, place) for name in pair))


def _ask_clauses(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return two or three wishes in one sentence, each with its own destination."""
    clauses: list[tuple[str, bool]] = []
    goals: list[Goal] = []
    for _ in range(rng.choice((2, 2, 2, 3))):
        place = rng.choice((USER, TRASH, *SHELVES, *SHELVES, DRAWER))
        found = choose_thing(rng, scene, place)
        if found is None or any(found[1] == goal[1] for goal in goals):
            continue
        if place == DRAWER and not is_open(scene):
            goals.append(('open', '', ''))
        goals.append(('at', found[1], place))
        clauses.append(say_move(rng, found[0], place, imperative_share=0.8))
    if len(clauses) < 2:
        return None
    link = rng.choice((' and ', ', then ', ' and then ', ', ', '. Then ', '. ', ', and after that ', '; ', ', and '))
    return KitchenTask(
        'kitchen clauses', finish(rng, link.join(c for c, _ in clauses), clauses[0][1]), scene, tuple(goals)
    )


def _ask_spill(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return a spilled drink: throw its can away and bring something to clean with, in either order."""
    drinks = [name for name in order(scene) if is_a(name, 'drink')]
    if not drinks or 'sponge' not in order(scene) or place_of('sponge', scene) == USER:
        return None
    name = rng.choice(drinks)
    lead = expand(rng, 'i (spilled|spilt|tipped over|overturned) (my|the|that) {h}', h=short_name(rng, name))
    throw = expand(rng, '(throw it away|discard it|toss the (can|rest|drink)|dump it|recycle it)')
    clean = expand(
        rng, '(bring|get|fetch|give) me (something to (clean|clean up|wipe it up)|the sponge|a cleaning tool)'
    )
    goals = [('at', name, TRASH), ('at', 'sponge', USER)]
    if rng.random() < 0.4:
        throw, clean, goals = clean, throw, goals[::-1]
    text = f'{lead}{rng.choice((". ", ", "))}{rng.choice(("", "can you ", "please ", "could you "))}{throw} and {clean}'
    return KitchenTask('kitchen spill', finish(rng, text, polite=False), scene, tuple(goals))
