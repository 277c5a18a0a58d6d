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
    for i, ((a, d, alpha), angle) in enumerate(zip(DH, q, strict=True)):
        T = T @ _link(a, d, alpha, angle)
        axes[i], origins[i] = T[:3, 2], T[:3, 3]
    T = T @ _link(0.0, TCP_OFFSET, 0.0, HAND_TURN)
    jacobian = np.concatenate([np.cross(axes, T[:3, 3] - origins), axes], axis=1).T
    return T, jacobian


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


def _link(a: float, d: float, alpha: float, angle: float) -> np.ndarray:
    ca, sa, ct, st = np.cos(alpha), np.sin(alpha), np.cos(angle), np.sin(angle)
    return np.array([(ct, -st, 0, a), (st * ca, ct * ca, -sa, -d * sa), (st * sa, ct * sa, ca, d * ca), (0, 0, 0, 1)])


def _difference(T: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return (6,) what is missing from T to the goal, in base axes."""
    turn = Rotation.from_matrix(goal[:3, :3] @ T[:3, :3].T).as_rotvec()
    return np.concatenate([goal[:3, 3] - T[:3, 3], turn])
