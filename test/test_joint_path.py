"""Paths that may be sent to a controller: what is planned passes, what breaks a limit is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vlm_robot.robot import panda
from vlm_robot.robot.joint_path import check_path, JointPath, LOWER, sample_path, UPPER
from vlm_robot.robot.safety import SafetyConfig
from vlm_robot.robot.trajectory import plan_joint_move, plan_line
from vlm_robot.skills.grasping import point_down

LIMITS = SafetyConfig()


def posture_at(xyz, yaw=-1.5):
    return panda.solve_inverse(point_down(xyz, yaw), panda.WORK_POSTURE)


@pytest.fixture
def start():
    return posture_at((0.45, 0.10, 0.20))


def test_what_is_planned_within_the_limits_passes_at_any_speed(start):
    rng = np.random.default_rng(1)
    for _ in range(8):
        xyz = rng.uniform((0.35, -0.35, 0.03), (0.70, 0.35, 0.30))
        speed = rng.uniform(0.02, LIMITS.max_speed)
        line = plan_line(start, point_down(xyz, rng.uniform(-3, 0)), speed)
        path = sample_path(line, 0.04, speed)
        assert check_path(path, start, LIMITS) == ''
        end = panda.solve_forward(path.positions[-1])[0]
        assert np.linalg.norm(end[:3, 3] - xyz) < 1e-3 and np.abs(path.velocities[-1]).max() < 1e-9


def test_a_joint_move_is_slowed_down_until_the_tool_keeps_its_speed(start):
    move = plan_joint_move(start, posture_at((0.30, -0.35, 0.45)))
    fast, slow = (sample_path(move, 0.02, speed) for speed in (5.0, 0.2))
    assert np.allclose(fast.positions, slow.positions) and slow.times[-1] > 2 * fast.times[-1]
    assert 'm/s' in check_path(fast, start, replace(LIMITS, max_speed=0.2))
    assert check_path(slow, start, replace(LIMITS, max_speed=0.2)) == ''


def test_velocities_are_those_of_the_positions(start):
    path = sample_path(plan_line(start, point_down((0.60, -0.20, 0.10), -1.5), 0.3), 0.002, 0.3)
    measured = np.diff(path.positions, axis=0) / np.diff(path.times)[:, None]
    between = (path.velocities[1:] + path.velocities[:-1]) / 2
    assert np.abs(measured - between).max() < 0.01


def break_path(path, what):
    q, v, t = path.positions.copy(), path.velocities.copy(), path.times.copy()
    if what == 'nan':
        q[3, 2] = np.nan
    elif what == 'order':
        t[4] = t[3]
    elif what == 'shape':
        v = v[:, :6]
    elif what == 'empty':
        t, q, v = t[:0], q[:0], v[:0]
    elif what == 'range':
        q[:, 3] += 3.0
    elif what == 'jump':
        q += 0.5
    elif what == 'fast':
        v[2, 0] = 5.0
    elif what == 'teleport':
        q[5] += 0.4
    return JointPath(t, q, v)


@pytest.mark.parametrize(
    ('what', 'word'),
    [
        ('nan', 'not finite'),
        ('order', 'rise'),
        ('shape', 'positions and velocities'),
        ('empty', 'positions and velocities'),
        ('range', 'away from'),
        ('jump', 'away from'),
        ('fast', 'rad/s'),
        ('teleport', 'rad/s'),
    ],
)
def test_a_broken_path_is_refused_with_its_fault(start, what, word):
    good = sample_path(plan_line(start, point_down((0.60, -0.20, 0.10), -1.5), 0.3), 0.04, 0.3)
    assert word in check_path(break_path(good, what), start, LIMITS)


def test_a_joint_at_its_end_is_refused(start):
    q = start.copy()
    q[0] = UPPER[0] + 0.01
    path = JointPath(np.array([0.1]), q[None], np.zeros((1, 7)))
    assert 'joint 1' in check_path(path, q, LIMITS)


def test_the_ranges_are_within_those_that_postures_are_searched_in():
    assert (LOWER >= panda.LOWER).all() and (UPPER <= panda.UPPER).all()


def test_a_path_into_the_table_is_refused_but_one_out_of_it_is_not(start):
    deep = posture_at((0.45, 0.10, -0.05))
    down, up = plan_joint_move(start, deep), plan_joint_move(deep, start)
    assert 'table' in check_path(sample_path(down, 0.04, 0.3), start, LIMITS)
    assert check_path(sample_path(up, 0.04, 0.3), deep, LIMITS) == ''
