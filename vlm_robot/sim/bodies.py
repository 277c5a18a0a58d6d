"""
The things that lie on the table, made from numbers alone: no mesh files, no physics stepping.

A bowl is drawn as a lathe surface and collides as a ring of thin boxes on a disc, because a moving concave
mesh has no collision in Bullet. The origin of every body is the centre of its bounding box.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pybullet as p
from scipy.spatial.transform import Rotation

from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_DIAMETER, BOWL_HEIGHT

BLOCK_MASS = 0.04  # kg
BOWL_MASS = 0.25  # kg: heavy enough to stay when a block is dropped in
RIM = BOWL_DIAMETER / 2
FOOT = 0.045  # metres, outer radius of the base
WALL = 0.004  # metres, thickness
PANELS = 20  # boxes in the ring
RESTING = {'activationState': p.ACTIVATION_STATE_ENABLE_SLEEPING}  # a resting table costs an eighth of the time


def rgba(colour, shade: float = 1.0) -> list[float]:
    """Return 0..1 RGBA of a 0..255 RGB colour, times a shade."""
    return [float(np.clip(c / 255 * shade, 0, 1)) for c in colour] + [1.0]


def create_block(client: int, colour, position, yaw: float = 0.0) -> int:
    """Create a cube of BLOCK_SIZE; ``position`` is its centre in the base frame."""
    half = [BLOCK_SIZE / 2] * 3
    body = p.createMultiBody(
        BLOCK_MASS,
        p.createCollisionShape(p.GEOM_BOX, halfExtents=half, physicsClientId=client),
        p.createVisualShape(p.GEOM_BOX, halfExtents=half, rgbaColor=rgba(colour), physicsClientId=client),
        position,
        p.getQuaternionFromEuler([0, 0, yaw]),
        physicsClientId=client,
    )
    p.changeDynamics(
        body, -1, lateralFriction=0.9, spinningFriction=0.002, rollingFriction=1e-4, physicsClientId=client, **RESTING
    )
    return body


def create_bowl(client: int, colour, position, yaw: float = 0.0) -> int:
    """Create an open bowl of BOWL_DIAMETER and BOWL_HEIGHT; ``position`` is the centre of its bounding box."""
    vertices, indices, normals = _list_bowl_surface()
    visual = p.createVisualShape(
        p.GEOM_MESH,
        vertices=vertices,
        indices=indices,
        normals=normals,
        rgbaColor=rgba(colour),
        physicsClientId=client,
    )
    body = p.createMultiBody(
        BOWL_MASS,
        _create_bowl_collision(client),
        visual,
        position,
        p.getQuaternionFromEuler([0, 0, yaw]),
        physicsClientId=client,
    )
    p.changeDynamics(body, -1, lateralFriction=0.9, rollingFriction=1e-3, physicsClientId=client, **RESTING)
    return body


def _create_bowl_collision(client: int) -> int:
    lean = np.arctan2(RIM - FOOT, BOWL_HEIGHT)
    slant = np.hypot(RIM - FOOT, BOWL_HEIGHT)
    middle = (RIM + FOOT) / 2 - WALL / 2
    width = 2 * RIM * np.tan(np.pi / PANELS)
    kinds, extents, places, turns = [p.GEOM_BOX], [[FOOT * 0.75] * 2 + [WALL / 2]], [], []
    places.append([0, 0, -BOWL_HEIGHT / 2 + WALL / 2])
    turns.append([0, 0, 0, 1])
    for angle in np.arange(PANELS) * 2 * np.pi / PANELS:
        kinds.append(p.GEOM_BOX)
        extents.append([WALL / 2, width / 2, slant / 2])
        places.append([middle * np.cos(angle), middle * np.sin(angle), 0])
        turns.append((Rotation.from_euler('z', angle) * Rotation.from_euler('y', lean)).as_quat().tolist())
    return p.createCollisionShapeArray(
        shapeTypes=kinds,
        halfExtents=extents,
        collisionFramePositions=places,
        collisionFrameOrientations=turns,
        physicsClientId=client,
    )


@cache
def _list_bowl_surface() -> tuple[list, list, list]:
    """Return the surface as lists, always the same ones: PyBullet never lets go of a list that it is given."""
    vertices, indices, normals = build_bowl_surface()
    return vertices.tolist(), indices.ravel().tolist(), normals.tolist()


def build_bowl_surface(segments: int = 32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Turn the bowl's profile around z.

    :return: vertices (N, 3) metres, triangles (M, 3) of indices, normals (N, 3), outward seen from the
        material.
    """
    bottom, top = -BOWL_HEIGHT / 2, BOWL_HEIGHT / 2
    profile = np.array(
        [
            (0.0, bottom), (FOOT, bottom), (RIM, top),
            (RIM - WALL, top), (FOOT - WALL, bottom + WALL), (0.0, bottom + WALL),
        ]
    )  # fmt: skip
    angles = np.linspace(0, 2 * np.pi, segments + 1)
    ring = np.stack([np.cos(angles), np.sin(angles)], 1)
    vertices: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    triangles: list[np.ndarray] = []
    for (r0, z0), (r1, z1) in zip(profile[:-1], profile[1:], strict=True):
        across = np.array([z1 - z0, -(r1 - r0)])
        across /= np.linalg.norm(across)
        start = sum(map(len, vertices))
        for r, z in ((r0, z0), (r1, z1)):
            vertices.append(np.column_stack([ring * r, np.full(len(ring), z)]))
            normals.append(np.column_stack([ring * across[0], np.full(len(ring), across[1])]))
        n = len(ring)
        a = start + np.arange(segments)
        triangles.append(np.column_stack([a, a + 1, a + n]))
        triangles.append(np.column_stack([a + 1, a + n + 1, a + n]))
    return np.concatenate(vertices), np.concatenate(triangles), np.concatenate(normals)
