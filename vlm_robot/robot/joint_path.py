"""
A planned motion as points in time, and the limits that every point of it must keep before it is sent to a robot.

A trajectory controller carries out what it is given: nobody else looks. So the tool's speed and place are worked out
for every point here, by the Panda's kinematics. Joint ranges are the real robot's (Franka Control Interface
documentation), narrower than those of the simulated one. Radians, seconds, metres in the base frame; numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vlm_robot.robot import panda
from vlm_robot.robot.safety import SafetyConfig
from vlm_robot.robot.trajectory import Trajectory

LOWER = np.array([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973])  # rad
UPPER = np.array([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973])  # rad
START_GAP = 0.05  # rad that the first point may be away from where the joints are
LOOKS = 60  # points of a path at which the tool's speed is worked out
ROOM = 0.002  # metres that a point may be outside the limits further than the start is
ROUNDING = 1.001  # what is 0.1 % too fast is rounding


@dataclass(frozen=True, eq=False)
class JointPath:
    """
    Points of a motion from rest to rest.

    :param times: (N,) seconds since the start, above 0 and rising.
    :param positions: (N, 7) radians.
    :param velocities: (N, 7) radians per second.
    """

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray


def limit_tool(trajectory: Trajectory, max_speed: float) -> Trajectory:
    """Return a trajectory that is run so slowly that the tool keeps a speed, metres per second, all along its path."""
    lengths = np.linspace(0.0, trajectory.length, LOOKS)
    per_length = _tool_speeds(trajectory.path(lengths), trajectory.path(lengths, 1)).max()
    return replace(trajectory, speed=min(trajectory.speed, max_speed / max(float(per_length), 1e-9)))


def sample_path(trajectory: Trajectory, spacing: float, max_speed: float) -> JointPath:
    """
    Return a trajectory as points, run so slowly that the tool keeps a speed.

    :param spacing: seconds between two points at most.
    :param max_speed: metres per second of the tool centre point.
    """
    count = max(2, int(np.ceil(trajectory.duration / spacing)))
    times = np.linspace(0.0, trajectory.duration, count + 1)[1:]
    positions, velocities = trajectory.sample(times)
    slower = max(1.0, _tool_speeds(positions, velocities).max() / max_speed)
    return JointPath(times * slower, positions, velocities / slower)


def check_path(path: JointPath, q_start: np.ndarray, config: SafetyConfig) -> str:
    """
    Return why a path must not be sent; empty when it may.

    :param q_start: (7,) radians, where the joints are now. A path may lead back from outside the workspace, but not
        further out.
    """
    return _check_shape(path) or _check_joints(path, np.asarray(q_start, float)) or _check_tool(path, q_start, config)


def _check_shape(path: JointPath) -> str:
    arrays = (path.times, path.positions, path.velocities)
    count = len(path.times)
    if not count or [array.shape for array in arrays] != [(count,), (count, 7), (count, 7)]:
        return f'a path needs N times and (N, 7) positions and velocities; got {[array.shape for array in arrays]}'
    if not all(np.isfinite(array).all() for array in arrays):
        return 'the path has a number that is not finite'
    if path.times[0] <= 0 or (np.diff(path.times) <= 0).any():
        return f'the times of a path must be above 0 and rise; got {path.times.round(4).tolist()}'
    return ''


def _check_joints(path: JointPath, q_start: np.ndarray) -> str:
    steps = np.diff(np.vstack([q_start, path.positions]), axis=0)
    first = path.times[0] * panda.MAX_JOINT_SPEED + START_GAP
    if (np.abs(steps[0]) > first).any():
        return f'the path begins {np.abs(steps[0]).max():.2f} rad away from where the joints are; plan it again'
    outside = (path.positions < LOWER) | (path.positions > UPPER)
    if outside.any():
        joint = int(np.argmax(outside.any(axis=0)))
        low, high = LOWER[joint], UPPER[joint]
        return f'the path leaves the range of joint {joint + 1}: allowed {low:.2f} to {high:.2f} rad'
    rates = np.vstack([path.velocities, steps[1:] / np.diff(path.times)[:, None]])
    share = (np.abs(rates) / panda.MAX_JOINT_SPEED).max(axis=0)
    if (share > ROUNDING).any():
        joint = int(np.argmax(share))
        fast, limit = share[joint] * panda.MAX_JOINT_SPEED[joint], panda.MAX_JOINT_SPEED[joint]
        return f'the path moves joint {joint + 1} at {fast:.2f} rad/s; allowed: {limit:.2f} rad/s'
    return ''


def _check_tool(path: JointPath, q_start: np.ndarray, config: SafetyConfig) -> str:
    speed = float(_tool_speeds(path.positions, path.velocities).max())
    if speed > ROUNDING * config.max_speed:
        return f'the path moves the tool at {speed:.2f} m/s; allowed: {config.max_speed} m/s'
    low = np.array([config.x_min, config.y_min, config.z_min])
    high = np.array([config.x_max, config.y_max, config.z_max])
    start = panda.solve_forward(q_start)[0][:3, 3]
    low, high = np.minimum(low, start) - ROOM, np.maximum(high, start) + ROOM
    points = np.array([panda.solve_forward(q)[0][:3, 3] for q in path.positions])
    outside = ((points < low) | (points > high)).any(axis=1)
    if outside.any():
        x, y, z = points[np.argmax(outside)]
        return f'the path takes the tool through ({x:.3f}, {y:.3f}, {z:.3f}) m, outside the workspace or into the table'
    return ''


def _tool_speeds(positions: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Return (N,) metres per second of the tool centre point."""
    jacobians = np.array([panda.solve_forward(q)[1][:3] for q in positions])
    return np.linalg.norm(np.einsum('nij,nj->ni', jacobians, velocities), axis=1)
