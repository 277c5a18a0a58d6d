"""Ways between rectangles: free, short, refused where there is none."""

import math
import random

import pytest

from vlm_robot.errors import MotionError
from vlm_robot.robot.path import distance, is_line_free, plan_path

WALL = (-0.2, -1.0, 0.2, 1.0)


def test_a_free_way_is_straight():
    assert plan_path((-1, 0), (-1, 2), [WALL], 0.3) == [(-1, 0), (-1, 2)]


def test_a_way_around_keeps_its_distance_and_has_few_corners():
    way = plan_path((-1, 0), (1, 0), [WALL], 0.3)
    assert way[0] == (-1, 0) and way[-1] == (1, 0) and len(way) <= 5
    for a, b in zip(way, way[1:]):
        for i in range(21):
            spot = (a[0] + (b[0] - a[0]) * i / 20, a[1] + (b[1] - a[1]) * i / 20)
            assert distance(spot, WALL) >= 0.3 - 0.02


def test_random_rooms_give_free_ways_or_say_so():
    rng = random.Random(2)
    found = 0
    for _ in range(30):
        boxes = []
        for _ in range(5):
            x, y = rng.uniform(-2, 2), rng.uniform(-2, 2)
            boxes.append((x, y, x + rng.uniform(0.2, 1.2), y + rng.uniform(0.2, 1.2)))
        start, goal = (-2.8, -2.8), (2.9, 2.9)
        try:
            way = plan_path(start, goal, boxes, 0.25)
        except MotionError:
            continue
        found += 1
        assert all(is_line_free(a, b, boxes, 0.25 * 0.8) for a, b in zip(way, way[1:]))
        assert sum(math.dist(a, b) for a, b in zip(way, way[1:])) < 3 * math.dist(start, goal)
    assert found > 15


def test_a_taken_goal_and_a_closed_room_are_refused():
    with pytest.raises(MotionError, match='something is there'):
        plan_path((-1, 0), (0, 0), [WALL], 0.3)
    closed = [(0.5, -3, 0.7, 3)]
    with pytest.raises(MotionError, match='no way'):
        plan_path((-1, 0), (2, 0), closed, 0.3)
