"""
Instruction-plan pairs of the kitchen: a drawn kitchen, a sentence with goals, an expert that acts it out.

The kinds follow SayCan's seven families (arXiv 2204.01691, table 2) with our own wordings; where several things
fit ("a soda"), the expert takes the first in the order of the prompt. ``generate_kitchen(seed)`` yields the
same ``Example`` values as planner_data.py, without the evaluation's wordings (kitchen_separation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import itertools
import random

from vlm_robot.datatypes import Scene
from vlm_robot.kitchen_vocabulary import DRAWER, has, PLACES, SHELVES, THINGS, TRASH, USER
from vlm_robot.planning.kitchen import build_kitchen, is_open, place_of, ROBOT
from vlm_robot.planning.kitchen_expert import Goal
from vlm_robot.training import kitchen_wordings as words
from vlm_robot.training.kitchen_acting import write_kitchen_example
from vlm_robot.training.kitchen_separation import is_kitchen_evaluation
from vlm_robot.training.kitchen_speech import (
    expand,
    finish,
    fits,
    name_place,
    name_thing,
    order,
    pronoun,
    say_move,
    say_structured,
)
from vlm_robot.training.planner_data import Example

REFUSE: Goal = ('refuse', '', '')


@dataclass(frozen=True)
class KitchenTask:
    """A sentence in a kitchen, with the goals that fulfil it, in order: (relation, thing, place)."""

    kind: str
    sentence: str
    scene: Scene
    goals: tuple[Goal, ...]


def draw_kitchen(rng: random.Random, holding_share: float = 0.08) -> Scene:
    """Return a kitchen with two to eight things, the robot anywhere, now and then something in its hand."""
    names = rng.sample(list(THINGS), rng.choice((2, 2, 3, 3, 3, 4, 4, 5, 6, 8)))
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
    if roll < 0.45:
        name = rng.choice(names)
        return name_thing(rng, name, rng.choice(('the', 'the', 'the', 'a'))), name
    if roll < 0.55:
        return _choose_by_place(rng, scene, names)
    kinds = [kind for kind in words.KINDS_OF_THINGS if any(fits(name, kind[0]) for name in names)]
    attributes, phrases = rng.choice(kinds)
    first = next(name for name in names if fits(name, attributes))
    return rng.choice(phrases), first


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
    attributes, phrases = rng.choice([k for k in words.KINDS_OF_THINGS if any(fits(name, k[0]) for name in there)])
    return f'{rng.choice(phrases)} {where}', next(name for name in there if fits(name, attributes))


def ask_move(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return one thing to one place: families nouns, verbs and, from odd starts, embodiment."""
    place = rng.choice((USER, USER, USER, USER, TRASH, TRASH, *SHELVES, *SHELVES))
    if scene.held and rng.random() < 0.6:
        phrase, name = name_thing(rng, scene.held), scene.held
    else:
        found = choose_thing(rng, scene, place)
        if found is None:
            return None
        phrase, name = found
    return KitchenTask('kitchen move', finish(rng, *say_move(rng, phrase, place)), scene, (('at', name, place),))


def ask_absent(rng: random.Random, scene: Scene) -> KitchenTask:
    """Return a wish for a thing that is not there; the plan names it and the affordance refuses."""
    place = rng.choice((USER, USER, TRASH, *SHELVES))
    here = {item.label for item in scene.objects}
    if rng.random() < 0.5:
        name = rng.choice([name for name in THINGS if name not in here])
        return KitchenTask(
            'kitchen absent', finish(rng, *say_move(rng, name_thing(rng, name), place)), scene, (('at', name, place),)
        )
    kinds = [k for k in words.KINDS_OF_THINGS if not any(fits(name, k[0]) for name in here)]
    phrases = rng.choice(kinds)[1]
    return KitchenTask('kitchen absent', finish(rng, *say_move(rng, rng.choice(phrases), place)), scene, (REFUSE,))


def ask_structured(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return a wish whose steps are spelled out."""
    place = rng.choice((USER, TRASH, *SHELVES))
    found = choose_thing(rng, scene, place)
    if found is None or scene.held:
        return None
    sentence = say_structured(rng, found[0], place_of(found[1], scene), place)
    return KitchenTask('kitchen structured', finish(rng, sentence), scene, (('at', found[1], place),))


def ask_drawer(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return something into the drawer, perhaps closing it, or the drawer itself."""
    if scene.held:
        return None
    roll = rng.random()
    if roll < 0.3:
        return KitchenTask(
            'kitchen drawer', finish(rng, expand(rng, rng.choice(words.OPEN))), scene, (('open', '', ''),)
        )
    if roll < 0.6:
        return KitchenTask(
            'kitchen drawer', finish(rng, expand(rng, rng.choice(words.CLOSE))), scene, (('closed', '', ''),)
        )
    found = choose_thing(rng, scene, DRAWER)
    if found is None:
        return None
    sentence, _ = say_move(rng, found[0], DRAWER)
    goals: tuple[Goal, ...] = (('open', '', ''), ('at', found[1], DRAWER))
    if rng.random() < 0.4:
        sentence += expand(rng, rng.choice(words.AND_CLOSE))
        goals += (('closed', '', ''),)
    return KitchenTask('kitchen drawer', finish(rng, sentence), scene, goals)


def ask_primitive(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return a wish for a single skill."""
    if scene.held and rng.random() < 0.8:
        hand = expand(
            rng, rng.choice(('the {h}', 'the {h}', 'it')), h=rng.choice((scene.held, _short(rng, scene.held)))
        )
        if rng.random() < 0.5:
            text = expand(rng, rng.choice(words.GIVE), h=hand)
            return KitchenTask('kitchen primitive', finish(rng, text), scene, (('at', scene.held, USER),))
        text = expand(rng, rng.choice(words.LET_GO), h=hand)
        return KitchenTask('kitchen primitive', finish(rng, text), scene, (('free', scene.held, ''),))
    roll = rng.random()
    if roll < 0.25:
        text, goal = expand(rng, rng.choice(words.COME)), ('robot', '', USER)
        return KitchenTask('kitchen primitive', finish(rng, text), scene, (goal,))
    if roll < 0.55:
        place = rng.choice([place for place in PLACES if place != USER])
        text = expand(rng, rng.choice(words.GO), p=name_place(rng, place))
        return KitchenTask('kitchen primitive', finish(rng, text), scene, (('robot', '', place),))
    found = choose_thing(rng, scene)
    if found is None or scene.held:
        return None
    group, relation = (words.PICK, 'hold') if roll < 0.8 else (words.FIND, 'find')
    text = expand(rng, rng.choice(group), w=found[0], it=pronoun(found[0]))
    return KitchenTask('kitchen primitive', finish(rng, text), scene, ((relation, found[1], ''),))


def ask_context(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return a situation that has to be understood: spilled drinks, hunger, things that are used up."""
    if scene.held or not order(scene):
        return None
    roll = rng.random()
    if roll < 0.5:
        return _ask_need(rng, scene)
    name = rng.choice(order(scene))
    here, place = place_of(name, scene), TRASH
    if roll < 0.75:
        group, kind = words.USED_UP, 'kitchen used up'
    else:
        group, kind = words.MISPLACED, 'kitchen misplaced'
        place = rng.choice([p for p in SHELVES if p != here])
    parts = {'h': _short(rng, name), 'p': name_place(rng, place), 'q': name_place(rng, here), 'it': pronoun(name)}
    text = expand(rng, rng.choice(group), n=_short(rng, name), **parts)
    return KitchenTask(kind, finish(rng, text, polite=False), scene, (('at', name, place),))


def _ask_need(rng: random.Random, scene: Scene) -> KitchenTask | None:
    fitting = [
        n for n in words.NEEDS if any(fits(name, n[0]) and place_of(name, scene) != USER for name in order(scene))
    ]
    if not fitting:
        return None
    attributes, leads, asks = rng.choice(fitting)
    name = next(n for n in order(scene) if fits(n, attributes) and place_of(n, scene) != USER)
    lead, ask = expand(rng, rng.choice(leads)), expand(rng, rng.choice(asks))
    link = rng.choice(('. ', ', ', ', ', ' and ', ', so ', '! ', '. so '))
    text = f'{lead}{link}{ask}' if (ask and rng.random() < 0.75) or not ask else f'{ask}, {lead}'
    return KitchenTask('kitchen need', finish(rng, text.rstrip(', !'), polite=False), scene, (('at', name, USER),))


def ask_several(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return a wish for two or three things, with one destination each or together."""
    if scene.held:
        return None
    return rng.choice((_ask_list, _ask_list, _ask_set, _ask_clauses, _ask_clauses, _ask_spill))(rng, scene)


def _ask_list(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return 'bring me a fruit, a soda and a bag of chips'."""
    place = rng.choice((USER, USER, TRASH, *SHELVES))
    chosen: dict[str, str] = {}
    for _ in range(rng.choice((2, 2, 3))):
        found = choose_thing(rng, scene, place)
        if found and found[1] not in chosen and not _overlaps(found[1], chosen):
            chosen[found[1]] = found[0]
    if len(chosen) < 2:
        return None
    *front, last = chosen.values()
    both = f'{", ".join(front)}{rng.choice((" and ", ", and ", " and also ", " plus "))}{last}'
    sentence = finish(rng, *say_move(rng, both, place, len(chosen)))
    return KitchenTask('kitchen list', sentence, scene, tuple(('at', name, place) for name in chosen))


def _overlaps(name: str, chosen: dict[str, str]) -> bool:
    """Return whether two phrases could mean the same thing: their things share a kind."""
    return any(has(name, kind) and has(other, kind) for other in chosen for kind in ('fruit', 'drink', 'chips'))


def _ask_set(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return 'all the sodas', 'two cokes' or 'everything on the table' to one place."""
    place = rng.choice((USER, TRASH, TRASH, *SHELVES, *SHELVES))
    names = [name for name in order(scene) if place_of(name, scene) != place]
    kinds = [kind for kind in words.PLURALS if sum(has(name, kind) for name in names) >= 2]
    roll = rng.random()
    if roll < 0.35 and names:
        start = place_of(rng.choice(names), scene)
        members = [name for name in names if place_of(name, scene) == start]
        phrase = expand(
            rng,
            '(everything|all things|all the things|all|whatever) (that is |that stands |)(on|at|from) {p}',
            p=name_place(rng, start),
        )
    elif kinds:
        kind = rng.choice(kinds)
        plural = rng.choice(words.PLURALS[kind])
        members = [name for name in names if has(name, kind)]
        phrase = expand(
            rng, rng.choice(('all the {k}', 'all {k}', 'all of the {k}', 'the {k}', 'every one of the {k}')), k=plural
        )
        if roll > 0.6:
            members = members[:2]
            phrase = expand(rng, rng.choice(('two {k}', 'two {k}', 'a couple of {k}', '2 {k}')), k=plural)
    else:
        return None
    if not 1 <= len(members) <= 4:
        return None
    sentence = finish(rng, *say_move(rng, phrase, place, 2))
    return KitchenTask('kitchen set', sentence, scene, tuple(('at', name, place) for name in members))


def _ask_clauses(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return two or three wishes in one sentence, each with its own destination."""
    clauses: list[tuple[str, bool]] = []
    goals: list[Goal] = []
    for _ in range(rng.choice((2, 2, 2, 3))):
        place = rng.choice((USER, TRASH, *SHELVES, *SHELVES, DRAWER))
        found = choose_thing(rng, scene, place)
        if found is None or _overlaps(found[1], {g[1]: '' for g in goals}) or any(found[1] == g[1] for g in goals):
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
    drinks = [name for name in order(scene) if has(name, 'drink')]
    if not drinks or 'sponge' not in order(scene) or place_of('sponge', scene) == USER:
        return None
    name = rng.choice(drinks)
    lead = expand(rng, 'i (spilled|spilt|tipped over|overturned) (my|the|that) {h}', h=_short(rng, name))
    throw = expand(rng, '(throw it away|discard it|toss the (can|rest|drink)|dump it|recycle it)')
    clean = expand(
        rng, '(bring|get|fetch|give) me (something to (clean|clean up|wipe it up)|the sponge|a cleaning tool)'
    )
    goals = [('at', name, TRASH), ('at', 'sponge', USER)]
    if rng.random() < 0.4:
        throw, clean, goals = clean, throw, goals[::-1]
    text = f'{lead}{rng.choice((". ", ", "))}{rng.choice(("", "can you ", "please ", "could you "))}{throw} and {clean}'
    return KitchenTask('kitchen spill', finish(rng, text, polite=False), scene, tuple(goals))


def ask_nonsense(rng: random.Random, scene: Scene) -> KitchenTask:
    """Return something that this robot cannot do."""
    return KitchenTask('kitchen nonsense', finish(rng, rng.choice(words.NONSENSE)), scene, (REFUSE,))


def _short(rng: random.Random, name: str) -> str:
    return name_thing(rng, name, '')


KINDS: tuple[tuple[Callable[[random.Random, Scene], KitchenTask | None], float, float], ...] = (
    # what is asked, its weight, how often the robot starts with something in its hand
    (ask_move, 0.27, 0.15),
    (ask_structured, 0.10, 0.0),
    (ask_primitive, 0.09, 0.35),
    (ask_drawer, 0.04, 0.0),
    (ask_context, 0.19, 0.0),
    (ask_several, 0.30, 0.0),
    (ask_absent, 0.04, 0.0),
    (ask_nonsense, 0.015, 0.05),
)


def sample_kitchen_task(rng: random.Random) -> KitchenTask:
    """Return one task whose wording training may see."""
    return next(_sample(rng))


def _sample(rng: random.Random, scene: Scene | None = None) -> Iterator[KitchenTask]:
    while True:
        ask, _, holding = rng.choices(KINDS, [kind[1] for kind in KINDS])[0]
        task = ask(rng, scene or draw_kitchen(rng, holding))
        if task is not None and not is_kitchen_evaluation(task.sentence) and place_of(ROBOT, task.scene):
            yield task


def sample_kitchen_day(rng: random.Random, count: int) -> list[KitchenTask]:
    """Return several tasks that all begin in the same kitchen."""
    holding = rng.choices(KINDS, [kind[1] for kind in KINDS])[0][2]
    return list(itertools.islice(_sample(rng, draw_kitchen(rng, holding)), count))


def generate_kitchen(seed: int) -> Iterator[Example]:
    """Yield training examples of the kitchen without end, the same for the same seed."""
    rng = random.Random(f'kitchen {seed}')
    while True:
        yield write_kitchen_example(sample_kitchen_task(rng), rng)
