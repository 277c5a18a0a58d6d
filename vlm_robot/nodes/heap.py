"""
Keeps the memory of a long-lived node flat: glibc gives every thread a heap of its own and keeps what is freed in it.

The planner grew by 60 MB with each of its first tasks in the graph, and not in one process without threads. That a task
on another thread grows another heap is the likely cause, not a proved one; with this the growth fell to 13 MB by the
fourth task. Two heaps are enough where the interpreter's lock lets one thread run anyway. What is large does not come
from a heap at all: glibc raises that border up to 32 MB by itself, and then one small block above a large gap keeps
all of it (a planner grew by 22 MB at the 123rd of 200 tasks). And what is freed below a block that stays is given back
every second: in a simulator that gap grew from 10 to 25 MB within 45 tables, while what was in use stayed the same.
Other C libraries are left as they are. See mallopt(3), malloc_trim(3).

The interpreter's collector looks at old objects only once a quarter as many new ones have grown old. Beside torch's
480,000 that is hardly ever, so cycles stay, and when it does look everything stands still for 0.23 s (planner, 2
cores).
"""

from __future__ import annotations

import ctypes
from functools import cache
import gc
import os
import time

M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3  # of malloc.h
HEAPS = 2
PERIOD = 1.0  # wall-clock seconds between two sweeps; one takes 0.05 to 2 ms
LARGE = 256 * 1024  # bytes; measured to cost no time in planning


def limit_heaps(count: int = HEAPS) -> bool:
    """
    Let all threads share so many heaps, keep large blocks out of them, and return whether that was possible.

    To be called before threads begin; what somebody has set in the environment stays.
    """
    libc = _find_glibc()
    if libc is None:
        return False
    wanted = (('MALLOC_ARENA_MAX', M_ARENA_MAX, count), ('MALLOC_MMAP_THRESHOLD_', M_MMAP_THRESHOLD, LARGE))
    done = [libc.mallopt(what, value) for name, what, value in wanted if name not in os.environ]
    return len(done) == len(wanted) and all(done)


class Broom:
    """Gives freed memory back once in a while."""

    def __init__(self) -> None:
        """Wait one period for the first sweep."""
        self._due = time.monotonic() + PERIOD

    def check(self) -> None:
        """Sweep if it is time to."""
        if time.monotonic() >= self._due:
            give_back()
            self._due = time.monotonic() + PERIOD


def give_back() -> bool:
    """Give freed memory back to the system, up to some milliseconds of work, and return whether any was."""
    libc = _find_glibc()
    return libc is not None and bool(libc.malloc_trim(0))


def settle() -> None:
    """Keep what is loaded by now out of the collector's sight, so that it looks at the rest often, and quickly."""
    gc.collect()
    gc.freeze()


def unsettle() -> None:
    """Collect what nobody refers to any more, also of what was loaded when all was settled; then give it back."""
    gc.unfreeze()
    gc.collect()
    give_back()


@cache
def _find_glibc():
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, 'malloc_trim') and hasattr(libc, 'mallopt') else None
    except OSError:
        return None
