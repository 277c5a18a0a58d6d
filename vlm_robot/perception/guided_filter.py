"""
Lets soft masks follow the edges of their picture: the guided filter with a colour guide.

In every window the mask is explained as a linear function of the picture's colours, so an edge of the picture becomes
an edge of the mask, and a round blob on a cube becomes the cube. The windows are counted on a smaller picture and the
functions applied at full size, which costs a fraction and changes little. What is done for the picture is done once
for all masks.

Sources: He, Sun and Tang, Guided Image Filtering (TPAMI 2013); He and Sun, Fast Guided Filter (arXiv 1505.00996).
"""

from __future__ import annotations

import cv2
import numpy as np

RADIUS_SHARE = 0.03  # of the longer side: 19 px of 640, about half a block; chosen on validation pictures
EVENNESS = 3e-4  # variance of colour, 0..1 squared, below which a window has no edge; likewise
CELLS = 4  # pixels of the small picture in a radius
UNLIKELY = 0.02  # where nothing near is likelier, a mask stays as it is


class EdgeGuide:
    """The edges of one picture, for any number of masks."""

    def __init__(self, rgb: np.ndarray, radius_share: float = RADIUS_SHARE, evenness: float = EVENNESS):
        """
        Count what depends on the picture alone.

        :param rgb: (H, W, 3) uint8.
        :param radius_share: half a window's side as a share of the longer side of the picture.
        """
        self._picture = rgb.astype(np.float32) / 255
        height, width = rgb.shape[:2]
        radius = max(1, round(radius_share * max(height, width)))
        self._step = max(1, radius // CELLS)
        self._radius = max(1, round(radius / self._step))
        size = max(1, width // self._step), max(1, height // self._step)
        self._small = cv2.resize(self._picture, size, interpolation=cv2.INTER_AREA)
        self._mean = self._blur(self._small)
        rows, columns = self._small.shape[:2]
        squares = (self._small[..., :, None] * self._small[..., None, :]).reshape(rows, columns, 9)
        means = np.concatenate([self._blur(squares[..., i : i + 3]) for i in (0, 3, 6)], -1)
        spread = means.reshape(rows, columns, 3, 3) - self._mean[..., :, None] * self._mean[..., None, :]
        self._inverse = np.linalg.inv(spread + evenness * np.eye(3, dtype=np.float32))

    def follow(self, probability: np.ndarray) -> np.ndarray:
        """Return a soft mask (H, W) float32 0..1 of the picture's size that keeps to the picture's edges."""
        rows, columns = self._small.shape[:2]
        small = cv2.resize(probability.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        likely = np.argwhere(small > UNLIKELY)
        if not len(likely):
            return probability
        margin = 2 * self._radius
        top, left = np.maximum(likely.min(0) - margin, 0)
        bottom, right = np.minimum(likely.max(0) + 1 + margin, (rows, columns))
        there = slice(top, bottom), slice(left, right)
        function = np.zeros((rows, columns, 4), np.float32)
        function[there] = self._fit(small[there], there)
        full = cv2.resize(function, probability.shape[::-1], interpolation=cv2.INTER_LINEAR)
        height, width = probability.shape
        y0, y1 = top * height // rows, -(-bottom * height // rows)
        x0, x1 = left * width // columns, -(-right * width // columns)
        out = probability.astype(np.float32)
        here = full[y0:y1, x0:x1]
        out[y0:y1, x0:x1] = np.einsum('hwc,hwc->hw', here[..., :3], self._picture[y0:y1, x0:x1]) + here[..., 3]
        return np.clip(out, 0, 1)

    def _fit(self, small: np.ndarray, there: tuple[slice, slice]) -> np.ndarray:
        """Return (h, w, 4), by which colour and by which offset a part of a small mask is explained."""
        picture, mean_picture = self._small[there], self._mean[there]
        mean = self._blur(small)
        together = self._blur(picture * small[..., None]) - mean_picture * mean[..., None]
        slope = (self._inverse[there] @ together[..., None])[..., 0]
        offset = mean - (slope * mean_picture).sum(-1)
        return self._blur(np.dstack([slope, offset]))

    def _blur(self, values: np.ndarray) -> np.ndarray:
        """Return means over windows of at most four channels."""
        return cv2.blur(values, (2 * self._radius + 1,) * 2, borderType=cv2.BORDER_REFLECT)
