"""Tests for sim/still_camera.py on real PyBullet: what stands still is drawn once, what moves is drawn anew."""

from __future__ import annotations

import numpy as np
import pybullet as p
import pytest

from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.bullet_camera import BulletCamera, FRONT
from vlm_robot.sim.still_camera import STILL, StillCamera
from vlm_robot.sim.world import Placement, resting_height, World


class Counted(BulletCamera):
    """A camera that counts its pictures."""

    drawn = 0

    def render(self):
        self.drawn += 1
        return super().render()


@pytest.fixture
def world():
    world = World([Placement('red block', 'red block', (0.45, -0.2, resting_height('red block')), 0.3)])
    yield world
    world.close()


@pytest.fixture
def camera(world):
    return Counted(world, FRONT, width_px=160, height_px=120)


def shift(world, metres):
    place, turn = p.getBasePositionAndOrientation(world.bodies['red block'], physicsClientId=world.client)
    place = (place[0] + metres, *place[1:])
    p.resetBasePositionAndOrientation(world.bodies['red block'], place, turn, physicsClientId=world.client)


def test_a_world_at_rest_is_drawn_once_and_its_pictures_are_those_of_the_camera(world, camera):
    BulletArm(world)
    world.settle(4.0)
    still = StillCamera(camera)
    first = still.read()
    world.settle(1.0)
    second = still.read()
    assert camera.drawn == 1 and second.stamp == world.time == pytest.approx(first.stamp + 1.0)
    fresh = camera.read()
    assert np.array_equal(second.rgb, fresh.rgb) and np.array_equal(second.depth, fresh.depth)
    assert (second.camera, second.intrinsics) == (fresh.camera, fresh.intrinsics)
    assert np.array_equal(second.T_base_camera, fresh.T_base_camera)


def test_what_moves_is_drawn_anew(world, camera):
    still = StillCamera(camera)
    first = still.read()
    shift(world, 0.03)
    assert not np.array_equal(still.read().rgb, first.rgb) and camera.drawn == 2
    arm = BulletArm(world)  # one more body
    still.read()
    assert camera.drawn == 3
    arm.start_home()
    world.settle(0.2)
    still.read()
    assert camera.drawn == 4


def test_slow_drift_adds_up_to_a_motion(world, camera):
    still = StillCamera(camera)
    still.read()
    for count in range(1, 5):
        shift(world, 0.3 * STILL)
        still.read()
        assert camera.drawn == (1 if count < 4 else 2)
