"""
Pictures as prompts: the thing cut out, what surrounds it blurred and darkened.

Of the ways to show a segmenter what is meant this one works best by far (Lüddecke and Ecker, arXiv 2112.10003, table
5): crop around the thing, blur the background and keep a tenth of its brightness.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vlm_robot.datatypes import Box
from vlm_robot.errors import ImageError, SentenceError
from vlm_robot.perception.images import check_rgb

MARGIN = 0.25  # of the longer side of the thing, on every side of the crop
BACKGROUND = 0.1  # of its brightness is kept
BLUR = 0.08  # of the crop's side, the deviation of the Gaussian


@dataclass(frozen=True, eq=False)
class PicturePrompt:
    """
    A thing shown instead of named, or both.

    :param rgb: (H, W, 3) uint8, the picture in which it is shown; any size.
    :param box_xyxy_px: around it, in pixels of that picture; needed where there is no mask.
    :param mask: (H, W) bool, its pixels; better than a box where something else is in the box too.
    :param text: its name; empty prompts by the picture alone.
    :param text_share: 0..1, weight of the name, the rest is the picture's; without a name it is not used.
    """

    rgb: np.ndarray
    box_xyxy_px: Box | None = None
    mask: np.ndarray | None = None
    text: str = ''
    text_share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0 <= self.text_share <= 1:
            raise SentenceError(f'text_share of a picture prompt is {self.text_share}; allowed: 0 to 1')

    def cut(self) -> np.ndarray:
        """Return the picture that the model is shown, (h, w, 3) uint8."""
        return cut_prompt(self.rgb, self.box_xyxy_px, self.mask)


def cut_prompt(rgb: np.ndarray, box_xyxy_px: Box | None = None, mask: np.ndarray | None = None) -> np.ndarray:
    """
    Return a crop around a thing with its background blurred and darkened; square where the picture allows.

    :param rgb: (H, W, 3) uint8.
    :param box_xyxy_px: around the thing; None takes the mask's own.
    :param mask: (H, W) bool, the thing; None takes the whole box.
    :return: (h, w, 3) uint8.
    :raises ImageError: no picture, neither box nor mask, or nothing of either inside the picture.
    """
    check_rgb(rgb)
    height, width = rgb.shape[:2]
    inside = _find_inside(box_xyxy_px, mask, (height, width))
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        raise ImageError('a picture prompt shows a thing inside its picture; got a box or mask that holds no pixel')
    side = max(rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]) * (1 + 2 * MARGIN)
    top, bottom = _spread(rows[0], rows[-1] + 1, side, height)
    left, right = _spread(columns[0], columns[-1] + 1, side, width)
    crop, kept = rgb[top:bottom, left:right], inside[top:bottom, left:right]
    blurred = cv2.GaussianBlur(crop, (0, 0), max(0.5, BLUR * side)).astype(np.float32) * BACKGROUND
    return np.where(kept[..., None], crop, blurred.round().astype(np.uint8))


def _find_inside(box: Box | None, mask: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    if mask is not None:
        if mask.shape != size:
            raise ImageError(f'the mask of a picture prompt must have the size of its picture {size}, got {mask.shape}')
        inside = mask.astype(bool)
    elif box is not None:
        inside = np.ones(size, bool)
    else:
        raise ImageError('a picture prompt needs a box or a mask of the thing that is meant; got neither')
    if box is None:
        return inside
    x0, y0, x1, y1 = (round(float(v)) for v in np.clip(np.nan_to_num(box), 0, [size[1], size[0]] * 2))
    framed = np.zeros(size, bool)
    framed[y0:y1, x0:x1] = inside[y0:y1, x0:x1]
    return framed


def _spread(low: int, high: int, side: float, limit: int) -> tuple[int, int]:
    """Return low and high moved apart to ``side`` about their middle, inside 0..limit."""
    middle = (low + high) / 2
    return max(0, int(np.floor(middle - side / 2))), min(limit, int(np.ceil(middle + side / 2)))
