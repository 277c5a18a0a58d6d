"""
What the task families share: splits of words, drafts of episodes, tables that fit a condition, reference steps.

Metres in the base frame; left is negative y and top is small x (``vocabulary``). A reference plan says how a
task can be done with the skills that exist: it is the ceiling that planners are compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
import math
from typing import Any

import numpy as np

from vlm_robot.datatypes import Step
from vlm_robot.errors import ScenarioError
from vlm_robot.goals import Goal, parse_goal
from vlm_robot.sim.placing import sample_free_points
from vlm_robot.sim.world import Placement, resting_height
from vlm_robot.vocabulary import find_place, format_spot, LOCATIONS, SEEN_COLOURS, shape_of, UNSEEN_COLOURS

ACT, REFUSE, ASK = 'act', 'refuse', 'ask'  # what the right answer to a sentence is
CORNERS = tuple(name for name in LOCATIONS if 'corner' in name)
MAX_TABLES = 2000  # tables drawn before a condition is called impossible
SHARED_STEP = 0.08  # metres between several blocks at one place
Points = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Split:
    """
    Which words a family draws from: seen and unseen, as Code as Policies splits them (arXiv 2209.07753, app. K).

    :param directions: sides that count (``the first from the left``) and sides of a bowl.
    """

    name: str
    colours: tuple[str, ...]
    places: tuple[str, ...]
    directions: tuple[str, ...]
    extremes: tuple[str, ...]
    numerals: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def corners(self) -> tuple[str, ...]:
        """Return the places that are corners."""
        return tuple(place for place in self.places if place in CORNERS)


SEEN = Split(
    'seen',
    SEEN_COLOURS,
    ('left side', 'top left corner', 'top side', 'top right corner'),
    ('top', 'left'),
    ('closest',),
    ('first', 'second'),
    ('horizontal', 'vertical'),
)
UNSEEN = Split(
    'unseen',
    UNSEEN_COLOURS,
    ('bottom right corner', 'bottom side', 'bottom left corner'),
    ('bottom', 'right'),
    ('farthest',),
    ('third', 'fourth'),
    ('diagonal',),
)


@dataclass(frozen=True)
class Draft:
    """
    What a task makes of a random generator.

    :param expected: ``act``, or ``refuse`` or ``ask`` where acting at once is wrong.
    :param answer: what the person answers when asked; after it the goal is what counts.
    :param reference: steps that make the goal true, ``done`` or ``refuse`` last.
    """

    placements: tuple[Placement, ...]
    sentence: str
    goal: Goal
    reference: tuple[Step, ...]
    expected: str = ACT
    answer: str = ''


Builder = Callable[[np.random.Generator, Split], Draft]


def choose(rng: np.random.Generator, options: Iterable[str], count: int | None = None) -> Any:
    """Return one of the options, or a list of ``count`` different ones."""
    known = list(options)
    if count is None:
        return known[int(rng.integers(len(known)))]
    if count > len(known):
        raise ScenarioError(f'{count} different ones asked of {known}')
    return [known[i] for i in rng.permutation(len(known))[:count]]


def name_all(labels: Sequence[str]) -> dict[str, str]:
    """Return name -> label; a label that repeats gets numbers from 2 on, as the scene tracker gives them."""
    names: dict[str, str] = {}
    for label in labels:
        count = sum(other == label for other in names.values())
        names[label if count == 0 else f'{label} {count + 1}'] = label
    return names


def lay_table(
    rng: np.random.Generator,
    labels: Sequence[str],
    fits: Callable[[Points], bool] = lambda points: True,
    keep_clear: Sequence[str] = (),
) -> tuple[Placement, ...]:
    """
    Return where things lie such that ``fits`` is true of their names and points and the places are free.

    :raises ScenarioError: no such table was found.
    """
    names = name_all(labels)
    order = sorted(names, key=lambda name: shape_of(names[name]) != 'bowl')  # large things first
    places = [LOCATIONS[place] for place in keep_clear]
    for _ in range(MAX_TABLES):
        points = dict(zip(order, sample_free_points([shape_of(names[n]) for n in order], rng, places), strict=True))
        if fits(points):
            turns = rng.uniform(-math.pi / 4, math.pi / 4, len(order))
            return tuple(
                Placement(name, names[name], (*points[name], resting_height(names[name])), float(turn))
                for name, turn in zip(order, turns, strict=True)
            )
    raise ScenarioError(f'no table of {len(labels)} things fits the condition after {MAX_TABLES} tries')


def points_of(placements: Iterable[Placement]) -> dict[str, tuple[float, float]]:
    """Return name -> x, y."""
    return {item.name: item.position[:2] for item in placements}


def move(block: str, destination: str) -> tuple[Step, Step]:
    """Return the two steps that bring a block to a bowl, a block or a place of the table."""
    if find_place(destination) is not None:
        skill = 'place_at'
    else:
        skill = 'place_in' if shape_of(destination.rstrip(' 0123456789')) == 'bowl' else 'place_on'
    return Step('pick', block), Step(skill, block, destination)


def plan(*moves: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps of all moves, then ``done``."""
    return (*(step for steps in moves for step in steps), Step('done'))


def plan_moves(pairs: Iterable[tuple[str, str]]) -> tuple[Step, ...]:
    """Return the steps that bring each block to its destination, then ``done``."""
    return plan(*(move(block, destination) for block, destination in pairs))


def plan_stack(order: Sequence[str], place: str = '') -> tuple[Step, ...]:
    """Return the steps that stack blocks, first one lowest, at a place or where the lowest stands."""
    base = [(order[0], place)] if place else []
    return plan_moves([*base, *zip(order[1:], order, strict=False)])


def spread(place: str, count: int) -> list[str]:
    """Return up to four destinations around a place, from it towards the middle of the table."""
    (x, y), (middle_x, middle_y) = LOCATIONS[place], LOCATIONS['middle']
    along_x = [math.copysign(1, middle_x - x)] if abs(x - middle_x) > 0.01 else [1, -1]
    along_y = [math.copysign(1, middle_y - y)] if abs(y - middle_y) > 0.01 else [1, -1]
    steps = [(0, 0), *((sign, 0) for sign in along_x), *((0, sign) for sign in along_y)]
    return [format_spot(x + SHARED_STEP * i, y + SHARED_STEP * j) for i, j in steps][:count]


def is_clear(point: tuple[float, float], others: Iterable[tuple[float, float]], gap: float) -> bool:
    """Return whether nothing lies within ``gap`` metres of a point."""
    return all(math.dist(point, other) >= gap for other in others)


def distance(a: Sequence[float], b: Sequence[float]) -> float:
    """Return metres in the plane."""
    return math.dist(a[:2], b[:2])


def all_of(*goals: Mapping) -> Goal:
    """Return the goal that needs all of several, given as data."""
    return parse_goal({'all': list(goals)} if len(goals) > 1 else dict(goals[0]))
