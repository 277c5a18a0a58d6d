"""
The one PyBullet client: a table with blocks and bowls, stepped at 240 Hz.

The base frame is PyBullet's world frame: robot base at the origin, table top at z = 0. The world knows no
robot, no goal and no camera; an arm registers itself as a ticker and its fingers as the gripper. Grasps hold
by contact and friction; nothing is ever attached or teleported while time runs. Not thread-safe: one thread
owns a world.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pybullet as p

from vlm_robot.datatypes import Point, WorldState
from vlm_robot.errors import name_nearest, ScenarioError
from vlm_robot.sim.bodies import create_block, create_bowl, rgba
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_HEIGHT, COLOURS, shape_of, SHAPES

TIME_STEP = 1.0 / 240.0  # seconds
# Measured on 60 tables of family A: these settings halve the time of a step and change no outcome. The solver
# stops once it has converged, and what is near without touching makes no contact.
ENGINE = {'numSolverIterations': 50, 'solverResidualThreshold': 1e-5, 'contactBreakingThreshold': 0.004}
TABLE_CENTRE, TABLE_HALF = (0.40, 0.0, -0.02), (0.55, 0.70, 0.02)  # metres
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
    return BOWL_HEIGHT / 2 if shape_of(label) == 'bowl' else BLOCK_SIZE / 2


class World:
    """A table and what lies on it."""

    def __init__(self, placements: Sequence[Placement] = (), table_colour=TABLE_COLOUR):
        """Connect a private physics client and put the objects on the table."""
        self.client = p.connect(p.DIRECT)
        self.time = 0.0
        self._tickers: list[Callable[[], None]] = []
        self._gripper: tuple[int, tuple[int, ...]] | None = None
        self.bodies: dict[str, int] = {}
        self.labels: dict[str, str] = {}
        p.setTimeStep(TIME_STEP, physicsClientId=self.client)
        p.setGravity(0, 0, -9.81, physicsClientId=self.client)
        p.setPhysicsEngineParameter(physicsClientId=self.client, **ENGINE)
        self.table = self._create_slab(TABLE_CENTRE, TABLE_HALF, table_colour)
        self.floor = self._create_slab((0.4, 0, -0.75), (3, 3, 0.01), FLOOR_COLOUR)
        for placement in placements:
            self.add(placement)

    def add(self, placement: Placement) -> int:
        """Put one more object into the world and return its body id; raise ScenarioError on an unknown label."""
        colour, _, shape = placement.label.partition(' ')
        if shape not in SHAPES or colour not in COLOURS:
            known = [f'{c} {s}' for c in COLOURS for s in SHAPES]
            raise ScenarioError(f"no object '{placement.label}' can be made{name_nearest(placement.label, known)}")
        if placement.name in self.bodies:
            raise ScenarioError(f"two objects are named '{placement.name}'; names must be unique")
        create = create_bowl if shape == 'bowl' else create_block
        body = create(self.client, COLOURS[colour], placement.position, placement.yaw)
        self.bodies[placement.name] = body
        self.labels[placement.name] = placement.label
        return body

    def add_ticker(self, ticker: Callable[[], None]) -> None:
        """Call ``ticker`` before every physics step; an arm moves its motor targets there."""
        self._tickers.append(ticker)

    def register_gripper(self, body: int, finger_links: Sequence[int]) -> None:
        """Tell the world which links hold things, so that its truth can say what is held."""
        self._gripper = (body, tuple(finger_links))

    def step(self, count: int = 1) -> None:
        """Advance physics by ``count`` steps of TIME_STEP."""
        for _ in range(count):
            for ticker in self._tickers:
                ticker()
            p.stepSimulation(physicsClientId=self.client)
            self.time += TIME_STEP

    def settle(self, seconds: float = 0.5) -> None:
        """Let everything come to rest."""
        self.step(round(seconds / TIME_STEP))

    def position(self, name: str) -> Point:
        """Return the centre of an object in metres in the base frame."""
        return tuple(p.getBasePositionAndOrientation(self.bodies[name], physicsClientId=self.client)[0])

    def yaw(self, name: str) -> float:
        """Return the turn of an object about z in radians."""
        turn = p.getBasePositionAndOrientation(self.bodies[name], physicsClientId=self.client)[1]
        return p.getEulerFromQuaternion(turn)[2]

    def state(self) -> WorldState:
        """Return the truth: where everything is and what the fingers hold."""
        return WorldState({name: self.position(name) for name in self.bodies}, self._find_held())

    def close(self) -> None:
        """Disconnect the physics client; a second call does nothing."""
        if self.client >= 0:
            p.disconnect(physicsClientId=self.client)
            self.client = -1

    def _find_held(self) -> str:
        if self._gripper is None:
            return ''
        robot, fingers = self._gripper
        for name, body in self.bodies.items():
            touched = {c[3] for c in p.getContactPoints(robot, body, physicsClientId=self.client)}
            on_table = p.getContactPoints(body, self.table, physicsClientId=self.client)
            if touched.issuperset(fingers) and not on_table:
                return name
        return ''

    def _create_slab(self, centre, half, colour) -> int:
        return p.createMultiBody(
            0,
            p.createCollisionShape(p.GEOM_BOX, halfExtents=half, physicsClientId=self.client),
            p.createVisualShape(p.GEOM_BOX, halfExtents=half, rgbaColor=rgba(colour), physicsClientId=self.client),
            centre,
            physicsClientId=self.client,
        )
