"""
Family E, abstract nouns and attributes: colours by what has them, light and dark, groups, other nouns.

After SayCan's open notebook (``light coloured block``, ``group the blue objects``) and its noun family; the
sentences and the nouns are ours.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from vlm_robot.sim.tasks.set_tasks import blocks_of, bowls_of
from vlm_robot.sim.tasks.tabletop import (
    all_of,
    Builder,
    choose,
    Draft,
    lay_table,
    plan_moves,
    Points,
    points_of,
    Split,
)
from vlm_robot.sim.tasks.wordings import COLOUR_NOUNS, TEMPLATES
from vlm_robot.vocabulary import format_spot, LOCATIONS, ZONE_X, ZONE_Y

TEXTS = TEMPLATES['E']
LIGHT, DARK = ('yellow', 'white', 'pink'), ('blue', 'brown', 'purple')
ARTICLES = {'sky': 'the sky', 'ocean': 'the ocean', 'grass': 'grass'}  # all others take ``a``
TOGETHER = 0.18  # metres between the centres of things of one group
BESIDE_BOWL = 0.115  # metres between a bowl and a block that the hand sets down beside it


def build_colour_noun(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where block and bowl are named by things of their colours."""
    first, second = _nouns(rng, 2)
    block, bowl = f'{COLOUR_NOUNS[first]} block', f'{COLOUR_NOUNS[second]} bowl'
    placements = lay_table(rng, [block, bowl, *_others(rng, split, (block, bowl))])
    text = TEXTS['colour_noun'][0].format(noun=first, noun2=second)
    return Draft(placements, text, all_of({'in': [block, bowl]}), plan_moves([(block, bowl)]))


def build_colour_of_noun(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where a block is named by a thing of its colour."""
    noun, place = _nouns(rng, 1)[0], choose(rng, split.places)
    block = f'{COLOUR_NOUNS[noun]} block'
    placements = lay_table(rng, [block, *_others(rng, split, (block,))], keep_clear=[place])
    text = TEXTS['colour_of_noun'][0].format(a_noun=ARTICLES.get(noun, f'a {noun}'), place=place)
    return Draft(placements, text, all_of({'at': [block, place]}), plan_moves([(block, place)]))


def build_lightness(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table of one light and one dark block, of which one goes to the middle or a corner."""
    pair = {'light': f'{choose(rng, LIGHT)} block', 'dark': f'{choose(rng, DARK)} block'}
    lightness, place = choose(rng, pair), choose(rng, ('middle', *split.places))
    placements = lay_table(rng, [*pair.values(), *bowls_of(rng, split, 1)], keep_clear=[place])
    text = TEXTS['lightness'][0].format(lightness=lightness, place=place)
    return Draft(placements, text, all_of({'at': [pair[lightness], place]}), plan_moves([(pair[lightness], place)]))


def build_group(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where two blocks and a bowl of one colour come together."""
    colours = choose(rng, split.colours, 3)
    group = [f'{colours[0]} block', f'{colours[0]} block 2', f'{colours[0]} bowl']
    labels = [f'{colours[0]} block', f'{colours[0]} block', f'{colours[0]} bowl', *(f'{c} block' for c in colours[1:])]

    def spots(points: Points) -> list[tuple[float, float]]:
        x, y = points[group[2]]
        inward = 1 if x < LOCATIONS['middle'][0] else -1
        return [(x + inward * BESIDE_BOWL, y - 0.045), (x + inward * BESIDE_BOWL, y + 0.045)]

    def fits(points: Points) -> bool:
        apart = any(_gap(points, a, b) > TOGETHER + 0.05 for a, b in combinations(group, 2))
        inside = all(ZONE_X[0] <= x <= ZONE_X[1] and ZONE_Y[0] <= y <= ZONE_Y[1] for x, y in spots(points))
        free = all(_gap({'a': s, 'b': p}, 'a', 'b') > 0.11 for s in spots(points) for p in points.values()
                   if p != points[group[2]])  # fmt: skip
        return apart and inside and free

    placements = lay_table(rng, labels, fits)
    goal = all_of(*({'dist': [a, b, 0.0, TOGETHER]} for a, b in combinations(group, 2)))
    reference = plan_moves(zip(group[:2], (format_spot(*s) for s in spots(points_of(placements))), strict=True))
    return Draft(placements, TEXTS['group'][0].format(colour=colours[0]), goal, reference)


def build_synonym(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where block and bowl are called by other nouns."""
    blocks, bowls = blocks_of(rng, split, 3), bowls_of(rng, split, 2)
    text = TEXTS['synonym'][0].format(colour=blocks[0].split()[0], colour2=bowls[0].split()[0])
    goal, reference = all_of({'in': [blocks[0], bowls[0]]}), plan_moves([(blocks[0], bowls[0])])
    return Draft(lay_table(rng, blocks + bowls), text, goal, reference)


def _nouns(rng: np.random.Generator, count: int) -> list[str]:
    """Return nouns of different colours."""
    chosen: dict[str, str] = {}
    for noun in choose(rng, COLOUR_NOUNS, len(COLOUR_NOUNS)):
        chosen.setdefault(COLOUR_NOUNS[noun], noun)
    return list(chosen.values())[:count]


def _others(rng: np.random.Generator, split: Split, used: tuple[str, ...]) -> list[str]:
    """Return two further blocks and one further bowl, none of them one that the sentence means."""
    blocks = [label for label in blocks_of(rng, split, 3) if label not in used][:2]
    bowls = [label for label in bowls_of(rng, split, 2) if label not in used][:1]
    return blocks + bowls


def _gap(points: Points, a: str, b: str) -> float:
    return float(np.hypot(points[a][0] - points[b][0], points[a][1] - points[b][1]))


TASKS: dict[str, Builder] = {
    'colour_noun': build_colour_noun,
    'colour_of_noun': build_colour_of_noun,
    'lightness': build_lightness,
    'group': build_group,
    'synonym': build_synonym,
}
