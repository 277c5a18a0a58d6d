"""
A drawer with a joint and a pile of small cubes for the PyBullet world; where they stand is in ``furniture``.

The drawer is our own ``sim/urdf/drawer.urdf``. Metres in the base frame.
"""

from __future__ import annotations

import numpy as np
import pybullet as p

from vlm_robot.datatypes import Point
from vlm_robot.furniture import DRAWER_CLOSED, DRAWER_STROKE, measure_opening, PIECE_SIZE, set_opening
from vlm_robot.resources import find
from vlm_robot.sim.bodies import RESTING, rgba

SLIDE, TRAY = 0, 0  # the drawer's only joint and the link that it moves
SLIDE_FRICTION = 1.5  # N: the tray stays where it is left
PIECES, PIECE_MASS = 10, 0.003  # kg each
PIECE_COLOUR = (64, 58, 52)
PILE_RADIUS, PIECE_GAP = 0.045, 0.019  # metres around the middle; between centres at the start


def create_drawer(client: int, position: Point) -> int:
    """Create the cabinet; ``position`` is the centre of the tray, which tells how far it is open."""
    body = p.loadURDF(
        str(find('sim/urdf/drawer.urdf')),
        (DRAWER_CLOSED[0], DRAWER_CLOSED[1], 0.0),
        useFixedBase=True,
        physicsClientId=client,
    )
    opening = float(np.clip(measure_opening(position), 0.0, DRAWER_STROKE))
    p.resetJointState(body, SLIDE, opening, physicsClientId=client)
    p.setJointMotorControl2(
        body, SLIDE, p.VELOCITY_CONTROL, targetVelocity=0.0, force=SLIDE_FRICTION, physicsClientId=client
    )
    p.changeDynamics(body, TRAY, lateralFriction=0.9, physicsClientId=client)
    return body


def locate_tray(client: int, body: int) -> Point:
    """Return the centre of the tray of a drawer."""
    return set_opening(p.getJointState(body, SLIDE, physicsClientId=client)[0])


def create_pile(client: int, position: Point, yaw: float = 0.0) -> tuple[int, ...]:
    """Scatter the cubes of a pile around a point; the same point and turn give the same pile."""
    shape = {'shapeType': p.GEOM_BOX, 'halfExtents': [PIECE_SIZE / 2] * 3, 'physicsClientId': client}
    solid, look = p.createCollisionShape(**shape), p.createVisualShape(**shape, rgbaColor=rgba(PIECE_COLOUR))
    bodies = []
    for x, y, turn in _scatter(position, yaw):
        place, facing = (x, y, PIECE_SIZE / 2), p.getQuaternionFromEuler([0, 0, turn])
        body = p.createMultiBody(PIECE_MASS, solid, look, place, facing, physicsClientId=client)
        p.changeDynamics(body, -1, lateralFriction=0.6, physicsClientId=client, **RESTING)
        bodies.append(body)
    return tuple(bodies)


def _scatter(position: Point, yaw: float) -> np.ndarray:
    """Return (PIECES, 3): x, y and turn, no two nearer than PIECE_GAP."""
    rng = np.random.default_rng([round(1000 * abs(value)) for value in (*position[:2], yaw)])
    found: list[np.ndarray] = []
    while len(found) < PIECES:
        point = rng.uniform(-PILE_RADIUS, PILE_RADIUS, 2)
        if np.hypot(*point) <= PILE_RADIUS and all(np.hypot(*(point - other)) >= PIECE_GAP for other in found):
            found.append(point)
    return np.column_stack([np.array(found) + position[:2], rng.uniform(-np.pi, np.pi, PIECES)])
