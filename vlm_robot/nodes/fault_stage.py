"""
Where faults are played: one running graph with everything that can break it, kept alive as ``./run up`` does.

The simulator's cameras, clock and driver reach the nodes through tamperers. Nodes that end are started again by the
same code as in ``./run up``; one that ended and was not killed on purpose is noted as a crash with its last words.
The planner asks a scripted language server by default, so that a task takes seconds and the server can misbehave; the
faults that need it get the planner with the model that ships.
"""

from __future__ import annotations

from collections.abc import Sequence
import os
from pathlib import Path
import re
import signal
import threading
import time

from vlm_robot.errors import PerceptionError, VlmRobotError
from vlm_robot.language.fake_server import FakeServer
from vlm_robot.nodes.arm_tamperer import ArmTamperer
from vlm_robot.nodes.comeback import Comeback
from vlm_robot.nodes.errands import Errand, ERRANDS, Pending, UNHEARD
from vlm_robot.nodes.graph import Graph, GraphConfig, NODES, WATCH
from vlm_robot.nodes.tamperer import list_remaps, Tamperer
from vlm_robot.nodes.tampering import leave
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot.nodes.witness import wait_until, Witness

SCENARIO, SEED = 'blocks_and_bowls', 11
PROBE = ''  # an empty sentence: whoever refuses it with this word takes tasks
PROBED = 'empty'
LINK = {'fresh_timeout': 20.0, 'start_timeout': 20.0, 'detector_silence': 15.0}  # s, the planner's own defaults
PATIENCE = 120.0  # wall-clock seconds after which something that has not ended hangs
BUSY = 'another task is running'


class Stage:
    """The graph, its tamperers and its witness; a context manager."""

    def __init__(self, out: Path, slowness: float = 1.0, beside: Sequence[str] = WATCH):
        """
        Prepare; nothing starts yet.

        :param out: folder of the logs.
        :param slowness: how many times slower than a quiet computer this one is; stretches all waiting.
        :param beside: nodes that run too and that no task needs.
        """
        self.out, self.patience = out, PATIENCE * slowness
        self.slowness = slowness
        self._link: dict[str, object] = {f'link.{name}': value * slowness for name, value in LINK.items()}
        self.server = FakeServer({f'# {e.sentence}\ndef task():': e.program for e in ERRANDS})
        self.port = int(self.server.url.rsplit(':', 1)[1].split('/')[0])
        self.planner_kind = 'scripted'
        sim = {'scenario': SCENARIO, 'seed': SEED}
        self.parameters: dict[str, dict[str, object]] = {'sim': sim, 'planner': self.script_planner()}
        os.environ['ROS_LOG_DIR'] = str((out / 'ros').resolve())
        self.graph = Graph(
            GraphConfig(out, (*NODES, *beside), parameters=self.parameters, remaps={'sim': list_remaps()})
        )
        self.deaths: list[str] = []
        self.restarted: dict[str, float] = {}  # node -> wall-clock seconds of the newest start by the keeper
        self.comeback: Comeback | None = None  # of the newest kill
        self._killed: set[str] = set()
        self._unheard = 0
        self._lock, self._closing = threading.RLock(), threading.Event()
        self._marks: dict[str, int] = {}

    def script_planner(self) -> dict[str, object]:
        """Return the parameters of a planner that asks the scripted server."""
        return {
            'language.backend': 'server',
            'language.server.url': f'http://127.0.0.1:{self.port}/v1',
            'language.server.retries': 0,
            'language.server.timeout_s': 5.0 * self.slowness,
            'planner.kind': 'program',
            'planner.program.constrained': False,
            **self._link,
        }

    def __enter__(self) -> Stage:
        """Start everything and wait until it works; raise PerceptionError where it does not come up."""
        self.server.__enter__()
        domain = self.graph.domain
        self.witness, self.tamperer, self.arm = Witness(domain), Tamperer(domain), ArmTamperer(domain)
        for participant in (self.witness, self.tamperer, self.arm):
            participant.start()
        self.client = TaskClient(domain, cameras=())
        self.graph.start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        if not self.wait_until_ready(0.0, 2 * self.patience):
            missing = ', '.join(self.witness.list_missing(0.0)) or 'answer of the planner'
            self.__exit__()
            raise PerceptionError(f'the graph did not come up: no {missing}; logs: {self.out}')
        return self

    def __exit__(self, *_) -> None:
        """Stop everything."""
        self._closing.set()
        self._keeper.join()
        for name in list(self.graph.processes):
            self.pause(name, stops=False)
        self.graph.stop()
        for participant in (self.client, self.witness, self.tamperer, self.arm):
            participant.close()
        self.server.__exit__()

    # ---- processes

    def kill(self, *names: str) -> None:
        """End nodes by force, as a crash would; the keeper starts them again."""
        with self._lock:
            self.comeback = Comeback(self.witness, names, self.wait_for_restart, self.patience)
            for name in names:
                self._killed.add(name)
                self.graph.kill(name)
        self.comeback.start()

    def pause(self, name: str, stops: bool = True) -> None:
        """Stop a process in its tracks, or let it go on."""
        process = self.graph.processes[name]
        if process.poll() is None:
            os.kill(process.pid, signal.SIGSTOP if stops else signal.SIGCONT)

    def add_node(self, name: str, parameters: dict[str, object]) -> None:
        """Start a node beside the others."""
        with self._lock:
            self.parameters[name] = parameters
            self.graph.start_node(name)

    def remove_node(self, name: str) -> None:
        """End a node that was added, politely."""
        with self._lock:
            process = self.graph.processes.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30.0)

    def choose_planner(self, kind: str) -> None:
        """Have the planner think with the ``scripted`` server or the ``model`` that ships."""
        if kind != self.planner_kind:
            self.planner_kind = kind
            self.parameters['planner'] = self.script_planner() if kind == 'scripted' else self._link
            self.kill('planner')
            self.wait_until_ready(self.wait_for_restart('planner'), self.patience)

    def wait_for_restart(self, *names: str) -> float:
        """Return the wall-clock seconds at which the last of these nodes was started again after it was killed."""
        wait_until(lambda: not self._killed & set(names), 30.0)
        return max(self.restarted.get(name, 0.0) for name in names)

    def _keep(self) -> None:
        while not self._closing.wait(0.2):
            with self._lock:
                self._note_deaths()
                for name in self.graph.revive():
                    self.restarted[name] = time.monotonic()
                    self._killed.discard(name)

    def _note_deaths(self) -> None:
        for name, process in self.graph.processes.items():
            if process.poll() is not None and name not in self._killed:
                log = self.graph.log_of(name)
                words = log.read_text(errors='replace').strip().splitlines()[-1:] if log.is_file() else []
                self.deaths.append(f'{name} ended with code {process.returncode}: {" ".join(words)}')
                self._killed.add(name)  # note it once

    # ---- what the logs say

    def mark_logs(self) -> None:
        """Count only what is logged from now on."""
        self._marks = {name: _size(self.graph.log_of(name)) for name in self.graph.processes}

    def read_log(self, name: str) -> str:
        """Return what a node has logged since the mark."""
        path = self.graph.log_of(name)
        if not path.is_file():
            return ''
        with path.open('rb') as file:
            file.seek(self._marks.get(name, 0))
            return file.read().decode(errors='replace')

    def list_tracebacks(self) -> list[str]:
        """Return the nodes that have shown a traceback since the mark, each with its last line."""
        found = []
        for name in list(self.graph.processes):
            _, trace, rest = self.read_log(name).partition('Traceback (most recent call last)')
            if trace:
                lines = [line for line in rest.splitlines()[1:] if line and not line.startswith(' ')]
                found.append(f'traceback in the log of {name}: {(lines or ["?"])[0]}')
        return found

    def measure_loading(self, *names: str) -> float:
        """Return the seconds that models took to load since the mark, by the logs of these nodes."""
        times = re.findall(r'loaded .* in ([0-9.]+) s', ' '.join(self.read_log(name) for name in names))
        return max(map(float, times), default=0.0)

    # ---- tasks

    def give(self, errand: Errand) -> Pending:
        """Begin a task."""
        self.witness.begin()
        return Pending(self.client, errand)

    def next_unheard(self) -> Errand:
        """Return an errand whose sentence the planner has probably not heard: plans that were made are remembered."""
        self._unheard += 1
        return UNHEARD[self._unheard % len(UNHEARD)]

    def wait_until_ready(self, since: float, timeout: float) -> bool:
        """Return whether everything was heard after that moment and the planner takes tasks, waiting for it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if wait_until(lambda: self.witness.is_fresh(since), deadline - time.monotonic()) and self.is_answering():
                return True
        return False

    def reset_table(self) -> bool:
        """Return whether a fresh table stands before the robot and was seen."""
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            try:
                self.client.load_scenario(SCENARIO, SEED)
                return self.wait_until_ready(time.monotonic(), deadline - time.monotonic())
            except VlmRobotError:  # the arm still moves, or the simulator starts
                time.sleep(1.0)
        return False

    def heal(self) -> None:
        """Take every tampering away."""
        self.tamperer.tamper, self.arm.mode, self.server.fault = leave, '', ''

    def is_true(self, errand: Errand) -> bool | None:
        """Return whether the simulator says so; None where it does not answer."""
        try:
            return errand.holds(self.client)
        except VlmRobotError:
            return None

    def is_answering(self) -> bool:
        """Return whether the planner takes tasks now."""
        try:
            result = self.client.send(PROBE)
        except VlmRobotError:
            return False
        if PROBED not in result.reason:
            time.sleep(0.5)
        return PROBED in result.reason


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
