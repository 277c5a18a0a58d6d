"""How long killed nodes take until they are heard again, measured beside the task that still runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import threading
import time

from vlm_robot.nodes.witness import wait_until, Witness

TELLING = (
    'supervisor',
    'annotator',
    'segmenter',
    'grounder',
    'describer',
)  # nodes whose only regular words are diagnostics
SIGNS = {'planner': 'planner active', **{name: f'diagnostics of {name}' for name in TELLING}}  # what to wait for


class Comeback(threading.Thread):
    """
    Waits for the start of the processes, then for everything that they say.

    :param wait_for_restart: blocks until these nodes were started again and returns when that was.
    :ivar killed: wall-clock seconds at which it began to wait; ``restarted`` and ``heard`` likewise, 0 before.
    """

    def __init__(self, witness: Witness, names: Sequence[str], wait_for_restart: Callable[..., float], patience: float):
        """Begin to watch the nodes that are just being killed."""
        super().__init__(daemon=True)
        self.killed, self.restarted, self.heard = time.monotonic(), 0.0, 0.0
        self._witness, self._names = witness, names
        self._wait_for_restart, self._patience = wait_for_restart, patience

    def run(self) -> None:
        """Wait for all of it, at most as long as patience lasts."""
        self.restarted = self._wait_for_restart(*self._names)
        if wait_until(self._is_back, self._patience, 0.05):
            self.heard = time.monotonic()

    def _is_back(self) -> bool:
        signs = [SIGNS[name] for name in self._names if name in SIGNS]
        is_told = all(self._witness.heard.get(sign, 0.0) > self.restarted for sign in signs)
        return is_told and self._witness.is_fresh(self.restarted)
