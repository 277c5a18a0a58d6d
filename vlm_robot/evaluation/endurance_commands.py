"""``vlm-robot bench latency`` and ``bench soak``: each in a process of its own, with ROS, as the demo is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.evaluation.node_programs import run_program

Json = Annotated[Path | None, typer.Option('--json', help='Also write figures and samples as JSON to this file.')]
Profile = Annotated[str, typer.Option(help='cpu or gpu: which of config/<profile>.yaml.')]
Seed = Annotated[int, typer.Option(min=0, help='Of the first table; the next ones count up.')]


def bench_latency(
    minutes: Annotated[float, typer.Option(min=0, help='Of frames at 10 Hz; 10 for the long run, 0 for none.')] = 1.5,
    stops: Annotated[int, typer.Option(min=0, help='Motions that are stopped at random moments; 0 for none.')] = 50,
    bag: Annotated[Path | None, typer.Option(help='Play frames of this recording instead of rendered tables.')] = None,
    seed: Seed = 0,
    profile: Profile = 'cpu',
    out: Annotated[Path, typer.Option(help='Folder of report.md, latency.png and logs.')] = Path('out/latency'),
    json_file: Json = None,
) -> None:
    """
    Measure the times of the real graph and hold them against their limits; exit code 1 when one is broken.

    A camera of 640x480 at 10 Hz to the detections of the real detector: p50 at most 200 ms, p99 at most 600 ms, no
    queue that grows. A sentence to its first action goal: p50 at most 3 s. A cancel, or the word stop, to an arm at
    rest: p99 at most 200 ms of simulated time. Cost of the trip of a picture. The machine should have nothing else to
    do: its load is told beside the figures. Takes about 6 minutes on two free cores.

    Example: vlm-robot bench latency --out out/latency

    Example: vlm-robot bench latency --minutes 10 --stops 0
    """
    given = ['--minutes', minutes, '--stops', stops, '--seed', seed, '--profile', profile, '--out', out]
    run_program('latency_bench', *given, *(['--bag', bag] if bag else []), json_file=json_file)


def bench_soak(
    tasks: Annotated[int, typer.Option(min=1, help='Tasks in all, those of a run that was stopped included.')] = 200,
    seed: Seed = 0,
    profile: Profile = 'cpu',
    fresh: Annotated[bool, typer.Option('--fresh', help='Forget the journal of an earlier run.')] = False,
    out: Annotated[Path, typer.Option(help='Folder of journal, report.md, soak.png, logs.')] = Path('out/soak'),
    json_file: Json = None,
) -> None:
    """
    Give one run of the graph task after task and say what leaks; exit code 1 when anything does.

    After each task: memory, threads, open files, shared-memory segments of every process, processes, open goals.
    Memory of the graph may grow by 1 MB per 100 tasks (robust slope after a warm-up), nothing else may stay. Some
    tasks are cancelled, some ask for what is not there. A run that was stopped goes on where it was.

    Example: vlm-robot bench soak --tasks 200 --out out/soak
    """
    given = ['--tasks', tasks, '--seed', seed, '--profile', profile, '--out', out]
    run_program('soak', *given, *(['--fresh'] if fresh else []), json_file=json_file)
