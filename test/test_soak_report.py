"""The verdict of a soak on journals made for it: what leaks must be caught, what does not must pass."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.limits import hold_all
from vlm_robot.evaluation.soak_report import judge, pick_longest, read_journal, write_report

RNG = np.random.default_rng(3)


def make_line(task, run=0, slope=0.0, **changed):
    """Return the line of a task of a graph whose planner grows by ``slope`` MB per task."""
    calm = {'threads': 20, 'files': 23, 'segments': 19, 'resident_mb': 300.0, 'cpu_s': float(task)}
    warm = 80 * (1 - np.exp(-task))  # buffers fill, then no more
    grown = 500 + warm + slope * task + RNG.normal(0, 0.02)
    processes = {
        'sim': {**calm, 'private_mb': 200 + RNG.normal(0, 0.02)},
        'planner': {**calm, 'private_mb': grown, **changed.get('planner', {})},
        'client': {**calm, 'private_mb': 100.0},
    }
    return {
        'run': run,
        'task': task,
        'status': 'done',
        'seconds': 5.0,
        'open_goals': changed.get('open_goals', {}),
        'processes': {name: item for name, item in processes.items() if name != changed.get('lost')},
        'family': 5 + changed.get('children', 0),
        'machine': {'cores': 2, 'load_1min': 1.0, 'load_5min': 1.0},
    }


def find_broken(lines):
    """Return the names of the broken limits."""
    return [figure.name for figure in judge(lines) if not figure.holds]


def test_a_graph_that_only_warms_up_passes():
    assert find_broken([make_line(task) for task in range(200)]) == []


@pytest.mark.parametrize('slope', [0.02, 0.5])
def test_memory_that_grows_is_caught(slope):
    assert find_broken([make_line(task, slope=slope) for task in range(200)]) == ['memory of the graph']


@pytest.mark.parametrize(
    ('key', 'name'),
    [('threads', 'threads that stay'), ('files', 'open files that stay'), ('segments', 'shared-memory segments')],
)
def test_counts_that_grow_are_caught(key, name):
    lines = [make_line(task, planner={key: 20 + task // 10}) for task in range(200)]
    broken = find_broken(lines)
    assert len(broken) == 1
    assert broken[0].startswith(name)


def test_goals_children_and_lost_processes_are_caught():
    lines = [make_line(task) for task in range(40)]
    assert find_broken([*lines, make_line(40, open_goals={'move_arm': 1})]) == ['goals left open after a task']
    assert find_broken([make_line(t, children=t // 10) for t in range(40)]) == ['processes that stay']
    assert find_broken([*lines[:-1], make_line(39, lost='sim')]) == ['processes lost']


def test_a_run_that_went_on_is_judged_graph_by_graph():
    lines = [make_line(task) for task in range(60)]
    lines += [make_line(task, run=1, slope=-5.0) for task in range(60, 70)]  # another graph, from another height
    assert len(pick_longest(lines)) == 60
    assert find_broken(lines) == []


def test_a_journal_is_read_back_and_a_cut_line_is_left_out(tmp_path):
    path = tmp_path / 'journal.jsonl'
    assert read_journal(path) == []
    lines = [make_line(task) for task in range(3)]
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert read_journal(path) == lines
    path.write_text(path.read_text()[:-20])
    assert read_journal(path) == lines[:2]
    path.write_text('nonsense\n' + json.dumps(lines[0]) + '\n')
    with pytest.raises(ConfigError, match='line 1'):
        read_journal(path)


def test_report_picture_and_json_are_written(tmp_path):
    lines = [make_line(task, slope=0.5) for task in range(30)]
    figures = judge(lines)
    assert not hold_all(figures)
    write_report(lines, figures, tmp_path, tmp_path / 'soak.json')
    assert 'prove little' in (tmp_path / 'report.md').read_text()
    assert '| memory of the graph |' in (tmp_path / 'report.md').read_text()
    assert (tmp_path / 'soak.png').read_bytes().startswith(b'\x89PNG')
    data = json.loads((tmp_path / 'soak.json').read_text())
    assert data['holds'] is False
    assert data['tasks'] == 30
