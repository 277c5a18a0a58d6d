from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vlm_robot.agent import scene_of
from vlm_robot.datatypes import Step
from vlm_robot.errors import ConfigError
from vlm_robot.robot.arm import RecordingArm
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.disturbance import disturb_after, disturb_world, DisturbanceConfig, DisturbedArm
from vlm_robot.sim.world import Placement, World
from vlm_robot.skills.execution import execute, held_after

CALM = DisturbanceConfig(pick_noise=0.0, drop_probability=0.0, move_after=None)


@pytest.fixture
def world():
    table = World(
        [
            Placement('red block', 'red block', (0.45, -0.1, 0.02)),
            Placement('blue block', 'blue block', (0.55, 0.15, 0.02), 0.3),
            Placement('green bowl', 'green bowl', (0.6, -0.1, 0.0225)),
        ]
    )
    table.settle(0.2)
    yield table
    table.close()


def pose(x: float, y: float, z: float) -> np.ndarray:
    T = np.diag([1.0, -1.0, -1.0, 1.0])
    T[:3, 3] = x, y, z
    return T


def build(world: World, config: DisturbanceConfig, seed: int = 0) -> DisturbedArm:
    return DisturbedArm(BulletArm(world), world, np.random.default_rng(seed), config)


def test_grasps_are_noisy_and_nothing_else_is(world):
    inner = RecordingArm()
    arm = DisturbedArm(inner, world, np.random.default_rng(0), replace(CALM, pick_noise=0.004))
    errors = []
    for _ in range(300):
        arm.move_to(pose(0.5, 0.1, 0.24))
        assert inner.tcp_pose()[:3, 3] == pytest.approx((0.5, 0.1, 0.24))
        arm.move_to(pose(0.5, 0.1, 0.03))
        errors.append(inner.tcp_pose()[:2, 3] - (0.5, 0.1))
        assert inner.tcp_pose()[2, 3] == pytest.approx(0.03)
    assert np.std(errors, axis=0) == pytest.approx([0.004, 0.004], rel=0.15)
    assert np.mean(errors, axis=0) == pytest.approx([0, 0], abs=0.001)
    inner.grasped_width = 0.04
    arm.move_to(pose(0.5, 0.1, 0.24))
    arm.set_gripper(0.0)
    arm.move_to(pose(0.5, 0.1, 0.05))
    assert inner.tcp_pose()[:2, 3] == pytest.approx((0.5, 0.1))  # a hand that holds is set down exactly


def test_calm_arm_does_what_the_bare_one_does(world):
    bare, wrapped = RecordingArm(0.04), RecordingArm(0.04)
    for arm in (bare, DisturbedArm(wrapped, world, np.random.default_rng(0), CALM)):
        arm.move_to(pose(0.5, 0.1, 0.24))
        arm.move_to(pose(0.5, 0.1, 0.03))
        arm.set_gripper(0.0)
        arm.go_home()
        arm.move_to(pose(0.6, 0.0, 0.24))
    assert [call[0] for call in bare.calls] == [call[0] for call in wrapped.calls]
    for expected, got in zip(bare.calls, wrapped.calls, strict=True):
        assert np.allclose(expected[1:2] or 0, got[1:2] or 0)


@pytest.mark.parametrize('seed', range(3))
def test_what_is_carried_falls(seed, world):
    arm = build(world, replace(CALM, drop_probability=1.0), seed)
    scene = scene_of(world)
    result = execute(Step('pick', 'red block'), scene, arm)
    held = held_after(Step('pick', 'red block'), '', arm.gripper_width())
    assert result.success == bool(held)
    if result.success:  # it falls on the second journey
        step = Step('place_at', 'red block', 'right side')
        result = execute(step, scene_of(world, held), arm)
        held = held_after(step, held, arm.gripper_width())
    assert not result.success
    assert 'dropped' in result.reason
    assert held == ''
    assert world.state().held == ''
    assert arm.events == ['the red block fell out of the hand']


def test_share_of_drops(world):
    fallen = 0
    arm = DisturbedArm(RecordingArm(0.04), world, np.random.default_rng(5), replace(CALM, drop_probability=0.2))
    for _ in range(400):
        arm.set_gripper(0.08)
        arm.set_gripper(0.0)
        arm.go_home()
        arm.move_to(pose(0.6, 0.1, 0.24))
        arm.move_to(pose(0.5, 0.1, 0.24))
        fallen += arm.gripper_width() > 0.05
    assert 0.15 < fallen / 400 < 0.25


@pytest.mark.parametrize('seed', range(6))
def test_one_thing_moves_a_little_way_and_rests(seed, world):
    before = {name: world.position(name) for name in world.bodies}
    config = DisturbanceConfig()
    moved = disturb_world(world, np.random.default_rng(seed), config)
    for name, old in before.items():
        far = float(np.hypot(*np.subtract(world.position(name), old)[:2]))
        if name == moved:
            assert config.move_distance[0] - 0.002 <= far <= config.move_distance[1] + 0.002
        else:
            assert far < 0.001
    assert world.position(moved)[2] == pytest.approx(before[moved][2], abs=0.003)


def test_same_seed_same_mishap(world):
    start = {name: world.position(name) for name in world.bodies}
    first = disturb_world(world, np.random.default_rng(3))
    place = world.position(first)
    other = World([Placement(name, world.labels[name], start[name]) for name in world.bodies])
    try:
        assert disturb_world(other, np.random.default_rng(3)) == first
        assert other.position(first) == pytest.approx(place, abs=0.002)
    finally:
        other.close()


def test_only_candidates_move_and_what_is_stacked_or_held_stays(world):
    assert disturb_world(world, np.random.default_rng(0), candidates=('blue block',)) == 'blue block'
    assert disturb_world(world, np.random.default_rng(0), candidates=('pink block',)) == ''
    x, y, _ = world.position('blue block')
    world.add(Placement('red block 2', 'red block', (x, y, 0.061)))
    world.settle(0.2)
    assert disturb_world(world, np.random.default_rng(0), candidates=('blue block', 'red block 2')) == ''
    arm = BulletArm(world)
    assert execute(Step('pick', 'red block'), scene_of(world), arm).success
    assert disturb_world(world, np.random.default_rng(0), candidates=('red block',)) == ''


def test_somebody_moves_a_thing_after_the_chosen_step(world):
    told = []
    config = replace(CALM, move_after=2)
    act = disturb_after(lambda step: step * 2, world, np.random.default_rng(1), config, on_event=told.append)
    assert (act(1), told) == (2, [])
    assert act(2) == 4
    assert len(told) == 1
    act(3)
    assert len(told) == 1
    never = disturb_after(lambda step: step, world, np.random.default_rng(1), CALM, on_event=told.append)
    never(1)
    assert len(told) == 1


def test_numbers_that_make_no_sense_are_refused():
    for wrong in ({'pick_noise': -1.0}, {'drop_probability': 1.5}, {'move_after': 0}, {'move_distance': (0.2, 0.1)}):
        with pytest.raises(ConfigError):
            DisturbanceConfig(**wrong)
