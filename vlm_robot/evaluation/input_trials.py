"""
Sends bad inputs to entry points and counts what came of them: refused, taken, crashed, hung, outside the limits.

A watchdog of the wall clock (SIGALRM, main thread only) ends an input that takes too long; what a library does in C
without looking at signals is ended by whoever started the process. Nothing is repeated: the seed is the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
import importlib
import random
import reprlib
import signal
import time
import traceback
from typing import Any

from vlm_robot.evaluation.entry_points import EntryPoint, feed, Violation

LIMIT_S = 120.0  # of one input, wall clock: far above what any takes on a busy machine
KEPT = 5  # examples of faults that a row keeps


class Hang(BaseException):
    """An input took too long; no ``except Exception`` swallows it."""


@dataclass
class Row:
    """What became of the inputs of one entry point; ``faults`` quotes the first crashes, hangs and violations."""

    name: str
    tried: int = 0
    refused: int = 0
    accepted: int = 0
    crashes: int = 0
    hangs: int = 0
    violations: int = 0
    slowest_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Return whether nothing crashed, hung or left the limits."""
        return not (self.crashes or self.hangs or self.violations)

    def note(self, fault: str) -> None:
        """Keep a fault if it is one of the first."""
        if len(self.faults) < KEPT:
            self.faults.append(fault)


@contextmanager
def watch(limit_s: float) -> Iterator[None]:
    """Raise Hang in the main thread after some seconds; 0 watches nothing. An alarm that was set before goes on."""
    if not limit_s:
        yield
        return

    def bark(*_: object) -> None:
        raise Hang

    begin, old = time.monotonic(), signal.signal(signal.SIGALRM, bark)
    before, _ = signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
        if before:
            signal.setitimer(signal.ITIMER_REAL, max(0.01, before - (time.monotonic() - begin)))


def try_one(entry: EntryPoint, value: Any, row: Row, limit_s: float = LIMIT_S) -> None:
    """Send one input and count what came of it."""
    row.tried += 1
    begin = time.monotonic()
    try:
        with watch(limit_s):
            reason = feed(entry, value)
    except Hang:
        row.hangs += 1
        row.note(f'hang: {_quote(value)}')
    except Violation as error:
        row.violations += 1
        row.note(f'outside the limits: {error}: {_quote(value)}')
    except Exception as error:  # everything that is no refusal with a sentence is a crash
        row.crashes += 1
        place = traceback.extract_tb(error.__traceback__)[-1]
        words = f'{type(error).__name__}: {reprlib.repr(str(error))} in {place.name}, line {place.lineno}'
        row.note(f'crash: {words}: {_quote(value)}')
    else:
        row.refused += bool(reason)
        row.accepted += not reason
    row.slowest_s = max(row.slowest_s, time.monotonic() - begin)


def run_trials(
    entries: Sequence[EntryPoint],
    examples: int,
    seed: int = 0,
    limit_s: float = LIMIT_S,
    on_input: Callable[[], None] = lambda: None,
) -> list[Row]:
    """
    Return one row per entry point; the inputs are shared out evenly.

    :param on_input: called after each input, for a progress bar.
    """
    rows = []
    for number, entry in enumerate(entries):
        rng, row = random.Random(f'{seed} {entry.name}'), Row(entry.name)
        if entry.needs:
            importlib.import_module(entry.needs)
        for _ in range(examples // len(entries) + (number < examples % len(entries))):
            try_one(entry, entry.make(rng), row, limit_s)
            on_input()
        rows.append(row)
    return rows


def _quote(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 200 else f'{text[:197]}...'
