"""
Family C, spatial reference: the nth from a side, the nearest or farthest, the one beside a bowl.

Sentences of Code as Policies' seen instructions 6 to 8 (arXiv 2209.07753). Every table has exactly one block
that fits, by a margin that leaves no doubt; a table in doubt is drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from vlm_robot.sim.tasks.set_tasks import blocks_of, bowls_of
from vlm_robot.sim.tasks.tabletop import (
    all_of,
    Builder,
    choose,
    distance,
    Draft,
    lay_table,
    plan_moves,
    Points,
    points_of,
    Split,
)
from vlm_robot.sim.tasks.wordings import NUMERALS, SIDES_OF, TEMPLATES
from vlm_robot.vocabulary import AREAS

TEXTS = TEMPLATES['C']
APART = 0.03  # metres along the counted axis between neighbours
NEARER = 0.04  # metres by which the nearest is nearer than the next
SIDEWAYS = (0.06, 0.02)  # metres: how far beside the bowl the right block lies, how far on the other side all others
CONE = 1.2  # how much farther across than along the direction the right block may lie
LATERAL = 0.12  # metres across that are always good


def rank(points: Points, names: Sequence[str], direction: str) -> list[str]:
    """Return names in the order in which they are counted from a side."""
    axis, sign = AREAS[f'{direction} area']
    return sorted(names, key=lambda name: -sign * points[name][axis])


def is_beside_alone(points: Points, block: str, others: Sequence[str], bowl: str, direction: str) -> bool:
    """Return whether one block clearly lies on a side of a bowl and all others clearly on the other."""
    axis, sign = AREAS[f'{direction} area']

    def along(name: str) -> float:
        return sign * (points[name][axis] - points[bowl][axis])

    across = abs(points[block][1 - axis] - points[bowl][1 - axis])
    if along(block) < SIDEWAYS[0] or across > max(LATERAL, CONE * along(block)):
        return False
    return all(along(name) <= -SIDEWAYS[1] for name in others)


def build_nth(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where the nth of four blocks from a side is meant."""
    blocks, bowls = blocks_of(rng, split, 4), bowls_of(rng, split, int(rng.integers(0, 2)))
    nth, direction, place = choose(rng, split.numerals), choose(rng, split.directions), choose(rng, split.places)
    axis = AREAS[f'{direction} area'][0]

    def fits(points: Points) -> bool:
        order = sorted(points[block][axis] for block in blocks)
        return all(b - a >= APART for a, b in pairwise(order))

    placements = lay_table(rng, blocks + bowls, fits, [place])
    meant = rank(points_of(placements), blocks, direction)[NUMERALS.index(nth)]
    text = TEXTS['nth'][0].format(nth=nth, direction=direction, place=place)
    return Draft(placements, text, all_of({'at': [meant, place]}), plan_moves([(meant, place)]))


def build_distance(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where the block nearest to, or farthest from, a bowl is meant."""
    blocks, bowls = blocks_of(rng, split, int(rng.integers(3, 5))), bowls_of(rng, split, int(rng.integers(1, 3)))
    extreme, place, bowl = choose(rng, split.extremes), choose(rng, split.places), bowls[0]

    def order(points: Points) -> list[str]:
        sign = 1 if extreme == 'closest' else -1
        return sorted(blocks, key=lambda block: sign * distance(points[block], points[bowl]))

    def fits(points: Points) -> bool:
        first, second = (distance(points[block], points[bowl]) for block in order(points)[:2])
        return abs(first - second) >= NEARER

    placements = lay_table(rng, blocks + bowls, fits, [place])
    meant = order(points_of(placements))[0]
    text = TEXTS['distance'][0].format(extreme=extreme, bowl=bowl, place=place)
    return Draft(placements, text, all_of({'at': [meant, place]}), plan_moves([(meant, place)]))


def build_direction(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where the one block on a side of a bowl is meant."""
    blocks, bowls = blocks_of(rng, split, int(rng.integers(2, 5))), bowls_of(rng, split, int(rng.integers(1, 3)))
    direction, place = choose(rng, split.directions), choose(rng, split.places)
    meant, others, bowl = blocks[0], blocks[1:], bowls[0]
    placements = lay_table(
        rng, blocks + bowls, lambda points: is_beside_alone(points, meant, others, bowl, direction), [place]
    )
    text = TEXTS['direction'][0].format(side_of=SIDES_OF[direction], bowl=bowl, place=place)
    return Draft(placements, text, all_of({'at': [meant, place]}), plan_moves([(meant, place)]))


TASKS: dict[str, Builder] = {'nth': build_nth, 'distance': build_distance, 'direction': build_direction}
