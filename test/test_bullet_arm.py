"""The Panda in real PyBullet: it obeys, feels, holds by friction, stops, and hides nothing at home."""

from __future__ import annotations

import threading

import numpy as np
import pybullet as p
import pytest

from vlm_robot.errors import MotionBlocked, MotionCancelled, MotionError
from vlm_robot.geometry import build_transform
from vlm_robot.robot import panda
from vlm_robot.robot.safety import SafetyConfig
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.bullet_camera import BulletCamera, FRONT, TOP
from vlm_robot.sim.physics import TIME_STEP
from vlm_robot.sim.world import Placement, World
from vlm_robot.skills.grasping import point_down
from vlm_robot.vocabulary import ZONE_X, ZONE_Y

DOWN = -np.pi / 2


@pytest.fixture
def world():
    world = World([Placement('red block', 'red block', (0.50, 0.10, 0.02))])
    yield world
    world.close()


@pytest.fixture
def arm(world):
    arm = BulletArm(world)
    world.settle(0.1)
    return arm


@pytest.mark.parametrize('place', [(0.62, -0.30, 0.05), (0.36, 0.33, 0.05), (0.64, 0.32, 0.30), (0.45, -0.05, 0.35)])
def test_the_way_home_keeps_the_limit_of_the_tool(arm, world, place):
    arm.move_to(point_down(place, DOWN), 0.5)
    motion, places = arm.start_home(), [arm.tcp_pose()[:3, 3]]
    while not motion.done:
        world.step(1)
        places.append(arm.tcp_pose()[:3, 3])
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / TIME_STEP
    assert 0.3 < speeds.max() <= 1.03 * SafetyConfig().max_speed  # the arm follows its plan with a little overshoot


def grasp(arm):
    arm.move_to(point_down((0.50, 0.10, 0.15), DOWN), 0.5)
    arm.move_to(point_down((0.50, 0.10, 0.028), DOWN), 0.3)
    return arm.set_gripper(0.0)


def test_kinematics_are_those_of_the_model(arm, world):
    rng = np.random.default_rng(2)
    for _ in range(10):
        q = rng.uniform(panda.LOWER, panda.UPPER)
        for joint, angle in enumerate(q):
            p.resetJointState(arm.body, joint, angle, physicsClientId=world.client)
        state = p.getLinkState(arm.body, 11, computeForwardKinematics=1, physicsClientId=world.client)
        assert np.allclose(arm.tcp_pose(), build_transform(state[4], state[5]), atol=1e-5)


def test_a_move_ends_where_it_was_asked_to(arm):
    for xyz, yaw in (((0.60, -0.25, 0.10), -1.0), ((0.38, 0.28, 0.03), -2.2)):
        arm.move_to(point_down(xyz, yaw), 0.5)
        assert np.linalg.norm(arm.tcp_pose()[:3, 3] - xyz) < 1e-3
        assert abs(arm.tcp_pose()[2, 2] + 1) < 1e-3


def test_speed_is_kept(arm, world):
    places = []
    world.add_ticker(lambda: places.append(arm.tcp_pose()[:3, 3]))
    arm.move_to(point_down((0.55, 0.2, 0.2), DOWN), 0.2)
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert 0.15 < steps.max() * 240 < 0.23


def test_an_unreachable_pose_is_refused_before_anything_moves(arm):
    before = arm.tcp_pose()
    with pytest.raises(MotionError, match='cannot reach'):
        arm.move_to(point_down((0.95, 0.3, 0.1), DOWN))
    assert np.allclose(arm.tcp_pose(), before, atol=1e-4)


def test_a_second_motion_is_refused_while_one_runs(arm):
    motion = arm.start_home()
    with pytest.raises(MotionError, match='moves already'):
        arm.start_move(point_down((0.5, 0, 0.2), DOWN))
    assert not motion.done
    grip = arm.start_gripper(0.02)
    with pytest.raises(MotionError, match='fingers move already'):
        arm.start_gripper(0.08)
    assert not grip.done


def test_a_block_is_held_by_friction_and_let_go(arm, world):
    assert abs(grasp(arm) - 0.04) < 0.003
    assert arm.is_holding()
    arm.move_to(point_down((0.50, 0.10, 0.20), DOWN), 0.5)
    world.settle(1.0)
    assert world.state().held == 'red block'
    assert abs(world.position('red block')[2] - 0.192) < 0.004
    assert p.getNumConstraints(physicsClientId=world.client) == 1  # the fingers' gear
    arm.set_gripper(0.08)
    world.settle(0.5)
    assert not arm.is_holding()
    assert world.position('red block')[2] < 0.03


def test_fingers_that_close_on_nothing_hold_nothing(arm):
    assert arm.set_gripper(0.0) < 0.002
    assert not arm.is_holding()
    assert abs(arm.set_gripper(0.05) - 0.05) < 0.001


def test_a_hand_that_comes_down_on_something_halts(arm, world):
    arm.set_gripper(0.0)
    arm.move_to(point_down((0.50, 0.10, 0.10), DOWN), 0.5)
    with pytest.raises(MotionBlocked, match='ran against something'):
        arm.move_to(point_down((0.50, 0.10, 0.02), DOWN), 0.1)
    assert arm.tcp_pose()[2, 3] > 0.035
    arm.move_to(point_down((0.50, 0.10, 0.10), DOWN), 0.1)  # up again is no collision


def test_stop_halts_the_arm_at_once_and_cancels(arm, world):
    motion = arm.start_move(point_down((0.60, -0.25, 0.10), DOWN), 0.5)
    world.step(120)
    assert not motion.done
    arm.stop()
    world.step(48)  # 200 ms
    assert motion.done and motion.cancelled
    here = arm.tcp_pose()[:3, 3]
    assert np.abs(arm.joint_states().velocities).max() < 0.01
    world.step(120)
    assert np.linalg.norm(arm.tcp_pose()[:3, 3] - here) < 1e-3
    assert np.linalg.norm(here - (0.60, -0.25, 0.10)) > 0.05
    with pytest.raises(MotionCancelled):
        motion.raise_failure()
    arm.go_home()  # a stopped arm can move again


def test_stop_works_from_another_thread(arm, world):
    def stop_midway():
        while world.time < 0.5:
            pass
        arm.stop()

    thread = threading.Thread(target=stop_midway)
    thread.start()
    with pytest.raises(MotionCancelled):
        arm.move_to(point_down((0.60, -0.25, 0.10), DOWN), 0.05)
    thread.join()


def test_stopping_the_arm_keeps_the_grip(arm, world):
    grasp(arm)
    arm.start_move(point_down((0.50, 0.10, 0.20), DOWN), 0.5)
    world.step(60)
    arm.stop()
    world.step(120)
    assert world.state().held == 'red block'


def test_nonsense_for_the_gripper_is_refused(arm):
    for width, force in ((-0.01, 20), (0.2, 20), (0.04, 0), (np.nan, 20), (0.04, np.inf)):
        with pytest.raises(MotionError, match='allowed'):
            arm.set_gripper(width, force)


def test_joint_states_name_nine_joints(arm):
    states = arm.joint_states()
    assert states.names[0] == 'panda_joint1' and states.names[-1] == 'panda_finger_joint2'
    assert len(states.names) == len(states.positions) == len(states.velocities) == 9


@pytest.mark.parametrize('spec', [FRONT, TOP], ids=['front', 'top'])
def test_at_home_with_a_block_in_the_hand_nothing_of_the_zone_is_hidden(arm, world, spec):
    grasp(arm)
    arm.move_to(point_down((0.50, 0.10, 0.24), DOWN), 0.5)
    arm.go_home()
    camera = BulletCamera(world, spec)
    hidden = camera.render().body == arm.body
    frame = camera.read()
    v, u = np.nonzero(hidden)
    z = frame.depth[v, u]
    x_far = np.array(
        [
            (u - camera.intrinsics.cx_px) / camera.intrinsics.fx_px,
            (v - camera.intrinsics.cy_px) / camera.intrinsics.fy_px,
            np.ones_like(z),
        ]
    )
    rays = camera.T_base_camera[:3, :3] @ x_far
    eye = camera.T_base_camera[:3, 3][:, None]
    onto_table = eye + rays * (-eye[2] / rays[2])
    inside = (rays[2] < 0) & (onto_table[0] > ZONE_X[0] - 0.03) & (np.abs(onto_table[1]) < ZONE_Y[1] + 0.03)
    assert not inside.any()
