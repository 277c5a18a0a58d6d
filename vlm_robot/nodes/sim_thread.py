"""
One thread that owns the PyBullet world and steps it at a rate of real time; others hand it work and wait.

PyBullet is not thread-safe, so whatever touches the world (loading, reading the truth, starting a motion,
rendering) runs in here between two batches of steps. It knows no ROS.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
import threading
import time
from typing import TypeVar

import numpy as np
import pybullet as p

from vlm_robot.errors import ScenarioError
from vlm_robot.geometry import build_transform
from vlm_robot.resources import find_scenario
from vlm_robot.sim.bullet_arm import BulletArm, Motion
from vlm_robot.sim.physics import TIME_STEP
from vlm_robot.sim.scenario import Episode, load_scenario, sample_episode
from vlm_robot.sim.still_camera import StillCamera
from vlm_robot.sim.world import World

Answer = TypeVar('Answer')
BATCH = 4  # steps at most between two looks at the work that waits and at what is due: 17 ms of simulated time
CATCH_UP = 2.0  # times the wanted rate, at most, at which a world that lags after a picture makes up for it: what comes
# over the network travels in wall-clock time, and a world that leaps meanwhile would hear of a cancel too late
BREATH = 0.001  # wall-clock seconds, at least, between two such batches
LAG_LIMIT = 0.25  # simulated seconds; a slower machine does not make up for more
REST = 2.2  # simulated seconds before a new table's clock begins: Bullet lets things creep for 2 s until they sleep
ANSWER_TIMEOUT = 60.0  # wall-clock seconds


class Table:
    """What one seed of one scenario has put into one world."""

    def __init__(self, scenario: str, seed: int, start: float = 0.0, episode: Episode | None = None):
        """
        Build world, arm and cameras.

        :param start: seconds at which its clock begins.
        :param episode: what ``sample`` has drawn; None draws it here.
        :raises ScenarioError: there is no such scenario, or it is wrong.
        """
        self.scenario, self.seed = scenario, seed
        self.episode = episode or self.sample(scenario, seed)
        self.world: World = self.episode.build_world()
        self.arm = BulletArm(self.world)
        self.world.settle(REST)
        self.world.time = start + TIME_STEP  # the clock never runs backwards, and a new table is newer than the old
        self.motion: Motion | None = None  # the newest that was started
        cameras = self.episode.build_cameras(self.world)
        self.cameras = {name: StillCamera(camera) for name, camera in cameras.items()}

    @staticmethod
    def sample(scenario: str, seed: int) -> Episode:
        """Return what the seed puts into a scenario; nothing is built yet. Raise ScenarioError."""
        return sample_episode(load_scenario(find_scenario(scenario)), seed)

    def poses(self) -> dict[str, np.ndarray]:
        """Return the true T_base_object, (4, 4), of every object by name."""
        client = self.world.client
        found = {name: p.getBasePositionAndOrientation(body, client) for name, body in self.world.bodies.items()}
        others = [name for name in self.world.labels if name not in found]  # a drawer, a pile
        found |= {name: (self.world.position(name), (0.0, 0.0, 0.0, 1.0)) for name in others}
        return {name: build_transform(*place) for name, place in found.items()}

    def start(self, begin: Callable[[Table], Motion]) -> Motion:
        """Begin a motion and remember it."""
        self.motion = begin(self)
        return self.motion

    def is_moving(self) -> bool:
        """Return whether the arm or the fingers carry out a motion."""
        return self.motion is not None and not self.motion.done


class SimThread:
    """Steps a table until it is closed."""

    def __init__(self, scenario: str, seed: int, real_time_factor: float, on_batch: Callable[[Table], None]):
        """
        Load the first table and start to step.

        :param real_time_factor: simulated seconds per second, as far as the machine can; may be changed.
        :param on_batch: called in the thread after every batch of steps, to publish what is due.
        :raises ScenarioError: there is no such scenario.
        """
        self.real_time_factor = real_time_factor
        self.is_paused = False  # then only ``step`` moves the world, and the clock with it
        self.failure: Exception | None = None
        self._on_batch = on_batch
        self._work: deque[tuple[Callable[[Table], object], Future]] = deque()
        self._wake, self._closing = threading.Event(), False
        self._table: Table | None = None
        loaded: Future = Future()
        self._thread = threading.Thread(target=self._run, args=(scenario, seed, loaded), daemon=True)
        self._thread.start()
        loaded.result()

    def call(self, function: Callable[[Table], Answer]) -> Answer:
        """Run a function of the table in the thread and return its answer, or raise what it raised."""
        answer: Future = Future()
        self._work.append((function, answer))
        self._wake.set()
        return answer.result(ANSWER_TIMEOUT)

    def load(self, scenario: str, seed: int) -> Table:
        """
        Replace the table, or raise ScenarioError and keep it; an empty name loads the present scenario.

        A scenario that turns out wrong only when it is built leaves the old table as its seed had begun it.
        """

        def replace(old: Table) -> Table:
            name, start = scenario or old.scenario, old.world.time
            episode = Table.sample(name, seed)
            old.world.close()  # before the new one: side by side they leave 20 MB of gaps in the heap in 24 tables
            try:
                self._table = Table(name, seed, start, episode)
            except Exception:
                self._table = Table(old.scenario, old.seed, start, old.episode)
                raise
            return self._table

        return self.call(replace)

    def step(self, count: int) -> None:
        """Make that many steps at once, paused or not, and publish what is due; may take long."""
        while count > 0:
            size = min(count, BATCH)
            count -= size
            self.call(lambda table, size=size: self._advance(table, size))

    def close(self) -> None:
        """Stop stepping and free the world."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _run(self, scenario: str, seed: int, loaded: Future) -> None:
        try:
            self._table = Table(scenario, seed)
        except Exception as error:  # handed to whoever waits for the first table
            loaded.set_exception(error)
            return
        loaded.set_result(None)
        try:
            self._step_until_closed()
        except Exception as error:  # a broken simulator must show, not hang those who wait
            self.failure = error
        for _, answer in self._work:
            answer.set_exception(ScenarioError(f'the simulator has stopped: {self.failure or "it was closed"}'))
        self._table.world.close()

    def _step_until_closed(self) -> None:
        wall, owed = time.monotonic(), 0.0
        while not self._closing:
            self._do_work()
            now = time.monotonic()
            owed = min(owed + (now - wall) * self.real_time_factor, LAG_LIMIT)
            wall = now
            if self.is_paused:
                owed = 0.0
            count = min(int(owed / TIME_STEP), BATCH)
            if count == 0:
                self._wake.wait(2 * TIME_STEP / self.real_time_factor)
                self._wake.clear()
                continue
            self._advance(self._table, count)
            owed -= count * TIME_STEP
            if owed >= TIME_STEP:
                due = now + count * TIME_STEP / (self.real_time_factor * CATCH_UP)
                self._wake.wait(max(BREATH, due - time.monotonic()))
                self._wake.clear()

    def _advance(self, table: Table, count: int) -> None:
        table.world.step(count)
        self._on_batch(table)

    def _do_work(self) -> None:
        while self._work:
            function, answer = self._work.popleft()
            try:
                answer.set_result(function(self._table))
            except Exception as error:  # belongs to the caller
                answer.set_exception(error)
