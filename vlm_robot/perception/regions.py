"""Masks and boxes of one picture: the box around a mask, a mask cut to a box, a box cut to the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vlm_robot.datatypes import Box, Detection, Mask
from vlm_robot.errors import ImageError
from vlm_robot.perception.sight import Segmenter


def mask_found(segmenter: Segmenter, rgb: np.ndarray, found: Sequence[Detection]) -> dict[str, np.ndarray]:
    """Return per label of what was found (H, W) bool, the pixels of all things of that label."""
    labels = list(dict.fromkeys(item.label for item in found))
    return {mask.label: mask.mask for mask in segmenter.segment(rgb, labels)} if labels else {}


def frame_mask(mask: np.ndarray) -> Box | None:
    """Return the box around the True pixels of (H, W) bool, right and bottom exclusive; None where there is none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def cut_mask(mask: Mask, box_xyxy_px: Box) -> Mask:
    """Return a mask without the pixels outside a box, left, top, right, bottom in pixels."""
    left, top, right, bottom = box_xyxy_px
    inside = np.zeros(mask.mask.shape, bool)
    inside[max(0, int(top)) : max(0, int(np.ceil(bottom))), max(0, int(left)) : max(0, int(np.ceil(right)))] = True
    return replace(mask, probability=mask.probability * inside, mask=mask.mask & inside)


def cut_box(box_xyxy_px: Box, rgb: np.ndarray) -> Box:
    """Return a box cut to a picture, (H, W, ...); raise ImageError where no whole pixel of it is left."""
    height, width = rgb.shape[:2]
    if not np.isfinite(box_xyxy_px).all():
        raise ImageError(f'a region is left, top, right, bottom in pixels; got {box_xyxy_px}')
    left, top, right, bottom = (float(side) for side in np.clip(box_xyxy_px, 0, (width, height, width, height)))
    if right - left < 1 or bottom - top < 1:
        raise ImageError(
            f'the region {box_xyxy_px} (left, top, right, bottom) holds no pixel of the image, {width} x {height}'
        )
    return left, top, right, bottom
