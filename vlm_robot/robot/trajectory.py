"""
Joint trajectories of a Panda: straight lines of the tool and direct joint moves, with trapezoidal speed.

Everything is planned before anything moves, so an unreachable point of a line is refused while the arm
still rests. Radians and seconds; numpy and scipy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from vlm_robot.errors import MotionError
from vlm_robot.robot import panda

ACCELERATION = 3.5  # m/s^2 of the tool
JOINT_ACCELERATION = 7.5  # rad/s^2 in joint moves
SPEED_SHARE = 0.8  # of the joints' own limits
TURN_LENGTH = 0.20  # metres that one radian of turn counts as
SPACING = 0.015  # metres between solved points of a line


@dataclass(frozen=True, eq=False)
class Trajectory:
    """
    A path over its length, and how fast it is run.

    :param path: maps length to (7,) radians.
    :param length: metres for lines, radians for joint moves.
    :param speed: peak, length per second.
    """

    path: CubicSpline
    length: float
    speed: float
    acceleration: float

    @property
    def duration(self) -> float:
        """Return the seconds from rest to rest."""
        peak, ramp = self._peak_and_ramp()
        return 2 * ramp + (self.length - peak * ramp) / peak

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Return (7,) radians and (7,) radians per second at a time in seconds."""
        goals, velocities = self.sample(np.array([time]))
        return goals[0], velocities[0]

    def sample(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the path at many times at once, which costs hardly more than at one.

        :param times: (N,) seconds since the start; what is later than the end is the end.
        :return: (N, 7) radians and (N, 7) radians per second.
        """
        peak, ramp = self._peak_and_ramp()
        times = np.minimum(times, self.duration)
        left = self.duration - times
        rate = np.minimum(peak, np.minimum(times, left) * self.acceleration)
        done = np.where(times < ramp, times * rate / 2, peak * (times - ramp / 2))
        done = np.where((left < ramp) & (times >= ramp), self.length - left * rate / 2, done)
        return self.path(done), self.path(done, 1) * rate[:, None]

    def _peak_and_ramp(self) -> tuple[float, float]:
        peak = min(self.speed, float(np.sqrt(self.length * self.acceleration)))
        return peak, peak / self.acceleration


def plan_line(q_start: np.ndarray, T_base_tcp: np.ndarray, speed: float) -> Trajectory:
    """
    Plan a straight line of the tool with an even turn of the hand.

    :param q_start: (7,) radians, where the arm is.
    :param speed: metres per second, the most the tool may do; a joint's limit may make it slower.
    :raises MotionError: speed or pose make no sense, or a point of the line cannot be reached.
    """
    if not (np.isfinite(speed) and speed > 0 and np.isfinite(T_base_tcp).all()):
        raise MotionError(f'a move needs a finite pose and a speed above 0; got {speed} m/s to {T_base_tcp.tolist()}')
    T_start = panda.solve_forward(q_start)[0]
    shift = T_base_tcp[:3, 3] - T_start[:3, 3]
    turn = Rotation.from_matrix(T_base_tcp[:3, :3] @ T_start[:3, :3].T).as_rotvec()
    length = max(float(np.linalg.norm(shift)), TURN_LENGTH * float(np.linalg.norm(turn)), 1e-4)
    count = max(3, int(np.ceil(length / SPACING)) + 1)
    postures = [np.asarray(q_start, float)]
    for share in np.linspace(0, 1, count)[1:]:
        T = np.eye(4)
        T[:3, :3] = Rotation.from_rotvec(share * turn).as_matrix() @ T_start[:3, :3]
        T[:3, 3] = T_start[:3, 3] + share * shift
        postures.append(panda.solve_inverse(T, postures[-1]))
    return _fit(np.array(postures), length, speed, ACCELERATION)


def plan_joint_move(q_start: np.ndarray, q_goal: np.ndarray) -> Trajectory:
    """Plan a direct move of all joints together at the share of their limits that is allowed."""
    length = max(float(np.abs(q_goal - q_start).max()), 1e-4)
    postures = np.linspace(q_start, q_goal, 4)
    return _fit(postures, length, float(panda.MAX_JOINT_SPEED.max()), JOINT_ACCELERATION)


def _fit(postures: np.ndarray, length: float, speed: float, acceleration: float) -> Trajectory:
    path = CubicSpline(np.linspace(0, length, len(postures)), postures)
    rates = np.abs(path(np.linspace(0, length, 4 * len(postures)), 1)).max(axis=0)  # rad per unit of length
    allowed = float((SPEED_SHARE * panda.MAX_JOINT_SPEED / np.maximum(rates, 1e-9)).min())
    return Trajectory(path, length, min(speed, allowed), acceleration)
