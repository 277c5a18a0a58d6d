"""Attempts on random tables: real physics, put back between tries, judged by the simulator."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.agent import scene_of
from vlm_robot.datatypes import Step
from vlm_robot.sim.world import Placement, World
from vlm_robot.training.success_data import ATTEMPT_STREAM, is_true, perceive, read_attempts, Trial
from vlm_robot.training.success_sight import compare, load_sights, SIGHT_STREAM
from vlm_robot.training.success_tables import draw_table, KINDS
from vlm_robot.vocabulary import UNSEEN_COLOURS


@pytest.fixture(scope='module')
def attempts():
    """Return the attempts of one real table."""
    trial = Trial(1, load_sights())
    try:
        return list(trial.run())
    finally:
        trial.world.close()


def test_a_table_gives_attempts_that_tell_their_outcome(attempts):
    assert {attempt.step.skill for attempt in attempts} >= {'pick', 'place_on'}
    assert any(attempt.success for attempt in attempts)
    for attempt in attempts:
        assert attempt.step.target in attempt.scene.names
        assert (attempt.step.skill == 'pick') == (attempt.scene.held == '')
        assert attempt.success or attempt.reason or attempt.view != 'true'


def test_same_table_same_attempts(attempts):
    trial = Trial(1, load_sights())
    try:
        first = next(trial.run())
    finally:
        trial.world.close()
    assert first.to_line() == attempts[0].to_line()


def test_attempts_survive_their_file(attempts, tmp_path):
    path = tmp_path / 'attempts.jsonl'
    path.write_text(''.join(attempt.to_line() + '\n' for attempt in attempts) + '{"cut off')
    read = read_attempts(path)
    assert [attempt.to_line() for attempt in read] == [attempt.to_line() for attempt in attempts]
    assert read_attempts(tmp_path / 'none.jsonl') == []


def test_putting_back_puts_back():
    trial = Trial(2, load_sights())
    try:
        start = trial._save()
        before = {name: trial.world.position(name) for name in trial.world.bodies}
        block = next(name for name in before if 'block' in name)
        for _ in range(2):
            trial._restore(start, 0.08)
            for name, place in before.items():
                assert trial.world.position(name) == pytest.approx(place, abs=1e-3)
            trial._try(Step('pick', block), scene_of(trial.world), 'true')
    finally:
        trial.world.close()


@pytest.mark.parametrize('kind', KINDS)
def test_tables_are_seeded_unique_and_of_trained_colours(kind):
    drawn = {}
    for seed in range(40):
        table = draw_table(np.random.default_rng([ATTEMPT_STREAM, seed]))
        assert table == draw_table(np.random.default_rng([ATTEMPT_STREAM, seed]))
        names = [placement.name for placement in table.placements]
        assert len(set(names)) == len(names) >= 1
        assert not any(colour in name for colour in UNSEEN_COLOURS for name in names)
        drawn.setdefault(table.kind, table)
    assert kind in drawn
    assert ATTEMPT_STREAM != SIGHT_STREAM


def test_truth_judges_not_the_skill():
    world = World(
        [
            Placement('red block', 'red block', (0.5, 0.0, 0.02)),
            Placement('blue block', 'blue block', (0.5, 0.002, 0.06)),
            Placement('green block', 'green block', (0.65, 0.27, 0.02)),
            Placement('green bowl', 'green bowl', (0.45, -0.2, 0.0225)),
            Placement('white block', 'white block', (0.45, -0.2, 0.035)),
        ]
    )
    try:
        world.settle(0.3)
        assert is_true(Step('place_on', 'blue block', 'red block'), world, '')
        assert not is_true(Step('place_on', 'green block', 'red block'), world, '')
        assert is_true(Step('place_at', 'green block', 'bottom right corner'), world, '')
        assert not is_true(Step('place_at', 'green block', 'middle'), world, '')
        assert is_true(Step('place_in', 'white block', 'green bowl'), world, '')
        assert not is_true(Step('place_in', 'red block', 'green bowl'), world, '')
        assert not is_true(Step('place_in', 'white block', 'green bowl'), world, 'white block')
        assert not is_true(Step('pick', 'red block'), world, 'red block')  # they do not hold it
    finally:
        world.close()


def test_eyes_err_as_real_ones_do():
    sights, rng = load_sights(), np.random.default_rng(0)
    world = World(
        [Placement('red block', 'red block', (0.5, 0.0, 0.02)), Placement('green bowl', 'green bowl', (0.6, 0.2, 0.02))]
    )
    try:
        truth = scene_of(world)
    finally:
        world.close()
    assert perceive(truth, 'true', sights, rng) == truth
    pairs = [pair for _ in range(60) for pair in compare(perceive(truth, 'seen', sights, rng), truth)]
    real = [sight for sight in sights if sight.is_there]
    assert {pair.offset for pair in pairs if pair.is_there} <= {s.offset for s in real} | {
        tuple(round(v, 5) for v in s.offset) for s in real
    }
    assert any(not pair.is_there for pair in pairs)
    scores = {there: np.mean([s.score for s in sights if s.is_there == there]) for there in (True, False)}
    assert scores[True] > 0.7 > 0.4 > scores[False]
    rough = [
        item for _ in range(60) for item in perceive(truth, 'rough', sights, rng).objects if item.name == 'red block'
    ]
    errors = np.array([np.hypot(item.p_base[0] - 0.5, item.p_base[1]) for item in rough])
    assert np.corrcoef(errors, [item.score for item in rough])[0, 1] < -0.2
