"""Times beside their limits, and when an arm came to rest, on samples made for it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vlm_robot.evaluation.latency_report import judge_sight, judge_tasks, judge_transport, write_report
from vlm_robot.evaluation.limits import Figure, hold_all, write_markdown
from vlm_robot.evaluation.rest import find_rest, Speed

RNG = np.random.default_rng(7)
PLAYER = {'sent': 900, 'late': 0, 'cpu_share': 0.05}
AT = np.arange(900) / 10


def make_tasks(rest=0.08, first=1.5, count=50):
    """Return first goals and stops of a graph that takes so many seconds."""
    goals = [{'sentence': 's', 'seconds': first, 'looking': 0.5, 'deciding': first - 0.5} for _ in range(count // 2)]
    stops = [{'way': ('cancel', 'stop')[n % 2], 'seconds': rest, 'wall': 0.2, 'reason': ''} for n in range(count)]
    return goals, stops


def find_broken(figures):
    """Return the names of the broken limits."""
    return [figure.name for figure in figures if not figure.holds]


def test_a_fast_detector_passes_and_a_slow_one_does_not():
    fast = 0.06 + RNG.exponential(0.02, len(AT))
    assert find_broken(judge_sight(AT, fast, fast, PLAYER)) == []
    assert find_broken(judge_sight(AT, fast + 1, fast, PLAYER)) == [
        'camera stamp to detection, p50',
        'camera stamp to detection, p99',
    ]


def test_a_queue_that_fills_is_caught_before_its_times_are_bad():
    filling = 0.05 + 0.1 * AT / AT[-1] * 1.2 + RNG.normal(0, 0.002, len(AT))
    assert find_broken(judge_sight(AT, filling, filling, PLAYER)) == ['queue of frames that grows']


def test_frames_that_nobody_looked_at_are_counted():
    figures = {f.name: f for f in judge_sight(AT[::3], 0.1 + 0 * AT[::3], 0 * AT[::3], PLAYER)}
    assert figures['frames passed over for newer ones'].measured == 600


def test_times_of_tasks_keep_their_limits_or_break_them():
    assert find_broken(judge_tasks(*make_tasks())) == []
    assert find_broken(judge_tasks(*make_tasks(first=3.5))) == ['sentence to first action goal, p50']
    assert len(find_broken(judge_tasks(*make_tasks(rest=0.3)))) == 2
    assert len(find_broken(judge_tasks(*make_tasks(rest=float('inf'))))) == 2  # it never came to rest


def test_what_could_not_be_measured_keeps_no_limit():
    assert len(find_broken(judge_tasks([], []))) == 3
    assert not Figure('nothing', float('nan'), limit=5.0).holds
    assert Figure('told', float('nan')).holds


def test_the_report_holds_figures_samples_and_a_picture(tmp_path):
    goals, stops = make_tasks()
    figures = [*judge_sight(AT, 0.1 + 0 * AT, 0 * AT, PLAYER), *judge_transport([0.004], PLAYER, 0.1)]
    figures += judge_tasks(goals, stops)
    moment = {'cores': 2, 'load_1min': 0.5, 'load_5min': 0.5}
    data = {
        'sight': {'at': AT.tolist(), 'age': [0.1] * len(AT)},
        'tasks': {'first_goals': goals, 'stops': stops},
        'machine': {'before': moment, 'after': moment},
    }
    write_report(figures, data, tmp_path, tmp_path / 'latency.json')
    assert hold_all(figures)
    assert 'load average 0.5' in (tmp_path / 'report.md').read_text()
    assert (tmp_path / 'latency.png').read_bytes().startswith(b'\x89PNG')
    assert len(json.loads((tmp_path / 'latency.json').read_text())['tasks']['stops']) == 50


def test_markdown_has_a_cell_for_each_column():
    page = write_markdown([Figure('a | b', 1.0, 'ms', 2.0, 'c')], 'title')
    rows = [line for line in page.splitlines() if line.startswith('|')]
    assert {row.count('|') for row in rows} == {6}


def test_rest_is_where_the_last_motion_ends():
    speeds = [Speed(0.1 * n, 1.0 if n < 5 or n == 7 else 0.0) for n in range(12)]
    assert find_rest(speeds, 0.2) == pytest.approx(0.6)  # it moved again at 0.7
    assert find_rest(speeds, 0.8) == 0.0
    assert find_rest(speeds[:8], 0.2) == float('inf')
    assert find_rest([], 0.0) == float('inf')


def test_fingers_count_as_motion():
    speeds = [Speed(0.0, 0.0, 0.05), Speed(0.1, 0.0, 0.05), Speed(0.2, 0.0, 0.0)]
    assert find_rest(speeds, 0.0) == pytest.approx(0.2)
