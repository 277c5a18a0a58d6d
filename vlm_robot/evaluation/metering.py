"""A language model that counts: calls and seconds of the one inside, everything else passed through."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any


class MeteredModel:
    """Wraps a language model; every public method that is called counts as one call."""

    def __init__(self, model: Any):
        """Keep the model; nothing is called."""
        self._model = model
        self.calls = 0
        self.seconds = 0.0

    def reset(self) -> None:
        """Forget what was counted."""
        self.calls, self.seconds = 0, 0.0

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the model inside; methods come back counted."""
        value = getattr(self._model, name)
        if name.startswith('_') or not callable(value):
            return value
        return self._count(value)

    def _count(self, function: Callable) -> Callable:
        def counted(*args: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self.calls += 1
                self.seconds += time.perf_counter() - started

        return counted
