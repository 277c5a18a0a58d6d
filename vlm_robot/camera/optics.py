"""
What a camera's calibration says about the pictures it sends: crops, binning, other sizes, and the bend of its lens.

A picture may be smaller than the calibration (region of interest, binning, or scaled on the way) and may be
distorted. ``Calibration.fit`` gives the pinhole of the pictures as they come, ``Calibration.rectify`` straightens
them. Pixel (0, 0) is the centre of the upper-left pixel, so scaling by s moves the principal point to
``(c + 0.5) * s - 0.5``. Field names and models are those of sensor_msgs/CameraInfo; the maps are OpenCV's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import functools

import cv2
import numpy as np

from vlm_robot.datatypes import Intrinsics
from vlm_robot.errors import ImageError

COEFFICIENTS = {'plumb_bob': (4, 5), 'rational_polynomial': (8, 12, 14), 'equidistant': (4,), '': (0,)}
STRAIGHT = 1e-9  # coefficients below this bend nothing
SAME_SHAPE = 0.02  # pictures scaled by factors that differ by more than this have been squashed


@dataclass(frozen=True)
class Calibration:
    """
    One camera at its full size.

    :param size_px: width and height of the full picture.
    :param k: fx, fy, cx, cy in pixels of the full picture.
    :param distortion: coefficients in the order of ``model``.
    :param crop_px: left, top, width and height of the part that is sent; width 0 means all of it.
    :param binning: pixels that were joined into one, in x and y.
    """

    size_px: tuple[int, int]
    k: tuple[float, float, float, float]
    model: str = ''
    distortion: tuple[float, ...] = field(default=())
    crop_px: tuple[int, int, int, int] = (0, 0, 0, 0)
    binning: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        """Refuse what is no calibration."""
        if not all(np.isfinite([*self.k, *self.distortion])) or self.k[0] <= 0 or self.k[1] <= 0:
            raise ImageError(f'camera_info has focal lengths {self.k[:2]}; calibrate the camera (both must be above 0)')
        if min(self.size_px) <= 0:
            raise ImageError(f'camera_info is for a picture of {self.size_px} pixels; both must be above 0')
        if self.is_bent and self.model not in COEFFICIENTS:
            known = [name for name in COEFFICIENTS if name]
            raise ImageError(f"camera_info has the distortion model '{self.model}'; known: {known}")
        if self.is_bent and len(self.distortion) not in COEFFICIENTS[self.model]:
            wanted = COEFFICIENTS[self.model]
            raise ImageError(f"'{self.model}' has {len(self.distortion)} distortion coefficients; allowed: {wanted}")

    @property
    def is_bent(self) -> bool:
        """Return whether straight lines are bent in the picture."""
        return any(abs(value) > STRAIGHT for value in self.distortion)

    def fit(self, width: int, height: int) -> Intrinsics:
        """
        Return the pinhole of pictures of that size.

        :raises ImageError: a picture of that shape cannot come from this camera.
        """
        left, top, crop_width, crop_height = self.crop_px
        crop_width, crop_height = crop_width or self.size_px[0], crop_height or self.size_px[1]
        sx, sy = width / crop_width, height / crop_height
        bx, by = (max(value, 1) for value in self.binning)
        if abs((sx * bx) / (sy * by) - 1) > SAME_SHAPE:
            raise ImageError(
                f'a picture of {width}x{height} does not fit camera_info: {crop_width}x{crop_height} pixels, '
                f'binning {bx}x{by}; both must show the same part of the scene'
            )
        fx, fy, cx, cy = self.k
        return Intrinsics(width, height, fx * sx, fy * sy, (cx - left + 0.5) * sx - 0.5, (cy - top + 0.5) * sy - 0.5)

    def rectify(self, picture: np.ndarray, nearest: bool = False) -> np.ndarray:
        """
        Return a picture as a lens without distortion would have drawn it, with the pinhole of ``fit``.

        :param picture: (H, W) or (H, W, 3) of any numeric type.
        :param nearest: take the nearest pixel instead of a mean; depth must not be mixed. Outside is 0.
        """
        if not self.is_bent:
            return picture
        maps = _map_pixels(self, picture.shape[1], picture.shape[0])
        return cv2.remap(picture, *maps, cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR)


@functools.lru_cache(8)
def _map_pixels(calibration: Calibration, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each straight pixel is found in the bent picture: two (H, W) float32, x and y."""
    pinhole = calibration.fit(width, height)
    K = np.array([[pinhole.fx_px, 0, pinhole.cx_px], [0, pinhole.fy_px, pinhole.cy_px], [0, 0, 1]])
    D, size = np.array(calibration.distortion), (width, height)
    if calibration.model == 'equidistant':
        return cv2.fisheye.initUndistortRectifyMap(K, D, np.eye(3), K, size, cv2.CV_32FC1)
    return cv2.initUndistortRectifyMap(K, D, None, K, size, cv2.CV_32FC1)


def match_size(depth: np.ndarray, width: int, height: int) -> np.ndarray:
    """
    Return depth at the size of its colour picture, nearest pixel; both must show the same part of the scene.

    :param depth: (h, w) float32, metres.
    :raises ImageError: the two have different shapes.
    """
    h, w = depth.shape
    if (h, w) == (height, width):
        return depth
    if min(h, w) == 0 or abs((width / w) / (height / h) - 1) > SAME_SHAPE:
        raise ImageError(f'depth of {w}x{h} does not fit a colour picture of {width}x{height}; register them first')
    return cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST)
