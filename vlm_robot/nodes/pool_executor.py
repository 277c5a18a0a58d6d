"""
rclpy's executor with many threads, that neither hands a callback out twice nor turns in place.

Two faults of rclpy 9.1 with Fast DDS keep a core busy, and starve the very threads that would end it, for tenths of
seconds and more, where a node both hears a topic and waits for an answer:

- A callback that waits for a thread still counts as ready, and is handed out thousands of times
  (https://github.com/ros2/rclpy/issues/1452; mended by https://github.com/ros2/rclpy/pull/1547, after the distributions
  that we support).
- While a message waits for its thread, its subscription is not waited for, but the subscription's events are. Fast DDS
  wakes for both alike, so that the wait ends at once, every 40 us, with nothing to do; the lock of Python is let go for
  so short a time that no other thread gets it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
import threading
import time

import rclpy.executors
from rclpy.task import Task

SHORTEST, LONGEST = 5e-5, 4e-3  # seconds of a rest; each is twice the one before


class MultiThreadedExecutor(rclpy.executors.MultiThreadedExecutor):
    """The same executor; takes what rclpy's takes, with the number of threads first."""

    def __init__(self, num_threads: int, **kwargs):
        """Make the threads."""
        super().__init__(num_threads, **kwargs)
        self._executor = _Pool(num_threads)
        self._vain = 0  # waits that ended with nothing to do, one after the other

    def _spin_once_impl(self, timeout_sec=None, wait_condition=None) -> None:
        self._vain = 0
        super()._spin_once_impl(timeout_sec, wait_condition or self._rest)

    def _rest(self) -> bool:
        """Be asked before each wait whether to end it: no; but let the other threads work if the last was in vain."""
        if self._vain > 1:  # the first is no wait yet, and a callback that ends wakes the executor once
            time.sleep(min(LONGEST, SHORTEST * 2 ** (self._vain - 2)))
        self._vain = min(self._vain + 1, 20)
        return False


class _Pool(ThreadPoolExecutor):
    """Threads for rclpy's tasks, all of them from the beginning: one that begins hours later looks like a leak."""

    def __init__(self, num_threads: int):
        """Let every thread begin and wait for the last of them."""
        super().__init__(num_threads)
        meeting = threading.Barrier(num_threads)
        for _ in range(num_threads):
            super().submit(meeting.wait)

    def submit(self, task: Task) -> Future:  # type: ignore[override]
        """Mark a task as begun from the moment that it is handed over."""
        task._executing = True
        return super().submit(_run, task)


def _run(task: Task) -> None:
    task._executing = False  # or it would take itself for one that another thread is at
    task()
