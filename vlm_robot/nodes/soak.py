"""
Many tasks in one run of the graph, with what every process holds after each of them.

Tables and sentences come from seeds; now and then a task is cancelled, or asks for what is not there, because ends
that are no success must not leak either. Every task is a line in the journal of the folder: a run that was killed goes
on where it stopped, in a new graph, which the report tells apart.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import dataclass
import json
import os
from pathlib import Path
import random
import sys
import threading
import time

from rich.markup import escape
from rich.progress import Progress

from vlm_robot.console import console, errors
from vlm_robot.datatypes import TaskResult
from vlm_robot.errors import ConfigError, MotionCancelled, PerceptionError, VlmRobotError
from vlm_robot.evaluation.census import describe_machine, list_family, MemoryWatch, take_sample
from vlm_robot.evaluation.limits import hold_all, tabulate_figures
from vlm_robot.evaluation.soak_report import judge, read_journal, write_report
from vlm_robot.nodes.goal_watch import GoalWatch
from vlm_robot.nodes.graph import Graph, GraphConfig
from vlm_robot.nodes.task_client import TaskClient

SCENARIOS = ('A', 'blocks_and_bowls', 'A', 'A_unseen')  # taken in turn; their seeds give table and sentence
ABSENT = 'put the silver block on the golden bowl'  # no scenario has either
CANCEL_EVERY, REFUSE_EVERY = 8, 10  # tasks
CLIENT = 'client'  # the process that gives the sentences
ATTEMPTS = 5  # times that a table is asked for
QUIET = 5.0  # wall-clock seconds that goals have to end after a task
# The simulator runs ahead as fast as it can: what a soak wears out is counted in tasks, not seconds. Clock and joints
# are told less often, else 500 messages a second on each topic take more of the machine than the models do.
FAST = {'real_time_factor': 20.0, 'camera_rate': 1.0, 'joint_rate': 5.0, 'clock_rate': 5.0}
PATIENT = {'link.detector_silence': 120.0, 'link.fresh_timeout': 120.0}  # seconds: a busy machine is no fault


@dataclass(frozen=True)
class SoakConfig:
    """How much, and where the results go."""

    out: Path
    tasks: int = 200
    seed: int = 0
    profile: str = 'cpu'
    fresh: bool = False  # forget the journal of a run before

    def __post_init__(self) -> None:
        """Refuse a run without tasks."""
        if self.tasks < 1:
            raise ConfigError(f'tasks is {self.tasks}; allowed: 1 or more')


class Soak:
    """One graph that is given task after task."""

    def __init__(self, graph: Graph, client: TaskClient, config: SoakConfig, run: int):
        """Watch goals and memory until ``close``; ``run`` counts the graphs that were started for this journal."""
        self._graph, self._client, self._config, self._run = graph, client, config, run
        self._goals = GoalWatch(client.node)
        self._memory = MemoryWatch(self._list_pids)

    def close(self) -> None:
        """Stop watching."""
        self._memory.close()

    def do(self, number: int) -> dict:
        """Do one task and return its line of the journal."""
        scenario = SCENARIOS[number % len(SCENARIOS)]
        sentence = self._set_table(scenario, self._config.seed + number)
        if not sentence or number % REFUSE_EVERY == REFUSE_EVERY - 1:
            sentence = ABSENT
        self._memory.take()  # between two tables the simulator holds less than ever
        begin = time.monotonic()
        canceller = self._plan_cancel(number)
        try:
            result = self._client.send(sentence)
        except MotionCancelled as error:  # by the canceller, on a machine too busy to tell the end in time
            result = TaskResult(sentence, 'cancelled', str(error))
        if canceller:
            canceller.cancel()
        self._goals.wait_for(lambda: not self._goals.count_open(), QUIET)
        return {
            'run': self._run,
            'task': number,
            'scenario': scenario,
            'seed': self._config.seed + number,
            'sentence': sentence,
            'status': result.status,
            'reason': result.reason,
            'seconds': round(time.monotonic() - begin, 2),
            'open_goals': self._goals.list_open(),
            **self._take_samples(),
        }

    def _set_table(self, scenario: str, seed: int) -> str:
        """Return the sentence of a table; a machine that is too busy to answer is asked again."""
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(PerceptionError):
                return self._client.load_scenario(scenario, seed)
            self._graph.check()
        return self._client.load_scenario(scenario, seed)

    def _plan_cancel(self, number: int) -> threading.Timer | None:
        """Have some tasks cancelled a moment after their arm has begun to move."""
        if number % CANCEL_EVERY != CANCEL_EVERY - 1:
            return None
        timer = threading.Timer(random.Random(number).uniform(0.5, 6.0), self._client.cancel)
        timer.daemon = True
        timer.start()
        return timer

    def _list_pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in list(self._graph.processes.items())} | {CLIENT: os.getpid()}

    def _take_samples(self) -> dict:
        """Return what every process holds; of its memory the least during the task."""
        samples = {name: sample.describe() for name, pid in self._list_pids().items() if (sample := take_sample(pid))}
        for name, least in self._memory.take().items():
            samples.get(name, {})['private_mb'] = least
        return {'processes': samples, 'family': len(list_family(os.getpid())), 'machine': describe_machine()}


def run_soak(config: SoakConfig) -> list[dict]:
    """Do the tasks that the journal lacks; return all of its lines."""
    config.out.mkdir(parents=True, exist_ok=True)
    journal = config.out / 'journal.jsonl'
    if config.fresh:
        journal.unlink(missing_ok=True)
    lines = read_journal(journal)
    first, run = len(lines), max((line['run'] for line in lines), default=-1) + 1
    if first >= config.tasks:
        return lines
    sim = {'scenario': SCENARIOS[0], 'seed': config.seed, **FAST}
    parameters: dict[str, dict[str, object]] = {'sim': sim, 'planner': dict(PATIENT)}
    graph = Graph(GraphConfig(config.out / 'logs', profile=config.profile, parameters=parameters))
    with graph, TaskClient(graph.domain, cameras=()) as client, Progress(console=console) as progress:
        bar = progress.add_task('starting the graph', total=config.tasks, completed=first)
        graph.wait_until_ready(client, 600.0)
        with contextlib.closing(Soak(graph, client, config, run)) as soak:
            for number in range(first, config.tasks):
                graph.check()
                line = soak.do(number)
                lines.append(line)
                with journal.open('a') as file:
                    file.write(json.dumps(line) + '\n')
                progress.update(bar, advance=1, description=f'{line["status"]}, {line["seconds"]:.0f} s')
    return lines


def main() -> int:
    """Run the soak and judge it; return 0 only if nothing leaks."""
    parser = argparse.ArgumentParser(prog='soak', description=(__doc__ or '').strip().splitlines()[0])
    parser.add_argument('--tasks', type=int, default=200, help='how many, those of the journal included')
    parser.add_argument('--out', type=Path, default=Path('out/soak'), help='journal, report.md, soak.png, logs')
    parser.add_argument('--json', type=Path, help='also write the figures as JSON to this file')
    parser.add_argument('--seed', type=int, default=0, help='of the first table')
    parser.add_argument('--profile', default='cpu', help='cpu or gpu: which of config/<profile>.yaml')
    parser.add_argument('--fresh', action='store_true', help='forget the journal that lies in the folder')
    options = parser.parse_args()
    try:
        lines = run_soak(SoakConfig(options.out, options.tasks, options.seed, options.profile, options.fresh))
    except VlmRobotError as error:
        errors.print(f'[red]error:[/red] {escape(str(error))}', highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    figures = judge(lines)
    console.print(tabulate_figures(figures, f'{len(lines)} tasks'))
    write_report(lines, figures, options.out, options.json)
    console.print(f'report and plot: {options.out}')
    return 0 if hold_all(figures) else 1


if __name__ == '__main__':
    sys.exit(main())
