"""
Random table scenes, and instructions about them with the goals that they mean.

A goal is ``(relation, block, destination)`` with relation ``in``, ``on``, ``at``, ``hold`` or ``home``; the special goals
``refuse`` and ``ask`` end a plan. Names may be absent from the scene: the plan names them anyway, and the affordance refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
import random

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.planning.symbolic import IN_BOWL_Z
from vlm_robot.training import planner_wordings as words
from vlm_robot.vocabulary import LOCATIONS, ZONE_X, ZONE_Y, shape_of

Goal = tuple[str, str, str]
REFUSE: Goal = ('refuse', '', '')
ASK: Goal = ('ask', '', '')


@dataclass(frozen=True)
class TaskSample:
    """An instruction in a scene, with the goals that fulfil it, in order."""

    kind: str
    sentence: str
    scene: Scene
    goals: tuple[Goal, ...]


@dataclass(frozen=True)
class Palette:
    """Which colours and things scenes are made of, and which words instructions use."""

    colours: tuple[str, ...] = words.TRAIN_COLOURS
    invented: tuple[str, ...] = words.INVENTED_COLOURS
    things: tuple[str, ...] = words.THINGS
    invented_share: float = 0.4  # 0..1, how often a colour is an invented one


def choose_colours(rng: random.Random, palette: Palette, count: int) -> list[str]:
    """Return ``count`` different colours."""
    chosen: list[str] = []
    while len(chosen) < count:
        pool = palette.invented if palette.invented and rng.random() < palette.invented_share else palette.colours
        colour = rng.choice(pool)
        if colour not in chosen or len(chosen) >= len(palette.colours):
            chosen.append(colour)
    return chosen


def build_scene(rng: random.Random, palette: Palette, blocks: list[str], bowls: list[str], things: list[str], busy: float) -> Scene:
    """
    Return a scene with these labels (repeated labels are numbered).

    :param busy: 0..1, how likely each block starts in a bowl or on a block instead of on the table.
    """
    labels = [*blocks, *bowls, *things]
    if rng.random() < 0.5:
        rng.shuffle(labels)
    slots = [(x + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.02, 0.02)) for x, y in LOCATIONS.values() if rng.random() < 0.35]
    while len(slots) < len(labels):
        spot = (rng.uniform(*ZONE_X), rng.uniform(*ZONE_Y))
        if all((spot[0] - x) ** 2 + (spot[1] - y) ** 2 > 0.08**2 for x, y in slots) or rng.random() < 0.02:
            slots.append(spot)
    rng.shuffle(slots)
    items: list[SceneObject] = []
    for label, (x, y) in zip(labels, slots):
        number = 1 + sum(item.label == label for item in items)
        name = f'{label} {number}' if labels.count(label) > 1 else label
        items.append(SceneObject(name, label, (x, y, 0.0 if shape_of(label) == 'bowl' else 0.02)))
    for index, item in enumerate(items):
        if shape_of(item.label) != 'bowl' and rng.random() < busy:
            items[index] = _rest_somewhere(rng, item, items)
    return Scene(tuple(items))


def _rest_somewhere(rng: random.Random, item: SceneObject, items: list[SceneObject]) -> SceneObject:
    bowls = [other for other in items if shape_of(other.label) == 'bowl']
    free = [
        other
        for other in items
        if shape_of(other.label) == 'block' and other is not item and abs(other.p_base[2] - 0.02) < 1e-6
        and all(other is third or max(abs(a - b) for a, b in zip(other.p_base[:2], third.p_base[:2])) > 0.04 for third in items)
    ]  # fmt: skip
    covered = any(other is not item and max(abs(a - b) for a, b in zip(item.p_base[:2], other.p_base[:2])) < 0.04 for other in items)
    if bowls and rng.random() < 0.7 and not covered:
        x, y, _ = rng.choice(bowls).p_base
        return SceneObject(item.name, item.label, (x + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.02, 0.02), IN_BOWL_Z))
    if free and not covered and shape_of(item.label) == 'block':
        x, y, z = rng.choice(free).p_base
        return SceneObject(item.name, item.label, (x, y, z + 0.04))
    return item


class Speaker:
    """Turns names and goals into phrases with one random generator."""

    def __init__(self, rng: random.Random):
        """Keep the generator; one style of noun is used through one sentence three times in four."""
        self.rng = rng
        self.block = rng.choice(words.BLOCK_NOUNS)
        self.bowl = rng.choice(words.BOWL_NOUNS)
        self.steady = rng.random() < 0.75
        self.bare = rng.random() < 0.06

    def name(self, name: str, article: str = 'the', one: bool = False) -> str:
        """Return a noun phrase; ``one`` allows ``the blue one``."""
        rng = self.rng
        *front, last = name.split()
        number = ''
        if last.isdigit():
            number, (*front, last) = last, front
        nouns = {'block': (self.block, words.BLOCK_NOUNS), 'bowl': (self.bowl, words.BOWL_NOUNS)}.get(last)
        if nouns:
            last = nouns[0] if self.steady else rng.choice(nouns[1])
            if one and rng.random() < 0.3:
                last = 'one'
        text = ' '.join([*front, last])
        if number:
            text += rng.choice((f' {number}', f' number {number}', f' {number}'))
        if self.bare or not article:
            return text
        if article == 'a':
            return f'an {text}' if text[0] in 'aeiou' else f'a {text}'
        return f'{article} {text}'

    def target(self, goal: Goal) -> str:
        """Return the preposition and destination of a goal."""
        relation, _, where = goal
        rng = self.rng
        if relation == 'at':
            phrase = rng.choice(words.PLACE_PHRASES[where])
            return f'{rng.choice(words.AT_WORDS)} {phrase}'
        article = rng.choice(('the', 'the', 'the', 'the', 'the', 'a', 'that'))
        choices = words.IN_WORDS if relation == 'in' else words.ON_WORDS
        return f'{rng.choice(choices)} {self.name(where, article, one=relation == "on")}'

    def clause(self, goal: Goal, what: str) -> str:
        """Return an imperative clause that moves ``what`` to the goal's destination."""
        rng = self.rng
        there = self.target(goal)
        verbs = words.PLACE_VERBS + words.MOVE_VERBS + (words.STACK_VERBS * 2 if goal[0] == 'on' else ())
        verb, gerund = rng.choice(verbs)
        roll = rng.random()
        if roll < 0.55:
            return f'{verb} {what} {there}'
        if roll < 0.80:
            grasp = rng.choice(words.GRASP_VERBS)
            take = f'pick {what} up' if rng.random() < 0.15 else f'{grasp} {what}'
            link = rng.choice((' and ', ' and ', ', ', ', then ', ' and then ', '. ', '. then '))
            return f'{take}{link}{verb} it {there}'
        if roll < 0.84:
            return f'{there} {verb} {what}'
        if roll < 0.90:
            return f'{rng.choice(words.GERUND_PREFIXES)} {gerund} {what} {there}'
        return self._statement(what, there, goal)

    def _statement(self, what: str, there: str, goal: Goal) -> str:
        frames = [
            '{w} {t}', '{w} {t}', 'i want {w} {t}', 'i want {w} to be {t}', 'i would like {w} {t}', "i'd like to see {w} {t}", '{w} should be {t}',
            '{w} goes {t}', 'make sure {w} is {t}', 'let {w} be {t}', 'see that {w} gets {t}', 'get {w} {t}', 'can {w} go {t}', '{w} must go {t}',
            'have {w} {t}', 'i need {w} {t}', '{w} should go {t}', 'i want to see {w} {t}', 'can i have {w} {t}', 'we want {w} {t}', 'new place of {w}: {t}',
            'find {w} and put it {t}', 'make {w} go {t}', 'the goal is {w} {t}', 'what i want is {w} {t}', 'can you get {w} {t}', '{w} -> {t}',
        ]  # fmt: skip
        if goal[0] == 'in':
            frames += ['fill {d} with {w}', '{d} should contain {w}', 'use {d} to hold {w}', '{d} should have {w} in it', '{d} gets {w}', '{d} needs {w}']
        if goal[0] == 'on':
            frames += ['{d} should carry {w}', 'cover {d} with {w}', 'make a stack with {w} on top of {d}', '{d} should be under {w}', 'top {d} with {w}',
                       'build a tower: {d} at the bottom, {w} on top', 'make a tower with {d} below and {w} above']  # fmt: skip
        place = self.name(goal[2]) if goal[0] != 'at' else there
        return self.rng.choice(frames).format(w=what, t=there, d=place)

    def frame(self, text: str) -> str:
        """Return the sentence with polite words before or after it, or none."""
        rng = self.rng
        if rng.random() < 0.4 and not text.startswith(('would', 'do you', 'how', 'what', 'can ', 'i ', "i'd")):
            text = f'{rng.choice(words.PREFIXES)} {text}'
        if rng.random() < 0.12:
            text = f'{text}{rng.choice((" ", ", "))}{rng.choice(words.SUFFIXES)}'
        return text


def join_clauses(rng: random.Random, clauses: list[str]) -> str:
    """Return the clauses as one text, in order."""
    text = clauses[0]
    if len(clauses) > 1 and rng.random() < 0.15:
        text = f'{rng.choice(("first", "first,", "start:", "1.", "to begin,", "firstly,", "two things:", "first of all"))} {text}'
    for clause in clauses[1:]:
        text += f'{rng.choice(words.JOINS)}{clause}'
    return text


def list_of(scene: Scene, shape: str) -> list[str]:
    """Return the names of that shape, in order."""
    return [item.name for item in scene.objects if shape_of(item.label) == shape]
