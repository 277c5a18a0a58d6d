"""How long killed nodes take until they are heard again, measured beside the task that still runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import threading
import time

from vlm_robot.nodes.witness import wait_until, Witness


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
        is_planning = 'planner' not in self._names or self._witness.heard.get('planner active', 0.0) > self.restarted
        return is_planning and self._witness.is_fresh(self.restarted)
