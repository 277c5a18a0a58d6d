"""Trajectories: they begin and end at rest where they should, straight, and within every joint's limit."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.errors import MotionError
from vlm_robot.robot import panda
from vlm_robot.robot.trajectory import plan_joint_move, plan_line
from vlm_robot.skills.grasping import point_down

START = panda.solve_inverse(point_down((0.45, -0.2, 0.2), -1.0), panda.WORK_POSTURE)


@pytest.mark.parametrize('speed', [0.05, 0.3, 5.0])
def test_a_line_is_straight_and_keeps_its_limits(speed):
    goal = point_down((0.60, 0.15, 0.05), -2.0)
    plan = plan_line(START, goal, speed)
    begin = panda.solve_forward(START)[0][:3, 3]
    direction = (goal[:3, 3] - begin) / np.linalg.norm(goal[:3, 3] - begin)
    times = np.linspace(0, plan.duration, 60)
    points = np.array([panda.solve_forward(plan.at(t)[0])[0][:3, 3] for t in times])
    off_line = np.linalg.norm(np.cross(points - begin, direction), axis=1)
    assert off_line.max() < 1e-3
    assert np.linalg.norm(points[-1] - goal[:3, 3]) < 1e-3
    rates = np.abs([plan.at(t)[1] for t in times])
    assert (rates <= panda.MAX_JOINT_SPEED).all()
    speeds = np.linalg.norm(np.diff(points, axis=0), axis=1) / np.diff(times)
    assert speeds.max() <= speed * 1.02


@pytest.mark.parametrize(
    'make',
    [
        lambda: plan_line(START, point_down((0.5, 0, 0.1), -1.5), 0.2),
        lambda: plan_joint_move(START, panda.WORK_POSTURE),
    ],
)
def test_motion_begins_and_ends_at_rest(make):
    plan = make()
    assert np.allclose(plan.at(0.0)[0], START, atol=1e-6)
    assert np.abs(plan.at(0.0)[1]).max() < 1e-6
    assert np.abs(plan.at(plan.duration)[1]).max() == 0
    assert np.allclose(plan.at(plan.duration)[0], plan.at(plan.duration + 9)[0])


def test_velocity_is_the_derivative_of_position():
    plan = plan_line(START, point_down((0.60, 0.15, 0.05), -2.0), 0.4)
    for t in np.linspace(0.01, plan.duration - 0.01, 17):
        slope = (plan.at(t + 1e-5)[0] - plan.at(t - 1e-5)[0]) / 2e-5
        assert np.allclose(slope, plan.at(t)[1], atol=1e-2)


def test_nonsense_is_refused():
    for speed in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(MotionError, match='speed above 0'):
            plan_line(START, point_down((0.5, 0, 0.1), 0), speed)
