"""
CLIPort's put-block-in-bowl, rebuilt: same counts, colours, seeds, tolerance, allowance and partial credit.

Recipe of cliport/cliport (``put_block_in_bowl.py``, ``demos.py``; arXiv 2109.12098), re-typed: 1 to 3 bowls of
one colour, up to as many blocks of another colour, each into a bowl of its own, 6 things of other colours;
test seeds are odd from 10001; one mistake is allowed. Ours differs in hand (two fingers, not suction),
renderer and table size: blocks in the replica's zone stand nearer to each other.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from vlm_robot.errors import ScenarioError
from vlm_robot.goals import parse_goal
from vlm_robot.sim.tasks.tabletop import Builder, choose, Draft, lay_table, name_all, plan_moves, Split
from vlm_robot.sim.tasks.wordings import TEMPLATES
from vlm_robot.vocabulary import COLOURS, shape_of

TRAIN = ('blue', 'red', 'green', 'yellow', 'brown', 'gray', 'cyan')
EVAL = ('blue', 'red', 'green', 'orange', 'purple', 'pink', 'white')
DISTRACTORS = 6
FIRST_SEED, SEED_STEP = 10001, 2


def build_block_in_bowl(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where every block of one colour goes in a bowl of another colour, one to a bowl."""
    colour, colour2 = choose(rng, split.colours, 2)
    bowl_count = int(rng.integers(1, 4))
    block_count = int(rng.integers(1, bowl_count + 1))
    wanted = [f'{colour2} bowl'] * bowl_count + [f'{colour} block'] * block_count
    others = [c for c in COLOURS if c not in (colour, colour2)]
    for _ in range(50):
        shapes = rng.permutation(['block', 'bowl'] * DISTRACTORS)[:DISTRACTORS]
        labels = [f'{choose(rng, others)} {shape}' for shape in shapes]
        try:
            placements = lay_table(rng, wanted + labels)
            break
        except ScenarioError:  # too many bowls for this table
            continue
    else:
        raise ScenarioError(f'no room for {bowl_count} bowls, {block_count} blocks and {DISTRACTORS} other things')
    names = list(name_all(wanted))
    blocks = [name for name in names if shape_of(name.rstrip(' 23')) == 'block']
    bowls = [name for name in names if name not in blocks]
    choices = [
        {'all': [{'in': [block, bowl]} for block, bowl in zip(blocks, chosen, strict=True)]}
        for chosen in permutations(bowls, block_count)
    ]
    text = TEMPLATES['cliport']['block_in_bowl'][0].format(colour=colour, colour2=colour2)
    reference = plan_moves(zip(blocks, bowls, strict=False))
    return Draft(placements, text, parse_goal({'any': choices}), reference)


TASKS: dict[str, Builder] = {'block_in_bowl': build_block_in_bowl}
