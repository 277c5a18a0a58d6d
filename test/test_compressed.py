"""Compressed pictures come out as they went in, as far as JPEG can; whatever is broken is refused with a reason."""

from __future__ import annotations

import struct

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from vlm_robot.errors import ImageError
from vlm_robot.evaluation.input_trials import run_trials
from vlm_robot.nodes import compressed, compressed_inputs, conversions, pixels
from vlm_robot.nodes.compressed import unpack

HEADER = conversions.to_header(3.5, 'front_optical_frame')
RNG = np.random.default_rng(2)
SMOOTH = cv2.GaussianBlur(RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8), (0, 0), 6)
DEPTH = RNG.integers(0, 5000, (48, 64)).astype(np.uint16)


def pack(picture, kind='.png', name='rgb8; png compressed bgr8', head=b''):
    data = head + cv2.imencode(kind, picture)[1].tobytes()
    return CompressedImage(header=HEADER, format=name, data=data)


def pack_depth(metres, a=10.0, b=0.1):
    """Quantise inverse depth as compressed_depth_image_transport does."""
    values = np.where(metres > 0, np.round(a / np.maximum(metres, 1e-6) + b), 0).astype(np.uint16)
    return pack(values, name='32FC1; compressedDepth png', head=struct.pack('<iff', 0, a, b))


def test_png_comes_back_exactly_and_jpeg_nearly():
    for kind, tolerance in (('.png', 0), ('.jpg', 12)):
        image = unpack(pack(SMOOTH, kind))
        assert (image.header, image.encoding, image.width, image.height) == (HEADER, 'bgr8', 64, 48)
        rgb = pixels.from_colour(image).astype(int)
        assert np.abs(rgb - SMOOTH[..., ::-1]).max() <= tolerance  # red is red


def test_grey_and_transparent_pictures_become_colour():
    for picture in (SMOOTH[..., 0], np.dstack([SMOOTH, SMOOTH[..., 0]])):
        assert pixels.from_colour(unpack(pack(picture))).shape == (48, 64, 3)


def test_depth_in_millimetres_comes_back_exactly():
    image = unpack(pack(DEPTH, name='16UC1; compressedDepth png', head=bytes(12)))
    assert image.encoding == '16UC1'
    assert np.allclose(pixels.from_depth(image), DEPTH / 1000)


def test_depth_in_metres_comes_back_as_finely_as_it_was_cut():
    metres = np.linspace(0.5, 4.0, 48 * 64, dtype=np.float32).reshape(48, 64)
    metres[3, 5] = 0.0
    a = 20000.0
    read = pixels.from_depth(unpack(pack_depth(metres, a)))
    assert np.abs(read - metres).max() <= 4.0**2 / a
    assert read[3, 5] == 0


def test_what_is_not_compressed_passes():
    for message in (Image(), CameraInfo()):
        assert unpack(message) is message


WHOLE = pack(SMOOTH, '.jpg')


@pytest.mark.parametrize('kind', ['.png', '.jpg'])
@pytest.mark.parametrize('share', [0.0, 0.01, 0.3, 0.99])
def test_a_file_that_is_cut_off_is_refused(kind, share):
    message = pack(SMOOTH, kind)
    message.data = message.data[: int(share * len(message.data))]
    with pytest.raises(ImageError):
        unpack(message)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_broken_bytes_give_a_picture_of_that_size_or_a_reason(data):
    message = pack(SMOOTH, data.draw(st.sampled_from(['.jpg', '.png'])))
    raw = bytearray(message.data)
    for _ in range(data.draw(st.integers(1, 20))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    message.data = bytes(raw)
    try:
        assert unpack(message).encoding == 'bgr8'
    except ImageError as error:
        assert 'compressed image' in str(error)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(['jpeg', '16UC1; compressedDepth png', '32FC1; compressedDepth rvl']))
def test_noise_is_refused(data, name):
    with pytest.raises(ImageError):
        unpack(CompressedImage(format=name, data=data))


def test_what_the_bench_sends_is_refused_or_within_limits():
    (row,) = run_trials(compressed_inputs.ENTRY_POINTS, 200, 3, 60.0)
    assert row.is_clean, row.faults
    assert row.tried == 200 and row.refused > 50 and row.accepted > 20


def test_what_claims_to_be_huge_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(compressed, 'MOST_PIXELS', 1000)
    with pytest.raises(ImageError, match='at most 1000 pixels'):
        unpack(pack(SMOOTH))


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        (pack(SMOOTH[..., 0], name='16UC1; compressedDepth png', head=bytes(12)), 'uint16'),
        (pack(DEPTH, name='32FC1; compressedDepth png', head=bytes(12)), 'above 0'),
        (pack(SMOOTH, '.jpg', '16UC1; compressedDepth jpeg', bytes(12)), 'PNG'),
        (pack(SMOOTH, '.bmp'), 'allowed'),
    ],
)
def test_what_is_no_depth_or_no_picture_is_refused(message, words):
    with pytest.raises(ImageError, match=words):
        unpack(message)


def test_a_bent_picture_comes_straight_and_an_uncalibrated_one_as_it_is():
    info = CameraInfo(width=64, height=48, distortion_model='plumb_bob')
    assert conversions.straighten(SMOOTH, None) is SMOOTH
    assert conversions.straighten(SMOOTH, info) is SMOOTH
    info.k = [60.0, 0.0, 32.0, 0.0, 60.0, 24.0, 0.0, 0.0, 1.0]
    assert conversions.straighten(SMOOTH, info) is SMOOTH
    info.d = [-0.3, 0.0, 0.0, 0.0, 0.0]
    straight = conversions.straighten(SMOOTH, info)
    assert straight.shape == SMOOTH.shape and not np.array_equal(straight, SMOOTH)
    info.width = 128  # of another picture
    with pytest.raises(ImageError, match='same part'):
        conversions.straighten(SMOOTH, info)
