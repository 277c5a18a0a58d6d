"""
Starts the whole graph as separate processes and ends it, where ``ros2 launch`` is absent.

It serves ``./run up``, the demo and the tests. Every node reads the parameter files that launch uses. The
graph has its own ROS domain unless one is set, stays on this machine, writes one log per node, and ends by
process id what it has started, and nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import time

import yaml

from vlm_robot.errors import ConfigError, PerceptionError, VlmRobotError
from vlm_robot.nodes.lifespan import PARENT
from vlm_robot.nodes.middleware import list_settings
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot.resources import find

NODES = ('sim', 'detector', 'scene', 'skill', 'planner')
ROBOT_NODES = NODES[1:]  # a real robot brings its own cameras and arm
SIGHT = {
    'detector': (),
    'full': ('segmenter', 'grounder', 'describer'),
}  # nodes beside the detector, by how much the robot sees
WATCH = ('annotator', 'supervisor')  # what launch and ``./run up`` start beside them
EXTRAS = (*SIGHT['full'], *WATCH, 'kitchen', 'recorder')  # started when they are named
# Names that ROS fixes, moved into the namespace of the robot: each simulator has its own clock.
OWN_NAMES = {'/clock': 'clock', '/tf': 'tf', '/tf_static': 'tf_static'}
RESTART_PAUSE = 2.0  # seconds between two starts of a node that keeps ending
STOP_TIMEOUT = 20.0  # seconds for a node to end after SIGINT; a node that hangs ends itself before (lifespan.py)


@dataclass(frozen=True)
class GraphConfig:
    """
    What is started.

    :param parameters: node name -> parameter name -> value, over those of the parameter files.
    :param domain: ROS domain; 0 takes ROS_DOMAIN_ID, or a random one where it is not set.
    :param logs: folder of the log files, one per node.
    :param remaps: node name -> name in the node -> name in the graph.
    """

    logs: Path
    nodes: Sequence[str] = NODES
    profile: str = 'cpu'
    parameters: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    domain: int = 0
    namespace: str = ''
    remaps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse nodes that do not exist."""
        known = (*NODES, *EXTRAS)
        unknown = [name for name in self.nodes if name not in known]
        if unknown:
            raise ConfigError(f'unknown nodes {unknown}; known: {list(known)}')


class Graph:
    """Running nodes; a context manager that starts and stops them."""

    def __init__(self, config: GraphConfig):
        """Choose domain and environment; nothing starts yet."""
        self.config = config
        self.domain = config.domain or int(os.environ.get('ROS_DOMAIN_ID') or random.randint(1, 100))
        self.processes: dict[str, subprocess.Popen] = {}
        self._started: dict[str, float] = {}  # wall-clock seconds of the newest start

    def __enter__(self) -> Graph:
        """Start all nodes."""
        self.start()
        return self

    def __exit__(self, *_) -> None:
        """Stop all nodes."""
        self.stop()

    def start(self) -> None:
        """Start every node as its own process."""
        self.config.logs.mkdir(parents=True, exist_ok=True)
        for name in self.config.nodes:
            self.start_node(name)

    def start_node(self, name: str) -> None:
        """Start one node, for example again after it died."""
        self._started[name] = time.monotonic()
        with self.log_of(name).open('ab') as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, '-m', 'vlm_robot.nodes.starter', f'{name}_node', *self._arguments(name)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self.environment(), PARENT: str(os.getpid())},  # however this process ends, its nodes end too
                start_new_session=True,  # Ctrl-C reaches this process alone, which stops the nodes
            )

    def environment(self) -> dict[str, str]:
        """Return the environment of the nodes and of whoever wants to talk to them."""
        return {
            **os.environ,
            'ROS_DOMAIN_ID': str(self.domain),
            **list_settings(),
            'RCUTILS_LOGGING_BUFFERED_STREAM': '0',
            'PYTHONUNBUFFERED': '1',
        }

    def log_of(self, name: str) -> Path:
        """Return the log file of a node."""
        return self.config.logs / f'{name}.log'

    def wait_until_ready(self, client: TaskClient, timeout: float = 120.0) -> None:
        """
        Wait until tasks can be given and every camera has been looked at.

        :raises PerceptionError: a node ended or the time is over; the message quotes its log.
        """
        deadline = time.monotonic() + timeout
        while missing := client.list_missing():
            self.check()
            if time.monotonic() > deadline:
                said = ' | '.join(f'{name}: {self._last_words(name, 1)}' for name in self.processes)
                raise PerceptionError(
                    f'after {timeout:g} s there is still no {", ".join(missing)}; logs: {self.config.logs}; '
                    f'the last words: {said}'
                )
            time.sleep(0.1)

    def check(self) -> None:
        """Raise PerceptionError with the last words of a node that has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                words = self._last_words(name, 3)
                raise PerceptionError(f'the {name} node ended with code {process.returncode}: {words}')

    def _last_words(self, name: str, lines: int) -> str:
        return ' | '.join(self.log_of(name).read_text(errors='replace').strip().splitlines()[-lines:])

    def revive(self) -> list[str]:
        """Start again what has ended, each node at most once in RESTART_PAUSE seconds; return their names."""
        ended = [name for name, process in self.processes.items() if process.poll() is not None]
        now = time.monotonic()
        due = [name for name in ended if now - self._started[name] > RESTART_PAUSE]
        for name in due:
            self.start_node(name)
        return due

    def kill(self, name: str) -> None:
        """End one node's process by force, as a crash would."""
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self) -> dict[str, int]:
        """Ask every node to end, force those that do not, and return the exit codes."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + STOP_TIMEOUT
        for process in self.processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return {name: process.returncode for name, process in self.processes.items()}

    def _arguments(self, name: str) -> list[str]:
        arguments = ['--ros-args']
        for stem in (name, self.config.profile):
            arguments += ['--params-file', str(find(f'config/{stem}.yaml'))]
        own = {
            'use_sim_time': 'sim' in self.config.nodes and name != 'sim',
            **self.config.parameters.get(name, {}),
        }
        for key, value in own.items():
            arguments += ['-p', f'{key}:={_to_yaml(value)}']
        if self.config.namespace:
            arguments += ['-r', f'__ns:=/{self.config.namespace.strip("/")}']
        for old, new in {**OWN_NAMES, **self.config.remaps.get(name, {})}.items():
            arguments += ['-r', f'{old}:={new}']
        return arguments


def _to_yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f'[{", ".join(map(_to_yaml, value))}]'
    return f'"{value}"' if isinstance(value, str) else str(value)


def read_parameters(words: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return node name -> parameter -> value of words such as ``sim.camera_rate=2.0``; raise ConfigError."""
    found: dict[str, dict[str, object]] = {}
    for word in words:
        name, equals, text = word.partition('=')
        node, dot, parameter = name.partition('.')
        if not (equals and dot and node in (*NODES, *EXTRAS) and parameter):
            raise ConfigError(f"'{word}' is no NODE.PARAMETER=VALUE, such as sim.camera_rate=2.0")
        try:
            found.setdefault(node, {})[parameter] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"the value of '{word}' is no YAML: {error}") from error
    return found


def read_options() -> GraphConfig:
    """Return what the command line asks for; raise ConfigError."""
    parser = argparse.ArgumentParser(prog='up', description=__doc__.strip().splitlines()[0])
    parser.add_argument('--scenario', default='blocks_and_bowls', help='name of a scenario or a YAML file')
    parser.add_argument('--seed', type=int, default=0, help='0 or more; the same seed gives the same table')
    parser.add_argument('--profile', default='cpu', help='cpu, gpu or server: which of config/<profile>.yaml')
    parser.add_argument('--namespace', default='', help='of all nodes: several robots in one domain')
    parser.add_argument('--logs', type=Path, default=Path('out/logs'), help='folder of the log files')
    parser.add_argument('--record', type=Path, help='folder of a recording, made anew (rosbag2 with MCAP)')
    parser.add_argument('--sight', default='detector', choices=[*SIGHT], help='full: masks, captions, descriptions too')
    parser.add_argument('-p', '--parameter', action='append', default=[], metavar='NODE.PARAMETER=VALUE',
                        help='over the parameter files, for example sim.camera_rate=2.0')  # fmt: skip
    options = parser.parse_args()
    parameters = read_parameters(options.parameter)
    parameters['sim'] = {'scenario': options.scenario, 'seed': options.seed, **parameters.get('sim', {})}
    nodes = (*NODES, *SIGHT[options.sight], *WATCH)
    if options.record:
        nodes = (*nodes, 'recorder')
        parameters['recorder'] = {'folder': str(options.record.resolve()), **parameters.get('recorder', {})}
    return GraphConfig(options.logs, nodes, options.profile, parameters, namespace=options.namespace)


def main() -> int:
    """Start the graph, tell where it is, keep it until Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        graph = Graph(read_options())
        config = graph.config
        with graph, TaskClient(graph.domain, config.namespace) as client:
            where = f'ROS_DOMAIN_ID={graph.domain}' + (f', namespace {config.namespace}' if config.namespace else '')
            print(f'starting {len(config.nodes)} nodes on {where}, logs in {config.logs} ...', flush=True)
            graph.wait_until_ready(client)
            print('ready; send tasks to the action execute_task; Ctrl-C ends', flush=True)
            while True:
                for name in graph.revive():
                    print(f'the {name} node had ended and was started again; log: {graph.log_of(name)}', flush=True)
                time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    except VlmRobotError as error:
        print(f'up: {error}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
