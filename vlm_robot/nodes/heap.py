"""
Keeps the memory of a long-lived node flat: glibc gives every thread a heap of its own and keeps what is freed in it.

The planner grew by 60 MB with each of its first tasks in the graph, and not in one process without threads. That a task
on another thread grows another heap is the likely cause, not a proved one; with this the growth fell to 13 MB by the
fourth task. Two heaps are enough where the interpreter's lock lets one thread run anyway. Other C libraries are left as
they are. See mallopt(3), malloc_trim(3).
"""

from __future__ import annotations

import ctypes
import os

M_ARENA_MAX = -8  # of malloc.h
HEAPS = 2


def limit_heaps(count: int = HEAPS) -> bool:
    """Let all threads share so many heaps and return whether that was possible; call it before threads begin."""
    libc = _find_glibc()
    return libc is not None and 'MALLOC_ARENA_MAX' not in os.environ and bool(libc.mallopt(M_ARENA_MAX, count))


def give_back() -> bool:
    """Give freed memory back to the system, some milliseconds of work, and return whether any was."""
    libc = _find_glibc()
    return libc is not None and bool(libc.malloc_trim(0))


def _find_glibc():
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, 'malloc_trim') and hasattr(libc, 'mallopt') else None
    except OSError:
        return None
