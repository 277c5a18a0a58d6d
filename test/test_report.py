"""Tests for evaluation/report.py, summary.py, charts.py and failures.py on real runs."""

import json

import pytest

from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.catalogue import find_suite
from vlm_robot.evaluation.published import CAVEATS, find_rows, ROWS
from vlm_robot.evaluation.report import find_run, look_up, read_runs, write_report
from vlm_robot.evaluation.runs import RunSpec
from vlm_robot.evaluation.suite import evaluate, write_json
from vlm_robot.evaluation.summary import tabulate_run


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Return a folder with three runs, one of them with failures and their pictures."""
    out = tmp_path_factory.mktemp('runs')
    specs = [
        RunSpec('F', 'T0', baseline='oracle'),
        RunSpec('B', 'T0', baseline='regex', record='failures', pictures=str(out / 'pictures')),
        RunSpec('A', 'T0', baseline='regex'),
    ]
    for spec in specs:
        seeds = find_suite(spec.suite).list_seeds(4)
        write_json(evaluate(spec, seeds), out / f'{spec.key()}.json')
    (out / 'notes.json').write_text('{"these": "are no results"}')
    return out


def test_runs_are_found_and_other_files_are_left_alone(folder):
    assert [report['suite'] for report, _ in read_runs([folder])] == ['A', 'B', 'F']


@pytest.mark.parametrize(
    ('change', 'word'), [({'baseline': None}, 'baseline'), ({'tier': []}, 'tier'), ({'episodes': 'none'}, 'episodes')]
)
def test_a_broken_run_is_named(folder, tmp_path, change, word):
    whole = read_runs([folder])[0][0]
    (tmp_path / 'run.json').write_text(json.dumps({**whole, **change}))
    with pytest.raises(ConfigError, match=f'run.json.*{word} missing or wrong'):
        read_runs([tmp_path])
    (tmp_path / 'run.json').write_text('{"suite": "A", "tier": "T0", "episodes": [], "key": "A"}')
    with pytest.raises(ConfigError, match='planner'):
        read_runs([tmp_path])


def test_no_results_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match='vlm-robot evaluate'):
        read_runs([tmp_path])


def test_the_report_shows_ours_beside_the_published_and_failures_with_pictures(folder, tmp_path):
    html, markdown = (path.read_text() for path in write_report([folder], tmp_path / 'report'))
    for text in (html, markdown):
        assert 'no language model' in text  # the row of templates
        assert CAVEATS['A'].split('"')[0] in text.replace('&quot;', '"')
        assert 'Stack all the blocks.' in text  # the template parser does not know it
    for link in ('charts/rates.png', 'charts/errors.png'):
        assert link in html and (tmp_path / 'report' / link).stat().st_size > 1000
    picture = next((folder / 'pictures').rglob('start.png'))
    assert picture.name in markdown and json.loads((picture.parent / 'episode.json').read_text())['sentence']


def test_rows_are_commands_that_can_run():
    for row in ROWS:
        RunSpec(row.suite, row.tier, row.planner, row.baseline)
        assert row.command.startswith(f'vlm-robot evaluate {row.suite} --tier {row.tier}')
        assert row.episodes <= find_suite(row.suite).size
        assert row.group in CAVEATS or not row.must
    assert len({row.command for row in ROWS}) == len(ROWS)


def test_rows_are_found_by_suite_group_and_name():
    assert {row.suite for row in find_rows('B')} == {'B', 'B_unseen'}
    assert all(row.suite == 'kitchen' for row in find_rows('H'))
    assert find_rows('nothing of that name') == ()


def test_measures_are_looked_up_by_dotted_names(folder):
    report = next(report for report, _ in read_runs([folder]) if report['suite'] == 'F')
    assert look_up(report, 'answers.exact.precision') == report['answers']['exact']['precision']
    assert look_up(report, 'answers.nothing.precision') is None


def test_a_row_takes_only_its_own_run(folder):
    runs = read_runs([folder])
    rows = [row for row in ROWS if find_run(row, runs) is not None]
    assert [(row.suite, row.tier, row.baseline) for row in rows] == [('A', 'T0', 'regex')]


def test_a_run_fits_a_terminal(folder):
    for report, _ in read_runs([folder]):
        table = tabulate_run(report)
        assert table.row_count >= 7
