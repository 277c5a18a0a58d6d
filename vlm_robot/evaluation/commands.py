"""
The commands ``vlm-robot evaluate`` and ``vlm-robot report``.

Models and simulators are imported when a command runs, so that ``--help`` is instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from vlm_robot.console import console, errors
from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.published import find_rows, Row, ROWS

OUT = Path('out/evaluation')
_COMMANDS = '\n\n'.join(row.command for row in ROWS)
HELP = f"""
Measure how often sentences become true, with intervals and the room that failed.

SUITE is a family (A, A_unseen, B, B_unseen, C, C_unseen, D, D_seen, E, F, G, I), J, J_B or J_G (A, B or G while
things go wrong), cliport_seen, cliport_unseen, kitchen, ABCD (these four in turn), a scenario's YAML file, or `all`
for every row below. Results go to the folder --out, one line per episode as it ends: a run that was killed goes on
where it stopped when the same command is given again.

Example: vlm-robot evaluate A --tier T2 --episodes 50 --json report.json

The rows of the published tables, one command each; `bench` measures the language time per step:

{_COMMANDS}

vlm-robot bench
"""


def evaluate(  # noqa: PLR0913 -- one argument per option
    suite: Annotated[str, typer.Argument(help='A name from the list, a YAML file, or `all`.')],
    tier: Annotated[str, typer.Option(help='T0, T1 plans; T2 physics, true poses; T3 cameras; T4 disturbed.')] = 'T2',
    planner: Annotated[str, typer.Option(help='both, saycan or program; default: as the settings say.')] = '',
    baseline: Annotated[
        str,
        typer.Option(
            help='Instead: oracle, regex, llm-only, affordance-only, generative, socratic, open-loop, '
            'always-act or always-ask.'
        ),
    ] = '',
    episodes: Annotated[int | None, typer.Option(min=1, help="One seed each; default: the table's size.")] = None,
    seed: Annotated[int, typer.Option(min=0, help='Begin with this episode of the suite.')] = 0,
    disturbances: Annotated[bool, typer.Option('--disturbances', help='Let things go wrong at this tier.')] = False,
    jobs: Annotated[int, typer.Option(min=1, help='Processes; default: all cores.')] = max(1, os.cpu_count() or 1),
    ray: Annotated[str, typer.Option(help='Run on a Ray cluster: auto, local, host:port. Needs pip install ray.')] = '',
    out: Annotated[Path, typer.Option(help='Folder for results, pictures and the report.')] = OUT,
    resume: Annotated[
        bool, typer.Option('--resume', help='Also take what finished runs of the same kind did.')
    ] = False,
    fresh: Annotated[bool, typer.Option('--fresh', help='Take nothing, even of a run that was killed.')] = False,
    record: Annotated[str, typer.Option(help='Pictures and films of: none, failures, all.')] = 'none',
    only: Annotated[str, typer.Option(help='With `all`: rows of this suite or group, or whose name begins so.')] = '',
    json_file: Annotated[
        Path | None, typer.Option('--json', help='Also write the result as JSON to this file.')
    ] = None,
    csv_file: Annotated[Path | None, typer.Option('--csv', help='One row per episode.')] = None,
    adapter: Annotated[str | None, typer.Option(help='LoRA folder, or `none` for the untuned model.')] = None,
    config: Annotated[
        Path | None, typer.Option('--config', help='YAML with settings; config/*.yaml are examples.')
    ] = None,
) -> None:
    """Run a suite, or all rows; the help text is HELP."""
    single = Row(suite, suite, tier, episodes or 0, (), '', planner, baseline)
    rows = _choose_rows(only) if suite == 'all' else (single,)
    specs = _make_specs(rows, out, _read_settings(config, adapter), disturbed=disturbances, record=record)
    counts = [min(episodes or row.episodes, row.episodes) if suite == 'all' else episodes for row in rows]
    most = max(_count(spec, n) for spec, n in zip(specs, counts, strict=True))
    how = 'nothing' if fresh else 'all' if resume else 'killed'
    for report in _run(specs, counts, seed, out, how, min(jobs, most), ray):
        _show(report)
        for path, is_csv in ((json_file, False), (csv_file, True)):
            if path:
                _write(report, path, csv=is_csv)
    if suite == 'all':
        report_folders([out])


evaluate.__doc__ = HELP


def report(
    folders: Annotated[list[Path], typer.Argument(help='Folders that `evaluate --out` wrote.')],
    out: Annotated[Path | None, typer.Option(help='Folder of the report; default: the first folder.')] = None,
) -> None:
    """
    Put runs together: tables beside the published numbers, charts, pictures of failures, as HTML and Markdown.

    Example: vlm-robot report out/evaluation
    """
    report_folders(folders, out)


def report_folders(folders: list[Path], out: Path | None = None) -> None:
    """Write the report and say where it is."""
    from vlm_robot.evaluation.report import write_report

    for path in write_report(folders, out or folders[0]):
        console.print(f'report: {path}', highlight=False)


def _choose_rows(only: str) -> tuple[Row, ...]:
    rows = find_rows(only) if only else ROWS
    if not rows:
        raise ConfigError(f"no row begins with '{only}'; known: {sorted({row.group for row in ROWS})}")
    return rows


def _make_specs(rows: tuple[Row, ...], out: Path, settings: Any, **how: Any) -> list:
    from vlm_robot.evaluation.runs import RunSpec

    pictures = str(out / 'pictures')
    return [
        RunSpec(row.suite, row.tier, row.planner, row.baseline, pictures=pictures, config=settings, **how)
        for row in rows
    ]


def _read_settings(config: Path | None, adapter: str | None) -> Any:
    from vlm_robot.config import load_config

    settings = load_config(config)
    if adapter is None:
        return settings
    name = '' if adapter == 'none' else adapter
    return replace(settings, language=replace(settings.language, adapter=name))


def _count(spec: Any, episodes: int | None) -> int:
    from vlm_robot.evaluation.catalogue import find_suite

    return episodes or find_suite(spec.suite).size


def _run(specs: list, counts: list, seed: int, out: Path, resume: str, jobs: int, ray: str) -> Iterator[dict]:
    from vlm_robot.evaluation import suite as suites
    from vlm_robot.evaluation.catalogue import find_suite
    from vlm_robot.evaluation.journal import Journal
    from vlm_robot.evaluation.workers import open_workers

    journal = Journal(out / 'episodes.jsonl')
    with open_workers(jobs, ray) as workers:
        for spec, count in zip(specs, counts, strict=True):
            seeds = find_suite(spec.suite).list_seeds(_count(spec, count), seed)
            with _watch(spec, len(seeds)) as note:
                report = suites.evaluate(spec, seeds, workers, journal, note, resume)
            suites.write_json(report, out / f'{spec.key()}.json')
            suites.write_csv(report, out / f'{spec.key()}.csv')
            yield report


@contextmanager
def _watch(spec: Any, total: int) -> Iterator[Any]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from vlm_robot.evaluation.runs import has_succeeded

    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn('{task.fields[good]} true'),
    )
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=errors) as progress:
        bar, good = progress.add_task(f'{spec.suite} at {spec.tier} ({spec.who})', total=total, good=0), 0

        def note(result: dict) -> None:
            nonlocal good
            good += bool(has_succeeded(result))
            progress.update(bar, advance=1, good=good)

        yield note


def _show(report: dict) -> None:
    from vlm_robot.evaluation.summary import tabulate_run

    console.print(tabulate_run(report))
    for item in report['episodes']:
        if item['failed_room']:
            console.print(f'seed {item["seed"]}: {item["failed_room"]}: "{item["sentence"]}" -> '
                          f'{", ".join(item["plan"])}: {item["status"]}. {item["reason"]}',
                          highlight=False, markup=False)  # fmt: skip


def _write(report: dict, path: Path, csv: bool) -> None:
    from vlm_robot.evaluation.suite import write_csv, write_json

    (write_csv if csv else write_json)(report, path)
