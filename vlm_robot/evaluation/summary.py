"""One run as a table for a terminal: rates with intervals, tasks, refusals, recovery, and which room failed."""

from __future__ import annotations

from rich.table import Table

RATES = (
    ('plan_success', 'plan success'),
    ('execution_success', 'execution success (SR)'),
    ('goal_condition_recall', 'goal condition recall (GCR)'),
    ('executability', 'executability of plans (Exec)'),
    ('skill_success', 'skills that succeeded'),
    ('side_effect_precision', 'side-effect precision'),
    ('early_termination', 'said done too early'),
)


def percent(value: float | None) -> str:
    """Return ``93.5 %``, or a dash for what was not measured."""
    return '-' if value is None else f'{100 * value:.1f} %'


def span(interval) -> str:
    """Return ``88.1 - 96.4 %``; empty without an interval."""
    return f'{100 * interval[0]:.1f} - {100 * interval[1]:.1f} %' if interval else ''


def list_measures(report: dict) -> list[tuple[str, str, str]]:
    """Return name, value and interval of everything that a report measures."""
    rows = [(words, percent(report[key]), span(report['intervals'].get(key))) for key, words in RATES]
    for task, cell in report['tasks'].items():
        rows.append((f'task {task} (n = {cell["n"]})', percent(cell['success']), span(cell['interval'])))
    for kind, cell in (report['answers'] or {}).items():
        if kind != 'confusion':
            rows.append((f'{kind}: precision, recall', f'{cell["precision"]:.2f}, {cell["recall"]:.2f}', ''))
    if report['recovery']:
        cell = report['recovery']
        rows.append((f'recovered (n = {cell["n"]})', percent(cell['rate']), span(cell['interval'])))
    language = report['language']
    if language['calls_per_episode']:
        rows.append(('language per step', f'{language["seconds_per_step"]:.2f} s', ''))
        rows.append(('language calls per episode', f'{language["calls_per_episode"]:.1f}', ''))
    rows += [(f'failed by {room}', str(count), '') for room, count in report['error_split'].items() if count]
    return rows


def name_run(report: dict) -> str:
    """Return suite, tier and who planned."""
    who = report['baseline'] or report['planner']
    return f'{report["suite"]} at {report["tier"]}, {who}{", disturbed" if report["disturbed"] else ""}'


def tabulate_run(report: dict) -> Table:
    """Return the rates of a run with their intervals and the error split."""
    table = Table(title=f'{name_run(report)}, n = {report["n"]}, from seed {report["seed"]}', title_justify='left')
    for name in ('measure', 'value', '95 % interval (Wilson)'):
        table.add_column(name)
    for row in list_measures(report):
        table.add_row(*row)
    return table
