"""What sight must reach: which side of a limit is good, the tables, the exit code of the command."""

import json

import pytest
from typer.testing import CliRunner

from vlm_robot.cli import app
from vlm_robot.evaluation import sight_benchmark
from vlm_robot.evaluation.detection_benchmark import time_in_turns
from vlm_robot.evaluation.sight_benchmark import Target, write_targets

COST = Target('five prompts over one', 1.2, 1.3, 'x')
SPEED = Target('frames', 3.5, 3.0, 'frames/s', is_least=True)
SLOW = Target('frames', 2.5, 3.0, 'frames/s', is_least=True)


@pytest.mark.parametrize(('target', 'reached'), [(COST, True), (SPEED, True), (SLOW, False)])
def test_a_limit_is_kept_from_its_own_side(target, reached):
    assert target.is_reached is reached
    assert target.describe()['is_reached'] is reached
    assert ('**not reached**' in write_targets([target])) is not reached
    assert sight_benchmark.tabulate_targets([target]).row_count == 1


@pytest.mark.parametrize(('targets', 'code'), [([COST, SPEED], 0), ([COST, SLOW], 1)])
def test_a_broken_limit_is_the_exit_code(targets, code, tmp_path, monkeypatch):
    monkeypatch.setattr(sight_benchmark, 'measure_targets', lambda repeats, config: targets)
    words = ['bench', 'sight', '--out', str(tmp_path), '--json', str(tmp_path / 'sight.json')]
    assert CliRunner().invoke(app, words).exit_code == code
    assert len(json.loads((tmp_path / 'sight.json').read_text())) == 2
    assert (tmp_path / 'sight.md').read_text().count('\n| ') == 2


def test_calls_take_turns_and_the_first_turn_does_not_count():
    ticks, called = iter(range(1000)), []
    calls = [lambda: called.append('a'), lambda: called.append('b')]
    assert time_in_turns(calls, 2, lambda: float(next(ticks))) == [1.0, 1.0]
    assert called == ['a', 'b'] * 3
