"""What counts as a picture; everything else is refused with the cure."""

from __future__ import annotations

import numpy as np

from vlm_robot.errors import ImageError

SMALLEST_PX = 8


def check_rgb(rgb: np.ndarray) -> np.ndarray:
    """
    Return the picture as it came when it is (H, W, 3) uint8.

    :raises ImageError: it is no array, empty, grey, with alpha, of another type, or smaller than 8 px.
    """
    if not isinstance(rgb, np.ndarray):
        raise ImageError(f'a picture must be a numpy array (H, W, 3) uint8, got {type(rgb).__name__}; use np.asarray')
    got = f'got shape {rgb.shape}, {rgb.dtype}'
    if rgb.ndim == 2:
        raise ImageError(f'a picture must be (H, W, 3) uint8, {got}: it is grey; use np.stack([grey] * 3, axis=-1)')
    if rgb.ndim != 3:
        raise ImageError(f'a picture must be (H, W, 3) uint8, {got}; for several pictures use detect_batch')
    if 0 in rgb.shape:
        raise ImageError(f'a picture must be (H, W, 3) uint8, {got}: it is empty; check the camera or the crop')
    if rgb.shape[2] == 4:
        raise ImageError(f'a picture must be (H, W, 3) uint8, {got}: it has an alpha channel; use picture[..., :3]')
    if rgb.shape[2] != 3:
        hint = 'use picture.transpose(1, 2, 0)' if rgb.shape[0] == 3 else 'convert it to red, green, blue'
        raise ImageError(f'a picture must be (H, W, 3) uint8, {got}; {hint}')
    if rgb.dtype != np.uint8:
        raise ImageError(f'a picture must be (H, W, 3) uint8, {got}; {_cure_type(rgb)}')
    if min(rgb.shape[:2]) < SMALLEST_PX:
        raise ImageError(f'a picture must be at least {SMALLEST_PX} px high and wide, {got}')
    return rgb


def _cure_type(rgb: np.ndarray) -> str:
    if not np.issubdtype(rgb.dtype, np.number):
        return 'use a numeric array'
    if np.issubdtype(rgb.dtype, np.floating) and not np.isfinite(rgb).all():
        return 'it contains NaN or infinity: replace them (np.nan_to_num) and convert to uint8 0..255'
    if np.issubdtype(rgb.dtype, np.floating) and rgb.max() <= 1.0:
        return 'it runs from 0 to 1: use (picture * 255).round().astype(np.uint8)'
    return 'use picture.clip(0, 255).astype(np.uint8)'
