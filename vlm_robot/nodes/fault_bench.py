"""
Breaks one thing after another on a running graph, watches what comes of it, mends it, and gives the next task.

One graph serves all faults. For each: a fresh table, a task, the fault in its phase, the end of the task with its
reason, the limits of the arm by the simulator's truth, processes that died, tracebacks in the logs, the time until
everything is heard again, and a task that must come true afterwards. Rows are written to a journal as they come, so
that a killed bench goes on where it was. ``vlm-robot bench faults`` starts it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import os
from pathlib import Path
import platform
import sys
import time

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vlm_robot.console import console, errors
from vlm_robot.errors import PerceptionError, VlmRobotError
from vlm_robot.evaluation.fault_table import FaultRow, Journal, RECOVERY_LIMIT, summarise, to_json, to_markdown
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.nodes import scenes_of_faults
from vlm_robot.nodes.errands import FIRST, Outcome, PhaseMissed, SECOND
from vlm_robot.nodes.fault_stage import Stage
from vlm_robot.nodes.faults import choose, Fault, list_faults
from vlm_robot.nodes.graph import NODES, SIGHT, WATCH
from vlm_robot.nodes.witness import wait_until

ATTEMPTS = 3  # to reach the phase of a fault: a busy computer can end a task before
REST_TIME = 60.0  # wall-clock seconds in which the arm must come to rest after a task has ended


def prepare(stage: Stage, fault: Fault) -> None:
    """Bring the graph to a fresh table, by force if it must be; raise PerceptionError when that is in vain."""
    stage.heal()
    stage.choose_planner(fault.planner)
    if not stage.reset_table():
        stage.kill(*NODES)
        if not stage.wait_until_ready(stage.wait_for_restart(*NODES), 2 * stage.patience):
            raise PerceptionError(f'the graph does not work any more, not even started anew; logs: {stage.out}')
        stage.reset_table()
    stage.witness.limits.violations.clear()
    stage.witness.limits.fastest = 0.0
    stage.deaths.clear()
    stage.mark_logs()


def run_fault(stage: Stage, fault: Fault) -> FaultRow:
    """Play one fault and return its row."""
    begin = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        prepare(stage, fault)
        stage.comeback = None
        try:
            outcome = play(stage, fault)
            break
        except PhaseMissed as error:
            outcome = Outcome('crashed', f'{error} ({attempt} times)')
    problems = judge(stage, fault, outcome)
    fault.heal(stage)
    stage.heal()
    back = measure_return(stage, fault, time.monotonic())
    resumed = resume(stage, outcome)
    problems += list_damage(stage, fault)
    return FaultRow(
        fault.name,
        fault.phase,
        outcome.status,
        outcome.reason,
        tuple(problems),
        resumed,
        round(back, 1),
        stage.measure_loading(*fault.kills) if fault.kills else 0.0,
        round(time.monotonic() - begin, 1),
        round(stage.witness.limits.fastest, 3),
        RECOVERY_LIMIT * stage.slowness if fault.kills else 0.0,
    )


def play(stage: Stage, fault: Fault) -> Outcome:
    """Return how the task ended; what a client would see as an error of ours becomes an outcome too."""
    try:
        return (fault.act or scenes_of_faults.play)(stage, fault)
    except PhaseMissed:
        raise
    except VlmRobotError as error:
        return Outcome('failed', str(error))


def judge(stage: Stage, fault: Fault, outcome: Outcome) -> list[str]:
    """Return what is wrong with the end of the task itself."""
    problems = []
    is_true = stage.is_true(FIRST) if outcome.status == 'done' else None
    if not fault.allows(outcome.status, is_true):
        problems.append(f'ended as {outcome.status}; right would be {" or ".join(fault.expected)}')
    if not outcome.reason.strip():
        problems.append('ended without a reason')
    if outcome.status == 'hung':
        stage.client.cancel()
    elif outcome.status == 'done' and is_true is False and not fault.unheard:
        problems.append('claimed a success that the simulator does not see')
    if not wait_until(stage.witness.is_resting, REST_TIME, 0.1):
        problems.append(f'the arm does not come to rest within {REST_TIME:g} s')
    return problems


def measure_return(stage: Stage, fault: Fault, healed: float) -> float:
    """Return the seconds from the kill, or from healing, until everything is heard and the planner takes tasks."""
    comeback = stage.comeback
    if comeback is None:
        stage.wait_until_ready(healed, stage.patience)
        return time.monotonic() - healed
    begin = healed if fault.prevents_start else comeback.killed
    comeback.join(2 * stage.patience)
    if comeback.heard and stage.is_answering():
        return comeback.heard - begin
    stage.wait_until_ready(comeback.restarted, stage.patience)
    return time.monotonic() - begin


def resume(stage: Stage, outcome: Outcome) -> str:
    """Return whether a task comes true now: ``as it was``, with a ``fresh table`` only, or ``no``."""
    first = SECOND if outcome.status == 'done' else FIRST
    if stage.give(first).wait(stage.patience).status == 'done' and stage.is_true(first):
        return 'as it was'
    if stage.reset_table() and stage.give(FIRST).wait(stage.patience).status == 'done' and stage.is_true(FIRST):
        return 'fresh table'
    return 'no'


def list_damage(stage: Stage, fault: Fault) -> list[str]:
    """Return crashes, tracebacks and broken limits since the fault began."""
    deaths = [death for death in stage.deaths if death.split()[0] not in fault.kills]
    violations = stage.witness.limits.violations
    more = [f'and {len(violations) - 1} times more'] if len(violations) > 1 else []
    return [*deaths, *stage.list_tracebacks(), *violations[:1], *more]


def run_all(faults: Sequence[Fault], journal: Journal, stage: Stage) -> None:
    """Play the faults that the journal does not know yet, on one graph."""
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    due = [fault for fault in faults if fault.key not in journal.rows]
    if not due:
        return
    with Progress(*columns, console=console) as progress, stage:
        task = progress.add_task('starting', total=len(faults), completed=len(faults) - len(due))
        for fault in due:
            progress.update(task, description=fault.key)
            row = run_fault(stage, fault)
            journal.add(row)
            progress.advance(task)
            colour = 'red' if row.is_broken else 'green'
            problems = f' [red]{escape("; ".join(row.problems))}[/red]' if row.problems else ''
            progress.console.print(
                f'[{colour}]{fault.key}[/{colour}]: {row.status}, {escape(row.reason[:150])}; resumed {row.resumed}, '
                f'back after {row.back_s:.1f} s{problems}',
                highlight=False,
                soft_wrap=True,
            )


def list_conditions(slowness: float) -> dict:
    """Return what the times depend on."""
    return {
        'machine': platform.machine(),
        'cores': os.cpu_count(),
        'nice': os.nice(0),
        'load average of 15 minutes': round(os.getloadavg()[2], 1),
        'waiting stretched by': slowness,
        'python': platform.python_version(),
    }


def main() -> int:
    """Run the bench; return 0 only when every fault was survived and every killed node was back in time."""
    parser = argparse.ArgumentParser(prog='faults', description=(__doc__ or '').strip().splitlines()[0])
    parser.add_argument('--only', action='append', default=[], metavar='NAME', help='a fault, name/phase or pattern')
    parser.add_argument('--list', action='store_true', help='name the faults and start nothing')
    parser.add_argument('--out', type=Path, default=Path('out/faults'), help='folder of journal, table and logs')
    parser.add_argument('--json', type=Path, help='also write rows and conditions as JSON to this file')
    parser.add_argument('--fresh', action='store_true', help='forget the journal of an earlier run')
    parser.add_argument(
        '--sight', default='detector', choices=[*SIGHT], help='full: also kill the other nodes of sight'
    )
    parser.add_argument('--slow', type=float, default=1.0, help='stretch all waiting for a computer that is busy')
    options = parser.parse_args()
    try:
        beside = (*WATCH, *SIGHT[options.sight])
        faults = choose(list_faults(beside), options.only)
        if options.list:
            print('\n'.join(fault.key for fault in faults))
            return 0
        path = options.out / 'journal.jsonl'
        if options.fresh:
            path.unlink(missing_ok=True)
        journal = Journal(path)
        run_all(faults, journal, Stage(options.out / 'logs', options.slow, beside))
    except VlmRobotError as error:
        errors.print(f'[red]error:[/red] {escape(str(error))}', highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        errors.print('interrupted; the same command goes on')
        return 130
    return report([journal.rows[fault.key] for fault in faults], options.out, options.json, options.slow)


def report(rows: Sequence[FaultRow], out: Path, json_file: Path | None, slowness: float) -> int:
    """Write table and JSON, say what came of it, return the exit code."""
    conditions = list_conditions(slowness)
    note = 'Conditions: ' + ', '.join(f'{key} {value}' for key, value in conditions.items()) + '.'
    note += f' Fastest tool of all rows: {max(row.fastest for row in rows):.2f} m/s.'
    (out / 'faults.md').write_text(to_markdown(rows, note))
    save_json(to_json(rows, conditions), json_file)
    console.print(f'{summarise(rows)}\ntable: {out / "faults.md"}', highlight=False, markup=False)
    return 1 if any(row.is_broken or row.is_slow for row in rows) else 0


if __name__ == '__main__':
    sys.exit(main())
