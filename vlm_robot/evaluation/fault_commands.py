"""``vlm-robot bench faults``: the graph of nodes and the bench run in a process of their own, as the demo does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.evaluation.node_programs import run_program


def bench_faults(
    only: Annotated[list[str] | None, typer.Option(help='A fault, fault/phase or pattern; may be repeated.')] = None,
    list_only: Annotated[bool, typer.Option('--list', help='Name the faults and start nothing.')] = False,
    out: Annotated[Path, typer.Option(help='Folder of journal, table (faults.md) and logs.')] = Path('out/faults'),
    json_file: Annotated[Path | None, typer.Option('--json', help='Also write rows and conditions to it.')] = None,
    fresh: Annotated[bool, typer.Option('--fresh', help='Forget the rows of an earlier run.')] = False,
    sight: Annotated[
        str, typer.Option(help='detector, or full: also start and kill the other nodes of sight.')
    ] = 'detector',
    slow: Annotated[float, typer.Option(min=0.1, help='Stretch all waiting for a computer that is busy.')] = 1.0,
) -> None:
    """
    Break one thing after another on a running graph and say what came of it; exit code 1 when anything broke.

    Each row: a task, a fault in one of its phases (idle, looking, moving, holding), how the task ended and why, what
    crashed or left the limits of the arm, and whether the next task came true. A bench that is stopped goes on.

    Example: vlm-robot bench faults --list

    Example: vlm-robot bench faults --only 'depth*' --only 'planner killed/holding' --out out/faults
    """
    given = ['--out', out, '--slow', slow, '--sight', sight]
    for pattern in only or ():
        given += ['--only', pattern]
    given += ['--list'] if list_only else []
    given += ['--fresh'] if fresh else []
    run_program('fault_bench', *given, json_file=json_file)
