"""
Family D, unseen instructions: six that no prompt and no training may show.

Sentences of Code as Policies' unseen instructions (arXiv 2209.07753, appendix K): different corners,
mismatched bowls, a stack on a corner, a line of a kind, an offset from a bowl, a corner by its distance.
"""

from __future__ import annotations

from itertools import combinations
import math

import numpy as np

from vlm_robot.sim.tasks.set_tasks import blocks_of, bowls_of
from vlm_robot.sim.tasks.tabletop import (
    all_of,
    Builder,
    choose,
    CORNERS,
    distance,
    Draft,
    is_clear,
    lay_table,
    plan_moves,
    plan_stack,
    Points,
    points_of,
    Split,
)
from vlm_robot.sim.tasks.wordings import SIDES_OF, TEMPLATES
from vlm_robot.vocabulary import AREAS, BLOCK_SIZE, BOWL_DIAMETER, format_spot, LOCATIONS, ZONE_X, ZONE_Y

TEXTS = TEMPLATES['D']
LINE_STEP = 0.09  # metres between neighbours of the reference line
DIAGONAL = math.radians(35)  # radians between the reference diagonal and the left-right axis
OFFSET = 0.05 + BOWL_DIAMETER / 2 + BLOCK_SIZE / 2  # metres between centres when 5 cm are free between
ROOM = 0.12  # metres that must be free around the place that is asked for
CLEARLY = 0.05  # metres by which the corner that is meant is nearer (or farther) than the next


def build_different_corners(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where each of three or four blocks goes in a corner of its own."""
    blocks, bowls = blocks_of(rng, split, int(rng.integers(3, 5))), bowls_of(rng, split, 1)
    placements = lay_table(rng, blocks + bowls, keep_clear=CORNERS)
    somewhere = [{'any': [{'at': [block, corner]} for corner in CORNERS]} for block in blocks]
    apart = [{'dist': [a, b, 0.15, 9.0]} for a, b in combinations(blocks, 2)]
    reference = plan_moves(zip(blocks, CORNERS, strict=False))
    return Draft(placements, TEXTS['different_corners'][0], all_of(*somewhere, *apart), reference)


def build_mismatched(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where each block goes in a bowl of another colour."""
    colours = choose(rng, split.colours, int(rng.integers(2, 4)))
    blocks, bowls = [f'{c} block' for c in colours], [f'{c} bowl' for c in colours]
    wrong = {block: [bowl for bowl in bowls if bowl.split()[0] != block.split()[0]] for block in blocks}
    goal = all_of(*({'any': [{'in': [block, bowl]} for bowl in wrong[block]]} for block in blocks))
    reference = plan_moves((block, bowls[(i + 1) % len(bowls)]) for i, block in enumerate(blocks))
    return Draft(lay_table(rng, blocks + bowls), TEXTS['mismatched'][0], goal, reference)


def build_stack_corner(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table of three blocks that are stacked on a corner."""
    corner = choose(rng, split.corners)
    blocks, bowls = blocks_of(rng, split, 3), bowls_of(rng, split, int(rng.integers(0, 3)))
    placements = lay_table(rng, blocks + bowls, keep_clear=[corner])
    goal = all_of({'stack': blocks}, *({'at': [block, corner]} for block in blocks))
    return Draft(placements, TEXTS['stack_corner'][0].format(corner=corner), goal, plan_stack(blocks, corner))


def build_line(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table of three blocks that go in a line of a kind."""
    kind, blocks = choose(rng, split.lines), blocks_of(rng, split, 3)
    turn = {'horizontal': 0.0, 'vertical': math.pi / 2, 'diagonal': DIAGONAL}[kind]
    x, y = LOCATIONS['middle']
    spots = [(x + LINE_STEP * i * math.sin(turn), y + LINE_STEP * i * math.cos(turn)) for i in (-1, 0, 1)]

    def fits(points: Points) -> bool:
        return all(is_clear(spot, points.values(), ROOM) for spot in spots)

    goal = all_of({'row': [*blocks, kind]})
    reference = plan_moves((block, format_spot(*spot)) for block, spot in zip(blocks, spots, strict=True))
    return Draft(lay_table(rng, blocks, fits), TEXTS['line'][0].format(line=kind), goal, reference)


def build_offset(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where one block goes five centimetres beside a bowl."""
    blocks, bowls = blocks_of(rng, split, int(rng.integers(2, 4))), bowls_of(rng, split, int(rng.integers(1, 3)))
    direction, block, bowl = choose(rng, SIDES_OF), blocks[0], bowls[0]

    def spot(points: Points) -> tuple[float, float]:
        axis, sign = AREAS[f'{direction} area']
        place = list(points[bowl])
        place[axis] += sign * OFFSET
        return place[0], place[1]

    def fits(points: Points) -> bool:
        x, y = spot(points)
        others = [point for name, point in points.items() if name != bowl]
        return ZONE_X[0] <= x <= ZONE_X[1] and ZONE_Y[0] <= y <= ZONE_Y[1] and is_clear((x, y), others, ROOM)

    placements = lay_table(rng, blocks + bowls, fits)
    text = TEXTS['offset'][0].format(block=block, side_of=SIDES_OF[direction], bowl=bowl)
    reference = plan_moves([(block, format_spot(*spot(points_of(placements))))])
    return Draft(placements, text, all_of({'beside': [block, bowl, direction]}), reference)


def build_corner_of_bowl(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where one block goes to the corner nearest to, or farthest from, a bowl."""
    blocks, bowls = blocks_of(rng, split, int(rng.integers(2, 4))), bowls_of(rng, split, int(rng.integers(1, 3)))
    extreme, block, bowl = choose(rng, ('closest', 'farthest')), blocks[0], bowls[0]
    sign = 1 if extreme == 'closest' else -1

    def order(points: Points) -> list[str]:
        return sorted(CORNERS, key=lambda corner: sign * distance(LOCATIONS[corner], points[bowl]))

    def fits(points: Points) -> bool:
        first, second = (distance(LOCATIONS[corner], points[bowl]) for corner in order(points)[:2])
        return abs(first - second) >= CLEARLY

    placements = lay_table(rng, blocks + bowls, fits, CORNERS)
    corner = order(points_of(placements))[0]
    text = TEXTS['corner_of_bowl'][0].format(block=block, extreme=extreme, bowl=bowl)
    return Draft(placements, text, all_of({'at': [block, corner]}), plan_moves([(block, corner)]))


TASKS: dict[str, Builder] = {
    'different_corners': build_different_corners,
    'mismatched': build_mismatched,
    'stack_corner': build_stack_corner,
    'line': build_line,
    'offset': build_offset,
    'corner_of_bowl': build_corner_of_bowl,
}
