"""The Panda's kinematics: inverse undoes forward, the Jacobian is the derivative, limits hold."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.errors import MotionError
from vlm_robot.robot import panda
from vlm_robot.skills.grasping import point_down


def poses_over_the_table(count: int):
    rng = np.random.default_rng(5)
    for _ in range(count):
        xyz = rng.uniform((0.34, -0.31, 0.015), (0.70, 0.31, 0.24))
        yield point_down(xyz, rng.uniform(-np.pi, np.pi))


def test_forward_of_inverse_is_the_pose():
    for T in poses_over_the_table(40):
        q = panda.solve_inverse(T, panda.WORK_POSTURE)
        assert np.abs(panda.solve_forward(q)[0] - T).max() < 2e-3
        assert np.linalg.norm(panda.solve_forward(q)[0][:3, 3] - T[:3, 3]) < 5e-4
        assert (q > panda.LOWER).all() and (q < panda.UPPER).all()


def test_jacobian_is_the_derivative_of_the_position():
    q = panda.WORK_POSTURE + 0.1
    T, jacobian = panda.solve_forward(q)
    for joint in range(7):
        step = np.zeros(7)
        step[joint] = 1e-6
        moved = panda.solve_forward(q + step)[0]
        assert np.allclose((moved[:3, 3] - T[:3, 3]) / 1e-6, jacobian[:3, joint], atol=1e-5)


def test_a_pose_out_of_reach_is_refused_with_numbers():
    with pytest.raises(MotionError, match=r'cannot reach \(1\.200, 0\.000, 0\.100\)'):
        panda.solve_inverse(point_down((1.2, 0.0, 0.1), 0.0), panda.WORK_POSTURE)
