"""The soak as a program: settings, journals that are complete, exit codes. The graph itself is the bench."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot.datatypes import TaskResult
from vlm_robot.errors import ConfigError, PerceptionError
from vlm_robot.nodes import latency_bench, soak

pytestmark = pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning')


@pytest.fixture
def robot():
    """Return a soak of a graph that exists in name only: it does what it is told at once."""
    given = []

    def send(sentence):
        given.append(sentence)
        return TaskResult(sentence, 'done', 'done')

    robot = soak.Soak.__new__(soak.Soak)
    robot._config, robot._run = soak.SoakConfig(None, tasks=50), 0
    robot._client = SimpleNamespace(send=send, load_scenario=lambda name, seed: f'{name} {seed}', cancel=lambda: None)
    robot._goals = SimpleNamespace(wait_for=lambda *_: True, count_open=lambda: 0, list_open=dict)
    robot._graph = SimpleNamespace(processes={})
    robot._memory = SimpleNamespace(take=lambda: {soak.CLIENT: 5.0})
    robot.given = given
    return robot


def test_every_task_has_its_table_and_some_ask_for_what_is_not_there(robot):
    lines = [robot.do(number) for number in range(20)]
    assert len({(line['scenario'], line['seed']) for line in lines}) == 20
    assert {line['scenario'] for line in lines} == set(soak.SCENARIOS)
    assert robot.given.count(soak.ABSENT) == 2
    assert all(line['processes'][soak.CLIENT]['private_mb'] == 5.0 for line in lines)  # the least, not the last
    assert json.loads(json.dumps(lines)) == lines


def test_a_simulator_that_is_too_busy_is_asked_again(robot):
    asked = []

    def load(name, seed):
        asked.append(seed)
        if len(asked) < 3:
            raise PerceptionError('it did not answer')
        return name

    robot._client.load_scenario = load
    robot._graph.check = lambda: None
    assert robot.do(0)['sentence'] == soak.SCENARIOS[0]
    assert len(asked) == 3


def test_the_same_seed_gives_the_same_tasks(robot):
    first = [robot.do(number)['sentence'] for number in range(10)]
    assert [robot.do(number)['sentence'] for number in range(10)] == first


def write_journal(folder, robot, growth):
    """Write the journal of a finished soak whose client grows by so many MB a task."""
    with (folder / 'journal.jsonl').open('w') as file:
        for number in range(30):
            line = robot.do(number)
            calm = {**line['processes'][soak.CLIENT], 'threads': 5, 'files': 5, 'segments': 0}
            line['processes'] = {'planner': {**calm, 'private_mb': 500 + growth * number}, soak.CLIENT: calm}
            line['family'] = 1
            file.write(json.dumps(line) + '\n')


@pytest.mark.parametrize(('growth', 'code'), [(0.0, 0), (0.5, 1)])
def test_a_complete_journal_is_judged_without_a_graph(tmp_path, monkeypatch, robot, growth, code):
    write_journal(tmp_path, robot, growth)
    monkeypatch.setattr(soak, 'Graph', lambda config: pytest.fail('a graph was started'))
    monkeypatch.setattr(sys, 'argv', ['soak', '--tasks', '30', '--out', str(tmp_path)])
    assert soak.main() == code
    assert (tmp_path / 'soak.png').is_file()


def test_settings_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='tasks is 0'):
        soak.SoakConfig(tmp_path, tasks=0)
    with pytest.raises(ConfigError, match='not both 0'):
        latency_bench.LatencyConfig(tmp_path, minutes=0, stops=0)
    with pytest.raises(ConfigError, match='minutes is -1'):
        latency_bench.LatencyConfig(tmp_path, minutes=-1)


def test_a_bench_that_cannot_run_ends_with_one(tmp_path, monkeypatch, capsys):
    def fail(config):
        raise ConfigError('no such robot')

    monkeypatch.setattr(latency_bench, 'measure', fail)
    monkeypatch.setattr(sys, 'argv', ['latency', '--out', str(tmp_path)])
    assert latency_bench.main() == 1
    assert 'no such robot' in capsys.readouterr().err
