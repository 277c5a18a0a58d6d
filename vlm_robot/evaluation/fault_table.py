"""
The outcomes of the fault bench: rows, the journal that lets a killed bench go on, the table and the verdict.

A row is broken when something crashed, hung, left the limits of the arm, ended without a reason, claimed a success
that is none, or did not work again afterwards. It knows no ROS.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
import json
from pathlib import Path

from vlm_robot.errors import ConfigError

RECOVERY_LIMIT = 10.0  # seconds beyond the loading of models, from a kill to working again


@dataclass(frozen=True)
class FaultRow:
    """
    What one fault did.

    :param status: how the task ended that was under way: done, failed, refused, cancelled; ``none`` without a task.
    :param problems: what must not happen and did; empty when the fault was survived.
    :param resumed: ``as it was``, ``fresh table`` (only after the table was set up anew), or ``no``.
    :param back_s: seconds from the end of the fault (a kill: from the kill) until everything was heard again.
    :param limit_s: seconds that coming back may take beyond loading; 0 where nothing had to be started again.
    :param load_s: seconds of those in which a node loaded its model, by its own log.
    """

    name: str
    phase: str
    status: str
    reason: str
    problems: tuple[str, ...] = ()
    resumed: str = 'no'
    back_s: float = 0.0
    load_s: float = 0.0
    seconds: float = 0.0
    fastest: float = 0.0
    limit_s: float = 0.0

    @property
    def key(self) -> str:
        """Return what tells one row from another."""
        return f'{self.name}/{self.phase}'

    @property
    def is_broken(self) -> bool:
        """Return whether anything happened that must not."""
        return bool(self.problems) or self.resumed == 'no'

    @property
    def is_slow(self) -> bool:
        """Return whether coming back took longer than it may, loading apart."""
        return 0 < self.limit_s < self.back_s - self.load_s


class Journal:
    """Rows on disk, one JSON object a line, written as they come."""

    def __init__(self, path: Path):
        """Read what an earlier run has left; a torn last line is left out."""
        self.path = path
        self.rows: dict[str, FaultRow] = {}
        if path.exists():
            lines = path.read_text(errors='replace').splitlines()
            for number, line in enumerate(lines, start=1):
                row = _read_row(line)
                if row is not None:
                    self.rows[row.key] = row
                elif line.strip() and number < len(lines):
                    raise ConfigError(f"line {number} of '{path}' is no row of a fault bench; remove the file")

    def add(self, row: FaultRow) -> None:
        """Append a row; a row of the same fault and phase is replaced."""
        self.rows[row.key] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = self.path.read_text(errors='replace') if self.path.exists() else ''
        torn = '\n' if text and not text.endswith('\n') else ''
        if torn:
            self.path.write_text(text[: text.rfind('\n') + 1])
        with self.path.open('a') as file:
            file.write(json.dumps(asdict(row)) + '\n')


def _read_row(line: str) -> FaultRow | None:
    try:
        data = json.loads(line)
        known = {field.name for field in fields(FaultRow)}
        row = FaultRow(**{key: value for key, value in data.items() if key in known})
    except (ValueError, TypeError, AttributeError):
        return None
    return FaultRow(**{**asdict(row), 'problems': tuple(row.problems)})


def to_markdown(rows: Sequence[FaultRow], note: str = '') -> str:
    """Return the table with a summary above it."""
    lines = ['# Faults', '', summarise(rows), '']
    lines += [note, ''] if note else []
    lines += [
        '| fault | phase | task ended | reason | works again | back after s (of it loading) | survived |',
        '| --- | --- | --- | --- | --- | --- | --- |',
    ]
    lines += [_format_row(row) for row in rows]
    return '\n'.join(lines) + '\n'


def summarise(rows: Sequence[FaultRow]) -> str:
    """Return one sentence with the counts."""
    broken = [row.key for row in rows if row.is_broken]
    slow = [row.key for row in rows if row.is_slow]
    fresh = sum(row.resumed == 'fresh table' for row in rows)
    text = f'{len(rows) - len(broken)} of {len(rows)} faults survived, {fresh} of them only with a fresh table'
    text += f'; broken: {", ".join(broken)}' if broken else ''
    text += f'; back later than allowed: {", ".join(slow)}' if slow else ''
    return text + '.'


def to_json(rows: Iterable[FaultRow], conditions: dict) -> dict:
    """Return rows, verdicts and the conditions of the run as plain data."""
    return {
        'conditions': conditions,
        'rows': [{**asdict(row), 'broken': row.is_broken, 'slow': row.is_slow} for row in rows],
    }


def _format_row(row: FaultRow) -> str:
    verdict = '; '.join(row.problems) or ('yes' if not row.is_broken else 'no task succeeded afterwards')
    back = f'{row.back_s:.1f} ({row.load_s:.1f})' if row.load_s else f'{row.back_s:.1f}'
    cells = (row.name, row.phase, row.status, row.reason, row.resumed, back, verdict)
    return '| ' + ' | '.join(_escape(cell) for cell in cells) + ' |'


def _escape(text: str) -> str:
    return ' '.join(text.replace('|', '\\|').split())[:240]
