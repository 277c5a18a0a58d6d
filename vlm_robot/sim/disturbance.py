"""
What goes wrong on purpose: grasps a few millimetres off, blocks that fall on the way, things that somebody moves.

This is tier T4. The kinds follow the disturbances of Inner Monologue (arXiv 2207.05608, section 4: noise on
pick positions, drops, people who move things); the numbers are ours. Metres in the base frame. The same random
generator gives the same mishaps. Wire it as::

    rng = np.random.default_rng([DISTURBANCE_STREAM, seed])
    arm = SafeArm(DisturbedArm(BulletArm(world), world, rng, config), safety)
    agent.act = disturb_after(agent.act, world, rng, config)  # somebody moves a thing after step ``move_after``

It knows arms and the world; no skill, no plan, no camera.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
import math
from typing import TypeVar

import numpy as np
import pybullet as p

from vlm_robot.datatypes import Point
from vlm_robot.errors import ConfigError
from vlm_robot.robot.arm import Arm
from vlm_robot.sim.placing import GAPS, MARGIN
from vlm_robot.sim.world import resting_height, World
from vlm_robot.vocabulary import BLOCK_SIZE, shape_of, ZONE_X, ZONE_Y

DISTURBANCE_STREAM = 7  # first word of a seed, apart from the streams of scenarios and of training
HELD_WIDTH = (0.010, 0.046)  # metres between fingers that have closed on a block
OPEN_WIDTH = 0.08  # metres
DESCENT = 0.02  # metres down from which a move of an open hand counts as reaching for something
WIDE_GAP = 0.16  # metres between the centre of a moved thing and furniture
AT_REST = 0.006  # metres off its resting height at which a thing still stands on the table
S = TypeVar('S')
R = TypeVar('R')


@dataclass(frozen=True)
class DisturbanceConfig:
    """How much goes wrong; zeros and None leave the world as it is."""

    pick_noise: float = 0.004  # metres, standard deviation of x and of y of every grasp
    drop_probability: float = 0.2  # 0..1, of losing a block between taking it and setting it down
    move_after: int | None = 1  # skills after which somebody moves one thing; None for never
    move_distance: tuple[float, float] = (0.05, 0.12)  # metres, least and most

    def __post_init__(self):
        """Check ranges."""
        if not (0 <= self.pick_noise <= 0.05 and 0 <= self.drop_probability <= 1):
            raise ConfigError(f'disturbance: pick_noise is 0 to 0.05 m and drop_probability 0 to 1, got {self}')
        if self.move_after is not None and self.move_after < 1:
            raise ConfigError(f'disturbance.move_after is {self.move_after}; allowed: 1 or more, or none')
        if not 0 < self.move_distance[0] < self.move_distance[1]:
            raise ConfigError(f'disturbance.move_distance {self.move_distance} must be (least, most) in metres')


class DisturbedArm:
    """
    An Arm that reaches a little beside what it was sent to and sometimes loses what it carries.

    ``events`` tells what went wrong, in order, for reports.
    """

    def __init__(self, arm: Arm, world: World, rng: np.random.Generator, config: DisturbanceConfig | None = None):
        """Wrap ``arm``, which moves in ``world``."""
        self.arm, self.world, self.rng = arm, world, rng
        self.config = config or DisturbanceConfig()
        self.events: list[str] = []
        self._journeys_left = 0  # with the block in hand until it falls; 0 and less for never

    def tcp_pose(self) -> np.ndarray:
        """Return T_base_tcp, (4, 4) float64."""
        return self.arm.tcp_pose()

    def move_to(self, T_base_tcp: np.ndarray, speed: float = 0.25) -> None:
        """Move in a straight line to the pose, or a little beside it where an open hand comes down."""
        goal, here = np.array(T_base_tcp, float), self.arm.tcp_pose()
        reaches = here[2, 3] - goal[2, 3] > DESCENT and self.arm.gripper_width() > HELD_WIDTH[1]
        if reaches and self.config.pick_noise > 0:
            offset = self.rng.normal(0.0, self.config.pick_noise, 2)
            goal[:2, 3] += offset
            self.events.append(f'the hand came down {1000 * float(np.hypot(*offset)):.1f} mm off')
        travels = float(np.hypot(*(goal[:2, 3] - here[:2, 3]))) > DESCENT
        if self._holds() and travels and self._loses_now():
            share = float(self.rng.uniform(0.2, 0.8))
            between = goal.copy()
            between[:3, 3] = here[:3, 3] + share * (goal[:3, 3] - here[:3, 3])
            self.arm.move_to(between, speed)
            self._drop()
        self.arm.move_to(goal, speed)

    def go_home(self) -> None:
        """Move to the resting posture, and perhaps arrive there without what was carried."""
        if self._holds() and self._loses_now():
            self._drop()
        self.arm.go_home()

    def set_gripper(self, width: float, force: float = 20.0) -> float:
        """Open or close the fingers; what was grasped draws its fate."""
        was_held = self._holds()
        reached = self.arm.set_gripper(width, force)
        if self._holds() and not was_held:
            falls = self.rng.random() < self.config.drop_probability
            self._journeys_left = int(self.rng.integers(1, 3)) if falls else 0
        return reached

    def gripper_width(self) -> float:
        """Return the distance between the finger tips in metres."""
        return self.arm.gripper_width()

    def stop(self) -> None:
        """Halt now, from any thread."""
        self.arm.stop()

    def _holds(self) -> bool:
        return HELD_WIDTH[0] < self.arm.gripper_width() < HELD_WIDTH[1]

    def _loses_now(self) -> bool:
        """Count one journey with the block: home after the grasp is the first, to its destination the second."""
        self._journeys_left -= 1
        return self._journeys_left == 0

    def _drop(self) -> None:
        name = self.world.state().held or 'block'
        self.arm.set_gripper(OPEN_WIDTH)
        self.events.append(f'the {name} fell out of the hand')


def disturb_world(
    world: World,
    rng: np.random.Generator,
    config: DisturbanceConfig | None = None,
    candidates: Collection[str] = (),
) -> str:
    """
    Move one thing that stands alone on the table to a free place near by, as a person would, and let it rest.

    :param candidates: names to choose from; empty for all. What is held, stacked or filled stays.
    :return: name of the thing; empty where nothing could be moved.
    """
    config = config or DisturbanceConfig()
    movable = [name for name in sorted(world.bodies) if shape_of(world.labels[name]) in MARGIN]
    names = [name for name in movable if not candidates or name in candidates]
    for name in rng.permutation([name for name in names if _stands_alone(name, world)]):
        point = _find_free_point(str(name), world, rng, config.move_distance)
        if point is not None:
            _set_down(str(name), point, world)
            return str(name)
    return ''


def disturb_after(
    act: Callable[[S], R],
    world: World,
    rng: np.random.Generator,
    config: DisturbanceConfig | None = None,
    candidates: Collection[str] = (),
    on_event: Callable[[str], None] = lambda event: None,
) -> Callable[[S], R]:
    """
    Return ``act`` that counts its calls and after the ``move_after``-th lets somebody move one thing.

    :param on_event: told in words what was moved.
    """
    config = config or DisturbanceConfig()
    count = 0

    def act_and_disturb(step: S) -> R:
        nonlocal count
        result = act(step)
        count += 1
        if count == config.move_after:
            name = disturb_world(world, rng, config, candidates)
            on_event(f'somebody moved the {name}' if name else 'nothing could be moved')
        return result

    return act_and_disturb


def _stands_alone(name: str, world: World) -> bool:
    """Return whether a thing stands on the table with nothing in or on it, out of the hand."""
    x, y, z = world.position(name)
    if name == world.state().held or abs(z - resting_height(world.labels[name])) > AT_REST:
        return False
    reach = MARGIN['bowl'] if shape_of(world.labels[name]) == 'bowl' else BLOCK_SIZE
    others = (world.position(other) for other in world.bodies if other != name)
    return not any(math.dist((x, y), other[:2]) < reach for other in others)


def _find_free_point(
    name: str, world: World, rng: np.random.Generator, distance: tuple[float, float]
) -> tuple[float, float] | None:
    """Return a place on the zone with room for a hand around it; None says that none was found."""
    shape, (x, y, _) = shape_of(world.labels[name]), world.position(name)
    others = [
        (world.position(other), GAPS.get(frozenset((shape, shape_of(world.labels[other]))), WIDE_GAP))
        for other in world.bodies
        if other != name
    ]
    low, high = np.add((ZONE_X[0], ZONE_Y[0]), MARGIN[shape]), np.subtract((ZONE_X[1], ZONE_Y[1]), MARGIN[shape])
    for _ in range(100):
        far, turn = rng.uniform(*distance), rng.uniform(-np.pi, np.pi)
        point = (x + far * math.cos(turn), y + far * math.sin(turn))
        inside = bool(((low <= point) & (point <= high)).all())
        if inside and all(math.dist(point, other[:2]) >= gap for other, gap in others):
            return point
    return None


def _set_down(name: str, point: tuple[float, float], world: World) -> None:
    """Carry a thing over: nothing runs while it is in the air."""
    turn = p.getQuaternionFromEuler([0, 0, world.yaw(name)])
    place: Point = (*point, resting_height(world.labels[name]) + 0.001)
    p.resetBasePositionAndOrientation(world.bodies[name], place, turn, physicsClientId=world.client)
    p.resetBaseVelocity(world.bodies[name], [0, 0, 0], [0, 0, 0], physicsClientId=world.client)
    world.settle(0.3)
