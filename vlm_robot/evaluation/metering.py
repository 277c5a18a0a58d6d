"""Counts what a language model is asked: calls and seconds, whichever of its methods is used."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

METHODS = ('score', 'generate', 'write')


class Meter:
    """Counts the calls of one model from outside; calls that the model makes of itself count once."""

    def __init__(self, model: Any = None):
        """Begin to count; ``model`` keeps its methods, each of which now reports here."""
        self.calls = 0
        self.seconds = 0.0
        self._depth = 0
        for name in METHODS:
            if hasattr(model, name):
                setattr(model, name, self._count(getattr(model, name)))

    def reset(self) -> None:
        """Forget what was counted."""
        self.calls, self.seconds = 0, 0.0

    def _count(self, function: Callable) -> Callable:
        def counted(*args: Any, **options: Any) -> Any:
            self._depth += 1
            started = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self.calls += 1
                    self.seconds += time.perf_counter() - started

        return counted
