"""
Rigid transforms and the pinhole camera; numpy and scipy only.

``T_a_b`` is a (4, 4) float64 homogeneous matrix that maps points of frame b to frame a; quaternions are
``xyzw``. An optical frame looks along +z with x right and y down (REP 103). Source of the pinhole model:
Hartley and Zisserman, Multiple View Geometry, chapter 6.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from vlm_robot.datatypes import Intrinsics


def build_transform(translation, quaternion_xyzw=(0.0, 0.0, 0.0, 1.0)) -> np.ndarray:
    """Return the (4, 4) transform of a translation in metres and a unit quaternion."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_quat(quaternion_xyzw).as_matrix()
    T[:3, 3] = translation
    return T


def invert(T: np.ndarray) -> np.ndarray:
    """Return the inverse of a rigid transform."""
    inverse = np.eye(4)
    inverse[:3, :3] = T[:3, :3].T
    inverse[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    return inverse


def to_quaternion(T: np.ndarray) -> np.ndarray:
    """Return the rotation of T as a (4,) unit quaternion xyzw."""
    return Rotation.from_matrix(T[:3, :3]).as_quat()


def transform_points(T: np.ndarray, points: np.ndarray) -> np.ndarray:
    """
    Map points by T.

    :param points: (..., 3) metres in the source frame.
    :return: (..., 3) metres in the target frame.
    """
    return np.asarray(points) @ T[:3, :3].T + T[:3, 3]


def look_at(eye, target, up=(0.0, 0.0, 1.0)) -> np.ndarray:
    """
    Return T_base_camera of an optical frame at ``eye`` that looks at ``target``.

    :param up: the base direction that points up in the picture; must not be parallel to the view.
    """
    forward = np.asarray(target, float) - np.asarray(eye, float)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    if np.linalg.norm(right) < 1e-9:
        raise ValueError(f'look_at: up {tuple(up)} is parallel to the view direction')
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = eye
    return T


def intrinsics_of(width_px: int, height_px: int, vertical_fov_deg: float) -> Intrinsics:
    """Return square-pixel intrinsics with the principal point in the middle of the image."""
    focal = height_px / 2 / np.tan(np.radians(vertical_fov_deg) / 2)
    return Intrinsics(width_px, height_px, focal, focal, (width_px - 1) / 2, (height_px - 1) / 2)


def project(intrinsics: Intrinsics, p_camera: np.ndarray) -> np.ndarray:
    """
    Project points of the optical frame to pixels.

    :param p_camera: (..., 3) metres, z > 0.
    :return: (..., 2) pixels, u right and v down.
    """
    p = np.asarray(p_camera, float)
    u = intrinsics.fx_px * p[..., 0] / p[..., 2] + intrinsics.cx_px
    v = intrinsics.fy_px * p[..., 1] / p[..., 2] + intrinsics.cy_px
    return np.stack([u, v], axis=-1)


def deproject(intrinsics: Intrinsics, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """
    Return the points behind pixels at a depth along the optical axis.

    :param pixels: (..., 2) pixels, u right and v down.
    :param depth: (...) metres.
    :return: (..., 3) metres in the optical frame.
    """
    pixels, depth = np.asarray(pixels, float), np.asarray(depth, float)
    x = (pixels[..., 0] - intrinsics.cx_px) / intrinsics.fx_px * depth
    y = (pixels[..., 1] - intrinsics.cy_px) / intrinsics.fy_px * depth
    return np.stack([x, y, depth], axis=-1)


def wrap_quarter_turn(angle: float) -> float:
    """Return the angle in [-pi/4, pi/4) that turns a square the same way."""
    return float((angle + np.pi / 4) % (np.pi / 2) - np.pi / 4)
