"""
A table with blocks, bowls, perhaps a drawer and piles, and the truth about them.

The base frame is PyBullet's world frame: robot base at the origin, table top at z = 0. The world knows no
robot, no goal and no camera; an arm registers itself as a ticker and its fingers as the gripper. Grasps hold
by contact and friction; nothing is ever attached or teleported while time runs. Not thread-safe: one thread
owns a world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pybullet as p

from vlm_robot.datatypes import Point, WorldState
from vlm_robot.errors import name_nearest, ScenarioError
from vlm_robot.furniture import DRAWER, DRAWER_CLOSED, DRAWER_SIZE, name_piece, PIECE_SIZE, PILE
from vlm_robot.sim.bodies import create_block, create_bowl, rgba
from vlm_robot.sim.furnishing import create_drawer, create_pile, locate_tray
from vlm_robot.sim.physics import Physics
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_DIAMETER, BOWL_HEIGHT, COLOURS, shape_of, SHAPES

TABLE_CENTRE, TABLE_HALF = (0.40, 0.0, -0.02), (0.55, 0.70, 0.02)  # metres
FIXED_HEIGHTS = {DRAWER: DRAWER_CLOSED[2], PILE: PIECE_SIZE / 2}  # metres
TABLE_COLOUR = (128, 118, 108)
FLOOR_COLOUR = (70, 74, 80)


@dataclass(frozen=True)
class Placement:
    """Where an object starts: unique name, label such as ``red block``, centre in metres, yaw in radians."""

    name: str
    label: str
    position: Point
    yaw: float = 0.0


def resting_height(label: str) -> float:
    """Return the height of the centre of an object that stands on the table, in metres."""
    if shape_of(label) in FIXED_HEIGHTS:
        return FIXED_HEIGHTS[shape_of(label)]
    return BOWL_HEIGHT / 2 if shape_of(label) == 'bowl' else BLOCK_SIZE / 2


class World(Physics):
    """A table and what lies on it."""

    def __init__(self, placements: Sequence[Placement] = (), table_colour=TABLE_COLOUR):
        """Connect a private physics client and put the objects on the table."""
        super().__init__()
        self.drawers: dict[str, int] = {}
        self.piles: dict[str, tuple[int, ...]] = {}
        self.labels: dict[str, str] = {}
        self.table = self._create_slab(TABLE_CENTRE, TABLE_HALF, table_colour)
        self.floor = self._create_slab((0.4, 0, -0.75), (3, 3, 0.01), FLOOR_COLOUR)
        for placement in placements:
            self.add(placement)

    def add(self, placement: Placement) -> None:
        """Put one more object into the world; raise ScenarioError on an unknown label or a name that is taken."""
        name, label = placement.name, placement.label
        if name in self.labels:
            raise ScenarioError(f"two objects are named '{name}'; names must be unique")
        colour, _, shape = label.partition(' ')
        if label == DRAWER:
            self.drawers[name] = create_drawer(self.client, placement.position)
        elif label == PILE:
            self.piles[name] = create_pile(self.client, placement.position, placement.yaw)
        elif shape in SHAPES and colour in COLOURS:
            create = create_bowl if shape == 'bowl' else create_block
            self.bodies[name] = create(self.client, COLOURS[colour], placement.position, placement.yaw)
        else:
            known = [f'{c} {s}' for c in COLOURS for s in SHAPES] + [DRAWER, PILE]
            raise ScenarioError(f"no object '{label}' can be made{name_nearest(label, known)}")
        self.labels[name] = label

    def position(self, name: str) -> Point:
        """Return the centre of an object in metres in the base frame; of a drawer that of its tray."""
        if name in self.drawers:
            return locate_tray(self.client, self.drawers[name])
        if name in self.piles:
            places = np.array([self._centre(body) for body in self.piles[name]])
            x, y, z = ((places.min(0) + places.max(0)) / 2).tolist()
            return x, y, z
        return self._centre(self.bodies[name])

    def size(self, name: str) -> Point:
        """Return the extent of an object along base x, y and z in metres; of a drawer, the inside of its tray."""
        if name in self.drawers:
            return DRAWER_SIZE
        if name in self.piles:
            x, y, z = (np.ptp([self._centre(body) for body in self.piles[name]], axis=0) + PIECE_SIZE).tolist()
            return x, y, z
        bowl = (BOWL_DIAMETER, BOWL_DIAMETER, BOWL_HEIGHT)
        return bowl if shape_of(self.labels[name]) == 'bowl' else (BLOCK_SIZE,) * 3

    def yaw(self, name: str) -> float:
        """Return the turn of an object about z in radians."""
        if name not in self.bodies:
            return 0.0
        turn = p.getBasePositionAndOrientation(self.bodies[name], physicsClientId=self.client)[1]
        return p.getEulerFromQuaternion(turn)[2]

    def state(self) -> WorldState:
        """Return the truth: where everything is, every piece of a pile too, and what the fingers hold."""
        positions = {name: self.position(name) for name in self.labels}
        for name, pieces in self.piles.items():
            positions |= {name_piece(name, number): self._centre(body) for number, body in enumerate(pieces, 1)}
        return WorldState(positions, self.find_held([self.table]))

    def list_bodies(self) -> dict[str, tuple[int, ...]]:
        """Return name -> ids of the physics bodies of every object."""
        return {name: (body,) for name, body in (self.bodies | self.drawers).items()} | self.piles

    def _centre(self, body: int) -> Point:
        return tuple(p.getBasePositionAndOrientation(body, physicsClientId=self.client)[0])

    def _create_slab(self, centre, half, colour) -> int:
        return p.createMultiBody(
            0,
            p.createCollisionShape(p.GEOM_BOX, halfExtents=half, physicsClientId=self.client),
            p.createVisualShape(p.GEOM_BOX, halfExtents=half, rgbaColor=rgba(colour), physicsClientId=self.client),
            centre,
            physicsClientId=self.client,
        )
