"""
Who runs the episodes: this process, all cores of this machine, or a Ray cluster; the numbers are the same.

Every worker loads its models once and computes in one thread, so that sums are rounded alike whatever the number
of workers. A local worker ends when the process that started it has gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
import logging
import multiprocessing
import os
import threading
import time
from typing import Any, Protocol

from vlm_robot.errors import ConfigError, VlmRobotError

Task = tuple[Any, int]  # a RunSpec and a seed
Work = Callable[[Task], dict]
WATCH_S = 1.0  # seconds between two looks whether the parent is still there


class Workers(Protocol):
    """Whoever runs tasks."""

    def map(self, work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, dict]]:
        """Yield the number of each task and its result, in the order in which they end."""
        ...


class InProcess:
    """One task after the other, here."""

    def map(self, work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, dict]]:
        """Yield the number of each task and its result."""
        with one_thread():
            for number, task in enumerate(tasks):
                yield number, work(task)


class LocalPool:
    """Processes of this machine; they stay between runs and keep their models."""

    def __init__(self, jobs: int):
        """Start nothing yet; ``jobs`` is the number of processes."""
        context = multiprocessing.get_context('spawn')  # forked torch threads can hang
        self._pool = ProcessPoolExecutor(jobs, context, begin_worker, (os.getpid(),))

    def map(self, work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, dict]]:
        """
        Yield the number of each task and its result, in the order in which they end.

        :raises VlmRobotError: a worker died; what is written so far stays.
        """
        futures = {self._pool.submit(work, task): number for number, task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise VlmRobotError(
                'a worker process died, perhaps for lack of memory; run again with fewer --jobs and the same --out: '
                'what is done is kept'
            ) from error
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


class RayCluster:
    """The nodes of a Ray cluster; each must have this package installed. One CPU and one process a task."""

    def __init__(self, address: str):
        """
        Connect.

        :param address: as ``ray.init`` takes it: ``auto``, ``local``, ``ray://host:10001`` or ``host:6379``.
        :raises ConfigError: ray is not installed, or there is no cluster at the address.
        """
        try:
            import ray
        except ImportError as error:
            raise ConfigError("--ray needs the package 'ray', which is optional: pip install ray") from error
        self._ray = ray
        try:
            options: dict[str, Any] = {'include_dashboard': False} if address == 'local' else {}
            ray.init(
                address=address, ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR, **options
            )
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise ConfigError(
                f"no Ray cluster at '{address}': {error}; start one with `ray start --head` or use --ray local"
            ) from error

    def map(self, work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, dict]]:
        """
        Yield the number of each task and its result, in the order in which they end.

        :raises VlmRobotError: a task failed on its node.
        """
        remote = self._ray.remote(num_cpus=1)(run_remotely)
        numbers = {remote.remote(work, task): number for number, task in enumerate(tasks)}
        waiting = list(numbers)
        try:
            while waiting:
                done, waiting = self._ray.wait(waiting)
                yield numbers[done[0]], self._ray.get(done[0])
        except self._ray.exceptions.RayTaskError as error:
            raise VlmRobotError(f'an episode failed on the Ray cluster: {error.cause}') from error

    def close(self) -> None:
        """Disconnect."""
        self._ray.shutdown()


@contextmanager
def open_workers(jobs: int, ray: str = '') -> Iterator[Workers]:
    """Give workers for the time of a ``with`` block: a Ray cluster where an address is given, else processes."""
    if not ray and jobs <= 1:
        yield InProcess()
        return
    workers = RayCluster(ray) if ray else LocalPool(jobs)
    try:
        yield workers
    finally:
        workers.close()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread for the time of a ``with`` block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_remotely(work: Work, task: Task) -> dict:
    """Do a task in a process of a cluster."""
    with one_thread():
        return work(task)


def begin_worker(parent: int) -> None:
    """Prepare a process of the pool: one thread, and an end when the parent is gone."""
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)
