"""
Pictures without a simulator, for tests: every thing is a coloured square on a grey ground.

What is true of them is as true as of a rendering, and one costs less than a millisecond.
"""

from __future__ import annotations

import numpy as np

from vlm_robot.sim.bullet_camera import FRONT
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.sight_separation import list_colours, pick
from vlm_robot.vocabulary import COLOURS, SHAPES

SIDE_PX = 160
HALF_PX = 6
FEW = ('red', 'blue', 'white', 'orange')


def put_thing(
    label: str, middle: tuple[float, float], place: str = 'table', host: int | None = None, visible_px: int = 500
) -> PictureThing:
    """
    Return a square thing.

    :param label: for example ``red block``; ``middle``: column and row, 0..1 of the picture.
    """
    colour, shape = label.split(' ')
    x, y = (round(value * SIDE_PX) for value in middle)
    mask = np.zeros((SIDE_PX, SIDE_PX), bool)
    mask[max(0, y - HALF_PX) : y + HALF_PX, max(0, x - HALF_PX) : x + HALF_PX] = True
    box = (float(x - HALF_PX), float(y - HALF_PX), float(x + HALF_PX), float(y + HALF_PX))
    return PictureThing(colour, shape, box, mask, visible_px, place, host)


def build_picture(*things: PictureThing) -> Picture:
    """Return the picture that shows these things, later ones in front."""
    rgb = np.full((SIDE_PX, SIDE_PX, 3), 120, np.uint8)
    for thing in things:
        rgb[thing.mask] = COLOURS[thing.colour]
    return Picture(rgb, things, FRONT)


def scatter_things(rng: np.random.Generator, split: str = 'train') -> Picture:
    """Return a picture of up to seven things of three colours; one in ten hardly shows."""
    few = rng.permutation(FEW)[:3].tolist()
    things: list[PictureThing] = []
    for _ in range(int(rng.integers(0, 8))):
        shape = pick(rng, SHAPES)
        colour = pick(rng, [c for c in list_colours(split, shape) if c in few])
        place = pick(rng, ('table', 'table', 'hand', 'bowl', 'stack')) if shape == 'block' else 'table'
        wanted = {'bowl': 'bowl', 'stack': 'block'}.get(place)
        hosts = [i for i, thing in enumerate(things) if thing.place == 'table' and thing.shape == wanted]
        host = pick(rng, hosts) if hosts else None
        x, y = rng.uniform(0.06, 0.94, 2)
        visible_px = 10 if rng.random() < 0.1 else 500
        things.append(
            put_thing(f'{colour} {shape}', (x, y), place if hosts or not wanted else 'table', host, visible_px)
        )
    return build_picture(*things)
