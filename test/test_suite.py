"""Tests for the suite runner: same numbers however many processes, however often it was killed."""

import csv
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

from vlm_robot.errors import ConfigError, ScenarioError
from vlm_robot.evaluation import suite as suites
from vlm_robot.evaluation.catalogue import DISTURBED, find_suite, list_suites
from vlm_robot.evaluation.journal import Journal
from vlm_robot.evaluation.runs import run_one, RunSpec
from vlm_robot.evaluation.suite import evaluate, summarise, without_times, write_csv
from vlm_robot.evaluation.workers import open_workers

ROOT = Path(__file__).resolve().parents[1]
SPEC = RunSpec('F', 'T0', baseline='oracle')
SEEDS = find_suite('F').list_seeds(12)


@pytest.fixture(scope='module')
def whole():
    """Return a run that nothing interrupted."""
    return without_times(evaluate(SPEC, SEEDS))


def test_a_journal_gives_back_what_was_written(tmp_path):
    journal = Journal(tmp_path / 'deep' / 'episodes.jsonl')
    for seed in range(3):
        journal.append('a', seed, {'value': seed})
    journal.append('b', 0, {'value': 9})
    assert journal.read('a') == {0: {'value': 0}, 1: {'value': 1}, 2: {'value': 2}}
    assert journal.read('c') == {}


def test_a_line_that_was_cut_off_is_left_out_and_harms_no_other(tmp_path):
    journal = Journal(tmp_path / 'episodes.jsonl')
    journal.append('a', 0, {'value': 0})
    with journal.path.open('a') as file:
        file.write('{"key": "a", "seed": 1, "resu')
    journal.append('a', 2, {'value': 2})
    assert journal.read('a') == {0: {'value': 0}, 2: {'value': 2}}


def test_only_what_was_killed_is_taken_up_unless_all_is_wanted(tmp_path):
    journal = Journal(tmp_path / 'episodes.jsonl')
    journal.append('a', 0, {'value': 0})
    assert journal.read('a', finished=False) == {0: {'value': 0}}
    journal.end('a')
    assert journal.read('a', finished=False) == {}
    assert journal.read('a') == {0: {'value': 0}}


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='choose another folder'):
        Journal(tmp_path / 'file' / 'episodes.jsonl').append('a', 0, {})


def test_a_run_cut_in_two_gives_the_same_numbers(whole, tmp_path):
    journal = Journal(tmp_path / 'episodes.jsonl')
    for seed in SEEDS[:5]:
        journal.append(SPEC.key(), seed, run_one((SPEC, seed)))
    before = journal.path.read_bytes()
    assert without_times(evaluate(SPEC, SEEDS, journal=journal)) == whole
    added = journal.path.read_bytes()[len(before) :].decode().splitlines()
    assert len(added) == len(SEEDS) - 5 + 1  # the rest, and the end


def test_a_killed_process_is_taken_up_with_the_same_numbers(tmp_path):
    path, count = tmp_path / 'episodes.jsonl', 400
    code = (
        'from vlm_robot.evaluation.suite import evaluate; from vlm_robot.evaluation.runs import RunSpec\n'
        'from vlm_robot.evaluation.journal import Journal; from pathlib import Path\n'
        f"evaluate(RunSpec('F', 'T0', baseline='oracle'), range({count}), journal=Journal(Path({str(path)!r})))"
    )
    process = subprocess.Popen([sys.executable, '-c', code], env=os.environ | {'PYTHONPATH': str(ROOT)})
    while process.poll() is None and not (path.is_file() and path.read_bytes().count(b'\n') >= 5):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = Journal(path).read(SPEC.key())
    assert 5 <= len(done) < count
    seeds = range(max(done) + 4)
    assert without_times(evaluate(SPEC, seeds, journal=Journal(path))) == without_times(evaluate(SPEC, seeds))


def test_two_processes_give_the_numbers_of_one(whole):
    with open_workers(2) as workers:
        assert without_times(evaluate(SPEC, SEEDS, workers)) == whole


def test_a_ray_cluster_gives_the_numbers_of_one_process(whole, monkeypatch):
    pytest.importorskip('ray', reason='ray is optional and not installed')
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('RAY_ENABLE_UV_RUN_RUNTIME_ENV', '0')
    with open_workers(1, 'local') as workers:
        assert without_times(evaluate(SPEC, SEEDS, workers)) == whole


def test_without_ray_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(ConfigError, match='pip install ray'), open_workers(1, 'auto'):
        pass


def test_reports_sum_up_and_fill_a_table(whole, tmp_path):
    report = evaluate(SPEC, SEEDS)
    assert report['n'] == len(SEEDS) and report['plan_success'] == 1.0
    assert report['answers']['exact'] == {'precision': 1.0, 'recall': 1.0, 'n': 5}
    assert set(report['tasks']) == {episode['task'] for episode in report['episodes']}
    write_csv(report, tmp_path / 'episodes.csv')
    rows = list(csv.DictReader((tmp_path / 'episodes.csv').read_text().splitlines()))
    assert len(rows) == len(SEEDS)
    assert {'seed', 'sentence', 'plan', 'conditions', 'decisions', 'failed_room'} <= set(rows[0])
    assert summarise(SPEC, [])['plan_success'] == 0.0


def test_executions_meet_the_same_goals_as_plans():
    report = evaluate(RunSpec('B', 'T2', baseline='oracle'), [0])
    episode = report['episodes'][0]
    assert episode['execution_success'] and episode['plan_success']
    assert all(row['after'] and not row['before'] for row in episode['conditions'])
    assert episode['skills_done'] == episode['skills_tried'] == 6


def test_doing_nothing_fails_and_the_room_is_named():
    report = evaluate(RunSpec('C', 'T0', baseline='regex'), [0])
    assert report['plan_success'] == 0 and report['error_split']['language'] == 1


@pytest.mark.parametrize('name', DISTURBED)
def test_disturbed_suites_ask_what_the_others_ask(name):
    assert find_suite(name).sample(3) == find_suite(DISTURBED[name]).sample(3)
    assert RunSpec(name, 'T2', baseline='oracle').find_tier().disturbed
    assert not RunSpec(DISTURBED[name], 'T2', baseline='oracle').find_tier().disturbed


def test_the_mixed_suite_takes_turns():
    suite = find_suite('ABCD')
    assert [suite.sample(seed).task for seed in range(5)] == ['A', 'B', 'C', 'D', 'A']


def test_the_kitchen_has_no_more_instructions_than_it_has():
    assert len(find_suite('kitchen').list_seeds(101)) == 101
    with pytest.raises(ConfigError, match='101 instructions'):
        find_suite('kitchen').list_seeds(102)


def test_every_listed_suite_can_be_found():
    names = list_suites()
    assert {'A', 'B', 'C', 'D', 'E', 'F', 'G', 'I', 'J', 'kitchen', 'cliport_seen'} <= set(names)
    assert all(find_suite(name).size > 0 for name in names)


@pytest.mark.parametrize(
    ('values', 'error', 'words'),
    [
        ({'suite': 'B_unsen'}, ScenarioError, 'B_unseen'),
        ({'suite': 'B', 'tier': 'T9'}, ConfigError, "no tier 'T9'"),
        ({'suite': 'B', 'planner': 'code'}, ConfigError, "no planner 'code'"),
        ({'suite': 'B', 'baseline': 'oracel'}, ConfigError, "did you mean 'oracle'"),
        ({'suite': 'B', 'record': 'some'}, ConfigError, 'record is one of'),
        ({'suite': 'kitchen', 'tier': 'T3'}, ConfigError, 'the kitchen has tiers'),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_anything_loads(values, error, words):
    with pytest.raises(error, match=words):
        RunSpec(**values)


def test_other_settings_have_other_keys():
    keys = [
        RunSpec('B', 'T0', baseline='oracle').key(),
        RunSpec('B', 'T2', baseline='oracle').key(),
        RunSpec('C', 'T0', baseline='oracle').key(),
        RunSpec('B', 'T0', baseline='regex').key(),
        RunSpec('B', 'T0', baseline='oracle', disturbed=True).key(),
        *(RunSpec('B', 'T0', kind).key() for kind in ('saycan', 'program', 'both')),
    ]
    assert len(set(keys)) == len(keys)
    assert RunSpec('B', 'T0', baseline='oracle').key() == keys[0]


def test_times_are_left_out_of_comparisons():
    report = evaluate(SPEC, SEEDS[:1])
    report['episodes'][0]['seconds'] += 1.0
    assert without_times(report) == without_times(evaluate(SPEC, SEEDS[:1]))
    assert set(suites.TIMES) <= set(report['episodes'][0])
