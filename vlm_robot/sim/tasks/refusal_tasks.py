"""
Family F: negation, things that are not there, and words that fit several things, each beside a control.

Negation and ambiguous reference are SayCan's known failures (arXiv 2204.01691); asking back follows KnowNo
(arXiv 2307.01928). Half of the tasks look alike but must be carried out, so that refusing always, or asking
always, earns nothing. A question has a scripted answer, after which the goal counts.
"""

from __future__ import annotations

import numpy as np

from vlm_robot.datatypes import Step
from vlm_robot.sim.tasks.set_tasks import blocks_of, bowls_of, CLEAR_OF_BOWLS
from vlm_robot.sim.tasks.tabletop import (
    all_of,
    ASK,
    Builder,
    choose,
    distance,
    Draft,
    lay_table,
    plan_moves,
    REFUSE,
    Split,
    spread,
)
from vlm_robot.sim.tasks.wordings import ABSENT_THINGS, TEMPLATES
from vlm_robot.vocabulary import LOCATIONS

TEXTS = TEMPLATES['F']
REFUSAL = (Step('refuse'),)


def build_not_one(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where one block of any other colour goes in the bowl."""
    blocks, bowl = blocks_of(rng, split, 3), bowls_of(rng, split, 1)[0]
    text = TEXTS['not_one'][0].format(colour=blocks[0].split()[0], bowl=bowl)
    others = {'any': [{'in': [block, bowl]} for block in blocks[1:]]}
    goal = all_of(others, {'not': {'in': [blocks[0], bowl]}})
    return Draft(lay_table(rng, [*blocks, bowl]), text, goal, plan_moves([(blocks[1], bowl)]))


def build_not_all(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where every block of another colour goes in the bowl."""
    blocks, bowl = blocks_of(rng, split, 3), bowls_of(rng, split, 1)[0]
    text = TEXTS['not_all'][0].format(colour=blocks[0].split()[0], bowl=bowl)
    goal = all_of(*({'in': [block, bowl]} for block in blocks[1:]), {'not': {'in': [blocks[0], bowl]}})
    return Draft(lay_table(rng, [*blocks, bowl]), text, goal, plan_moves((block, bowl) for block in blocks[1:]))


def build_except(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where every block but one goes to a place."""
    blocks, bowl, place = blocks_of(rng, split, 3), bowls_of(rng, split, 1)[0], choose(rng, split.places)
    placements = lay_table(
        rng,
        [*blocks, bowl],
        lambda at: all(distance(at[name], LOCATIONS[place]) >= CLEAR_OF_BOWLS for name in (bowl, blocks[0])),
        [place],
    )
    goal = all_of(*({'near': [block, place]} for block in blocks[1:]), {'not': {'near': [blocks[0], place]}})
    text = TEXTS['except'][0].format(colour=blocks[0].split()[0], place=place)
    return Draft(placements, text, goal, plan_moves(zip(blocks[1:], spread(place, 2), strict=True)))


def build_absent_block(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table without the block that is named."""
    absent, *blocks = blocks_of(rng, split, 3)
    bowl = bowls_of(rng, split, 1)[0]
    goal = all_of(*({'not': {'in': [block, bowl]}} for block in blocks))
    text = TEXTS['absent_block'][0].format(block=absent)
    return Draft(lay_table(rng, [*blocks, bowl]), text, goal, REFUSAL, REFUSE)


def build_present_block(rng: np.random.Generator, split: Split) -> Draft:
    """Draw the control: the same words, and the block is there."""
    blocks, bowl = blocks_of(rng, split, 2), bowls_of(rng, split, 1)[0]
    text = TEXTS['present_block'][0].format(block=blocks[0])
    goal, reference = all_of({'in': [blocks[0], bowl]}), plan_moves([(blocks[0], bowl)])
    return Draft(lay_table(rng, [*blocks, bowl]), text, goal, reference)


def build_absent_bowl(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table without the bowl that is named."""
    blocks, (absent, *bowls) = blocks_of(rng, split, 2), bowls_of(rng, split, 3)
    text = TEXTS['absent_bowl'][0].format(block=blocks[0], bowl=absent)
    goal = all_of(*({'not': {'in': [block, bowl]}} for block in blocks for bowl in bowls))
    return Draft(lay_table(rng, blocks + bowls), text, goal, REFUSAL, REFUSE)


def build_present_bowl(rng: np.random.Generator, split: Split) -> Draft:
    """Draw the control: the same words, and the bowl is there."""
    blocks, bowls = blocks_of(rng, split, 2), bowls_of(rng, split, 2)
    text = TEXTS['present_bowl'][0].format(block=blocks[0], bowl=bowls[0])
    goal, reference = all_of({'in': [blocks[0], bowls[0]]}), plan_moves([(blocks[0], bowls[0])])
    return Draft(lay_table(rng, blocks + bowls), text, goal, reference)


def build_absent_thing(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table, and a sentence that names what is neither block nor bowl."""
    blocks, bowls, place = blocks_of(rng, split, 3), bowls_of(rng, split, 1), choose(rng, split.places)
    text = TEXTS['absent_thing'][0].format(thing=choose(rng, ABSENT_THINGS), place=place)
    goal = all_of(*({'not': {'at': [block, place]}} for block in blocks))
    return Draft(lay_table(rng, blocks + bowls, keep_clear=[place]), text, goal, REFUSAL, REFUSE)


def build_which_block(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where two blocks fit; the person means one of them."""
    blocks, bowl = blocks_of(rng, split, 2), bowls_of(rng, split, 1)[0]
    meant = choose(rng, blocks)
    text = TEXTS['which_block'][0].format(bowl=bowl)
    goal = all_of({'in': [meant, bowl]}, *({'not': {'in': [b, bowl]}} for b in blocks if b != meant))
    reference = plan_moves([(meant, bowl)])
    return Draft(lay_table(rng, [*blocks, bowl]), text, goal, reference, ASK, f'the {meant}')


def build_only_block(rng: np.random.Generator, split: Split) -> Draft:
    """Draw the control: the same words, and one block only."""
    block, bowls = blocks_of(rng, split, 1)[0], bowls_of(rng, split, 2)
    text = TEXTS['only_block'][0].format(bowl=bowls[0])
    return Draft(
        lay_table(rng, [block, *bowls]), text, all_of({'in': [block, bowls[0]]}), plan_moves([(block, bowls[0])])
    )


def build_which_bowl(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where two bowls fit; the person means one of them."""
    blocks, bowls = blocks_of(rng, split, 2), bowls_of(rng, split, 2)
    meant = choose(rng, bowls)
    text = TEXTS['which_bowl'][0].format(block=blocks[0])
    goal, reference = all_of({'in': [blocks[0], meant]}), plan_moves([(blocks[0], meant)])
    return Draft(lay_table(rng, blocks + bowls), text, goal, reference, ASK, f'the {meant}')


def build_only_bowl(rng: np.random.Generator, split: Split) -> Draft:
    """Draw the control: the same words, and one bowl only."""
    blocks, bowl = blocks_of(rng, split, 3), bowls_of(rng, split, 1)[0]
    text = TEXTS['only_bowl'][0].format(block=blocks[0])
    goal, reference = all_of({'in': [blocks[0], bowl]}), plan_moves([(blocks[0], bowl)])
    return Draft(lay_table(rng, [*blocks, bowl]), text, goal, reference)


TASKS: dict[str, Builder] = {
    'not_one': build_not_one,
    'not_all': build_not_all,
    'except': build_except,
    'absent_block': build_absent_block,
    'present_block': build_present_block,
    'absent_bowl': build_absent_bowl,
    'present_bowl': build_present_bowl,
    'absent_thing': build_absent_thing,
    'which_block': build_which_block,
    'only_block': build_only_block,
    'which_bowl': build_which_bowl,
    'only_bowl': build_only_bowl,
}
