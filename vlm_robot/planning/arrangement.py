"""
Points of the table for several things: rows, tours, places beside and between, spots where there is room.

Metres in the base frame; left, right, top and bottom as people say them (``vocabulary``). Pure geometry over a
Scene: what is held takes no room. Distances follow the goal checker (``goals``) and leave the hand's fingers
their width.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
import math

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.vocabulary import AREAS, BLOCK_SIZE, BOWL_DIAMETER, LOCATIONS, shape_of, ZONE_X, ZONE_Y

Spot = tuple[float, float]

CLOCKWISE = ('top left corner', 'top right corner', 'bottom right corner', 'bottom left corner')
AROUND = ('top side', 'right side', 'bottom side', 'left side')
GAPS = (0.085, 0.07, 0.056)  # metres between the centres of neighbouring blocks: best first, the last is the least
BOWL_GAP = 0.04  # metres more between a block and a bowl
GRID = 0.02  # metres between spots that are tried
FREE_SPACE = 0.055  # metres of table left free beside a thing
ROW_STEPS = (0.10, 0.085, 0.07)  # metres between neighbours in a row
ROW_TURNS = {'horizontal': (0.0,), 'vertical': (90.0,), 'diagonal': (35.0, 45.0, 30.0, -35.0)}  # degrees to left-right
ROW_SHIFTS = (0.0, 0.05, -0.05, 0.10, -0.10)  # metres off the middle of the table
BORDER = 0.03  # metres beyond the zone where things may still be put


def tour(noun: str, backwards: bool) -> tuple[str, ...]:
    """Return the corners or sides in the order of a clock, as the person opposite the robot sees it."""
    order = CLOCKWISE if noun == 'corner' else AROUND
    return (order[0], *order[:0:-1]) if backwards else order


def point_beside(item: SceneObject | None, centre: Spot, side: str) -> Spot:
    """
    Return the centre of a block that lies beside a thing with a little more than 5 cm between.

    :param item: the thing; None where ``centre`` is a place.
    """
    axis, sign = AREAS[f'{side} area']
    radius = BOWL_DIAMETER / 2 if item and shape_of(item.label) == 'bowl' else BLOCK_SIZE / 2
    point = list(centre)
    point[axis] += sign * (radius + FREE_SPACE + BLOCK_SIZE / 2)
    return point[0], point[1]


def lay_row(kind: str, count: int, scene: Scene, movers: Collection[str]) -> list[Spot]:
    """
    Return the points of a row through the table's middle, or near it where something stands there.

    :param movers: names of the things of the row; they are not in its way.
    """
    others = [item for item in scene.objects if item.name not in movers and item.name != scene.held]
    best: tuple[int, list[Spot]] | None = None
    for spots in _list_rows(kind, count):
        blocked = sum(not is_free(spot, others, GAPS[1]) for spot in spots)
        if best is None or blocked < best[0]:
            best = (blocked, spots)
        if not blocked:
            break
    return best[1] if best else []


def _list_rows(kind: str, count: int) -> Iterator[list[Spot]]:
    x0, y0 = LOCATIONS['middle']
    for step in ROW_STEPS:
        for shift in ROW_SHIFTS:
            for turn in map(math.radians, ROW_TURNS[kind]):
                along, across = (math.sin(turn), math.cos(turn)), (math.cos(turn), -math.sin(turn))
                marks = [step * (i - (count - 1) / 2) for i in range(count)]
                spots = [(x0 + m * along[0] + shift * across[0], y0 + m * along[1] + shift * across[1]) for m in marks]
                if all(is_on_table(spot) for spot in spots) or step == ROW_STEPS[-1]:
                    yield spots


def is_on_table(spot: Spot, border: float = BORDER) -> bool:
    """Return whether a point lies in the zone where things are handled."""
    return ZONE_X[0] - border <= spot[0] <= ZONE_X[1] + border and ZONE_Y[0] - border <= spot[1] <= ZONE_Y[1] + border


def is_free(spot: Spot, others: Sequence[SceneObject], gap: float) -> bool:
    """Return whether a block fits at a spot with so much between its centre and those of its neighbours."""
    return not any(
        math.dist(spot, item.p_base[:2]) < gap + (BOWL_GAP if shape_of(item.label) != 'block' else 0.0)
        for item in others
    )


def find_free_spot(
    centre: Spot,
    scene: Scene,
    reach: float,
    reserved: Sequence[Spot] = (),
    area: str = '',
) -> Spot | None:
    """
    Return the free spot for a block nearest to a centre; None where there is none.

    :param reach: metres from the centre that still count.
    :param reserved: points that are kept free for something else.
    :param area: a key of ``vocabulary.AREAS`` that the spot must lie in.
    """
    others = [item for item in scene.objects if item.name != scene.held]
    for gap in GAPS:
        fitting = [
            spot
            for spot in _list_spots(centre, reach)
            if is_free(spot, others, gap)
            and all(math.dist(spot, kept) >= gap for kept in reserved)
            and (not area or is_in_area(spot, area, 0.03))
        ]
        if fitting:
            return min(fitting, key=lambda spot: (round(math.dist(spot, centre), 3), spot))
    return None


def is_in_area(spot: Spot, area: str, depth: float = 0.0) -> bool:
    """Return whether a point lies in a half of the table, at least ``depth`` metres from the border."""
    axis, sign = AREAS[area]
    return sign * (spot[axis] - LOCATIONS['middle'][axis]) > depth


def _list_spots(centre: Spot, reach: float) -> Iterator[Spot]:
    count = int(reach / GRID)
    for i in range(-count, count + 1):
        for j in range(-count, count + 1):
            spot = (centre[0] + i * GRID, centre[1] + j * GRID)
            if math.hypot(i, j) * GRID <= reach and is_on_table(spot, 0.0):
                yield spot
