"""
Measures how often and how fast something is done and tells it as a diagnostics message, with the memory it takes.

Health is told by the wall clock: it must show too when the robot's clock stands. Written by hand because
``diagnostic_updater`` is not in the Python wheels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
import os
from pathlib import Path
import sys
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from vlm_robot.nodes.liveness import reliable_qos

WINDOW = 10.0  # seconds over which the rate is taken
KEPT = 200  # durations from which the quantiles are taken
STATM = Path('/proc/self/statm')  # sizes of this process in pages


class Meter:
    """Rate and duration of the newest pieces of work; safe to use from several threads."""

    def __init__(self):
        """Start with nothing done."""
        self._lock = threading.Lock()
        self._done: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._ages: deque[float] = deque(maxlen=KEPT)
        self.failures = 0
        self._complaint, self._complained = '', float('-inf')

    def count(self, seconds: float, age: float | None = None) -> None:
        """Note one piece of work; ``age``: seconds of the robot's clock since the stamp of what was worked on."""
        with self._lock:
            self._done.append((time.monotonic(), seconds))
            if age is not None:
                self._ages.append(age)

    def fail(self, complaint: str) -> None:
        """Note one failure."""
        with self._lock:
            self.failures += 1
            self._complaint, self._complained = complaint, time.monotonic()

    def report(self, node: str, details: Mapping[str, str], is_active: bool, is_idle: bool = False) -> DiagnosticArray:
        """
        Return OK, WARN (failures), ERROR (nothing is done) or STALE (inactive), with the figures.

        :param is_idle: nobody wants anything done now, so that doing nothing is no error.
        """
        now = time.monotonic()
        with self._lock:
            recent = [seconds for when, seconds in self._done if now - when < WINDOW]
            durations, ages = sorted(seconds for _, seconds in self._done), sorted(self._ages)
            complaint = self._complaint if now - self._complained < WINDOW else ''
        level, text = DiagnosticStatus.OK, 'working'
        if not is_active:
            level, text = DiagnosticStatus.STALE, 'inactive'
        elif complaint:
            level, text = DiagnosticStatus.WARN, complaint
        elif is_idle:
            text = 'idle: nobody listens'
        elif not recent:
            level, text = DiagnosticStatus.ERROR, f'no frame in {WINDOW:g} s; do the cameras publish?'
        figures = {'rate_hz': f'{len(recent) / WINDOW:.2f}', 'failures': str(self.failures), **details}
        for what, numbers in (('latency', durations), ('age', ages)):
            for name, part in (('p50', 0.5), ('p99', 0.99)):
                if numbers:
                    figures[f'{what}_{name}_s'] = f'{numbers[int(part * (len(numbers) - 1))]:.3f}'
        return tell(node, 'inference', level, text, {**figures, **read_memory()})


class Health:
    """Tells the health of a node that looks through no camera, once a second."""

    def __init__(self, node: Node, what: str, list_figures: Callable[[], Mapping[str, object]]):
        """
        Begin to tell.

        :param what: the part of the node that is told of.
        :param list_figures: returns what there is to tell beside memory; the key ``complaint`` makes it a warning.
        """
        self._node, self._what, self._list_figures = node, what, list_figures
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', reliable_qos())
        tick_by_wall(node, self._tell)

    def _tell(self) -> None:
        figures = {key: str(value) for key, value in self._list_figures().items()}
        complaint = figures.pop('complaint', '')
        level = DiagnosticStatus.WARN if complaint else DiagnosticStatus.OK
        array = tell(self._node.get_name(), self._what, level, complaint or 'working', {**figures, **read_memory()})
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)


def tick_by_wall(node: Node, act: Callable[[], None]) -> None:
    """Call something once a second of the wall clock, whatever the robot's clock does."""
    steady = Clock(clock_type=ClockType.STEADY_TIME)
    node.create_timer(1.0, act, callback_group=MutuallyExclusiveCallbackGroup(), clock=steady)


def tell(node: str, what: str, level: bytes, text: str, figures: Mapping[str, str]) -> DiagnosticArray:
    """Return one status of a node."""
    values = [KeyValue(key=key, value=value) for key, value in figures.items()]
    status = DiagnosticStatus(level=level, name=f'{node}: {what}', message=text, hardware_id=node, values=values)
    return DiagnosticArray(status=[status])


def read_memory() -> dict[str, str]:
    """Return the memory of this process in megabytes, on the GPU too where torch uses one, and its threads."""
    figures = {'threads': str(threading.active_count())}
    try:
        pages = int(STATM.read_text(encoding='ascii').split()[1])
        figures['memory_mb'] = f'{pages * os.sysconf("SC_PAGE_SIZE") / 1e6:.0f}'
    except (OSError, ValueError, IndexError):  # no Linux
        pass
    torch = sys.modules.get('torch')  # not imported for this: most nodes hold no model
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        figures['gpu_memory_mb'] = f'{torch.cuda.memory_reserved() / 1e6:.0f}'
    return figures
