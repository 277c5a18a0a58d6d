"""
One report of many runs, as HTML and as Markdown: tables beside the published numbers, charts, failures.

It reads what ``evaluate --out`` wrote: one JSON file for each run, and pictures of episodes where some were
recorded. Numbers are the runs' own; nothing is measured here. No script, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
import json
import os
from pathlib import Path

from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.charts import draw_errors, draw_rates, draw_tasks
from vlm_robot.evaluation.published import CAVEATS, Row, ROWS
from vlm_robot.evaluation.story import STYLE
from vlm_robot.evaluation.summary import list_measures, name_run, percent, span

MAX_FAILURES = 60  # episodes with pictures in one report
INTRODUCTION = (
    'Every number states its tier: T0 and T1 grade plans on paper, T2 acts in physics on true poses, T3 on what the '
    'cameras see, T4 is T3 while things go wrong. Published numbers stand beside ours with what may be compared; '
    'intervals are Wilson, 95 %.'
)


@dataclass(frozen=True)
class Block:
    """A part of the report: a heading, words, a table, pictures."""

    heading: str = ''
    words: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()  # the first row is the header
    pictures: tuple[tuple[Path, str], ...] = ()  # file and what it shows


# What every report of ``evaluate`` holds and everything here relies on.
RUN = {'suite': str, 'tier': str, 'planner': str, 'baseline': str, 'disturbed': bool, 'key': str, 'n': int,
       'intervals': dict, 'error_split': dict, 'tasks': dict, 'episodes': list}  # fmt: skip


def _check_run(data: dict, path: Path) -> None:
    wrong = [key for key, kind in RUN.items() if not isinstance(data.get(key), kind)]
    if wrong:
        raise ConfigError(
            f"'{path}' is no whole report of `vlm-robot evaluate`: {', '.join(wrong)} missing or wrong; run it again "
            'with --out, or take the file away'
        )


def read_runs(folders: Sequence[Path]) -> list[tuple[dict, Path]]:
    """
    Return every run of the folders with the folder it lies in, by name.

    :raises ConfigError: there is none, or one is broken.
    """
    found = []
    for folder in folders:
        for path in sorted(Path(folder).glob('*.json')):
            try:
                data = json.loads(path.read_text(encoding='utf-8'))
            except (OSError, ValueError):
                continue
            if isinstance(data, dict) and {'suite', 'tier', 'episodes', 'key'} <= set(data):
                _check_run(data, path)
                found.append((data, Path(folder)))
    if not found:
        places = ', '.join(str(folder) for folder in folders)
        raise ConfigError(f'no results in {places}; `vlm-robot evaluate SUITE --out FOLDER` writes them')
    return sorted(found, key=lambda item: name_run(item[0]))


def write_report(folders: Sequence[Path], out: Path) -> list[Path]:
    """Write ``report.html`` and ``report.md`` with their charts into a folder; return both paths."""
    runs = read_runs(folders)
    out.mkdir(parents=True, exist_ok=True)
    blocks = [
        Block('Evaluation', (INTRODUCTION,)),
        *_compare(runs),
        *_draw(runs, out),
        *(_describe_run(report, out) for report, _ in runs),
        *_show_failures(runs),
    ]
    paths = [out / 'report.html', out / 'report.md']
    paths[0].write_text(to_html(blocks, out), encoding='utf-8')
    paths[1].write_text(to_markdown(blocks, out), encoding='utf-8')
    return paths


def find_run(row: Row, runs: Sequence[tuple[dict, Path]]) -> dict | None:
    """Return the run with the most episodes that a row of the tables asks for; None where it was not run."""
    wanted = (row.suite, row.tier, row.baseline)
    fitting = [
        report
        for report, _ in runs
        if (report['suite'], report['tier'], report['baseline']) == wanted
        and (row.planner in ('', report['planner']) or row.suite == 'kitchen')
    ]
    return max(fitting, key=lambda report: report['n'], default=None)


def look_up(report: dict, name: str) -> float | None:
    """Return a measure of a report by its dotted name."""
    value = report
    for word in name.split('.'):
        value = (value or {}).get(word)  # type: ignore[assignment]
    return value  # type: ignore[return-value]


def _compare(runs: Sequence[tuple[dict, Path]]) -> list[Block]:
    """Return a table for each group of rows of which something was run."""
    blocks = []
    for group in dict.fromkeys(row.group for row in ROWS):
        rows = [(row, find_run(row, runs)) for row in ROWS if row.group == group]
        cells = [_compare_row(row, report) for row, report in rows if report is not None]
        if cells:
            header = ('what', 'n', 'ours', '95 %', 'plan, GCR, Exec', 'must reach', 'beside it')
            blocks.append(Block(f'Table {group}', (CAVEATS.get(group, ''),), (header, *cells)))
    return blocks


def _compare_row(row: Row, report: dict) -> tuple[str, ...]:
    key = 'plan_success' if report['execution_success'] is None else 'execution_success'
    others = [percent(report[name]) for name in ('plan_success', 'goal_condition_recall', 'executability')]
    must = []
    for name, least in row.must:
        value = look_up(report, name)
        reached = 'reached' if value is not None and value >= least else 'NOT reached'
        must.append(f'{name.replace("_", " ")} {percent(value)}, must be {100 * least:.0f} %: {reached}')
    where = f'{row.name} ({row.suite}, {row.tier}, {report["baseline"] or report["planner"]})'
    span_text = span(report['intervals'][key])
    return where, str(report['n']), percent(report[key]), span_text, ', '.join(others), '; '.join(must), row.beside


def _draw(runs: Sequence[tuple[dict, Path]], out: Path) -> list[Block]:
    reports = [report for report, _ in runs]
    draw_rates(reports, out / 'charts' / 'rates.png')
    draw_errors(reports, out / 'charts' / 'errors.png')
    pictures = ((out / 'charts' / 'rates.png', 'success by run'), (out / 'charts' / 'errors.png', 'failures by room'))
    return [Block('All runs', (), (), pictures)]


def _describe_run(report: dict, out: Path) -> Block:
    pictures: tuple[tuple[Path, str], ...] = ()
    if len(report['tasks']) > 1:
        path = out / 'charts' / f'{report["key"]}.png'
        draw_tasks(report, path)
        pictures = ((path, f'tasks of {name_run(report)}'),)
    words = []
    confusion = (report['answers'] or {}).get('confusion')
    if confusion:
        words.append('expected -> given: ' + '; '.join(f'{e}: {given}' for e, given in confusion.items()))
    words += _name_published(report)
    table = (('measure', 'value', '95 %'), *list_measures(report))
    return Block(f'{name_run(report)}, n = {report["n"]}', tuple(words), table, pictures)


def _name_published(report: dict) -> list[str]:
    """Return SayCan's own numbers per family of the kitchen; nothing for other suites."""
    if report['suite'] != 'kitchen':
        return []
    from vlm_robot.evaluation.kitchen_instructions import PUBLISHED

    rows = [f'{name} {percent(plan)} / {percent(done)}' for name, (plan, done) in PUBLISHED.items()]
    return [f'published, plan / execution on its mock kitchen: {"; ".join(rows)}']


def _show_failures(runs: Sequence[tuple[dict, Path]]) -> list[Block]:
    """Return a block for every recorded episode that failed: what was said, planned and true, with pictures."""
    blocks: list[Block] = []
    for report, folder in runs:
        for episode in report['episodes']:
            place = folder / 'pictures' / report['key'] / str(episode['seed'])
            if episode['failed_room'] and place.is_dir() and len(blocks) < MAX_FAILURES:
                blocks.append(_show_failure(report, episode, place))
    return blocks


def _show_failure(report: dict, episode: dict, place: Path) -> Block:
    words = (
        f'{episode["status"]}: {episode["reason"]}',
        f'failed by {episode["failed_room"]}; planned: {", ".join(episode["plan"])}',
        *([f'went wrong on purpose: {", ".join(episode["events"])}'] if episode['events'] else []),
    )
    truth = {True: 'true', False: 'false'}
    table = tuple((c['condition'], truth[c['before']], truth[c['after']]) for c in episode['conditions'])
    names = (('start.png', 'before'), ('end.png', 'after'), ('film.gif', 'film'))
    pictures = tuple((place / name, words_) for name, words_ in names if (place / name).is_file())
    heading = f'“{episode["sentence"]}” ({name_run(report)}, seed {episode["seed"]})'
    return Block(heading, words, (('goal condition', 'before', 'after'), *table), pictures)


def to_html(blocks: Sequence[Block], out: Path) -> str:
    """Return the page; pictures are named relative to ``out``."""
    parts = [f'<!doctype html><meta charset="utf-8"><title>vlm_robot: evaluation</title><style>{STYLE}</style>']
    for number, block in enumerate(blocks):
        level = 1 if number == 0 else 2
        parts.append(f'<h{level}>{escape(block.heading)}</h{level}>')
        parts += [f'<p>{escape(words)}</p>' for words in block.words if words]
        if block.table:
            rows = [[escape(cell) for cell in row] for row in block.table]
            head = ''.join(f'<th>{cell}' for cell in rows[0])
            body = ''.join(f'<tr>{"".join(f"<td>{cell}" for cell in row)}' for row in rows[1:])
            parts.append(f'<table><tr>{head}{body}</table>')
        parts += [f'<img src="{escape(_link(path, out))}" alt="{escape(words)}">' for path, words in block.pictures]
    return '\n'.join(parts) + '\n'


def to_markdown(blocks: Sequence[Block], out: Path) -> str:
    """Return the same as Markdown."""
    parts = []
    for number, block in enumerate(blocks):
        parts.append(f'{"#" if number == 0 else "##"} {block.heading}')
        parts += [words for words in block.words if words]
        if block.table:
            rows = [[cell.replace('|', '\\|') for cell in row] for row in block.table]
            lines = [f'| {" | ".join(row)} |' for row in rows]
            parts.append('\n'.join([lines[0], f'|{"---|" * len(rows[0])}', *lines[1:]]))
        parts += [f'![{words}]({_link(path, out)})' for path, words in block.pictures]
    return '\n\n'.join(parts) + '\n'


def _link(path: Path, out: Path) -> str:
    return Path(os.path.relpath(path, out)).as_posix()
