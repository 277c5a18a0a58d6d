"""
Image messages to arrays and back, without OpenCV and cv_bridge.

Depth follows REP 118: 32FC1 metres or 16UC1 millimetres. Filling ``data`` through ``array.frombytes`` is the
one form that is fast on every ROS 2 distribution; assigning bytes costs 0.1 s a frame with field checks.
"""

from __future__ import annotations

from array import array
import sys

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from vlm_robot.errors import ImageError

COLOUR_CHANNELS = {
    'rgb8': (0, 1, 2),
    'bgr8': (2, 1, 0),
    'rgba8': (0, 1, 2),
    'bgra8': (2, 1, 0),
    'mono8': (0, 0, 0),
    '8UC1': (0, 0, 0),
    '8UC3': (2, 1, 0),  # OpenCV's names and order
    '8UC4': (2, 1, 0),
}
CHANNEL_COUNT = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1, '8UC1': 1, '8UC3': 3, '8UC4': 4}
MOST_PADDING = 64  # bytes behind a row that may be more than the row itself: what alignment asks of narrow pictures
DEPTH_TYPES = {'32FC1': ('f4', 1.0), '16UC1': ('u2', 0.001), 'mono16': ('u2', 0.001)}  # number type, metres per unit


def to_image(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """
    Return an image message.

    :param pixels: (H, W, 3) uint8 for rgb8 and bgr8, (H, W) uint8 for mono8, float32 for 32FC1, uint16 for 16UC1.
    :raises ImageError: the array does not fit the encoding.
    """
    wanted = {
        'rgb8': (3, np.uint8),
        'bgr8': (3, np.uint8),
        'mono8': (2, np.uint8),
        '32FC1': (2, np.float32),
        '16UC1': (2, np.uint16),
    }
    if encoding not in wanted or (pixels.ndim, pixels.dtype) != wanted[encoding]:
        raise ImageError(f'cannot send {pixels.shape} {pixels.dtype} as {encoding}; known: {list(wanted)}')
    pixels = np.ascontiguousarray(pixels)
    data = array('B')
    data.frombytes(memoryview(pixels).cast('B') if pixels.size else b'')
    message = Image(header=header, encoding=encoding, is_bigendian=sys.byteorder == 'big')
    message.height, message.width = pixels.shape[:2]
    message.step = message.width * pixels.itemsize * (3 if pixels.ndim == 3 else 1)
    message.data = data
    return message


def from_colour(message: Image) -> np.ndarray:
    """Return (H, W, 3) uint8 red green blue, a copy; raise ImageError when the message makes no sense."""
    if message.encoding not in COLOUR_CHANNELS:
        raise ImageError(f"colour encoding '{message.encoding}' is not known; allowed: {sorted(COLOUR_CHANNELS)}")
    count = CHANNEL_COUNT[message.encoding]
    pixels = _read_rows(message, count).reshape(message.height, message.width, count)
    return np.ascontiguousarray(pixels[..., COLOUR_CHANNELS[message.encoding]])


def from_depth(message: Image) -> np.ndarray:
    """Return (H, W) float32 metres, a copy, 0 or NaN where nothing returned; raise ImageError as above."""
    if message.encoding not in DEPTH_TYPES:
        raise ImageError(f"depth encoding '{message.encoding}' is not known; allowed: {sorted(DEPTH_TYPES)}")
    kind, metres = DEPTH_TYPES[message.encoding]
    order = '>' if message.is_bigendian else '<'
    rows = np.ascontiguousarray(_read_rows(message, int(kind[1])))
    depth = rows.view(np.dtype(order + kind)).astype(np.float32)
    return depth if metres == 1.0 else depth * np.float32(metres)


def _read_rows(message: Image, bytes_per_pixel: int) -> np.ndarray:
    """Return (H, W * bytes_per_pixel) uint8 without the padding that ``step`` allows."""
    row = message.width * bytes_per_pixel
    size = f'{message.width}x{message.height} {message.encoding} image, step {message.step}'
    if message.width == 0 or message.height == 0:
        raise ImageError(f'got an empty {size}; is the camera running?')
    if message.step < row or len(message.data) != message.step * message.height:
        needed = f'step {row} or more and step * height bytes'
        raise ImageError(f'got a {size} with {len(message.data)} bytes; it needs {needed}')
    if message.step - row >= max(row, MOST_PADDING):
        raise ImageError(f'got a {size}: its rows have room for twice {row} bytes and more; is the encoding right?')
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)[:, :row]
