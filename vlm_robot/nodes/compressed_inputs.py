"""Compressed pictures as bad inputs: files that are cut, broken, far too large by their own word, or not pictures."""

from __future__ import annotations

from collections.abc import Callable
import random
import struct

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage

from vlm_robot.evaluation.bad_inputs import make_numbers
from vlm_robot.evaluation.entry_points import EntryPoint, require
from vlm_robot.nodes import compressed, pixels

HEIGHT, WIDTH = 48, 64
FORMATS = ('jpeg', 'png', 'rgb8; jpeg compressed bgr8', '32FC1; compressedDepth', '16UC1; compressedDepth png',
           '16UC1; compressedDepth rvl', 'mono8; compressedDepth', 'h264', '')  # fmt: skip
CLAIMS = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 60_000)  # what the head of a PNG says of its width


def make_compressed(rng: random.Random) -> CompressedImage:
    """Return a compressed picture; half of them are whole files with something broken."""
    is_depth = rng.random() < 0.4
    noise = np.random.default_rng(rng.randrange(2**32))
    if is_depth:
        head = struct.pack('<iff', *([rng.randrange(3)] + [min(max(x, -3e38), 3e38) for x in make_numbers(rng, 2)]))
        data = head + _encode('.png', noise.integers(0, 2**16, (HEIGHT, WIDTH), dtype=np.uint16))
    else:
        data = _encode(rng.choice(('.png', '.jpg')), noise.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    if rng.random() < 0.8:
        data = _break(rng, data)
    fitting = [name for name in FORMATS if ('Depth' in name) == is_depth]
    return CompressedImage(format=rng.choice(fitting if rng.random() < 0.7 else FORMATS), data=data)


def _encode(suffix: str, picture: np.ndarray) -> bytes:
    return cv2.imencode(suffix, picture)[1].tobytes()


def _break(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: data[:at],
        lambda: data[:at] + rng.randbytes(rng.randrange(1, 9)) + data[at + rng.randrange(9) :],
        lambda: rng.randbytes(rng.choice((0, 1, 11, 12, 13, 400))),
        lambda: data[: len(data) // 2] + data[len(data) // 2 :] * 2,
        lambda: data + rng.randbytes(rng.choice((1, 63, 65, 5000))),
        lambda: _claim(rng, data),
    )
    return rng.choice(ways)()


def _claim(rng: random.Random, data: bytes) -> bytes:
    """Let the head of a PNG claim another size; its checksum then lies too."""
    at = data.find(b'IHDR')
    return data if at < 0 else data[: at + 4] + struct.pack('>II', *rng.choices(CLAIMS, k=2)) + data[at + 12 :]


def _feed(message: CompressedImage) -> str:
    plain = compressed.unpack(message)
    read: Callable[..., np.ndarray] = pixels.from_depth if 'C1' in plain.encoding else pixels.from_colour
    picture = read(plain)
    require(picture.shape[:2] == (plain.height, plain.width), f'a picture of {picture.shape} came out')
    require(picture.size <= 3 * compressed.MOST_PIXELS, f'{picture.size} values came out')
    return ''


ENTRY_POINTS = (EntryPoint('compressed image message', make_compressed, _feed),)
