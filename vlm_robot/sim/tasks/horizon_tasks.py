"""
Family G, long horizon: all corners in turn, alternate colours, one half of the table to the other, two stacks.

After SayCan's open notebook, LoHoRavens (arXiv 2310.12020; names only, its tables differ) and Inner
Monologue. ``Clockwise`` is as the person opposite the robot sees it, and may begin at any corner.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from vlm_robot.sim.tasks.set_tasks import blocks_of, bowls_of
from vlm_robot.sim.tasks.tabletop import (
    all_of,
    Builder,
    choose,
    CORNERS,
    Draft,
    is_clear,
    lay_table,
    plan,
    plan_moves,
    plan_stack,
    Points,
    points_of,
    Split,
)
from vlm_robot.sim.tasks.wordings import TEMPLATES
from vlm_robot.vocabulary import AREAS, format_spot, LOCATIONS, ZONE_X, ZONE_Y

TEXTS = TEMPLATES['G']
CLOCKWISE = ('top left corner', 'top right corner', 'bottom right corner', 'bottom left corner')
OPPOSITE = {'left area': 'right area', 'right area': 'left area', 'top area': 'bottom area', 'bottom area': 'top area'}
OFF_MIDDLE = 0.04  # metres from the border between two areas that leave no doubt
FREE = 0.10  # metres around a reference spot


def build_round_trip(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table of one block that visits all corners in turn."""
    block = blocks_of(rng, split, 1)[0]
    bowls = bowls_of(rng, split, int(rng.integers(1, 3)))
    rounds = [CLOCKWISE[i:] + CLOCKWISE[:i] for i in range(4)]
    goal = all_of({'any': [{'then': [{'at': [block, corner]} for corner in tour]} for tour in rounds]})
    placements = lay_table(rng, [block, *bowls], keep_clear=CORNERS)
    return Draft(placements, TEXTS['round_trip'][0], goal, plan_moves((block, corner) for corner in CLOCKWISE))


def build_alternate(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table of two and two blocks that go on one stack in alternate colours."""
    first, second = _pairs(rng, split)
    towers = [[a, b, c, d] for one, two in ((first, second), (second, first))
              for a, c in permutations(one) for b, d in permutations(two)]  # fmt: skip
    orders = [{'all': [{'on': [above, below]} for below, above in zip(t, t[1:], strict=False)]} for t in towers]
    placements = lay_table(rng, [first[0], first[0], second[0], second[0]])
    return Draft(placements, TEXTS['alternate'][0], all_of({'any': orders}), plan_stack(towers[0]))


def build_areas(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table where the two blocks of one half go to the other half."""
    area = choose(rng, OPPOSITE)
    blocks, bowls = blocks_of(rng, split, int(rng.integers(3, 5))), bowls_of(rng, split, int(rng.integers(0, 2)))
    axis, sign = AREAS[area]
    movers, stayers = blocks[:2], blocks[2:]

    def fits(points: Points) -> bool:
        off = {name: sign * (points[name][axis] - LOCATIONS['middle'][axis]) for name in blocks}
        sides = all(off[b] >= OFF_MIDDLE for b in movers) and all(off[b] <= -OFF_MIDDLE for b in stayers)
        return sides and len(_free_spots(points, OPPOSITE[area])) >= len(movers)

    placements = lay_table(rng, blocks + bowls, fits)
    goal = all_of(*({'area': [block, OPPOSITE[area]]} for block in blocks))
    spots = _free_spots(points_of(placements), OPPOSITE[area])
    text = TEXTS['areas'][0].format(area=area, area2=OPPOSITE[area])
    return Draft(placements, text, goal, plan_moves(zip(movers, spots, strict=False)))


def build_same_colour(rng: np.random.Generator, split: Split) -> Draft:
    """Draw a table of two and two blocks that make two stacks of one colour each."""
    first, second = _pairs(rng, split)
    placements = lay_table(rng, [first[0], first[0], second[0], second[0], *bowls_of(rng, split, 1)])
    reference = plan(plan_stack(first)[:-1], plan_stack(second)[:-1])
    return Draft(placements, TEXTS['same_colour'][0], all_of({'stack': first}, {'stack': second}), reference)


def _pairs(rng: np.random.Generator, split: Split) -> tuple[list[str], list[str]]:
    first, second = blocks_of(rng, split, 2)
    return [first, f'{first} 2'], [second, f'{second} 2']


def _free_spots(points: Points, area: str) -> list[str]:
    """Return spots of an area that are clear of everything and of each other."""
    axis, sign = AREAS[area]
    taken, spots = list(points.values()), []
    for x in np.arange(ZONE_X[0] + 0.03, ZONE_X[1] - 0.02, 0.02):
        for y in np.arange(ZONE_Y[0] + 0.03, ZONE_Y[1] - 0.02, 0.02):
            place = (float(x), float(y))
            deep = sign * (place[axis] - LOCATIONS['middle'][axis]) >= OFF_MIDDLE + 0.01
            if deep and is_clear(place, taken, FREE + 0.02):
                taken.append(place)
                spots.append(format_spot(*place))
    return spots


TASKS: dict[str, Builder] = {
    'round_trip': build_round_trip,
    'alternate': build_alternate,
    'areas': build_areas,
    'same_colour': build_same_colour,
}
