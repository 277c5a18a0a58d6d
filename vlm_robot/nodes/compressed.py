"""
Compressed pictures to plain image messages: JPEG and PNG in colour, 16-bit PNG as depth, decoded by OpenCV.

Topics, formats and the header of compressed depth are those of ROS's image_transport_plugins
(github.com/ros-perception/image_transport_plugins: ``<topic>/compressed``, ``<topic>/compressedDepth``). Depth in
metres comes as quantised inverse depth: ``depth = a / (value - b)``, 0 where nothing returned. What is broken, cut
off or far too large is refused before it is decoded.
"""

from __future__ import annotations

import io
import struct
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image as Picture
from PIL import UnidentifiedImageError
from sensor_msgs.msg import CompressedImage, Image

from vlm_robot.errors import ImageError
from vlm_robot.nodes import pixels

Message = TypeVar('Message')
MOST_PIXELS = 50_000_000  # a few kilobytes can claim to be a picture that fills the memory
ENDS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82'}  # the last bytes of a whole file
TAIL = 64  # bytes in which the end must stand; some cameras pad
DEPTH_HEADER = struct.Struct('<iff')  # format, a, b
COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def unpack(message: Message) -> Message | Image:
    """
    Return a compressed picture as a plain one (bgr8, 16UC1 or 32FC1), and any other message as it is.

    :raises ImageError: the data are no JPEG or PNG, are not whole, or do not decode.
    """
    if not isinstance(message, CompressedImage):
        return message
    if 'compressedDepth' in message.format:
        return _unpack_depth(message)
    decoded = _decode(bytes(message.data), COLOUR, message.format, tuple(ENDS))
    return pixels.to_image(decoded, 'bgr8', message.header)


def _unpack_depth(message: CompressedImage) -> Image:
    if 'rvl' in message.format.lower():
        raise ImageError(
            f"depth comes as '{message.format}', which is not known here; set its publisher's format to png"
        )
    data, size = bytes(message.data), DEPTH_HEADER.size
    if len(data) <= size:
        raise ImageError(f"got {len(data)} bytes of '{message.format}'; its header alone has {size}")
    _, a, b = DEPTH_HEADER.unpack_from(data)
    values = _decode(data[size:], cv2.IMREAD_UNCHANGED, message.format, ('PNG',))
    if values.ndim != 2 or values.dtype != np.uint16:
        raise ImageError(f"'{message.format}' holds {values.shape} {values.dtype}; it needs one channel of uint16")
    if not message.format.startswith('32FC1'):
        return pixels.to_image(values, '16UC1', message.header)
    if not np.isfinite([a, b]).all() or a <= 0:
        raise ImageError(f"'{message.format}' has the quantisation a={a:g}, b={b:g}; a must be above 0")
    with np.errstate(divide='ignore', over='ignore'):
        depth = np.float32(a) / (values.astype(np.float32) - np.float32(b))
    depth[values == 0] = 0.0
    return pixels.to_image(depth, '32FC1', message.header)


def _decode(data: bytes, flags: int, name: str, allowed: tuple[str, ...]) -> np.ndarray:
    """Return the pixels of a JPEG or PNG file."""
    what = f"a compressed image '{name}' of {len(data)} bytes"
    try:
        with Picture.open(io.BytesIO(data), formats=allowed) as picture:  # reads the head of the file alone
            kind, (width, height) = str(picture.format), picture.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Picture.DecompressionBombError) as error:
        raise ImageError(f'{what} cannot be read; allowed: {list(allowed)}; {error}') from error
    if not 0 < width * height <= MOST_PIXELS:
        raise ImageError(f'{what} claims to be {width}x{height}; allowed: at most {MOST_PIXELS} pixels')
    if ENDS[kind] not in data[-TAIL:]:
        raise ImageError(f'{what}, {width}x{height} {kind}, is cut off: its end is missing')
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageError(f'{what} does not decode: {error}') from error
    if decoded is None or decoded.shape[:2] != (height, width):
        raise ImageError(f'{what}, {width}x{height} {kind}, does not decode; is the camera or the link broken?')
    return decoded
