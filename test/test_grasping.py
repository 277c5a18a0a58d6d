"""Grasp geometry: gaps are lower bounds of distances, hands fit between things, blocks find spots."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.robot import panda
from vlm_robot.skills.clearance import measure_gap, measure_ring_gap, rectangle
from vlm_robot.skills.grasping import (
    find_bowl_around,
    find_cover,
    GRASP_RISE,
    MIDDLE_YAW,
    opening_yaws,
    plan_grasp,
    plan_release,
    point_down,
    snap_height,
)
from vlm_robot.skills.spots import BOWL_BOTTOM, find_bowl_spot, find_table_spot
from vlm_robot.vocabulary import LOCATIONS


def block(name, x, y, z=0.02, yaw=0.0):
    return SceneObject(name, name, (x, y, z), yaw=yaw)


def bowl(name, x, y):
    return SceneObject(name, name, (x, y, 0.0225))


def fingers(T):
    """Return the direction in the plane in which the fingers of a pose open, in [0, pi)."""
    return np.arctan2(T[1, 1], T[0, 1]) % np.pi


@pytest.mark.parametrize('seed', range(20))
def test_gap_is_symmetric_moves_with_the_world_and_grows_with_distance(seed):
    rng = np.random.default_rng(seed)
    a = rectangle(rng.uniform(-1, 1, 2), 0.1, 0.05, rng.uniform(-3, 3))
    b = rectangle(rng.uniform(-1, 1, 2), 0.2, 0.03, rng.uniform(-3, 3))
    assert measure_gap(a, b) == pytest.approx(measure_gap(b, a))
    angle, shift = rng.uniform(-3, 3), rng.uniform(-5, 5, 2)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    assert measure_gap(a @ turn.T + shift, b @ turn.T + shift) == pytest.approx(measure_gap(a, b))
    nearest = np.linalg.norm(a[:, None] - b[None], axis=2).min()
    assert measure_gap(a, b) <= nearest + 1e-9
    away = b.mean(axis=0) - a.mean(axis=0)
    assert measure_gap(a, b + 3 * away) > measure_gap(a, b)


def test_gap_of_squares_side_by_side():
    a, b = rectangle((0, 0), 0.02, 0.02, 0), rectangle((0.05, 0), 0.02, 0.02, 0)
    assert measure_gap(a, b) == pytest.approx(0.01)
    assert measure_gap(a, a) == pytest.approx(-0.04)


@pytest.mark.parametrize('seed', range(20))
def test_gap_to_a_ring_is_that_to_its_nearest_points(seed):
    rng = np.random.default_rng(seed)
    centre, reach = rng.uniform(-1, 1, 2), rng.uniform(0.0, 0.12)
    angle = rng.uniform(-3, 3)
    square = rectangle(centre + reach * np.array([np.cos(angle), np.sin(angle)]), 0.02, 0.01, rng.uniform(-3, 3))
    samples = np.concatenate([square + s * (np.roll(square, 1, axis=0) - square) for s in np.linspace(0, 1, 60)])
    radii = np.linalg.norm(samples - centre, axis=1)
    gap = measure_ring_gap(square, centre, 0.05, 0.06)
    if reach > 0.03:  # the square does not contain the centre
        assert gap == pytest.approx(max(radii.min() - 0.06, 0.05 - radii.max()), abs=1e-3)
    assert (gap > 0) == (radii.min() > 0.06 or radii.max() < 0.05)


@pytest.mark.parametrize('yaw', np.linspace(-4, 4, 17))
def test_a_downward_hand_is_a_rotation_that_spares_the_wrist(yaw):
    T = point_down((0.5, 0.1, 0.2), yaw)
    assert np.allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3))
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1.0)
    assert T[2, 2] == -1
    assert abs(np.sin(fingers(T) - yaw)) < 1e-9
    middle = np.array([np.cos(MIDDLE_YAW), np.sin(MIDDLE_YAW)])
    assert T[:2, 1] @ middle >= -1e-9  # never more than a quarter turn from the middle of the wrist's range
    assert np.allclose(point_down((0.4, -0.3, 0.1), yaw)[:3, :3], T[:3, :3])  # a stroke does not flip the hand


@pytest.mark.parametrize('y', [-0.40, -0.2, 0.0, 0.2, 0.315, 0.40])
def test_every_turn_of_the_hand_is_reached_all_over_the_table(y):
    for x, z in ((0.36, 0.24), (0.36, 0.03), (0.52, 0.24), (0.66, 0.03)):
        for yaw in np.linspace(-np.pi, np.pi, 13):
            q = panda.solve_inverse(point_down((x, y, z), yaw), panda.WORK_POSTURE)
            assert abs(q[6]) < panda.UPPER[6] - panda.MARGIN


@pytest.mark.parametrize('yaw', np.linspace(-0.7, 0.7, 8))
def test_fingers_close_on_the_sides_of_a_lone_block(yaw):
    target = block('red block', 0.5, 0.1, yaw=yaw)
    grasp = plan_grasp(target, Scene((target,)))
    assert grasp.fits
    assert abs(np.sin(2 * (fingers(grasp.T_base_tcp) - yaw))) < 1e-9
    assert np.allclose(grasp.T_base_tcp[:3, 3], (0.5, 0.1, 0.02 + GRASP_RISE))


@pytest.mark.parametrize('side', [(0.05, 0.0), (0.0, 0.05), (-0.05, 0.0)])
def test_the_hand_turns_away_from_a_neighbour(side):
    target = block('red block', 0.5, 0.1)
    other = block('blue block', 0.5 + side[0], 0.1 + side[1])
    grasp = plan_grasp(target, Scene((target, other)))
    assert grasp.fits
    assert abs(np.dot((np.cos(fingers(grasp.T_base_tcp)), np.sin(fingers(grasp.T_base_tcp))), side)) < 1e-6


def test_a_walled_in_block_has_no_room_and_names_the_wall():
    target = block('red block', 0.5, 0.1)
    walls = [
        block(f'wall {i}', 0.5 + dx, 0.1 + dy)
        for i, (dx, dy) in enumerate(((0.042, 0), (-0.042, 0), (0, 0.042), (0, -0.042)))
    ]
    grasp = plan_grasp(target, Scene((target, *walls)))
    assert not grasp.fits
    assert grasp.nearest.startswith('wall')


def test_low_neighbours_do_not_matter_to_the_top_of_a_stack():
    tower = [block(f'layer {i}', 0.5, 0.1, 0.02 + 0.04 * i) for i in range(3)]
    low = block('low', 0.5, 0.145)
    assert plan_grasp(tower[2], Scene((*tower, low))).clearance == plan_grasp(tower[2], Scene(tuple(tower))).clearance


@pytest.mark.parametrize(('seen', 'true'), [(0.0, 0.02), (0.031, 0.02), (0.052, 0.06), (0.108, 0.10)])
def test_heights_snap_to_layers(seen, true):
    assert snap_height(seen) == pytest.approx(true)


def test_both_finger_directions_of_a_cube_are_square_to_each_other():
    for yaw in np.linspace(-3, 3, 13):
        one, two = opening_yaws(yaw)
        assert abs(np.cos(one - two)) < 1e-9


def test_cover_and_bowl_are_found():
    red, blue = block('red block', 0.5, 0.0), block('blue block', 0.505, 0.0, 0.06)
    dish = bowl('green bowl', 0.6, 0.2)
    assert find_cover(red, (red, blue, dish)) is blue
    assert find_cover(blue, (red, blue, dish)) is None
    assert find_bowl_around((0.62, 0.22, 0.03), (red, dish)) is dish
    assert find_bowl_around(red.p_base, (red, dish)) is None


def test_a_free_place_is_taken_exactly():
    for place, (x, y) in LOCATIONS.items():
        plan = find_table_spot(LOCATIONS[place], Scene(), 0.05)
        assert plan.fits
        assert np.allclose(plan.T_base_tcp[:2, 3], (x, y))


@pytest.mark.parametrize('yaw', [0.0, 0.4, -0.7])
def test_a_taken_place_is_shared_within_reach_or_refused(yaw):
    other = block('blue block', *LOCATIONS['middle'], yaw=yaw)
    plan = find_table_spot(LOCATIONS['middle'], Scene((other,)), 0.05)
    off = np.linalg.norm(plan.T_base_tcp[:2, 3] - LOCATIONS['middle'])
    assert off <= 0.05
    assert plan.fits == (plan.clearance > -0.004)
    assert yaw != 0.0 or (plan.fits and off >= 0.04)
    dish = bowl('green bowl', *LOCATIONS['middle'])
    assert not find_table_spot(LOCATIONS['middle'], Scene((dish,)), 0.05).fits


def test_two_blocks_in_a_bowl_lie_side_by_side_and_a_third_on_top():
    dish = bowl('green bowl', 0.5, 0.1)
    first = find_bowl_spot(dish, Scene((dish,))).T_base_tcp[:3, 3]
    assert np.linalg.norm(first[:2] - (0.5, 0.1)) < 0.03
    resting = (first[0], first[1], BOWL_BOTTOM + 0.02)
    one = block('red block', *resting)
    second = find_bowl_spot(dish, Scene((dish, one))).T_base_tcp[:3, 3]
    assert np.linalg.norm(second[:2] - first[:2]) > 0.039
    assert np.linalg.norm(second[:2] - (0.5, 0.1)) < 0.03
    two = block('blue block', second[0], second[1], resting[2])
    third = find_bowl_spot(dish, Scene((dish, one, two)))
    assert third.fits
    assert third.T_base_tcp[2, 3] > second[2] + 0.02


def test_what_is_held_is_no_obstacle():
    held = block('red block', 0.5, 0.1)
    assert plan_release((0.5, 0.1, 0.02), (0.0,), Scene((held,), held='red block')).clearance == 1.0
    assert not plan_release((0.5, 0.1, 0.02), (0.0,), Scene((held,))).fits
