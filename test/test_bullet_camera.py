"""Tests for sim/world.py, sim/bodies.py and sim/bullet_camera.py on real PyBullet."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vlm_robot.errors import ScenarioError
from vlm_robot.geometry import deproject, invert, project, transform_points
from vlm_robot.sim.bodies import build_bowl_surface
from vlm_robot.sim.bullet_camera import BulletCamera, CAMERAS
from vlm_robot.sim.world import Placement, resting_height, World
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_DIAMETER, BOWL_HEIGHT


@pytest.fixture(scope='module')
def world():
    world = World(
        [
            Placement('red block', 'red block', (0.45, -0.2, resting_height('red block')), 0.3),
            Placement('white block', 'white block', (0.6, 0.2, resting_height('white block'))),
            Placement('green bowl', 'green bowl', (0.5, 0.05, resting_height('green bowl'))),
        ]
    )
    world.settle(0.3)
    yield world
    world.close()


@pytest.mark.parametrize('name', CAMERAS)
def test_pictures_are_calibrated(world, name):
    camera = BulletCamera(world, CAMERAS[name])
    picture = camera.render()
    for thing in ('red block', 'white block'):
        v, u = np.nonzero(picture.body == world.bodies[thing])
        points = deproject(camera.intrinsics, np.stack([u, v], 1), picture.depth[v, u])
        p_base = transform_points(camera.T_base_camera, points)
        # Every visible point lies on the surface of the cube.
        turn = Rotation.from_euler('z', -world.yaw(thing))
        reach = np.abs(turn.apply(p_base - world.position(thing))).max(axis=1)
        assert np.abs(reach - BLOCK_SIZE / 2).max() < 0.002
        top = np.add(world.position(thing), (0, 0, BLOCK_SIZE / 2))
        column, row = (
            project(camera.intrinsics, transform_points(invert(camera.T_base_camera), top)).round().astype(int)
        )
        assert picture.body[row, column] == world.bodies[thing]


def test_frames_have_the_promised_types(world):
    image = BulletCamera(world, CAMERAS['front']).read()
    assert image.rgb.shape == (480, 640, 3) and image.rgb.dtype == np.uint8
    assert image.depth.shape == (480, 640) and image.depth.dtype == np.float32
    assert image.camera == 'front' and image.stamp == world.time


def test_up_in_the_pictures_is_towards_the_robot_and_left_is_negative_y(world):
    for spec in CAMERAS.values():
        camera = BulletCamera(world, spec)
        near, far, left = [
            project(camera.intrinsics, transform_points(invert(camera.T_base_camera), np.array(p)))
            for p in ((0.4, 0, 0), (0.6, 0, 0), (0.4, -0.2, 0))
        ]
        assert near[1] < far[1]
        assert left[0] < near[0]


def test_the_bowl_has_its_size():
    vertices, triangles, normals = build_bowl_surface()
    assert np.allclose(np.ptp(vertices, axis=0), [BOWL_DIAMETER, BOWL_DIAMETER, BOWL_HEIGHT], atol=1e-3)
    assert triangles.max() < len(vertices) == len(normals)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)


def test_a_block_dropped_over_a_bowl_ends_up_in_it():
    world = World([Placement('green bowl', 'green bowl', (0.5, 0, BOWL_HEIGHT / 2))])
    world.add(Placement('red block', 'red block', (0.51, 0, 0.1)))
    world.settle(1.0)
    x, y, z = world.position('red block')
    assert np.hypot(x - 0.5, y) < 0.03 and z < BOWL_HEIGHT
    world.close()


@pytest.mark.parametrize('label', ['red cat', 'mauve block', 'block', ''])
def test_unknown_objects_cannot_be_made(world, label):
    with pytest.raises(ScenarioError, match='can be made'):
        world.add(Placement('x', label, (0.5, 0, 0.1)))


def test_names_are_unique(world):
    with pytest.raises(ScenarioError, match='unique'):
        world.add(Placement('red block', 'red block', (0.5, 0, 0.1)))


def test_closing_twice_is_fine():
    world = World()
    world.close()
    world.close()
