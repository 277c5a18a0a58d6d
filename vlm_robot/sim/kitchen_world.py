"""
The simulated kitchen: furniture, things and a drawer, and the truth about them.

The map frame is PyBullet's world frame; z = 0 is the height of every surface and of the arm's foot. Grasps hold by
contact and friction, the drawer moves because the hand pulls it; nothing is attached or teleported while time
runs. It offers what ``BulletArm`` wants of a world. Not thread-safe.
"""

from __future__ import annotations

from collections.abc import Mapping

import pybullet as p

from vlm_robot.datatypes import Point
from vlm_robot.errors import ScenarioError
from vlm_robot.kitchen_vocabulary import DOCKS, DRAWER, DRAWER_SLOTS, SHAPES_OF_THINGS, SLOTS, thing_of, TRASH
from vlm_robot.robot.path import Rectangle
from vlm_robot.sim import kitchen_bodies as bodies
from vlm_robot.sim.physics import Physics

OPEN_FROM, CLOSED_TO = 0.20, 0.04  # metres of the drawer's travel
RESISTANCE = 4.0  # N that hold the drawer where it is


class KitchenWorld(Physics):
    """Furniture, things by name, and who is where."""

    def __init__(self, places: Mapping[str, str], drawer_open: bool = False):
        """
        Connect a private physics client and put every thing on a free slot of its place.

        :raises ScenarioError: an unknown thing, or more things than a place has room for.
        """
        super().__init__()
        self.fixed, self.drawer = bodies.create_furniture(self.client)
        p.resetJointState(self.drawer, 0, bodies.DRAWER_TRAVEL * drawer_open, physicsClientId=self.client)
        p.setJointMotorControl2(
            self.drawer, 0, p.VELOCITY_CONTROL, targetVelocity=0, force=RESISTANCE, physicsClientId=self.client
        )
        for name, place in places.items():
            self.add(name, self._find_slot(place))

    def add(self, name: str, position: Point, yaw: float | None = None) -> None:
        """Put a thing into the kitchen; ``position`` is its centre. Without a yaw it faces the nearest dock."""
        if thing_of(name) not in SHAPES_OF_THINGS or name in self.bodies:
            raise ScenarioError(f"'{name}' is no thing of this kitchen, or there already; known: {[*SHAPES_OF_THINGS]}")
        if yaw is None:
            yaw = min(DOCKS.values(), key=lambda dock: abs(dock[0] - position[0]) + abs(dock[1] - position[1]))[2]
        x, y, z = position
        height = SHAPES_OF_THINGS[thing_of(name)][1][2]
        self.bodies[name] = bodies.create_thing(self.client, name, (x, y, z + height / 2), yaw)

    # ---- the truth

    def position(self, name: str) -> Point:
        """Return the centre of a thing in metres in the map frame."""
        return tuple(p.getBasePositionAndOrientation(self.bodies[name], physicsClientId=self.client)[0])

    def yaw(self, name: str) -> float:
        """Return the turn of a thing about z in radians."""
        turn = p.getBasePositionAndOrientation(self.bodies[name], physicsClientId=self.client)[1]
        return p.getEulerFromQuaternion(turn)[2]

    def drawer_travel(self) -> float:
        """Return how far the drawer is pulled out, metres."""
        return p.getJointState(self.drawer, 0, physicsClientId=self.client)[0]

    def is_drawer_open(self) -> bool:
        """Return whether the drawer is far enough out to reach in."""
        return self.drawer_travel() > OPEN_FROM

    def held(self) -> str:
        """Return the name of what both fingers touch and nothing else carries; empty when there is none."""
        return self.find_held([*self.fixed, self.drawer])

    def place_of(self, name: str) -> str:
        """Return where a thing is: a place, ``hand`` or ``floor``."""
        if name == self.held():
            return 'hand'
        x, y, z = self.position(name)
        for place, dock in DOCKS.items():
            ahead, aside = bodies.to_dock(dock, x, y)
            if self._is_inside(place, ahead, aside, z):
                return place
        return 'floor'

    def size(self, name: str) -> Point:
        """Return a thing's extent along its own x, y, z in metres."""
        return SHAPES_OF_THINGS[thing_of(name)][1]

    def obstacles(self) -> list[Rectangle]:
        """Return the floor that furniture takes, in the map frame."""
        return [bodies.outline(place) for place in DOCKS]

    # ---- inside

    def _is_inside(self, place: str, ahead: float, aside: float, z: float) -> bool:
        if place == TRASH:
            front, back, half = bodies.BIN
            return front < ahead < back and abs(aside) < half and z < bodies.BIN_TOP
        if place == DRAWER:
            front = bodies.DRAWER_FRONT - self.drawer_travel()
            inside = front < ahead < front + bodies.DRAWER_DEPTH and abs(aside) < bodies.DRAWER_HALF
            return inside and bodies.DRAWER_FLOOR < z < 0.10
        return bodies.FRONT < ahead < bodies.BACK and abs(aside) < bodies.HALF_WIDTH and -0.02 < z < 0.25

    def _find_slot(self, place: str) -> Point:
        dock = DOCKS[place]
        if place == TRASH:
            spots, z = [(0.54, 0.0), (0.54, 0.1), (0.54, -0.1)], bodies.FLOOR_Z + 0.03
        elif place == DRAWER:
            shift = bodies.DRAWER_TRAVEL - self.drawer_travel()
            spots, z = [(x + shift, y) for x, y in DRAWER_SLOTS], bodies.DRAWER_FLOOR + 0.001
        else:
            spots, z = list(SLOTS), 0.001
        for spot in spots:
            x, y = bodies.to_map(dock, *spot)
            others = (self.position(name) for name in self.bodies)
            if all(abs(x - other[0]) + abs(y - other[1]) > 0.08 for other in others):
                return x, y, z
        raise ScenarioError(f"the place '{place}' is full: it has room for {len(spots)} things")
