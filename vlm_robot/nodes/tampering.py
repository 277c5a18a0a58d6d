"""
What can go wrong with the messages of cameras, clock and driver, as functions on messages.

A ``Tamper`` gets the source (the name of a camera; empty for clock and driver), the part (``image``, ``depth``,
``camera_info``, ``pose``, ``clock``, ``tcp_pose``, ``joint_states``) and the message, and returns what shall arrive in
its place, or None for nothing. The faults are those that users of RGB-D cameras report: cables, drivers, calibration.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection
import copy
from typing import Any

import numpy as np
from sensor_msgs.msg import Image

Tamper = Callable[[str, str, Any], Any]
CAMERA_PARTS = ('image', 'depth', 'camera_info', 'pose')
NANO = 10**9


def leave(source: str, part: str, message: Any) -> Any:
    """Return the message as it is."""
    return message


def drop(parts: Collection[str] = CAMERA_PARTS, sources: Collection[str] = ()) -> Tamper:
    """Let nothing of those parts through; no sources mean all."""

    def tamper(source: str, part: str, message: Any) -> Any:
        return None if part in parts and (not sources or source in sources) else message

    return tamper


def edit(part: str, change: Callable[[Any], None]) -> Tamper:
    """Change a copy of every message of one part in place."""

    def tamper(source: str, own: str, message: Any) -> Any:
        if own != part:
            return message
        message = copy.copy(message)
        change(message)
        return message

    return tamper


def fill_depth(value: float) -> Tamper:
    """Say the same distance, metres (also NaN and infinity), in every pixel of 32FC1 depth."""

    def change(message: Image) -> None:
        message.data = _to_array(np.full(message.height * message.width, value, '<f4'))

    return edit('depth', change)


def fill_colour(value: int) -> Tamper:
    """Show one grey, 0..255: a covered or blinded lens."""

    def change(message: Image) -> None:
        message.data = _to_array(np.full(len(message.data), value, np.uint8))

    return edit('image', change)


def scramble_colour(seed: int = 0) -> Tamper:
    """Show noise: a broken cable."""
    rng = np.random.default_rng(seed)

    def change(message: Image) -> None:
        message.data = _to_array(rng.integers(0, 256, len(message.data), np.uint8))

    return edit('image', change)


def rename_encoding(part: str, encoding: str) -> Tamper:
    """Call the same bytes something else."""

    def change(message: Image) -> None:
        message.encoding = encoding

    return edit(part, change)


def resize(part: str, width: int, height: int) -> Tamper:
    """State another size than the bytes have; 0 and 0 also take the bytes away."""

    def change(message: Image) -> None:
        message.width, message.height = width, height
        if not width * height:
            message.step, message.data = 0, array('B')

    return edit(part, change)


def cut(part: str) -> Tamper:
    """Lose the second half of the bytes."""

    def change(message: Image) -> None:
        message.data = message.data[: len(message.data) // 2]

    return edit(part, change)


def calibrate(value: float) -> Tamper:
    """Put one number into the whole camera matrix: 0 is what an uncalibrated driver sends, NaN a broken one."""

    def change(message: Any) -> None:
        message.k, message.p = [value] * 9, [value] * 12

    return edit('camera_info', change)


def misplace(value: float) -> Tamper:
    """Put the camera at one coordinate on all axes, metres, also NaN."""

    def change(message: Any) -> None:
        message.pose = copy.deepcopy(message.pose)
        message.pose.position.x = message.pose.position.y = message.pose.position.z = value

    return edit('pose', change)


def swap_poses() -> Tamper:
    """Give every camera the newest pose of another one, with its own stamp: swapped extrinsics."""
    newest: dict[str, Any] = {}

    def tamper(source: str, part: str, message: Any) -> Any:
        if part != 'pose':
            return message
        newest[source] = message
        others = [pose for name, pose in newest.items() if name != source]
        if not others:
            return None
        swapped = copy.copy(message)
        swapped.pose = others[0].pose
        return swapped

    return tamper


def freeze() -> Tamper:
    """Show the first picture for ever with new stamps, colour and depth: a driver that repeats its buffer."""
    first: dict[tuple[str, str], Any] = {}

    def tamper(source: str, part: str, message: Any) -> Any:
        if part not in ('image', 'depth'):
            return message
        still = copy.copy(first.setdefault((source, part), message))
        still.header = message.header
        return still

    return tamper


def shift_stamps(seconds: float, parts: Collection[str] = CAMERA_PARTS) -> Tamper:
    """Move the stamps of those parts by whole seconds; a clock is a stamp itself."""

    def tamper(source: str, part: str, message: Any) -> Any:
        if part not in parts:
            return message
        message = copy.deepcopy(message)
        stamp = message.clock if part == 'clock' else message.header.stamp
        nanoseconds = max(0, stamp.sec * NANO + stamp.nanosec + round(seconds * NANO))
        stamp.sec, stamp.nanosec = divmod(nanoseconds, NANO)
        return message

    return tamper


def zero_stamps(parts: Collection[str] = CAMERA_PARTS) -> Tamper:
    """Send stamps of zero: a driver that fills none in."""
    return shift_stamps(-1e9, parts)


def swing_clock(seconds: float) -> Tamper:
    """Let the clock jump ahead and back with every message: two programs that both think they own it."""
    ahead = False

    def tamper(source: str, part: str, message: Any) -> Any:
        nonlocal ahead
        if part != 'clock':
            return message
        ahead = not ahead
        return shift_stamps(seconds if ahead else 0.0, ('clock',))(source, part, message)

    return tamper


def _to_array(values: np.ndarray) -> array:
    data = array('B')
    data.frombytes(values.tobytes())
    return data
