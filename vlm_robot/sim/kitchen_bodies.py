"""
The kitchen's furniture and things, made from numbers alone; no stepping, no mesh files of our own.

Every place is built in the frame of its dock (``kitchen_vocabulary.DOCKS``): x ahead of the robot, y to its left,
z = 0 at the height of the arm's foot, which is the height of every surface. Metres.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pybullet as p

from vlm_robot.kitchen_vocabulary import (
    DOCKS,
    DRAWER_FLOOR,
    DRAWER_RIM,
    DRAWER_TRAVEL,
    KNOB_AHEAD,
    SHAPES_OF_THINGS,
    thing_of,
)
from vlm_robot.robot.base import Pose2
from vlm_robot.robot.path import Rectangle
from vlm_robot.sim.bodies import RESTING, rgba

FLOOR_Z = -0.65
FRONT, BACK, HALF_WIDTH = 0.31, 0.94, 0.45  # of a surface
BIN = (0.36, 0.72, 0.19)  # front, back, half width of the trash bin
BIN_TOP, WALL = -0.12, 0.012
DRAWER_FRONT, DRAWER_DEPTH, DRAWER_HALF = KNOB_AHEAD, 0.30, 0.20  # of the closed drawer
KNOB = (0.012, 0.075)  # half width, height above the rim
CABINET_TOP = 0.125
MASSES = {'can': 0.10, 'box': 0.06, 'ball': 0.08}  # kg, emptied for the hand's sake
WOOD, STONE, DARK, STEEL = (176, 130, 90), (150, 150, 155), (70, 74, 80), (190, 195, 200)
SHIRT, SKIN, TILE = (70, 110, 170), (225, 180, 150), (205, 200, 190)


def to_map(dock: Pose2, x: float, y: float) -> tuple[float, float]:
    """Return a spot of a dock's frame in the map frame."""
    c, s = np.cos(dock[2]), np.sin(dock[2])
    return float(dock[0] + c * x - s * y), float(dock[1] + s * x + c * y)


def to_dock(dock: Pose2, x: float, y: float) -> tuple[float, float]:
    """Return a spot of the map frame in a dock's frame."""
    c, s = np.cos(dock[2]), np.sin(dock[2])
    return float(c * (x - dock[0]) + s * (y - dock[1])), float(-s * (x - dock[0]) + c * (y - dock[1]))


def outline(place: str) -> Rectangle:
    """Return the floor that a place's furniture takes in the map frame, an open drawer included."""
    front, back, half = {'trash': BIN, 'drawer': (0.34, 1.10, 0.26)}.get(place, (FRONT, BACK, HALF_WIDTH))
    corners = [to_map(DOCKS[place], x, y) for x in (front, back) for y in (-half, half)]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def create_slab(client: int, dock: Pose2, low: Sequence[float], high: Sequence[float], colour) -> int:
    """Create a fixed box between two corners of a dock's frame; return its body id."""
    half = [(b - a) / 2 for a, b in zip(low, high, strict=True)]
    x, y = to_map(dock, (low[0] + high[0]) / 2, (low[1] + high[1]) / 2)
    body = p.createMultiBody(
        0,
        p.createCollisionShape(p.GEOM_BOX, halfExtents=half, physicsClientId=client),
        p.createVisualShape(p.GEOM_BOX, halfExtents=half, rgbaColor=rgba(colour), physicsClientId=client),
        [x, y, (low[2] + high[2]) / 2],
        p.getQuaternionFromEuler([0, 0, dock[2]]),
        physicsClientId=client,
    )
    p.changeDynamics(body, -1, lateralFriction=0.9, physicsClientId=client)
    return body


def create_furniture(client: int) -> tuple[list[int], int]:
    """Create floor and furniture; return the ids of what is fixed and of the drawer, whose joint 0 slides."""
    origin = (0.0, 0.0, 0.0)
    fixed = [create_slab(client, origin, (-3.2, -3.0, FLOOR_Z - 0.02), (3.2, 3.0, FLOOR_Z), TILE)]
    for place, colour in (('table', WOOD), ('close counter', STONE), ('far counter', DARK), ('user', WOOD)):
        fixed += _create_surface(client, DOCKS[place], colour, legs=place in ('table', 'user'))
    fixed += _create_bin(client, DOCKS['trash']) + _create_person(client, DOCKS['user'])
    return fixed + _create_cabinet(client, DOCKS['drawer']), _create_drawer(client, DOCKS['drawer'])


def _create_surface(client: int, dock: Pose2, colour, legs: bool) -> list[int]:
    top = create_slab(client, dock, (FRONT, -HALF_WIDTH, -0.04), (BACK, HALF_WIDTH, 0.0), colour)
    if not legs:
        return [top, create_slab(client, dock, (FRONT + 0.03, -0.43, FLOOR_Z), (BACK, 0.43, -0.04), (225, 222, 215))]
    corners = [(x, y) for x in (FRONT + 0.02, BACK - 0.06) for y in (-HALF_WIDTH + 0.02, HALF_WIDTH - 0.06)]
    return [top] + [create_slab(client, dock, (x, y, FLOOR_Z), (x + 0.04, y + 0.04, -0.04), colour) for x, y in corners]


def _create_bin(client: int, dock: Pose2) -> list[int]:
    front, back, half = BIN
    walls = (
        ((front, -half, FLOOR_Z), (back, half, FLOOR_Z + 0.02)),
        ((front, -half, FLOOR_Z), (front + WALL, half, BIN_TOP)),
        ((back - WALL, -half, FLOOR_Z), (back, half, BIN_TOP)),
        ((front, -half, FLOOR_Z), (back, -half + WALL, BIN_TOP)),
        ((front, half - WALL, FLOOR_Z), (back, half, BIN_TOP)),
    )
    return [create_slab(client, dock, low, high, (60, 95, 75)) for low, high in walls]


def _create_person(client: int, dock: Pose2) -> list[int]:
    """Create a stand-in for the user behind the small table where things are handed over."""
    x, y = to_map(dock, 1.15, 0.0)
    parts = []
    for kind, radius, height, z, colour in (
        (p.GEOM_CYLINDER, 0.16, 0.75, -0.28, (60, 62, 80)),
        (p.GEOM_CYLINDER, 0.18, 0.45, 0.32, SHIRT),
        (p.GEOM_SPHERE, 0.11, 0.0, 0.67, SKIN),
    ):
        visual = p.createVisualShape(kind, radius=radius, length=height, rgbaColor=rgba(colour), physicsClientId=client)
        parts.append(p.createMultiBody(0, -1, visual, [x, y, z], physicsClientId=client))
    return parts


def _create_cabinet(client: int, dock: Pose2) -> list[int]:
    front, back, half = DRAWER_FRONT + 0.075, DRAWER_FRONT + DRAWER_DEPTH + 0.06, DRAWER_HALF + 0.03
    slabs = (
        ((front, -half, CABINET_TOP), (back, half, CABINET_TOP + 0.02)),
        ((back - 0.015, -half, FLOOR_Z), (back, half, CABINET_TOP)),
        ((front, -half, FLOOR_Z), (back, -half + 0.015, CABINET_TOP)),
        ((front, half - 0.015, FLOOR_Z), (back, half, CABINET_TOP)),
        ((front, -half, FLOOR_Z), (back, half, DRAWER_FLOOR - 0.03)),
    )
    return [create_slab(client, dock, low, high, (210, 190, 160)) for low, high in slabs]


def _create_drawer(client: int, dock: Pose2) -> int:
    """Create a box that slides towards the robot; joint 0 is 0 when closed, DRAWER_TRAVEL when open."""
    depth, half, rim = DRAWER_DEPTH, DRAWER_HALF, DRAWER_RIM - DRAWER_FLOOR
    boxes = (  # centre from the front's middle at floor height, half extents
        ((depth / 2, 0, -0.005), (depth / 2, half, 0.005)),
        ((0.0, 0, rim / 2), (0.010, half, rim / 2 + 0.005)),
        ((depth - 0.006, 0, rim / 2), (0.006, half, rim / 2)),
        ((depth / 2, half - 0.006, rim / 2), (depth / 2, 0.006, rim / 2)),
        ((depth / 2, -half + 0.006, rim / 2), (depth / 2, 0.006, rim / 2)),
        ((0.0, 0, rim + KNOB[1] / 2), (KNOB[0], KNOB[0], KNOB[1] / 2)),
    )
    places, halves = [list(box[0]) for box in boxes], [list(box[1]) for box in boxes]
    colours = [rgba((225, 205, 175))] * 5 + [rgba((40, 40, 45))]
    shape = p.createCollisionShapeArray(
        [p.GEOM_BOX] * 6, halfExtents=halves, collisionFramePositions=places, physicsClientId=client
    )
    visual = p.createVisualShapeArray(
        [p.GEOM_BOX] * 6,
        halfExtents=halves,
        visualFramePositions=places,
        rgbaColors=colours,
        physicsClientId=client,
    )
    x, y = to_map(dock, DRAWER_FRONT, 0.0)
    drawer = p.createMultiBody(
        0,
        -1,
        -1,
        [x, y, DRAWER_FLOOR],
        p.getQuaternionFromEuler([0, 0, dock[2] + np.pi]),
        linkMasses=[1.0],
        linkCollisionShapeIndices=[shape],
        linkVisualShapeIndices=[visual],
        linkPositions=[[0, 0, 0]],
        linkOrientations=[p.getQuaternionFromEuler([0, 0, np.pi])],
        linkInertialFramePositions=[[0, 0, 0]],
        linkInertialFrameOrientations=[[0, 0, 0, 1]],
        linkParentIndices=[0],
        linkJointTypes=[p.JOINT_PRISMATIC],
        linkJointAxis=[[-1, 0, 0]],
        physicsClientId=client,
    )
    p.changeDynamics(
        drawer,
        0,
        lateralFriction=0.9,
        jointLowerLimit=0.0,
        jointUpperLimit=DRAWER_TRAVEL + 0.02,
        physicsClientId=client,
    )
    return drawer


def create_thing(client: int, name: str, position: Sequence[float], yaw: float) -> int:
    """Create a thing of ``SHAPES_OF_THINGS``; ``position`` is its centre in the map frame."""
    kind, size, colour = SHAPES_OF_THINGS[thing_of(name)]
    if kind == 'can':
        half = {'radius': size[0] / 2}
        collision = p.createCollisionShape(p.GEOM_CYLINDER, height=size[2], physicsClientId=client, **half)
        visual = p.createVisualShape(
            p.GEOM_CYLINDER, length=size[2], rgbaColor=rgba(colour), physicsClientId=client, **half
        )
    else:
        shape = p.GEOM_SPHERE if kind == 'ball' else p.GEOM_BOX
        form = {'radius': size[0] / 2} if kind == 'ball' else {'halfExtents': [s / 2 for s in size]}
        collision = p.createCollisionShape(shape, physicsClientId=client, **form)
        visual = p.createVisualShape(shape, rgbaColor=rgba(colour), physicsClientId=client, **form)
    turn = p.getQuaternionFromEuler([0, 0, yaw])
    body = p.createMultiBody(MASSES[kind], collision, visual, list(position), turn, physicsClientId=client)
    rolling = 0.003 if kind == 'ball' else 1e-4
    p.changeDynamics(
        body,
        -1,
        lateralFriction=0.9,
        spinningFriction=0.003,
        rollingFriction=rolling,
        physicsClientId=client,
        **RESTING,
    )
    return body
