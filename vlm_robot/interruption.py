"""
Thinking that can be broken off: who waits for an answer says when to give up, who computes asks again and again.

A pass of a language model takes a tenth of a second, a whole program up to half a minute; a cancel must not wait for
it. The check belongs to the thread that thinks (``contextvars``), so tasks side by side do not disturb each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None]] = ContextVar('check', default=lambda: None)


@contextmanager
def interruptible(check: Callable[[], None]) -> Iterator[None]:
    """Let whatever this thread computes inside be ended by what ``check`` raises."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def check() -> None:
    """Raise what whoever waits wants raised; to be called between parts of long work."""
    _check.get()()
