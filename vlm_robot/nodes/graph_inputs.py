"""
Sends bad inputs to a running graph: sentences, queries, scenarios, answers, skills, parameters, poses, grips.

Five real nodes run over real DDS. An input must get an answer in time, with a reason where it is refused; no node may
end; and the tool, as the simulator itself tells it, must never leave the limits of the arm. At the end an ordinary
sentence must come true on a fresh table. ``vlm-robot bench inputs`` starts this program.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
import json
import math
from pathlib import Path
import random
import sys
import tempfile
import threading
import time
from typing import Any

from geometry_msgs.msg import PoseStamped
import numpy as np
from rclpy.client import Client

from vlm_robot.errors import VlmRobotError
from vlm_robot.evaluation.bad_inputs import make_numbers, make_text
from vlm_robot.evaluation.entry_points import EntryPoint, require, SENTENCES
from vlm_robot.evaluation.input_trials import KEPT, Row, run_trials
from vlm_robot.nodes import compressed_inputs, conversions, message_inputs
from vlm_robot.nodes.action_calls import call_action
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.graph import Graph, GraphConfig
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.message_inputs import cut_text, make_pose, make_queries, make_step, to_float32
from vlm_robot.nodes.parameter_inputs import ParameterStorm
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot.nodes.witness import Limits
from vlm_robot.vocabulary import list_labels
from vlm_robot_interfaces.action import ExecuteSkill, MoveArm, MoveGripper
from vlm_robot_interfaces.srv import AnswerQuestion, DescribeScene, LoadScenario, SetQueries

JUMP = 0.1  # m between two tool poses 40 ms apart, which no motion of the arm can do
READY_S = 600.0  # wall clock: nodes load models on a machine that is busy
GOAL_SHARE = 0.1  # of all inputs go to the running graph, where each costs seconds
SCENARIO = 'blocks_and_bowls'
LAST_SENTENCE = 'put the red block in the green bowl'
ACTIONS = {'execute_skill': ExecuteSkill, 'move_arm': MoveArm, 'move_gripper': MoveGripper}
SERVICES = {
    'set_queries': SetQueries,
    'load_scenario': LoadScenario,
    'answer_question': AnswerQuestion,
    'describe_scene': DescribeScene,
}
PLACES = ('A', SCENARIO, 'blocks_and_bowls.yaml', '../config/sim.yaml', '/etc/passwd', '/dev/zero', 'a' * 400)


class Storm:
    """Everything through which a stranger can reach a running graph."""

    def __init__(self, graph: Graph, client: TaskClient, limit_s: float):
        """Connect to all actions and services, and listen where the tool is."""
        self.graph, self.client, self.limit_s = graph, client, limit_s
        self.limits = Limits()
        self._place: np.ndarray | None = None
        node = client.node
        self._actions = {name: ActionClient(node, kind, name) for name, kind in ACTIONS.items()}
        self._services = {name: node.create_client(kind, name) for name, kind in SERVICES.items()}
        self._parameters = ParameterStorm(node, list(graph.processes), self._ask)
        self._watch = node.create_subscription(PoseStamped, 'tcp_pose', self._on_tool, reliable_qos(20))

    def list_entries(self) -> tuple[EntryPoint, ...]:
        """Return the ways into the graph."""
        service = self._service
        about = self._checked(service(self._services['describe_scene']))
        return (
            EntryPoint('graph: sentence', _make_sentence, self._checked(self._feed_sentence)),
            EntryPoint('graph: scenario', _make_scenario, self._checked(service(self._services['load_scenario']))),
            EntryPoint('graph: answer', _make_answer, self._checked(service(self._services['answer_question']))),
            EntryPoint('graph: question about the scene', _make_about, about),
            EntryPoint('graph: skill', _make_skill, self._checked(self._action('execute_skill'))),
            EntryPoint('graph: parameter', self._parameters.make, self._checked(self._parameters.feed)),
            EntryPoint('graph: pose of the arm', _make_move, self._checked(self._action('move_arm'))),
            EntryPoint('graph: width of the fingers', _make_grip, self._checked(self._action('move_gripper'))),
            EntryPoint(
                'graph: queries', make_queries, self._checked(service(self._services['set_queries']))
            ),  # last: they keep the detector busy
        )

    def finish(self) -> Row:
        """Put everything in order again and let an ordinary sentence come true."""
        row = Row('graph: an ordinary sentence afterwards', tried=1)
        try:
            self.client.set_queries(list_labels())
            self.client.load_scenario(SCENARIO, 0)
            self.graph.wait_until_ready(self.client, READY_S)
            result = self.client.send(LAST_SENTENCE)
            places = self.client.world_state().positions
            is_inside = math.dist(places['red block'][:2], places['green bowl'][:2]) < 0.05
            row.accepted = int(result.status == 'done' and is_inside)
            if not row.accepted:
                row.crashes = 1
                row.note(f'{result.status}: {result.reason}')
        except VlmRobotError as error:
            row.crashes = 1
            row.note(str(error))
        return row

    def _checked(self, feed: Callable[[Any], str]) -> Callable[[Any], str]:
        """Return a feeder after which all nodes must live and the tool must have kept its limits."""

        def send(value: Any) -> str:
            self.limits.violations.clear()
            try:
                reason = feed(value)
            finally:
                self._revive()
            require(not self.limits.violations, '; '.join(self.limits.violations[:2]))
            return reason

        return send

    def _revive(self) -> None:
        """Start again what has ended and say so."""
        ended = [name for name, process in self.graph.processes.items() if process.poll() is not None]
        for name in ended:
            self.graph.start_node(name)
        if ended:
            raise RuntimeError(f'the {", ".join(ended)} node ended; it was started again')

    def _feed_sentence(self, asked: tuple[str, bool]) -> str:
        patience = threading.Timer(self.limit_s / 2, self.client.cancel)  # a long task is no fault: it is cancelled
        patience.start()
        try:
            result = self.client.send(asked[0], plan_only=asked[1])
        except VlmRobotError as error:  # the planner itself refuses in its result: this is no answer at all
            raise RuntimeError(str(error)) from error
        finally:
            patience.cancel()
        if result.status == 'done':
            return ''
        require(bool(result.reason), 'a sentence was refused without a reason')
        return result.reason

    def _service(self, client: Client) -> Callable[[Any], str]:
        def send(request: Any) -> str:
            response = self._ask(client, request)
            require(response.success or bool(response.message), 'refused without a reason')
            return '' if response.success else response.message

        return send

    def _ask(self, client: Client, request: Any) -> Any:
        """Return what a service answers; the watchdog of the trials ends the waiting."""
        while not client.wait_for_service(1.0):
            pass
        future, done = client.call_async(request), threading.Event()
        future.add_done_callback(lambda _: done.set())
        done.wait()
        return future.result()

    def _action(self, name: str) -> Callable[[Any], str]:
        def send(goal: Any) -> str:
            try:
                result = call_action(self._actions[name], goal, server_timeout=self.limit_s)
            except VlmRobotError as error:  # the server itself refuses in its result: this is no answer at all
                raise RuntimeError(str(error)) from error
            require(result.success or bool(result.reason), 'failed without a reason')
            return '' if result.success else result.reason

        return send

    def _on_tool(self, message: PoseStamped) -> None:
        place = conversions.from_pose(message.pose)[:3, 3]
        if self._place is not None and math.dist(place, self._place) > JUMP:
            self.limits.forget()  # another table was loaded: the arm stands at home at once
        self._place = place
        self.limits.check(conversions.to_seconds(message.header.stamp), place)


def _make_sentence(rng: random.Random) -> tuple[str, bool]:
    """Return a sentence and whether it is only planned; one in four may move the arm."""
    return cut_text(make_text(rng, SENTENCES)), rng.random() < 0.75


def _make_scenario(rng: random.Random) -> LoadScenario.Request:
    name = rng.choice(PLACES) if rng.random() < 0.4 else cut_text(make_text(rng, PLACES))
    return LoadScenario.Request(scenario=name, seed=rng.choice((0, -1, 7, 2**31, -(2**63), 2**63 - 1)))


def _make_answer(rng: random.Random) -> AnswerQuestion.Request:
    words = cut_text(make_text(rng, ('the red one', 'stop')))
    return AnswerQuestion.Request(question_id=rng.choice((0, 1, 2, 2**32 - 1)), answer=words)


def _make_about(rng: random.Random) -> DescribeScene.Request:
    names = [cut_text(make_text(rng, ('red block',))) for _ in range(rng.randrange(3))]
    age = rng.choice((0.0, -1.0, float('nan'), float('-inf')))  # a long age would wait for pictures: no fault
    return DescribeScene.Request(about=names, max_age=age)


def _make_skill(rng: random.Random) -> ExecuteSkill.Goal:
    return ExecuteSkill.Goal(step=make_step(rng))


def _make_move(rng: random.Random) -> MoveArm.Goal:
    pose = make_pose(rng)
    if rng.random() < 0.5:  # a good turn of the hand at a place that is near, but mostly outside
        pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = 1.0, 0.0, 0.0, 0.0
        pose.position.x, pose.position.y, pose.position.z = (
            rng.uniform(0.1, 0.9), rng.uniform(-0.6, 0.6), rng.uniform(-0.1, 0.8))  # fmt: skip
    speed = to_float32(make_numbers(rng, 1)[0])
    speed = speed if rng.random() < 0.5 else rng.choice((0.0, 0.3))
    return MoveArm.Goal(pose=pose, speed=speed, home=rng.random() < 0.1)


def _make_grip(rng: random.Random) -> MoveGripper.Goal:
    width, force = (to_float32(value) for value in make_numbers(rng, 2, 0.1))
    return MoveGripper.Goal(width=width, force=force if rng.random() < 0.5 else 0.0)


def run(examples: int, seed: int, limit_s: float, logs: Path, on_row: Callable[[Row], None]) -> list[Row]:
    """Return the rows of all messages and, on a graph of its own, of everything that a graph offers."""
    at_graph = max(8, round(examples * GOAL_SHARE))
    messages = (*message_inputs.ENTRY_POINTS, *compressed_inputs.ENTRY_POINTS)
    rows = _try_all(messages, examples - at_graph, seed, limit_s, on_row)
    graph = Graph(GraphConfig(logs, parameters={'sim': {'scenario': SCENARIO}}))
    with graph, TaskClient(graph.domain) as client:
        graph.wait_until_ready(client, READY_S)
        storm = Storm(graph, client, limit_s)
        rows += _try_all(storm.list_entries(), at_graph, seed, limit_s, on_row)
        rows.append(storm.finish())
        on_row(rows[-1])
    rows.append(_read_logs(graph))
    on_row(rows[-1])
    return rows


def _try_all(entries: tuple[EntryPoint, ...], examples: int, seed: int, limit_s: float, on_row) -> list[Row]:
    rows = []
    for number, entry in enumerate(entries):
        share = examples // len(entries) + (number < examples % len(entries))
        rows += run_trials((entry,), share, seed, limit_s)
        on_row(rows[-1])
    return rows


def _read_logs(graph: Graph) -> Row:
    """Count the callbacks that failed with anything but a refusal: their tracebacks stand in the logs."""
    row = Row('graph: tracebacks in the logs')
    for name in graph.processes:
        text = graph.log_of(name).read_text(errors='replace')
        for block in text.split('Traceback (most recent call last)')[1:]:
            row.crashes += 1
            last = next((line for line in block.splitlines() if line and not line[0].isspace()), '')
            if row.crashes <= KEPT:
                row.note(f'{name}: {last[:160]}')
    return row


def _print(row: Row) -> None:
    print(json.dumps(asdict(row)), flush=True)


def main() -> int:
    """Run, print one line of JSON per row; 1 when something crashed, hung or left the limits."""
    parser = argparse.ArgumentParser(prog='graph_inputs', description=__doc__.strip().splitlines()[0])
    parser.add_argument('--examples', type=int, default=800)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--limit', type=float, default=120.0, help='seconds of the wall clock for one input')
    parser.add_argument('--logs', type=Path, help='folder of the log files')
    options = parser.parse_args()
    logs = options.logs or Path(tempfile.mkdtemp(prefix='vlm_robot_inputs_'))
    begin = time.monotonic()
    try:
        rows = run(options.examples, options.seed, options.limit, logs, _print)
    except VlmRobotError as error:
        print(f'bench inputs: {error}', file=sys.stderr)
        return 1
    print(f'{time.monotonic() - begin:.0f} s, logs in {logs}', file=sys.stderr)
    return 0 if all(row.is_clean for row in rows) else 1


if __name__ == '__main__':
    sys.exit(main())
