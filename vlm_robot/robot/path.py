"""
A way for a round robot between rectangles: A* on a grid (Hart, Nilsson and Raphael 1968), then shortened.

Metres in the map frame. The start may be nearer to an obstacle than allowed, as a robot that is docked is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import heapq
import math

from vlm_robot.errors import MotionError

Spot = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # x_min, y_min, x_max, y_max in metres
CELL = 0.10  # metres
STEP = 0.03  # metres between the points of a line that are checked


def plan_path(
    start: Spot, goal: Spot, obstacles: Sequence[Rectangle], radius: float, bounds: Rectangle = (-3, -3, 3, 3)
) -> list[Spot]:
    """
    Return corner points from start to goal, both included, that keep ``radius`` from every obstacle.

    :raises MotionError: the goal is taken, or there is no way.
    """
    if not is_free(goal, obstacles, radius):
        raise MotionError(f'the base cannot stand at ({goal[0]:.2f}, {goal[1]:.2f}) m: something is there')
    if is_line_free(start, goal, obstacles, radius):
        return [start, goal]
    cells = _search(_to_cell(start), _to_cell(goal), obstacles, radius, bounds)
    if not cells:
        raise MotionError(f'there is no way from ({start[0]:.2f}, {start[1]:.2f}) to ({goal[0]:.2f}, {goal[1]:.2f}) m')
    points = [start, *((CELL * i, CELL * j) for i, j in cells[1:-1]), goal]
    return shorten(points, obstacles, radius)


def shorten(points: Sequence[Spot], obstacles: Sequence[Rectangle], radius: float) -> list[Spot]:
    """Return as few of the points as keep a free way."""
    kept = [points[0]]
    index = 0
    while index < len(points) - 1:
        ahead = range(len(points) - 1, index, -1)
        index = next((i for i in ahead if is_line_free(points[index], points[i], obstacles, radius)), index + 1)
        kept.append(points[index])
    return kept


def is_free(spot: Spot, obstacles: Sequence[Rectangle], radius: float) -> bool:
    """Return whether a disc at the spot touches no obstacle."""
    return all(distance(spot, obstacle) >= radius for obstacle in obstacles)


def is_line_free(a: Spot, b: Spot, obstacles: Sequence[Rectangle], radius: float) -> bool:
    """Return whether the disc can go straight from a to b; near its start it may be as near as it is."""
    slack = min([radius, *(distance(a, obstacle) for obstacle in obstacles)])
    count = max(1, math.ceil(math.dist(a, b) / STEP))
    for i in range(1, count + 1):
        spot = (a[0] + (b[0] - a[0]) * i / count, a[1] + (b[1] - a[1]) * i / count)
        allowed = min(radius, slack + math.dist(a, spot))
        if not is_free(spot, obstacles, allowed - 1e-6):
            return False
    return True


def distance(spot: Spot, rectangle: Rectangle) -> float:
    """Return metres from a spot to a rectangle, 0 inside."""
    dx = max(rectangle[0] - spot[0], 0.0, spot[0] - rectangle[2])
    dy = max(rectangle[1] - spot[1], 0.0, spot[1] - rectangle[3])
    return math.hypot(dx, dy)


def _to_cell(spot: Spot) -> tuple[int, int]:
    return round(spot[0] / CELL), round(spot[1] / CELL)


def _search(start, goal, obstacles, radius, bounds) -> list[tuple[int, int]]:
    queue = [(0.0, start)]
    costs, parents = {start: 0.0}, {start: start}
    while queue:
        _, cell = heapq.heappop(queue)
        if cell == goal:
            way = [cell]
            while way[-1] != start:
                way.append(parents[way[-1]])
            return way[::-1]
        for other, length in _neighbours(cell, bounds):
            spot = (CELL * other[0], CELL * other[1])
            near = min(math.dist(cell, goal), math.dist(cell, start)) * CELL < 0.25  # docks are near furniture
            if not is_free(spot, obstacles, radius * (0.8 if near else 1.0)):
                continue
            cost = costs[cell] + length
            if cost < costs.get(other, math.inf):
                costs[other], parents[other] = cost, cell
                heapq.heappush(queue, (cost + math.dist(other, goal), other))
    return []


def _neighbours(cell: tuple[int, int], bounds: Rectangle) -> Iterator[tuple[tuple[int, int], float]]:
    for di in (-1, 0, 1):
        for dj in (-1, 0, 1):
            other = (cell[0] + di, cell[1] + dj)
            x, y = CELL * other[0], CELL * other[1]
            if (di or dj) and bounds[0] <= x <= bounds[2] and bounds[1] <= y <= bounds[3]:
                yield other, math.hypot(di, dj)
