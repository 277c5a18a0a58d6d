"""Safety limits: what is outside is refused before the arm hears of it; what is inside goes through."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.errors import ConfigError, MotionCancelled, MotionError
from vlm_robot.robot.arm import RecordingArm
from vlm_robot.robot.safety import CancellableArm, check_pose, SafeArm, SafetyConfig
from vlm_robot.skills.grasping import point_down

LIMITS = SafetyConfig()


def tilted(angle: float) -> np.ndarray:
    T = point_down((0.5, 0.0, 0.2), 0.0)
    c, s = np.cos(angle), np.sin(angle)
    T[:3, :3] = np.array([(1, 0, 0), (0, c, -s), (0, s, c)]) @ T[:3, :3]
    return T


@pytest.mark.parametrize('seed', range(20))
def test_a_pose_passes_exactly_when_it_is_inside(seed):
    rng = np.random.default_rng(seed)
    xyz = rng.uniform((0.0, -0.6, -0.1), (1.0, 0.6, 0.9))
    low = np.array([LIMITS.x_min, LIMITS.y_min, LIMITS.z_min])
    high = np.array([LIMITS.x_max, LIMITS.y_max, LIMITS.z_max])
    arm = RecordingArm()
    T = point_down(xyz, rng.uniform(-3, 3))
    if ((xyz >= low) & (xyz <= high)).all():
        SafeArm(arm).move_to(T, 0.3)
        assert len(arm.calls) == 1
        assert np.array_equal(arm.tcp_pose(), T)
    else:
        with pytest.raises(MotionError, match='allows'):
            SafeArm(arm).move_to(T, 0.3)
        assert arm.calls == []


@pytest.mark.parametrize('speed', [0.0, -0.1, 0.61, np.nan, np.inf])
def test_speeds_outside_are_refused(speed):
    arm = RecordingArm()
    with pytest.raises(MotionError, match='at most'):
        SafeArm(arm).move_to(point_down((0.5, 0, 0.2), 0.0), speed)
    assert arm.calls == []


def test_the_table_is_off_limits():
    with pytest.raises(MotionError, match='the table or the workspace allows'):
        SafeArm(RecordingArm()).move_to(point_down((0.5, 0, 0.005), 0.0))


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('entry', [(0, 3), (1, 1), (2, 3)])
def test_numbers_that_are_none_are_refused(bad, entry):
    T = point_down((0.5, 0, 0.2), 0.0)
    T[entry] = bad
    assert 'finite' in check_pose(T, LIMITS)


@pytest.mark.parametrize('T', [np.eye(3), 2 * np.eye(4), np.diag([1.0, 1.0, -1.0, 1.0]), np.zeros((4, 4))])
def test_what_is_no_rigid_transform_is_refused(T):
    assert check_pose(T, LIMITS)


def test_tilt_is_limited():
    assert check_pose(tilted(np.radians(14)), LIMITS) == ''
    assert 'tilt' in check_pose(tilted(np.radians(16)), LIMITS)
    assert 'tilt' in check_pose(tilted(np.pi), LIMITS)


@pytest.mark.parametrize(
    ('width', 'force'), [(-0.01, 20), (0.081, 20), (np.nan, 20), (0.04, 0), (0.04, 41), (0.04, np.nan)]
)
def test_gripper_limits(width, force):
    arm = RecordingArm()
    with pytest.raises(MotionError, match='gripper'):
        SafeArm(arm).set_gripper(width, force)
    assert arm.calls == []


def test_what_is_allowed_passes_through():
    arm = RecordingArm(grasped_width=0.04)
    safe = SafeArm(arm)
    assert safe.set_gripper(0.0, 20.0) == 0.04 == safe.gripper_width()
    safe.go_home()
    safe.stop()
    assert [call[0] for call in arm.calls] == ['set_gripper', 'go_home', 'stop']


@pytest.mark.parametrize('wrong', [{'x_min': 0.9}, {'max_speed': 0.0}, {'max_force': -1.0}, {'z_max': 0.0}])
def test_limits_that_leave_nothing_are_refused(wrong):
    with pytest.raises(ConfigError):
        SafetyConfig(**wrong)


def test_a_cancelled_arm_begins_nothing():
    arm = RecordingArm()
    cancelled = CancellableArm(arm, lambda: True)
    for begin in (
        cancelled.go_home,
        lambda: cancelled.set_gripper(0.0),
        lambda: cancelled.move_to(np.eye(4)),
    ):
        with pytest.raises(MotionCancelled):
            begin()
    assert arm.calls == []


def test_cancelling_during_a_motion_stops_the_arm():
    class SlowArm(RecordingArm):
        """Goes home until somebody stops it."""

        def go_home(self):
            super().go_home()
            while ('stop',) not in self.calls:
                answers.append(True)
            raise MotionCancelled('stopped')

    answers: list[bool] = []
    arm = SlowArm()
    with pytest.raises(MotionCancelled):
        CancellableArm(arm, lambda: bool(answers), period=0.001).go_home()
    assert arm.calls[:2] == [('go_home',), ('stop',)]
