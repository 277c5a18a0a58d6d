"""
Random tables for training and testing the detector: what lies where, how the arm stands, light and camera.

Drawn by the simulator's own bodies and cameras, so that a picture looks as it does at run time. No physics is
stepped: blocks stand on the table, in bowls, on other blocks or between the fingers. The three splits draw
from separate streams of random numbers, ``np.random.default_rng([STREAMS[split], seed])``, so no scene of one
is in another. Training moves cameras and light more than the default jitter of a scenario; validation and
test use exactly that jitter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet as p
import pybullet_data

from vlm_robot.errors import ConfigError, MotionError
from vlm_robot.robot.panda import solve_inverse, WORK_POSTURE
from vlm_robot.sim.bodies import create_block, create_bowl, WALL
from vlm_robot.sim.bullet_camera import BulletCamera, CameraSpec, Lighting, Rendering
from vlm_robot.sim.scenario import Jitter, sample_cameras, sample_light
from vlm_robot.sim.world import World
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_HEIGHT, COLOURS, ZONE_X, ZONE_Y

STREAMS = {'train': 7101, 'validation': 7202, 'test': 7303}
JITTERS = {'train': Jitter(camera=0.02, light=0.2), 'validation': Jitter(), 'test': Jitter()}
MAX_BLOCKS, MAX_BOWLS = 8, 5
GAP = {
    ('block', 'block'): 0.055,
    ('block', 'bowl'): 0.09,
    ('bowl', 'block'): 0.09,
    ('bowl', 'bowl'): 0.125,
}  # metres
FINGER_JOINTS = (9, 10)


@dataclass(frozen=True)
class Thing:
    """One object of a drawn table; position is its centre in metres, turn is roll, pitch, yaw in radians."""

    label: str
    position: tuple[float, float, float]
    turn: tuple[float, float, float]
    place: str = 'table'


@dataclass(frozen=True)
class TableView:
    """Everything that decides one picture; ``fingers`` is how far each finger is open."""

    things: tuple[Thing, ...]
    joints: tuple[float, ...]
    fingers: float
    lighting: Lighting
    camera: CameraSpec


def make_rng(split: str, seed: int) -> np.random.Generator:
    """Return the stream of one scene of one split; raise ConfigError on an unknown split."""
    if split not in STREAMS:
        raise ConfigError(f"no split '{split}'; known: {sorted(STREAMS)}")
    return np.random.default_rng([STREAMS[split], seed])


def sample_view(split: str, seed: int) -> TableView:
    """Return table number ``seed`` of a split as one of the cameras sees it; same arguments, same view."""
    rng = make_rng(split, seed)
    views = _sample_views(split, rng)
    return views[int(rng.integers(len(views)))]


def sample_views(split: str, seed: int) -> tuple[TableView, ...]:
    """Return the table number ``seed`` of a split as every camera sees it."""
    return _sample_views(split, make_rng(split, seed))


def _sample_views(split: str, rng: np.random.Generator) -> tuple[TableView, ...]:
    joints, tcp = _sample_arm(rng)
    things = _sample_things(rng)
    fingers = float(rng.uniform(0.0, 0.04))
    if tcp is not None and rng.random() < 0.5:
        held = (tcp[0], tcp[1], tcp[2] + float(rng.uniform(-0.01, 0.005)))
        things = (Thing(_sample_label(rng, 'block'), held, (0.0, 0.0, tcp[3]), 'hand'), *things)
        fingers = BLOCK_SIZE / 2
    lighting = sample_light(rng, JITTERS[split])
    cameras = sample_cameras(rng, JITTERS[split])
    things = things[: MAX_BLOCKS + MAX_BOWLS]
    return tuple(TableView(things, joints, fingers, lighting, camera) for camera in cameras)


def _sample_label(rng: np.random.Generator, shape: str) -> str:
    return f'{rng.choice(list(COLOURS))} {shape}'


def _sample_arm(rng: np.random.Generator):
    kind = rng.random()
    if kind < 0.4:  # over the table
        x, y, z = rng.uniform(0.36, 0.68), rng.uniform(-0.3, 0.3), rng.uniform(0.03, 0.35)
        yaw = float(rng.uniform(-np.pi / 4, np.pi / 4))
    elif kind < 0.8:  # drawn back, as at home
        x, y, z, yaw = rng.uniform(0.25, 0.38), rng.uniform(-0.35, 0.35), rng.uniform(0.3, 0.6), 0.0
    else:
        turn = rng.normal(0, 1, 7) * (0.8, 0.4, 0.2, 0.4, 0.2, 0.4, 0.5)
        return tuple((np.array([0, -0.7, 0, -2.4, 0, 1.9, 0.785]) + turn).tolist()), None
    T = np.array([[1.0, 0, 0, x], [0, -1, 0, y], [0, 0, -1, z], [0, 0, 0, 1]])
    c, s = np.cos(yaw), np.sin(yaw)
    T[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ T[:3, :3]
    try:
        joints = solve_inverse(T, WORK_POSTURE)
    except MotionError:
        return tuple(WORK_POSTURE.tolist()), None
    return tuple(joints.tolist()), (float(x), float(y), float(z), yaw) if kind < 0.4 else None


def _sample_things(rng: np.random.Generator) -> tuple[Thing, ...]:
    bowls, blocks = int(rng.integers(0, MAX_BOWLS + 1)), int(rng.integers(0, MAX_BLOCKS + 1))
    lying: list[Thing] = []
    for shape in ['bowl'] * bowls + ['block'] * blocks:
        label = _sample_label(rng, shape)
        yaw = float(rng.uniform(-np.pi, np.pi))
        chance = rng.random() if shape == 'block' else 1.0
        hosts = [t for t in lying if t.place == 'table' and t.label.endswith('bowl' if chance < 0.22 else 'block')]
        if chance < 0.34 and hosts:
            lying.append(_put_on(hosts[int(rng.integers(len(hosts)))], label, yaw, rng))
        else:
            point = _find_free_point(shape, lying, rng)
            height = BOWL_HEIGHT / 2 if shape == 'bowl' else BLOCK_SIZE / 2
            if point is not None:
                lying.append(Thing(label, (*point, height), (0.0, 0.0, yaw)))
    return tuple(lying)


def _put_on(host: Thing, label: str, yaw: float, rng: np.random.Generator) -> Thing:
    spread = 0.02 if host.label.endswith('bowl') else 0.012
    dx, dy = rng.uniform(-spread, spread, 2)
    x, y = host.position[0] + dx, host.position[1] + dy
    if host.label.endswith('block'):
        return Thing(label, (x, y, BLOCK_SIZE * 1.5), (0.0, 0.0, yaw), 'stack')
    tilt = rng.normal(0, 0.2, 2) if rng.random() < 0.4 else np.zeros(2)
    lift = BLOCK_SIZE * 0.5 * float(np.abs(tilt).sum())
    return Thing(label, (x, y, WALL + BLOCK_SIZE / 2 + lift), (float(tilt[0]), float(tilt[1]), yaw), 'bowl')


def _find_free_point(shape: str, lying: list[Thing], rng: np.random.Generator):
    for _ in range(40):
        x, y = (
            rng.uniform(ZONE_X[0] - 0.03, ZONE_X[1] + 0.03),
            rng.uniform(ZONE_Y[0] - 0.03, ZONE_Y[1] + 0.03),
        )
        if all(np.hypot(x - t.position[0], y - t.position[1]) > GAP[shape, t.label.rsplit(' ', 1)[1]] for t in lying):
            return float(x), float(y)
    return None


class TableDrawer:
    """A world with a pool of objects and an arm that are moved into place for every picture."""

    def __init__(self, table_colour=None, paint=None):
        """
        Make the pool.

        :param table_colour: 0..255 RGB; None is the simulator's own.
        :param paint: 0..255 RGB for every object whatever its label; None paints by label.
        """
        self.world = World() if table_colour is None else World(table_colour=table_colour)
        self.paint = paint
        client = self.world.client
        white = (255, 255, 255)
        self.pool = {
            'block': [create_block(client, white, (0, 0, -2)) for _ in range(MAX_BLOCKS + 1)],
            'bowl': [create_bowl(client, white, (0, 0, -2)) for _ in range(MAX_BOWLS)],
        }
        p.setAdditionalSearchPath(pybullet_data.getDataPath(), physicsClientId=client)
        self.arm = p.loadURDF('franka_panda/panda.urdf', useFixedBase=True, physicsClientId=client)
        if paint is not None:
            for body in self.pool['block'] + self.pool['bowl']:
                self._paint(body, paint)

    def draw(self, view: TableView) -> tuple[Rendering, BulletCamera, list[int]]:
        """Render a view; return the picture, the camera and the body id of each thing."""
        client = self.world.client
        for index, angle in enumerate(view.joints):
            p.resetJointState(self.arm, index, angle, physicsClientId=client)
        for finger in FINGER_JOINTS:
            p.resetJointState(self.arm, finger, view.fingers, physicsClientId=client)
        free = {shape: list(bodies) for shape, bodies in self.pool.items()}
        used = []
        for thing in view.things:
            colour, shape = thing.label.split(' ')
            body = free[shape].pop()
            if self.paint is None:
                self._paint(body, COLOURS[colour])
            self._move(body, thing.position, thing.turn)
            used.append(body)
        for body in free['block'] + free['bowl']:
            self._move(body, (0.0, 0.0, -2.0), (0.0, 0.0, 0.0))
        camera = BulletCamera(self.world, view.camera, view.lighting)
        return camera.render(), camera, used

    def close(self) -> None:
        """Disconnect the world."""
        self.world.close()

    def _paint(self, body: int, colour) -> None:
        rgba = [c / 255 for c in colour] + [1.0]
        p.changeVisualShape(body, -1, rgbaColor=rgba, physicsClientId=self.world.client)

    def _move(self, body: int, position, turn) -> None:
        client = self.world.client
        p.resetBasePositionAndOrientation(body, position, p.getQuaternionFromEuler(turn), physicsClientId=client)
