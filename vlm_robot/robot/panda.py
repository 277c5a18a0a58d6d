"""
Kinematics of the Franka Emika Panda: forward, Jacobian, inverse with a preferred posture.

Joint angles are radians in the order of the robot; poses are ``T_base_tcp`` as in ``robot.arm``.
Numbers: modified Denavit-Hartenberg parameters of the Franka Control Interface documentation; joint
ranges as in the URDF that pybullet ships (its hand, with the tool point 105 mm from the hand's flange).
It knows no simulator and moves nothing.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from vlm_robot.errors import MotionError

#                 a (m)    d (m)  alpha (rad), each joint relative to the one before it
DH = np.array(
    [
        (0.0, 0.333, 0.0),
        (0.0, 0.0, -np.pi / 2),
        (0.0, 0.316, np.pi / 2),
        (0.0825, 0.0, np.pi / 2),
        (-0.0825, 0.384, -np.pi / 2),
        (0.0, 0.0, np.pi / 2),
        (0.088, 0.0, np.pi / 2),
    ]
)
TCP_OFFSET = 0.107 + 0.105  # metres from the last joint to between the finger tips
HAND_TURN = -np.pi / 4  # the hand is mounted turned about the flange's z
LOWER = np.array([-2.9671, -1.8326, -2.9671, -3.1416, -2.9671, -0.0873, -2.9671])  # rad
UPPER = np.array([2.9671, 1.8326, 2.9671, 0.0, 2.9671, 3.8223, 2.9671])  # rad
MAX_JOINT_SPEED = np.array([2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61])  # rad/s
WORK_POSTURE = np.array([0.0, 0.10, 0.0, -2.25, 0.0, 2.35, 0.785])  # rad, elbow up, hand down over the table
POSITION_TOLERANCE, TURN_TOLERANCE = 2e-4, 1e-3  # metres, radians
MARGIN = 0.01  # rad kept from every joint's end


def solve_forward(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return where the hand is and how every joint moves it.

    :param q: (7,) radians.
    :return: T_base_tcp (4, 4) and the Jacobian (6, 7): metres and radians of the tool per radian.
    """
    T = np.eye(4)
    axes, origins = np.empty((7, 3)), np.empty((7, 3))
    for i, link in enumerate(_build_links(q)):
        T = T @ link
        axes[i], origins[i] = T[:3, 2], T[:3, 3]
    T = T @ T_FLANGE_TCP
    (x, y, z), (u, v, w) = axes.T, (T[:3, 3] - origins).T
    return T, np.array([y * w - z * v, z * u - x * w, x * v - y * u, x, y, z])


def solve_inverse(T_base_tcp: np.ndarray, seed: np.ndarray, posture: np.ndarray = WORK_POSTURE) -> np.ndarray:
    """
    Return joint angles that put the tool at a pose, near the seed and, where free, near the posture.

    Damped least squares with the posture in the null space (Nakamura and Hanafusa 1986; Buss 2004).

    :param seed: (7,) radians, where the search starts.
    :return: (7,) radians within the joint ranges; off by less than 0.2 mm and 1 mrad.
    :raises MotionError: the pose cannot be reached.
    """
    q = np.clip(seed, LOWER + MARGIN, UPPER - MARGIN)
    for iteration in range(150):
        T, jacobian = solve_forward(q)
        error = _difference(T, T_base_tcp)
        if np.linalg.norm(error[:3]) < POSITION_TOLERANCE and np.linalg.norm(error[3:]) < TURN_TOLERANCE:
            return q
        damping = 1e-4 if iteration < 100 else 1e-2
        inverse = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + damping * np.eye(6))
        step = inverse @ error
        if iteration < 60:
            step += 0.3 * (np.eye(7) - inverse @ jacobian) @ (posture - q)
        step *= min(1.0, 0.3 / max(np.abs(step).max(), 1e-9))
        q = np.clip(q + step, LOWER + MARGIN, UPPER - MARGIN)
    x, y, z = T_base_tcp[:3, 3]
    missing_mm = 1000 * np.linalg.norm(error[:3])
    raise MotionError(
        f'the arm cannot reach ({x:.3f}, {y:.3f}, {z:.3f}) m with that turn of the hand: the nearest posture '
        f'is {missing_mm:.1f} mm off; choose a place nearer to (0.5, 0.0) or another turn'
    )


def _build_links(q: np.ndarray) -> np.ndarray:
    """Return (7, 4, 4), each joint's pose relative to the one before it."""
    cosines, sines = np.cos(q), np.sin(q)
    links = STILL_LINKS.copy()
    links[:, :3, 0] = cosines[:, None] * STILL_LINKS[:, :3, 0] + sines[:, None] * STILL_LINKS[:, :3, 1]
    links[:, :3, 1] = cosines[:, None] * STILL_LINKS[:, :3, 1] - sines[:, None] * STILL_LINKS[:, :3, 0]
    return links


def _build_still_link(a: float, d: float, alpha: float) -> np.ndarray:
    """Return a joint's pose relative to the one before it at angle 0."""
    c, s = np.cos(alpha), np.sin(alpha)
    return np.array([(1, 0, 0, a), (0, c, -s, -d * s), (0, s, c, d * c), (0, 0, 0, 1)])


def _difference(T: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return (6,) what is missing from T to the goal, in base axes."""
    R = goal[:3, :3] @ T[:3, :3].T
    twist = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / 2
    sine, cosine = float(np.linalg.norm(twist)), (R[0, 0] + R[1, 1] + R[2, 2] - 1) / 2
    if sine < 1e-6:  # none, or half a turn, whose axis the sines do not tell
        turn = twist if cosine > 0 else Rotation.from_matrix(R).as_rotvec()
    else:
        turn = twist * (np.arctan2(sine, cosine) / sine)
    return np.concatenate([goal[:3, 3] - T[:3, 3], turn])


STILL_LINKS = np.array([_build_still_link(*row) for row in DH])
_C, _S = np.cos(HAND_TURN), np.sin(HAND_TURN)
T_FLANGE_TCP = np.array([(_C, -_S, 0, 0), (_S, _C, 0, 0), (0, 0, 1, TCP_OFFSET), (0, 0, 0, 1)])
