"""Square cut-outs around boxes, with some of what is around: what a thing looks like and where it lies."""

from __future__ import annotations

import cv2
import numpy as np

from vlm_robot.datatypes import Box
from vlm_robot.errors import ImageError
from vlm_robot.perception.images import check_rgb

CONTEXT = 1.5  # side of the cut over the longer side of the box: shows what the thing lies on
FILL = (123, 117, 104)  # beyond the picture: the mean of CLIP's normalisation, which the model sees as zero


def cut_around(rgb: np.ndarray, box_xyxy_px: Box, context: float = CONTEXT, least_px: int = 8) -> np.ndarray:
    """
    Return the square (S, S, 3) uint8 around the centre of a box.

    :param rgb: (H, W, 3) uint8.
    :param context: S over the longer side of the box.
    :param least_px: S is at least this.
    :raises ImageError: the box is not finite or has no area inside the picture.
    """
    height, width = check_rgb(rgb).shape[:2]
    left, top, right, bottom = (float(value) for value in box_xyxy_px)
    inside = (min(right, width) - max(left, 0.0), min(bottom, height) - max(top, 0.0))
    if not np.isfinite([left, top, right, bottom]).all() or right <= left or bottom <= top or min(inside) <= 0:
        raise ImageError(f'the box {box_xyxy_px} covers nothing of a picture of {width} x {height} px')
    side = max(least_px, round(context * max(right - left, bottom - top)))
    x, y = round((left + right - side) / 2), round((top + bottom - side) / 2)
    cut = rgb[max(0, y) : max(0, y + side), max(0, x) : max(0, x + side)]
    missing = (max(0, -y), max(0, y + side - height), max(0, -x), max(0, x + side - width))
    return cv2.copyMakeBorder(np.ascontiguousarray(cut), *missing, cv2.BORDER_CONSTANT, value=FILL)
