"""Calibrations: the pinhole of cropped, binned and scaled pictures, and straight pictures of bent lenses."""

from __future__ import annotations

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from vlm_robot.camera.optics import Calibration, match_size
from vlm_robot.errors import ImageError

K = (500.0, 510.0, 310.0, 250.0)
FULL = Calibration((640, 480), K)
LENSES = {
    'plumb_bob': (-0.25, 0.08, 0.001, -0.002, 0.0),
    'rational_polynomial': (-0.2, 0.05, 0.001, 0.001, 0.01, 0.05, 0.01, 0.001),
    'equidistant': (0.05, -0.01, 0.002, 0.0),
}
POINTS = np.array([[x, y, 1.0] for x in (-0.4, 0.0, 0.35) for y in (-0.3, 0.05, 0.3)])


def project(intrinsics, points):
    return np.stack(
        [points[:, 0] * intrinsics.fx_px + intrinsics.cx_px, points[:, 1] * intrinsics.fy_px + intrinsics.cy_px], 1
    )


def draw_bent(calibration):
    """Return a (480, 640) uint8 picture in which the bent lens shows a dot for each of POINTS."""
    fx, fy, cx, cy = calibration.k
    matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    D, zero = np.array(calibration.distortion), np.zeros(3)
    if calibration.model == 'equidistant':
        seen = cv2.fisheye.projectPoints(POINTS[:, None], zero, zero, matrix, D)[0]
    else:
        seen = cv2.projectPoints(POINTS, zero, zero, matrix, D)[0]
    picture = np.zeros((480, 640), np.uint8)
    for x, y in seen.reshape(-1, 2):
        cv2.circle(picture, (round(x), round(y)), 4, 255, -1)
    return picture


@pytest.mark.parametrize('model', LENSES)
def test_a_bent_picture_is_straightened_to_the_pinhole(model):
    calibration = Calibration((640, 480), K, model, LENSES[model])
    straight = calibration.rectify(draw_bent(calibration))
    _, _, _, centres = cv2.connectedComponentsWithStats((straight > 127).astype(np.uint8))
    found, wanted = centres[1:], project(calibration.fit(640, 480), POINTS)
    distances = np.linalg.norm(found[:, None] - wanted[None], axis=2)
    assert len(found) == len(POINTS)
    assert distances.min(0).max() < 1.5  # a dot is drawn at whole pixels
    bent = np.argwhere(draw_bent(calibration) > 127)[:, ::-1]
    assert np.linalg.norm(bent[:, None] - wanted[None], axis=2).min(0).max() > 5  # and it was bent before


def test_a_straight_picture_is_left_alone():
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    assert FULL.rectify(picture) is picture
    assert Calibration((640, 480), K, 'plumb_bob', (0.0,) * 5).rectify(picture) is picture


@given(st.integers(1, 4), st.integers(0, 100), st.integers(0, 80))
def test_binned_crops_see_what_the_full_picture_sees(binning, left, top):
    width, height = 480 // binning * binning, 360 // binning * binning
    calibration = Calibration((640, 480), K, crop_px=(left, top, width, height), binning=(binning, binning))
    small = calibration.fit(width // binning, height // binning)
    full = project(FULL.fit(640, 480), POINTS)
    expected = (full - (left, top) + 0.5) / binning - 0.5
    assert np.allclose(project(small, POINTS), expected)


def test_scaled_pictures_have_a_scaled_pinhole():
    small = FULL.fit(320, 240)
    assert (small.fx_px, small.fy_px, small.width_px) == (250.0, 255.0, 320)
    assert small.cx_px == pytest.approx((310 + 0.5) / 2 - 0.5)


def test_a_bent_picture_at_half_size_is_straightened_as_well():
    calibration = Calibration((640, 480), K, 'plumb_bob', LENSES['plumb_bob'])
    bent = cv2.GaussianBlur(draw_bent(calibration), (0, 0), 3)
    small = calibration.rectify(cv2.resize(bent, (320, 240), interpolation=cv2.INTER_AREA))
    expected = cv2.resize(calibration.rectify(bent), (320, 240), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(small.astype(float) - expected).mean() < 0.5
    assert np.abs(small.astype(float) - expected).max() < 40


def test_depth_is_never_mixed():
    calibration = Calibration((640, 480), K, 'plumb_bob', LENSES['plumb_bob'])
    depth = np.where(np.arange(640) < 320, 0.5, 2.0).astype(np.float32)[None].repeat(480, 0)
    assert set(np.unique(calibration.rectify(depth, nearest=True))) <= {0.0, 0.5, 2.0}


def test_depth_of_another_size_is_brought_to_the_colour_picture():
    depth = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert match_size(depth, 4, 3) is depth
    assert (match_size(depth, 8, 6)[::2, ::2] == depth).all()
    for width, height in ((8, 3), (4, 4)):
        with pytest.raises(ImageError, match='register'):
            match_size(depth, width, height)


@pytest.mark.parametrize(
    'change',
    [
        {'k': (0.0, 500.0, 1.0, 1.0)},
        {'k': (np.nan, 500.0, 1.0, 1.0)},
        {'size_px': (0, 480)},
        {'model': 'unheard of', 'distortion': (0.1,)},
        {'model': 'plumb_bob', 'distortion': (0.1, 0.2)},
        {'model': 'equidistant', 'distortion': (0.1,) * 5},
    ],
)
def test_nonsense_is_refused(change):
    with pytest.raises(ImageError, match=r'camera_info|coefficients'):
        Calibration(**{'size_px': (640, 480), 'k': K, **change})


@pytest.mark.parametrize('size', [(640, 200), (100, 480)])
def test_pictures_of_another_shape_are_refused(size):
    with pytest.raises(ImageError, match='camera_info'):
        FULL.fit(*size)
