"""
A Panda on a round base that drives in any direction: two slides and a turn carry the arm, real velocities.

The arm on it is ``BulletArm`` with shifted joint numbers, so arm and fingers behave as on the table and what the
hand holds swings and may fall. The base follows straight pieces of a planned way with trapezoidal speed and a turn
that is spread over the whole way. The base's model is written here around pybullet's own
``franka_panda/panda.urdf``. Only ``stop`` may be called from another thread.
"""

from __future__ import annotations

from collections.abc import Sequence
import math
from pathlib import Path
import tempfile

import numpy as np
import pybullet as p
import pybullet_data

from vlm_robot.errors import MotionCancelled, MotionError
from vlm_robot.robot.base import BaseConfig, check_base_pose, Pose2
from vlm_robot.robot.path import plan_path
from vlm_robot.sim.bullet_arm import BulletArm, PANDA_URDF
from vlm_robot.sim.kitchen_bodies import FLOOR_Z
from vlm_robot.sim.kitchen_world import KitchenWorld
from vlm_robot.sim.physics import TIME_STEP

JOINTS = (0, 1, 2)  # slide along x, slide along y, turn about z
FIRST_ARM_JOINT = 4  # after a fixed joint
TURN_LENGTH = 0.40  # metres of way that one radian of turn counts as
REACHED = 0.004  # metres, radians
SETTLE_TIME = 1.0  # seconds
_LINK = '<link name="{name}"><inertial><mass value="{mass}"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/>\
</inertial>{look}</link>'
_LOOK = '<visual><origin xyz="{xyz}"/><geometry><cylinder radius="{radius}" length="{height}"/></geometry>\
<material name="m{radius}"><color rgba="{colour} 1"/></material></visual>'
_JOINT = '<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/><axis xyz="{axis}"/>\
<limit lower="-999" upper="999" effort="20000" velocity="5"/></joint>'


def write_urdf(folder: Path) -> Path:
    """Write the model of base and arm; return its path. Meshes stay where pybullet keeps them."""
    data = Path(pybullet_data.getDataPath())
    arm = (data / PANDA_URDF).read_text().replace('package://', f'{(data / PANDA_URDF).parent}/')
    height = -FLOOR_Z
    body = _LOOK.format(xyz=f'0 0 {-height / 2 + 0.03}', radius=0.25, height=height - 0.08, colour='0.93 0.75 0.15')
    wheels = _LOOK.format(xyz=f'0 0 {-height + 0.04}', radius=0.235, height=0.08, colour='0.12 0.12 0.13')
    links = (
        _LINK.format(name='map', mass=0, look='')
        + _LINK.format(name='slide_x', mass=20, look='')
        + _LINK.format(name='slide_y', mass=20, look='')
        + _LINK.format(name='chassis', mass=60, look=body + wheels)
    )
    joints = (
        _JOINT.format(name='base_x', kind='prismatic', parent='map', child='slide_x', axis='1 0 0')
        + _JOINT.format(name='base_y', kind='prismatic', parent='slide_x', child='slide_y', axis='0 1 0')
        + _JOINT.format(name='base_turn', kind='revolute', parent='slide_y', child='chassis', axis='0 0 1')
        + _JOINT.format(name='mount', kind='fixed', parent='chassis', child='panda_link0', axis='0 0 1')
    )
    path = folder / 'mobile_panda.urdf'
    path.write_text(arm.replace('</robot>', f'{links}{joints}</robot>'))
    return path


def load_mobile_arm(world: KitchenWorld, pose: Pose2, is_visible: bool = True) -> tuple[BulletArm, BulletBase]:
    """Put the robot into a kitchen with its foot at a pose; return its arm and its base."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_urdf(Path(folder))
        arm = BulletArm(world, is_visible, str(path), FIRST_ARM_JOINT)
    return arm, BulletBase(world, arm.body, pose)


class BulletBase:
    """A Base in a KitchenWorld."""

    def __init__(self, world: KitchenWorld, body: int, pose: Pose2, config: BaseConfig = BaseConfig()):
        """Set the base of a loaded robot to a pose and hold it there."""
        self.world, self.body, self.config = world, body, config
        self._goal = np.array(pose, float)
        self._velocity = np.zeros(3)
        self._stop = False
        for joint, value in zip(JOINTS, pose, strict=True):
            p.resetJointState(body, joint, value, physicsClientId=world.client)
        world.add_ticker(self._tick)

    def pose(self) -> Pose2:
        """Return (x, y, yaw) of the arm's foot."""
        states = p.getJointStates(self.body, JOINTS, physicsClientId=self.world.client)
        x, y, yaw = (state[0] for state in states)
        return x, y, yaw

    def go_to(self, pose: Pose2) -> None:
        """
        Drive around the furniture and step the world until the base has arrived.

        :raises MotionError: the pose is forbidden, there is no way, or the base got stuck.
        :raises MotionCancelled: ``stop`` was called.
        """
        check_base_pose(pose, self.config)
        self._stop = False
        start = self.pose()
        limits = self.config
        bounds = (limits.x_min, limits.y_min, limits.x_max, limits.y_max)
        way = plan_path(start[:2], pose[:2], self.world.obstacles(), limits.radius, bounds)
        for piece in spread_turn(way, start[2], pose[2]):
            self._drive(np.array(piece))
        self._settle()

    def stop(self) -> None:
        """Ask the next step to halt the base."""
        self._stop = True

    def _drive(self, goal: np.ndarray) -> None:
        """Follow a straight piece with trapezoidal speed."""
        start = self._goal.copy()
        shift = goal - start
        length = math.hypot(shift[0], shift[1], TURN_LENGTH * shift[2])
        if length < 1e-4:
            return
        speed = min(self.config.max_speed, self.config.max_turn * length / max(abs(shift[2]), 1e-6))
        peak = min(speed, math.sqrt(length * self.config.acceleration))
        ramp = peak / self.config.acceleration
        duration = 2 * ramp + (length - peak * ramp) / peak
        for count in range(1, math.ceil(duration / TIME_STEP) + 1):
            if self._stop:
                self._goal, self._velocity = np.array(self.pose()), np.zeros(3)
                raise MotionCancelled('the drive was stopped on request; the base stands where it was stopped')
            done, rate = _follow(min(count * TIME_STEP, duration), duration, ramp, peak)
            self._goal, self._velocity = start + shift * done / length, shift * rate / length
            self.world.step()

    def _settle(self) -> None:
        self._velocity = np.zeros(3)
        for _ in range(round(SETTLE_TIME / TIME_STEP)):
            if np.abs(np.array(self.pose()) - self._goal).max() < REACHED:
                return
            self.world.step()
        raise MotionError(
            f'the base is stuck at {np.round(self.pose(), 2).tolist()}, {self._goal.round(2).tolist()} asked'
        )

    def _tick(self) -> None:
        p.setJointMotorControlArray(
            self.body,
            JOINTS,
            p.POSITION_CONTROL,
            targetPositions=self._goal.tolist(),
            targetVelocities=self._velocity.tolist(),
            forces=(20000.0, 20000.0, 5000.0),
            positionGains=(0.3,) * 3,
            velocityGains=(1.0,) * 3,
            physicsClientId=self.world.client,
        )


def spread_turn(way: Sequence[tuple[float, float]], start_yaw: float, goal_yaw: float) -> list[Pose2]:
    """Return the poses at the ends of the pieces of a way; the shorter turn is spread over its length."""
    turn = (goal_yaw - start_yaw + math.pi) % (2 * math.pi) - math.pi
    lengths = np.cumsum([math.dist(a, b) for a, b in zip(way[:-1], way[1:], strict=True)])
    total = lengths[-1] if len(lengths) and lengths[-1] > 1e-6 else 1.0
    shares = lengths / total if lengths[-1] > 1e-6 else np.ones(len(lengths))
    return [(x, y, start_yaw + turn * float(share)) for (x, y), share in zip(way[1:], shares, strict=True)]


def _follow(time: float, duration: float, ramp: float, peak: float) -> tuple[float, float]:
    """Return the length done and the speed at a time of a trapezoidal profile."""
    left = duration - time
    if time < ramp:
        return peak * time**2 / ramp / 2, peak * time / ramp
    if left < ramp:
        return peak * (duration - ramp) - peak * left**2 / ramp / 2, peak * left / ramp
    return peak * (time - ramp / 2), peak
