"""The thread that steps the simulated world: at the wanted rate, and no leaps after something that took long."""

from __future__ import annotations

import time

import pytest

from vlm_robot.errors import ScenarioError
from vlm_robot.nodes import sim_thread
from vlm_robot.nodes.sim_thread import BATCH, CATCH_UP, LAG_LIMIT, SimThread
from vlm_robot.sim.physics import TIME_STEP

FACTOR = 0.5  # slow enough for a busy machine to keep up


@pytest.fixture
def batches():
    return []


@pytest.fixture
def sim(batches):
    """A world that notes when each batch of steps was done: wall-clock and simulated seconds."""
    thread = SimThread('A', 0, FACTOR, lambda table: batches.append((time.monotonic(), table.world.time)))
    yield thread
    thread.close()


def test_lost_time_is_made_up_for_at_a_bounded_rate(sim, batches):
    time.sleep(0.2)
    sim.call(lambda table: time.sleep(0.6))  # as a picture that takes long
    resumed = len(batches)
    while len(batches) < resumed + 40:
        time.sleep(0.05)
    wall, simulated = zip(*batches[resumed:])
    steps = [later - earlier for earlier, later in zip(simulated, simulated[1:])]
    assert max(steps) <= (BATCH + 0.01) * TIME_STEP
    for begin in range(len(wall) - 1):
        leap = simulated[-1] - simulated[begin]
        assert leap <= CATCH_UP * FACTOR * (wall[-1] - wall[begin]) + 2 * BATCH * TIME_STEP
    # What was lost is made up for, up to the limit, or the machine is too slow for that.
    ideal = FACTOR * (wall[-1] - wall[0])
    assert simulated[-1] - simulated[0] <= ideal + LAG_LIMIT + 2 * BATCH * TIME_STEP


def test_a_paused_world_moves_by_steps_alone(sim, batches):
    sim.is_paused = True
    sim.call(lambda table: None)
    still = sim.call(lambda table: table.world.time)
    time.sleep(0.1)
    assert sim.call(lambda table: table.world.time) == still
    sim.step(2 * BATCH + 1)
    assert sim.call(lambda table: table.world.time) == pytest.approx(still + (2 * BATCH + 1) * TIME_STEP)


def test_a_scenario_that_cannot_be_had_leaves_the_table(sim, monkeypatch):
    before = sim.call(lambda table: table)
    with pytest.raises(ScenarioError):
        sim.load('no such table', 0)
    assert sim.call(lambda table: table) is before

    def fail(name, seed, start, episode):
        monkeypatch.undo()
        raise ScenarioError('nobody can build that')

    begun = sim.call(lambda table: table.world.time)
    monkeypatch.setattr(sim_thread, 'Table', fail)
    fail.sample = before.sample
    with pytest.raises(ScenarioError, match='nobody can build that'):
        sim.load('blocks_and_bowls', 3)
    assert sim.call(lambda table: (table.scenario, table.seed)) == ('A', 0)
    assert sim.call(lambda table: table.poses().keys() == table.world.labels.keys() and table.world.time) >= begun
    table = sim.load('blocks_and_bowls', 3)
    assert (table.scenario, table.seed) == ('blocks_and_bowls', 3) and table.world.time >= begun
