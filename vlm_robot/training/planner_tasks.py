"""
What an instruction is, which goals it means, and a speaker who puts goals into words.

A goal is ``(relation, block, destination)`` with relation ``in``, ``on``, ``at``, ``hold`` or ``home``; the
special goals ``refuse`` and ``ask`` end a plan. Names may be absent from the scene: the plan names them
anyway, and the affordance refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import random

from vlm_robot.datatypes import Scene
from vlm_robot.training import planner_wordings as words

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

    def begin(self, verbs=(('put', ''), ('place', ''), ('drop', ''), ('move', ''), ('pop', ''))) -> str:
        """Return an imperative verb."""
        return self.rng.choice(verbs)[0]

    def inside(self) -> str:
        """Return a preposition that goes with bowls only."""
        return self.rng.choice(('in', 'into', 'inside'))

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
            '{w} {t}',
            '{w} {t}',
            'i want {w} {t}',
            'i want {w} to be {t}',
            'i would like {w} {t}',
            "i'd like to see {w} {t}",
            '{w} should be {t}',
            '{w} goes {t}',
            'make sure {w} is {t}',
            'let {w} be {t}',
            'see that {w} gets {t}',
            'get {w} {t}',
            'can {w} go {t}',
            '{w} must go {t}',
            'have {w} {t}',
            'i need {w} {t}',
            '{w} should go {t}',
            'i want to see {w} {t}',
            'can i have {w} {t}',
            'we want {w} {t}',
            'new place of {w}: {t}',
            'find {w} and put it {t}',
            'make {w} go {t}',
            'the goal is {w} {t}',
            'what i want is {w} {t}',
            'can you get {w} {t}',
            '{w} -> {t}',
        ]
        if goal[0] == 'in':
            frames += [
                'fill {d} with {w}',
                '{d} should contain {w}',
                'use {d} to hold {w}',
                '{d} should have {w} in it',
                '{d} gets {w}',
                '{d} needs {w}',
            ]
        if goal[0] == 'on':
            frames += [
                '{d} should carry {w}',
                'cover {d} with {w}',
                'make a stack with {w} on top of {d}',
                '{d} should be under {w}',
                'top {d} with {w}',
                'build a tower: {d} at the bottom, {w} on top',
                'make a tower with {d} below and {w} above',
            ]
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


def join_clauses(
    rng: random.Random,
    clauses: list[str],
    openings: Sequence[str] = words.OPENINGS,
    joins: Sequence[str] = words.JOINS,
) -> str:
    """Return the clauses as one text, in order; some texts of several clauses begin with an opening."""
    text = clauses[0]
    if len(clauses) > 1 and rng.random() < 0.15:
        text = f'{rng.choice(openings)} {text}'
    for clause in clauses[1:]:
        text += f'{rng.choice(joins)}{clause}'
    return text
