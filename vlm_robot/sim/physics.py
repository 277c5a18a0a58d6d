"""
One private PyBullet client stepped at 240 Hz: its clock, what ticks with it, the fingers, the end.

It is what an arm, a base and a camera want of a world, whatever stands in it. Not thread-safe: one thread owns it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pybullet as p

TIME_STEP = 1.0 / 240.0  # seconds
# Measured on 60 tables of family A: these settings halve the time of a step and change no outcome. The solver
# stops once it has converged, and what is near without touching makes no contact.
ENGINE = {'numSolverIterations': 50, 'solverResidualThreshold': 1e-5, 'contactBreakingThreshold': 0.004}
EVERYTHING = (1, -1)  # group and mask of collisions that Bullet gives to a thing that moves: it meets all others


class Physics:
    """An empty world under gravity; ``bodies`` holds what fingers can hold, by name."""

    def __init__(self):
        """Connect a private physics client."""
        self.client = p.connect(p.DIRECT)
        self.time = 0.0
        self.bodies: dict[str, int] = {}
        self._tickers: list[Callable[[], None]] = []
        self._gripper: tuple[int, tuple[int, ...]] | None = None
        p.setTimeStep(TIME_STEP, physicsClientId=self.client)
        p.setGravity(0, 0, -9.81, physicsClientId=self.client)
        p.setPhysicsEngineParameter(physicsClientId=self.client, **ENGINE)

    def add_ticker(self, ticker: Callable[[], None]) -> None:
        """Call ``ticker`` before every physics step; an arm moves its motor targets there."""
        self._tickers.append(ticker)

    def register_gripper(self, body: int, finger_links: Sequence[int]) -> None:
        """Tell which links hold things, so that the truth can say what is held."""
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

    def put(self, name: str, position: Sequence[float], turn: Sequence[float]) -> None:
        """
        Put a thing somewhere else, at rest.

        :param position: metres in the base frame; ``turn`` is a quaternion, x, y, z, w.
        """
        body = self.bodies[name]
        p.resetBasePositionAndOrientation(body, position, turn, physicsClientId=self.client)
        p.resetBaseVelocity(body, (0, 0, 0), (0, 0, 0), physicsClientId=self.client)
        # Said anew, its groups make Bullet forget what it touched; else those contacts may last for some steps more,
        # as deep as the way it came, and throw what stood on it into the air.
        p.setCollisionFilterGroupMask(body, -1, *EVERYTHING, physicsClientId=self.client)
        self.wake()  # it, and what stood on it

    def wake(self) -> None:
        """Let all things feel again what happens to them: asleep they hang where they are put, felt where they lay."""
        for body in self.bodies.values():
            p.changeDynamics(body, -1, activationState=p.ACTIVATION_STATE_WAKE_UP, physicsClientId=self.client)

    def list_places(self) -> np.ndarray:
        """Return (N,) numbers that differ where anything stands elsewhere: ids, metres, quaternions, joints."""
        places: list[float] = []
        for index in range(p.getNumBodies(physicsClientId=self.client)):
            body = p.getBodyUniqueId(index, physicsClientId=self.client)
            position, turn = p.getBasePositionAndOrientation(body, physicsClientId=self.client)
            joints = range(p.getNumJoints(body, physicsClientId=self.client))
            states = p.getJointStates(body, joints, physicsClientId=self.client) if joints else ()
            places += [body, *position, *turn, *(state[0] for state in states)]
        return np.array(places)

    def find_held(self, carriers: Sequence[int]) -> str:
        """Return the name of what both fingers touch and no carrier does; empty when there is none."""
        if self._gripper is None:
            return ''
        robot, fingers = self._gripper
        for name, body in self.bodies.items():
            touched = {contact[3] for contact in p.getContactPoints(robot, body, physicsClientId=self.client)}
            if touched.issuperset(fingers) and not self._touches(body, carriers):
                return name
        return ''

    def close(self) -> None:
        """Disconnect the physics client; a second call does nothing."""
        if self.client >= 0:
            p.disconnect(physicsClientId=self.client)
            self.client = -1

    def _touches(self, body: int, others: Sequence[int]) -> bool:
        return any(p.getContactPoints(body, other, physicsClientId=self.client) for other in others)
