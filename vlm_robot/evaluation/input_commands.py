"""The command ``vlm-robot bench inputs``: bad inputs at every way into the program, and at a running graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
import json
import os
from pathlib import Path
import subprocess
from typing import Annotated

from rich.progress import Progress
from rich.table import Table
import typer

from vlm_robot.console import console
from vlm_robot.evaluation.input_trials import LIMIT_S, Row, run_trials
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.evaluation.node_programs import name_program

HEAD = ('entry point', 'tried', 'refused with a reason', 'taken', 'crashes', 'hangs', 'outside limits')
CORE_SHARE = 0.6  # of the inputs go to the entry points without ROS, the rest to messages and the graph


def bench_inputs(
    examples: Annotated[int, typer.Option(min=40, help='Bad inputs in all.')] = 2000,
    seed: Annotated[int, typer.Option(min=0, help='The same seed sends the same inputs.')] = 0,
    graph: Annotated[bool, typer.Option('--graph/--no-graph', help='Also messages and a running ROS 2 graph.')] = True,
    limit: Annotated[
        float, typer.Option(min=1, help='Wall-clock seconds after which an input counts as hung.')
    ] = LIMIT_S,
    out: Annotated[Path | None, typer.Option(help='Folder for the table (inputs.md) and the log files.')] = None,
    json_file: Annotated[Path | None, typer.Option('--json', help='Also write the rows as JSON to this file.')] = None,
) -> None:
    """
    Send bad inputs to everything that reads: sentences, programs, plans, files, messages, a running graph.

    Half of them are good inputs with something broken, the rest is what parsers stumble over. Each must be refused
    with a reason or taken within the limits: exit code 1 when anything crashed, hung, or moved the arm outside its
    limits (judged by the simulator itself).

    Example: vlm-robot bench inputs --examples 2000 --seed 0 --out out/inputs

    Example: vlm-robot bench inputs --examples 300 --no-graph
    """
    from vlm_robot.evaluation.entry_points import ENTRY_POINTS

    core = round(examples * CORE_SHARE) if graph else examples
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task('inputs', total=examples)
        rows = run_trials(ENTRY_POINTS, core, seed, limit, lambda: progress.advance(bar))
        is_over = True
        if graph:
            more, is_over = _send_to_graph(examples - core, seed, limit, out, lambda n: progress.advance(bar, n))
            rows += more
    console.print(tabulate(rows))
    for row in rows:
        for fault in row.faults:
            console.print(f'{row.name}: {fault}', style='red', markup=False, highlight=False)
    _write(rows, out, json_file)
    if not (is_over and all(row.is_clean for row in rows)):
        raise typer.Exit(1)


def _send_to_graph(examples: int, seed: int, limit: float, out: Path | None, on_row) -> tuple[list[Row], bool]:
    """Return the rows of the program that knows ROS, and whether it came to its end."""
    logs = ('--logs', out / 'logs') if out else ()
    command = name_program('graph_inputs', '--examples', examples, '--seed', seed, '--limit', limit, *logs)
    rows = []
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if line.startswith('{'):
                rows.append(Row(**json.loads(line)))
                on_row(rows[-1].tried)
    return rows, process.returncode == 0


def sum_up(rows: Iterable[Row]) -> Row:
    """Return the sum of all rows."""
    total = Row('all')
    for row in rows:
        for name in ('tried', 'refused', 'accepted', 'crashes', 'hangs', 'violations'):
            setattr(total, name, getattr(total, name) + getattr(row, name))
    return total


def list_cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the cells of the rows and of their sum, as text."""
    return [
        (row.name, *map(str, (row.tried, row.refused, row.accepted, row.crashes, row.hangs, row.violations)))
        for row in (*rows, sum_up(rows))
    ]


def tabulate(rows: Sequence[Row]) -> Table:
    """Return the table for the terminal."""
    table = Table(title='bad inputs', title_justify='left')
    for name in HEAD:
        table.add_column(name)
    for row, cells in zip((*rows, sum_up(rows)), list_cells(rows), strict=True):
        table.add_row(*cells, style=None if row.is_clean else 'red')
    return table


def write_markdown(rows: Sequence[Row]) -> str:
    """Return the table as Markdown, and below it what went wrong."""
    lines = [f'| {" | ".join(cells)} |' for cells in (HEAD, ('---',) * len(HEAD), *list_cells(rows))]
    faults = [f'- {row.name}: `{fault}`' for row in rows for fault in row.faults]
    return '\n'.join(['# Bad inputs', '', *lines, '', *faults]).rstrip() + '\n'


def _write(rows: Sequence[Row], out: Path | None, json_file: Path | None) -> None:
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / 'inputs.md').write_text(write_markdown(rows), encoding='utf-8')
    save_json([asdict(row) for row in (*rows, sum_up(rows))], json_file)
