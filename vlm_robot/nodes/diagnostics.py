"""
Measures how often and how fast something is done and tells it as a diagnostics message.

Written by hand because ``diagnostic_updater`` is not in the Python wheels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

WINDOW = 10.0  # seconds over which the rate is taken
KEPT = 200  # durations from which the quantiles are taken


class Meter:
    """Rate and duration of the newest pieces of work; safe to use from several threads."""

    def __init__(self):
        """Start with nothing done."""
        self._lock = threading.Lock()
        self._done: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._complaint, self._complained = '', float('-inf')

    def count(self, seconds: float) -> None:
        """Note one piece of work."""
        with self._lock:
            self._done.append((time.monotonic(), seconds))

    def fail(self, complaint: str) -> None:
        """Note one failure."""
        with self._lock:
            self._complaint, self._complained = complaint, time.monotonic()

    def report(self, node: str, details: Mapping[str, str], is_active: bool, is_idle: bool = False) -> DiagnosticArray:
        """
        Return OK, WARN (failures), ERROR (nothing is done) or STALE (inactive), with the figures.

        :param is_idle: nobody wants anything done now, so that doing nothing is no error.
        """
        now = time.monotonic()
        with self._lock:
            recent = [seconds for when, seconds in self._done if now - when < WINDOW]
            durations = sorted(seconds for _, seconds in self._done)
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
        figures = {'rate_hz': f'{len(recent) / WINDOW:.2f}', **details}
        for name, part in (('p50', 0.5), ('p99', 0.99)):
            if durations:
                figures[f'latency_{name}_s'] = f'{durations[int(part * (len(durations) - 1))]:.3f}'
        values = [KeyValue(key=key, value=value) for key, value in figures.items()]
        status = DiagnosticStatus(level=level, name=f'{node}: inference', message=text, hardware_id=node, values=values)
        return DiagnosticArray(status=[status])
