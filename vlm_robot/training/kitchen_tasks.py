"""
Instruction-plan pairs of the kitchen: a drawn kitchen, a sentence with goals, an expert that acts it out.

The kinds follow SayCan's seven families (arXiv 2204.01691, table 2) with our own wordings; where several things
fit ("a soda"), the expert takes the first in the order of the prompt. ``generate_kitchen(seed)`` yields the
same ``Example`` values as planner_data.py, without the evaluation's wordings (kitchen_separation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
import itertools
import random

from vlm_robot.datatypes import Relation, Scene
from vlm_robot.kitchen_vocabulary import DRAWER, PLACES, SHELVES, THINGS, TRASH, USER
from vlm_robot.planning.kitchen import place_of, ROBOT
from vlm_robot.planning.kitchen_expert import Goal
from vlm_robot.planning.kitchen_knowledge import load_things
from vlm_robot.training import kitchen_kinds as kinds
from vlm_robot.training import kitchen_wordings as words
from vlm_robot.training.kitchen_acting import write_kitchen_example
from vlm_robot.training.kitchen_attributes import describe_kind
from vlm_robot.training.kitchen_lists import ask_several
from vlm_robot.training.kitchen_scenes import choose_thing, draw_kitchen, KitchenTask
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
    short_name,
)
from vlm_robot.training.planner_data import Example

REFUSE: Goal = ('refuse', '', '')


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
    absent = [k for k in kinds.KINDS_OF_THINGS if not any(fits(name, k[0]) for name in here)]
    phrase = rng.choice(rng.choice(absent)[1])
    described = describe_kind(rng, [name for name in load_things() if name not in here])
    if described and rng.random() < 0.5 and not any(fits(name, described[0]) for name in here):
        phrase = described[1]
    return KitchenTask('kitchen absent', finish(rng, *say_move(rng, phrase, place)), scene, (REFUSE,))


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
    if roll < 0.2:
        scene = _set_drawer(scene, rng.random() < 0.1)
        return KitchenTask(
            'kitchen drawer', finish(rng, expand(rng, rng.choice(words.OPEN))), scene, (('open', '', ''),)
        )
    if roll < 0.45:
        scene = _set_drawer(scene, rng.random() < 0.9)
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


def _set_drawer(scene: Scene, is_now_open: bool) -> Scene:
    """Return the kitchen with its drawer open or closed."""
    facts = [r for r in scene.relations if r.subject != DRAWER]
    facts.append(Relation(DRAWER, 'is', 'open' if is_now_open else 'closed'))
    return replace(scene, relations=tuple(sorted(facts, key=lambda r: (r.subject, r.predicate, r.object))))


def ask_primitive(rng: random.Random, scene: Scene) -> KitchenTask | None:
    """Return a wish for a single skill."""
    if scene.held and rng.random() < 0.8:
        hand = expand(
            rng, rng.choice(('the {h}', 'the {h}', 'it')), h=rng.choice((scene.held, short_name(rng, scene.held)))
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
        template, kind = rng.choice(words.USED_UP), 'kitchen used up'
    else:
        template, kind = rng.choice(words.MISPLACED), 'kitchen misplaced'
        place = rng.choice([p for p in SHELVES if p != here])
    parts = {'h': short_name(rng, name), 'p': name_place(rng, place), 'q': name_place(rng, here), 'it': pronoun(name)}
    text = expand(rng, template, n=short_name(rng, name), **parts)
    return KitchenTask(kind, finish(rng, text, polite=False), scene, (('at', name, place),))


def _ask_need(rng: random.Random, scene: Scene) -> KitchenTask | None:
    fitting = [
        n for n in kinds.NEEDS if any(fits(name, n[0]) and place_of(name, scene) != USER for name in order(scene))
    ]
    if not fitting:
        return None
    need, leads, asks = rng.choice(fitting)
    wanted, ask = _narrow(rng, scene, need, expand(rng, rng.choice(asks)))
    name = next(n for n in order(scene) if fits(n, wanted) and place_of(n, scene) != USER)
    lead = expand(rng, rng.choice(leads))
    link = rng.choice(('. ', ', ', ', ', ' and ', ', so ', '! ', '. so '))
    text = f'{lead}{link}{ask}' if (ask and rng.random() < 0.75) or not ask else f'{ask}, {lead}'
    return KitchenTask('kitchen need', finish(rng, text.rstrip(', !'), polite=False), scene, (('at', name, USER),))


def _narrow(rng: random.Random, scene: Scene, need: tuple[str, ...], ask: str) -> tuple[tuple[str, ...], str]:
    """Return the need as it is or, now and then, one that says more closely what would help."""
    there = [name for name in order(scene) if fits(name, need) and place_of(name, scene) != USER]
    described = describe_kind(rng, there) if rng.random() < 0.4 and 'cleaning' not in need else None
    if described is None:
        return need, ask
    narrow = (*need, *described[0])
    wish = expand(rng, '(i would like|get me|i want|could you bring me|bring me|it should be) {w}', w=described[1])
    return (narrow, wish) if any(fits(name, narrow) for name in there) else (need, ask)


def ask_nonsense(rng: random.Random, scene: Scene) -> KitchenTask:
    """Return something that this robot cannot do."""
    return KitchenTask('kitchen nonsense', finish(rng, rng.choice(words.NONSENSE)), scene, (REFUSE,))


KINDS: tuple[tuple[Callable[[random.Random, Scene], KitchenTask | None], float, float], ...] = (
    # what is asked, its weight, how often the robot starts with something in its hand
    (ask_move, 0.25, 0.2),
    (ask_structured, 0.07, 0.0),
    (ask_primitive, 0.11, 0.5),
    (ask_drawer, 0.09, 0.0),
    (ask_context, 0.17, 0.0),
    (ask_several, 0.40, 0.0),
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
