"""
Random scenes of the table for training and measuring, and goals that are possible in them.

Positions are metres in the base frame; relations are left out, they follow from the positions.
"""

from __future__ import annotations

import math
import random

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.planning.symbolic import find_covers, IN_BOWL_Z, relate
from vlm_robot.training.planner_tasks import Goal, Palette
from vlm_robot.vocabulary import LOCATIONS, shape_of, ZONE_X, ZONE_Y


def choose_colours(rng: random.Random, palette: Palette, count: int) -> list[str]:
    """Return ``count`` different colours."""
    chosen: list[str] = []
    while len(chosen) < count:
        pool = palette.invented if palette.invented and rng.random() < palette.invented_share else palette.colours
        colour = rng.choice(pool)
        if colour not in chosen or len(chosen) >= len(palette.colours):
            chosen.append(colour)
    return chosen


def build_scene(
    rng: random.Random, palette: Palette, blocks: list[str], bowls: list[str], things: list[str], busy: float
) -> Scene:
    """
    Return a scene with these labels (repeated labels are numbered).

    :param busy: 0..1, how likely each block starts in a bowl or on a block instead of on the table.
    """
    labels = [*blocks, *bowls, *things]
    if rng.random() < 0.5:
        rng.shuffle(labels)
    slots = [
        (x + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.02, 0.02))
        for x, y in LOCATIONS.values()
        if rng.random() < 0.35
    ]
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
        if shape_of(other.label) == 'block'
        and other is not item
        and abs(other.p_base[2] - 0.02) < 1e-6
        and all(
            other is third or max(abs(a - b) for a, b in zip(other.p_base[:2], third.p_base[:2])) > 0.04
            for third in items
        )
    ]
    covered = any(
        other is not item and max(abs(a - b) for a, b in zip(item.p_base[:2], other.p_base[:2])) < 0.04
        for other in items
    )
    if bowls and rng.random() < 0.7 and not covered:
        x, y, _ = rng.choice(bowls).p_base
        return SceneObject(
            item.name, item.label, (x + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.02, 0.02), IN_BOWL_Z)
        )
    if free and not covered and shape_of(item.label) == 'block':
        x, y, z = rng.choice(free).p_base
        return SceneObject(item.name, item.label, (x, y, z + 0.04))
    return item


def draw_scene(rng: random.Random, palette: Palette, blocks=(1, 5), bowls=(0, 4), busy=0.12, duplicates=0.03) -> Scene:
    """Return a random scene; half of the time bowls repeat the colours of blocks."""
    n, m = rng.randint(*blocks), rng.randint(*bowls)
    block_colours = choose_colours(rng, palette, n)
    bowl_colours = choose_colours(rng, palette, m)
    if rng.random() < 0.5:
        shared = rng.sample(block_colours, min(n, m))
        bowl_colours = list(dict.fromkeys(shared + bowl_colours))[:m]
        rng.shuffle(bowl_colours)
    if n > 1 and rng.random() < duplicates:
        block_colours[0] = block_colours[1]
    things = rng.sample(palette.things, rng.randint(1, 2)) if palette.things and rng.random() < 0.15 else []
    busy = busy if rng.random() < 0.6 else 0.0
    return build_scene(
        rng, palette, [f'{c} block' for c in block_colours], [f'{c} bowl' for c in bowl_colours], things, busy
    )


def choose_goal(rng: random.Random, scene: Scene, block: str, used: tuple[str, ...] = ()) -> Goal:
    """Return a random goal for a block; destinations that are taken are avoided."""
    taken = set(find_covers(scene)) | set(used)
    places = relate(scene)
    at = {
        spot for spot, xy in LOCATIONS.items() if any(math.dist(xy, item.p_base[:2]) < 0.09 for item in scene.objects)
    }
    bowls = [('in', block, name) for name in list_of(scene, 'bowl')]
    blocks = [
        ('on', block, name)
        for name in list_of(scene, 'block')
        if name != block and name not in taken and places[name][0] != 'in'
    ]
    spots = [('at', block, name) for name in LOCATIONS if name not in at and name not in used]
    pools = [pool for pool, weight in ((bowls, 5), (blocks, 3), (spots, 3)) if pool for _ in range(weight)]
    return rng.choice(rng.choice(pools))


def free_blocks(scene: Scene) -> list[str]:
    """Return the blocks with nothing on top."""
    return [name for name in list_of(scene, 'block') if name not in find_covers(scene)]


def list_of(scene: Scene, shape: str) -> list[str]:
    """Return the names of that shape, in order."""
    return [item.name for item in scene.objects if shape_of(item.label) == shape]
