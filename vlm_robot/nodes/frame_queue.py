"""
Keeps, per camera, only the newest set of colour, depth, calibration and pose that carries one stamp.

Slow consumers take the newest and never see the rest: acting on old pictures is worse than skipping some. It
knows neither topics nor models; whoever fills it calls from any thread.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
import threading
from typing import Any

PARTS = ('image', 'depth', 'camera_info', 'pose')
KEPT_STAMPS = 4  # incomplete sets that are waited for
SET_BACK = 12  # parts in a row from before the last whole frame: they are not late, the clock was set back


class FrameQueue:
    """Newest complete frames of several cameras, taken in turn."""

    def __init__(self, cameras: Sequence[str], parts: Sequence[str] = PARTS):
        """Wait for the parts of each camera."""
        self.dropped = 0  # complete frames that a newer one replaced before anybody took them
        self._parts = tuple(parts)
        self._filled = threading.Condition()
        self._waiting: dict[str, OrderedDict[Hashable, dict[str, Any]]] = {name: OrderedDict() for name in cameras}
        self._ready: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._last: dict[str, Hashable] = {}
        self._late = dict.fromkeys(cameras, 0)  # parts in a row that were older than the last whole frame

    def put(self, camera: str, part: str, stamp: Hashable, message: Any) -> None:
        """
        Take in one part; ``stamp`` grows with time; parts older than the last whole frame are dropped.

        Many of those in a row come from a clock that was set back (a simulator or driver that began anew): what comes
        then counts as new.
        """
        with self._filled:
            if self._is_old(camera, stamp):
                return
            waiting = self._waiting[camera]
            waiting.setdefault(stamp, {})[part] = message
            if len(waiting[stamp]) == len(self._parts):
                self._complete(camera, stamp)
            while len(waiting) > KEPT_STAMPS:
                del waiting[min(waiting)]

    def take(self, timeout: float) -> tuple[str, tuple] | None:
        """Return the longest-waiting camera and its newest parts, in their order; None after the timeout."""
        with self._filled:
            if not self._filled.wait_for(lambda: self._ready, timeout):
                return None
            camera, parts = self._ready.popitem(last=False)
            return camera, tuple(parts[name] for name in self._parts)

    def clear(self) -> None:
        """Drop everything that waits."""
        with self._filled:
            self._ready.clear()
            for waiting in self._waiting.values():
                waiting.clear()

    def _is_old(self, camera: str, stamp: Any) -> bool:
        last = self._last.get(camera)
        if last is None or stamp > last:
            self._late[camera] = 0
            return False
        self._late[camera] += stamp < last
        if self._late[camera] < SET_BACK:
            return True
        self._late[camera] = 0
        del self._last[camera]
        self._waiting[camera].clear()
        return False

    def _complete(self, camera: str, stamp: Hashable) -> None:
        waiting = self._waiting[camera]
        self.dropped += camera in self._ready
        self._ready[camera] = waiting[stamp]  # a camera that waits already keeps its place in the queue
        self._last[camera] = stamp
        for old in [s for s in waiting if s <= stamp]:
            del waiting[old]
        self._filled.notify_all()
