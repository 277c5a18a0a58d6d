"""Soft masks that follow the edges of their picture."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.perception.guided_filter import EdgeGuide


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize('size', [(240, 320), (97, 401), (480, 640)])
def test_a_blob_on_a_square_becomes_the_square(size):
    height, width = size
    square = np.zeros(size, bool)
    half = max(6, width // 30)
    square[height // 2 - half : height // 2 + half, width // 3 - half : width // 3 + half] = True
    rgb = np.where(square[..., None], (200, 40, 40), (110, 100, 90)).astype(np.uint8)
    y, x = np.mgrid[:height, :width]
    blob = np.exp(-((y - height / 2) ** 2 + (x - width / 3) ** 2) / (1.2 * half**2)).astype(np.float32)
    before = max(overlap(blob >= limit, square) for limit in (0.2, 0.3, 0.4, 0.5))
    after = overlap(EdgeGuide(rgb).follow(blob) >= 0.3, square)
    assert after > max(0.93, before)


def test_a_picture_without_edges_only_smooths():
    rgb = np.full((60, 90, 3), 128, np.uint8)
    mask = np.zeros((60, 90), np.float32)
    mask[20:40, 30:60] = 1
    soft = EdgeGuide(rgb).follow(mask)
    assert soft.shape == mask.shape and soft.dtype == np.float32
    assert soft[30, 45] > 0.5 and soft[0, 0] < 0.01 and soft.min() >= 0 and soft.max() <= 1


def test_nothing_stays_nothing_and_all_stays_all():
    rgb = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    guide = EdgeGuide(rgb)
    assert np.array_equal(guide.follow(np.zeros((50, 70), np.float32)), np.zeros((50, 70)))
    assert np.allclose(guide.follow(np.ones((50, 70), np.float32)), 1, atol=1e-3)


@pytest.mark.parametrize('size', [(1, 1), (1, 300), (300, 1), (2, 3), (7, 1000)])
def test_odd_pictures(size):
    rgb = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    soft = EdgeGuide(rgb).follow(np.random.default_rng(2).random(size, np.float32))
    assert soft.shape == size and np.isfinite(soft).all()
