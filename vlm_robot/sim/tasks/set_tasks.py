"""
Family B, set goals: everything on a side, everything in one bowl, matching bowls, one stack.

Sentences of Code as Policies' seen instructions (arXiv 2209.07753) and of SayCan's open notebook.
"""

from __future__ import annotations

import numpy as np

from vlm_robot.sim.tasks.tabletop import (
    all_of,
    Builder,
    choose,
    distance,
    Draft,
    lay_table,
    plan_moves,
    plan_stack,
    Split,
    spread,
)
from vlm_robot.sim.tasks.wordings import TEMPLATES
from vlm_robot.vocabulary import LOCATIONS

TEXTS = TEMPLATES['B']
CLEAR_OF_BOWLS = 0.21  # metres between a shared place and a bowl, so that three blocks find room


def blocks_of(rng: np.random.Generator, split: Split, count: int) -> list[str]:
    """Return labels of blocks of different colours."""
    return [f'{colour} block' for colour in choose(rng, split.colours, count)]


def bowls_of(rng: np.random.Generator, split: Split, count: int) -> list[str]:
    """Return labels of bowls of different colours."""
    return [f'{colour} bowl' for colour in choose(rng, split.colours, count)]


def build_area(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where all blocks go to one corner or side."""
    place = choose(rng, split.places)
    blocks, bowls = blocks_of(rng, split, 3), bowls_of(rng, split, int(rng.integers(1, 3)))
    placements = lay_table(
        rng, blocks + bowls, lambda at: all(distance(at[b], LOCATIONS[place]) >= CLEAR_OF_BOWLS for b in bowls), [place]
    )
    goal = all_of(*({'near': [block, place]} for block in blocks))
    pairs = zip(blocks, spread(place, len(blocks)), strict=True)
    return Draft(placements, TEXTS['area'][0].format(place=place), goal, plan_moves(pairs))


def build_one_bowl(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where three blocks go in one of two bowls."""
    blocks, bowls = blocks_of(rng, split, 3), bowls_of(rng, split, 2)
    goal = all_of(*({'in': [block, bowls[0]]} for block in blocks))
    reference = plan_moves((block, bowls[0]) for block in blocks)
    return Draft(lay_table(rng, blocks + bowls), TEXTS['one_bowl'][0].format(bowl=bowls[0]), goal, reference)


def build_matching(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where each block goes in the bowl of its colour; a further bowl may stand there."""
    colours = choose(rng, split.colours, int(rng.integers(2, 4)))
    spare = [c for c in split.colours if c not in colours][: int(rng.integers(0, 2))]
    blocks, bowls = [f'{c} block' for c in colours], [f'{c} bowl' for c in [*colours, *spare]]
    goal = all_of(*({'in': [block, bowl]} for block, bowl in zip(blocks, bowls, strict=False)))
    reference = plan_moves(zip(blocks, bowls, strict=False))
    return Draft(lay_table(rng, blocks + bowls), TEXTS['matching'][0], goal, reference)


def build_stack(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table of three or four blocks that go on one stack, in any order and anywhere."""
    blocks = blocks_of(rng, split, int(rng.integers(3, 5)))
    placements = lay_table(rng, blocks + bowls_of(rng, split, int(rng.integers(0, 3))))
    return Draft(placements, TEXTS['stack'][0], all_of({'stack': blocks}), plan_stack(blocks))


TASKS: dict[str, Builder] = {
    'area': build_area,
    'one_bowl': build_one_bowl,
    'matching': build_matching,
    'stack': build_stack,
}
