"""The table of the fault bench: what counts as broken, a journal that survives its process, Markdown that holds."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.fault_table import FaultRow, Journal, RECOVERY_LIMIT, summarise, to_json, to_markdown

GOOD = FaultRow(
    'detector killed', 'moving', 'failed', 'the detector stopped', (), 'as it was', 4.0, limit_s=RECOVERY_LIMIT
)
TEXTS = st.text(max_size=60)
ROWS = st.builds(
    FaultRow,
    TEXTS,
    st.sampled_from(('idle', 'moving')),
    TEXTS,
    TEXTS,
    st.lists(TEXTS, max_size=3).map(tuple),
    st.sampled_from(('as it was', 'fresh table', 'no')),
    st.floats(0, 1e4),
)


@pytest.mark.parametrize(
    ('changes', 'is_broken', 'is_slow'),
    [
        ({}, False, False),
        ({'resumed': 'fresh table'}, False, False),
        ({'resumed': 'no'}, True, False),
        ({'problems': ('traceback in the log of sim',)}, True, False),
        ({'back_s': RECOVERY_LIMIT + 1}, False, True),
        ({'back_s': RECOVERY_LIMIT + 1, 'limit_s': 0.0}, False, False),
        ({'back_s': RECOVERY_LIMIT + 1, 'load_s': 2.0}, False, False),
    ],
)
def test_a_row_is_broken_by_what_must_not_happen_and_slow_beyond_loading(changes, is_broken, is_slow):
    row = replace(GOOD, **changes)
    assert (row.is_broken, row.is_slow) == (is_broken, is_slow)


@settings(deadline=None, max_examples=40)
@given(st.lists(ROWS, max_size=6))
def test_a_journal_gives_back_what_was_added_the_newest_of_each_fault(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp('journal') / 'deep' / 'journal.jsonl'
    journal = Journal(path)
    for row in rows:
        journal.add(row)
    assert Journal(path).rows == {row.key: row for row in rows}


@pytest.mark.parametrize('torn', ['{"name": "depth', '{"name": 1}\n', 'nonsense'])
def test_a_line_that_was_torn_by_the_end_of_the_process_is_left_out_and_mended(tmp_path, torn):
    path = tmp_path / 'journal.jsonl'
    Journal(path).add(GOOD)
    with path.open('a') as file:
        file.write(torn)
    journal = Journal(path)
    assert list(journal.rows) == [GOOD.key]
    if not torn.endswith('\n'):
        other = replace(GOOD, phase='idle')
        journal.add(other)
        assert Journal(path).rows == {GOOD.key: GOOD, other.key: other}


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    path = tmp_path / 'journal.jsonl'
    path.write_text('a diary\nof somebody\n')
    with pytest.raises(ConfigError, match='line 1'):
        Journal(path)


@settings(deadline=None, max_examples=40)
@given(st.lists(ROWS, max_size=5))
def test_whatever_a_reason_holds_every_row_is_one_line_with_all_cells(rows):
    lines = to_markdown(rows, 'quiet machine').splitlines()
    body = lines[lines.index(next(line for line in lines if line.startswith('| ---'))) + 1 :]
    assert len(body) == len(rows)
    assert all(line.replace('\\|', '').count('|') == 8 for line in body)


def test_the_summary_names_what_broke_and_what_was_slow():
    rows = [GOOD, replace(GOOD, name='A', problems=('crash',)), replace(GOOD, name='B', back_s=99.0),
            replace(GOOD, name='C', resumed='fresh table')]  # fmt: skip
    text = summarise(rows)
    assert '3 of 4 faults survived, 1 of them' in text
    assert 'broken: A/moving' in text
    assert 'B/moving' in text
    assert [row['broken'] for row in to_json(rows, {})['rows']] == [False, True, False, False]
