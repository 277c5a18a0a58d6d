"""
Times of the graph: camera to detection, sentence to first goal, stop to rest, and what the trip of a picture costs.

Every part can be left out (0 minutes, 0 stops). The limits are those of ``evaluation/latency_report.py``; the load of
the machine is told beside the figures, because nothing here means much on a machine that is busy otherwise.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
import os
from pathlib import Path
import random
import sys

from rich.markup import escape
from rich.progress import Progress

from vlm_robot.console import console, errors
from vlm_robot.errors import ConfigError, VlmRobotError
from vlm_robot.evaluation.census import describe_machine
from vlm_robot.evaluation.latency_report import judge_sight, judge_tasks, judge_transport, write_report
from vlm_robot.evaluation.limits import Figure, hold_all, tabulate_figures
from vlm_robot.nodes.graph import Graph, GraphConfig
from vlm_robot.nodes.middleware import list_settings
from vlm_robot.nodes.participant import Participant
from vlm_robot.nodes.sight_timing import SightTiming, TRANSPORT_SECONDS
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot.nodes.task_timing import TaskTimes, TaskTiming

START_TIMEOUT = 600.0  # wall-clock seconds
JOINT_RATE = 60.0  # Hz of simulated time: rest is known to 17 ms
# A robot's arm does not move at twice its speed, as the simulator does by default; as many pictures a second as there.
AS_A_ROBOT = {'real_time_factor': 1.0, 'camera_rate': 2.0}


@dataclass(frozen=True)
class LatencyConfig:
    """What is measured, how long, and where the results go."""

    out: Path
    minutes: float = 1.5  # of frames at 10 Hz; 0 leaves sight out
    stops: int = 50  # motions that are stopped, every third after a new sentence; 0 leaves tasks out
    seed: int = 0
    profile: str = 'cpu'
    bag: Path | None = None

    def __post_init__(self) -> None:
        """Refuse less than nothing."""
        if self.minutes < 0 or self.stops < 0 or not (self.minutes or self.stops):
            raise ConfigError(f'minutes is {self.minutes}, stops is {self.stops}; allowed: 0 or more, not both 0')


def measure(config: LatencyConfig) -> tuple[list[Figure], dict]:
    """Return the figures, and the samples as plain data."""
    domain = int(os.environ.get('ROS_DOMAIN_ID') or random.randint(1, 100))
    os.environ.update(list_settings())
    before = describe_machine()
    figures: list[Figure] = []
    data: dict = {}
    with Progress(console=console) as progress:
        if config.minutes:
            figures += _measure_sight(config, domain, progress, data)
        if config.stops:
            figures += _measure_tasks(config, domain, progress, data)
    data['machine'] = {'before': before, 'after': describe_machine()}
    return figures, data


def _measure_sight(config: LatencyConfig, domain: int, progress: Progress, data: dict) -> list[Figure]:
    bar = progress.add_task('frames at 10 Hz', total=60 * config.minutes + TRANSPORT_SECONDS)
    timing = SightTiming(
        domain, config.out / 'logs', 60 * config.minutes, config.profile, config.bag, lambda: progress.advance(bar)
    )
    pictures = timing.measure_transport()
    seen = timing.measure_detection()
    progress.update(bar, completed=60 * config.minutes + TRANSPORT_SECONDS)
    data['transport'], data['sight'] = asdict(pictures), asdict(seen)
    figures = judge_sight(seen.at, seen.age, seen.processing, seen.player)
    return figures + judge_transport(pictures.age, pictures.player, pictures.cpu_share)


def _measure_tasks(config: LatencyConfig, domain: int, progress: Progress, data: dict) -> list[Figure]:
    bar = progress.add_task('sentences and stops', total=config.stops)
    own = {'sim': {'scenario': 'A', 'seed': config.seed, 'joint_rate': JOINT_RATE, **AS_A_ROBOT}}
    graph = Graph(GraphConfig(config.out / 'logs', profile=config.profile, parameters=own, domain=domain))
    with graph, TaskClient(graph.domain, cameras=()) as client, Participant('witness', graph.domain) as witness:
        timing = TaskTiming(graph, client, witness, config.seed)
        graph.wait_until_ready(client, START_TIMEOUT)
        times: TaskTimes = timing.run(config.stops, lambda: progress.advance(bar))
    data['tasks'] = asdict(times)
    return judge_tasks(times.first_goals, times.stops)


def main() -> int:
    """Measure, print the table, write the report; return 0 only if every limit is kept."""
    parser = argparse.ArgumentParser(prog='latency', description=(__doc__ or '').strip().splitlines()[0])
    parser.add_argument('--minutes', type=float, default=LatencyConfig.minutes, help='of frames at 10 Hz; 0: none')
    parser.add_argument('--stops', type=int, default=LatencyConfig.stops, help='motions that are stopped; 0: none')
    parser.add_argument('--out', type=Path, default=Path('out/latency'), help='report.md, latency.png, logs')
    parser.add_argument('--json', type=Path, help='also write figures and samples as JSON to this file')
    parser.add_argument('--seed', type=int, default=0, help='of the first table')
    parser.add_argument('--profile', default='cpu', help='cpu or gpu: which of config/<profile>.yaml')
    parser.add_argument('--bag', type=Path, help='play the frames of this recording instead of rendered tables')
    options = parser.parse_args()
    try:
        config = LatencyConfig(options.out, options.minutes, options.stops, options.seed, options.profile, options.bag)
        figures, data = measure(config)
    except VlmRobotError as error:
        errors.print(f'[red]error:[/red] {escape(str(error))}', highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    machine = data['machine']['after']
    title = f'{machine["cores"]} cores, load average {machine["load_1min"]}'
    console.print(tabulate_figures(figures, title))
    write_report(figures, data, options.out, options.json)
    console.print(f'report and picture: {options.out}')
    return 0 if hold_all(figures) else 1


if __name__ == '__main__':
    sys.exit(main())
