"""
Gives a recording to the perception and planning nodes again, without simulator or robot, and compares.

It plays the parts that are missing: the cameras (every frame that was looked at, one after the other, so that
nothing is skipped), the clock, the hand, and the action ``execute_skill``, which answers every step with what came
of it in the recording. Detector, scene node and planner are the real ones and cannot tell the difference: they must
see the same, decide the same and end the same.
"""

from __future__ import annotations

import argparse
from collections import OrderedDict
from dataclasses import dataclass, field
import json
from pathlib import Path
import sys
import threading
import time
from typing import Any

from rich.markup import escape
from rosgraph_msgs.msg import Clock

from vlm_robot.console import console, errors
from vlm_robot.datatypes import Step, TaskResult
from vlm_robot.errors import PerceptionError, VlmRobotError
from vlm_robot.nodes import conversions, plan_conversions
from vlm_robot.nodes.bag import list_topics, read_bag
from vlm_robot.nodes.frame_queue import PARTS
from vlm_robot.nodes.graph import Graph, GraphConfig
from vlm_robot.nodes.replay_stage import ANSWER_TIMEOUT, Stage
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot_interfaces.action import ExecuteSkill
from vlm_robot_interfaces.msg import DetectionArray, HandState
from vlm_robot_interfaces.msg import Scene as SceneMessage

NODES = ('detector', 'scene', 'planner')
FRAMES_KEPT = 12  # that wait for the detections that were made of them
PATIENCE = 5.0  # wall-clock seconds after which the planner surely lacks a look
SETTLE = 0.2  # wall-clock seconds in which a message surely reaches its node
BOX_TOLERANCE_PX, SCORE_TOLERANCE = 0.01, 1e-4
ENDS = ('done', 'refused', 'failed', 'cancelled')


@dataclass
class Comparison:
    """What was the same and what was not; ``differences`` says the latter in words."""

    detections: int = 0
    same_detections: int = 0
    scenes: int = 0
    same_scenes: int = 0
    tasks: list[dict[str, Any]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        """Return whether nothing differed and something was compared."""
        return self.detections > 0 and not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            'same': self.is_same,
            'detections': self.detections,
            'same_detections': self.same_detections,
            'scenes': self.scenes,
            'same_scenes': self.same_scenes,
            'tasks': self.tasks,
            'differences': self.differences,
        }


class Replay:
    """One recording on its way through the nodes."""

    def __init__(self, bag: Path, namespace: str, stage: Stage, client: TaskClient):
        """Read what is small: plans and turns."""
        self.bag, self._prefix, self._stage, self._client = bag, namespace.rstrip('/') + '/', stage, client
        self.comparison = Comparison()
        self._records = [r.message for r in read_bag(bag, (self._prefix + 'step_records',))]
        self._frames: OrderedDict[tuple[str, float], dict[str, Any]] = OrderedDict()
        self._shown: dict[str, dict[str, Any]] = {}  # camera -> its newest frame
        self._clock, self._was_moving, self._missing = 0.0, False, 0
        self._task: threading.Thread | None = None
        self._ends: list[TaskResult] = []
        self._steps = 0  # turns of the recording that have been answered

    def run(self) -> Comparison:
        """Play everything and return what was the same."""
        for record in read_bag(self.bag):
            name = record.topic if record.topic == '/clock' else record.topic.removeprefix(self._prefix)
            camera, _, part = name.rpartition('/')
            if camera and part in PARTS:
                self._keep_part(camera, part, record.message)
            elif name == '/clock':
                self._set_clock(conversions.to_seconds(record.message.clock))
            elif name == 'world_changed':
                self._stage.publishers[name].publish(record.message)
            elif hear := getattr(self, f'_hear_{name}', None):
                hear(record.message)
        if self._missing:
            self._differ(f'{self._missing} of the recorded detections have no frame in the recording')
        return self.comparison

    def _set_clock(self, seconds: float) -> None:
        if seconds > self._clock:
            self._clock = seconds
            self._stage.publishers['/clock'].publish(Clock(clock=conversions.to_stamp(seconds)))

    def _keep_part(self, camera: str, part: str, message) -> None:
        key = camera, conversions.to_seconds(message.header.stamp)
        self._frames.setdefault(key, {})[part] = message
        while len(self._frames) > FRAMES_KEPT:
            self._frames.popitem(last=False)

    def _hear_detections(self, recorded: DetectionArray) -> None:
        key = recorded.camera, conversions.to_seconds(recorded.header.stamp)
        frame = self._frames.pop(key, {})
        if len(frame) < len(PARTS):
            self._missing += 1
            return
        self._shown[recorded.camera] = frame
        self._show(key, frame)
        self.comparison.detections += 1
        difference = compare_detections(recorded, self._stage.seen.pop(key))
        self.comparison.same_detections += not difference
        if difference:
            self._differ(f'{key[0]} at {key[1]:.2f} s: {difference}')

    def _show(self, key: tuple[str, float], frame: dict[str, Any]) -> None:
        self._set_clock(key[1])  # no frame comes from the future
        for part in PARTS:
            self._stage.publishers[f'{key[0]}/{part}'].publish(frame[part])
        self._stage.wait_for(lambda: key in self._stage.seen, f'a look at the frame of {key[0]} at {key[1]:.2f} s')

    def _await_decision(self) -> None:
        """Wait for the planner to decide; what stood still until then is shown again where it missed a look."""
        deadline = time.monotonic() + ANSWER_TIMEOUT
        while not self._stage.expect(lambda: self._stage.asked, PATIENCE):
            if time.monotonic() > deadline:
                raise PerceptionError('the planner does not decide, though the recording shows that it did')
            for camera, frame in self._shown.items():
                self._set_clock(self._clock + 0.01)
                for part in PARTS:
                    frame[part].header.stamp = conversions.to_stamp(self._clock)
                self._show((camera, conversions.to_seconds(frame[PARTS[0]].header.stamp)), frame)

    def _hear_scene(self, recorded: SceneMessage) -> None:
        stamp = conversions.to_seconds(recorded.header.stamp)
        if recorded.objects and self._stage.expect(lambda: stamp in self._stage.scenes, SETTLE):
            self.comparison.scenes += 1
            self.comparison.same_scenes += self._stage.scenes[stamp].text == recorded.text

    def _hear_hand_state(self, message: HandState) -> None:
        begins, ends = message.moving and not self._was_moving, self._was_moving and not message.moving
        self._was_moving = message.moving
        if begins:
            self._await_decision()
        self._stage.publishers['hand_state'].publish(message)
        if ends:
            time.sleep(SETTLE)  # the scene node hears of the hand before the planner hears of the end
            self._stage.answer(self._recall(self._stage.asked.pop(0)))
            time.sleep(SETTLE)

    def _recall(self, step: Step) -> ExecuteSkill.Result:
        """Return what came of the step in the recording."""
        if self._steps >= len(self._records):
            return ExecuteSkill.Result(success=True)
        record = self._records[self._steps]
        recorded = plan_conversions.from_step(record.chosen)
        if step != recorded and step.skill == 'go_home':  # before a task, when the arm stood astray
            return ExecuteSkill.Result(success=True)
        self._steps += 1
        if step != recorded:
            self._differ(f'turn {self._steps}: {step} was decided, {recorded} in the recording')
        return ExecuteSkill.Result(success=record.success, cancelled=record.cancelled, reason=record.reason)

    def _hear_plan(self, message) -> None:
        if message.status == 'planning' and self._task is None:
            self._ends.clear()
            send, count = self._client.send, self._stage.begun
            self._task = threading.Thread(target=lambda: self._ends.append(send(message.sentence)), daemon=True)
            self._task.start()
            self._stage.wait_for(lambda: self._stage.begun > count, 'the beginning of a task')
            time.sleep(SETTLE)  # the planner forgets what it saw before the next frame comes
        elif message.status in ENDS and self._task is not None:
            self._task.join(ANSWER_TIMEOUT)
            self._task = None
            self._compare_task(message)

    def _compare_task(self, recorded) -> None:
        end = self._ends[0] if self._ends else TaskResult(recorded.sentence, 'failed', 'it did not end')
        steps = [record.decision.chosen.step for record in end.records]
        plan = plan_conversions.from_plan(recorded)
        same = {
            'status': end.status == recorded.status,
            'program': end.plan.program == plan.program,
            'steps': steps == list(plan.steps),
        }
        self._steps += sum(step.skill in ('done', 'refuse') for step in plan.steps[-1:])
        self.comparison.tasks.append({'sentence': recorded.sentence, 'status': end.status, 'same': same})
        for name in (name for name, is_same in same.items() if not is_same):
            self._differ(f"'{recorded.sentence}': another {name}; {end.status}: {end.reason}")

    def _differ(self, what: str) -> None:
        self.comparison.differences.append(what)


def compare_detections(recorded: DetectionArray, live: DetectionArray) -> str:
    """Return how two looks at one frame differ, in words; empty where they agree."""
    old, new = ([conversions.from_detection(item) for item in m.detections] for m in (recorded, live))
    if sorted(d.label for d in old) != sorted(d.label for d in new):
        return f'saw {[d.label for d in new]}, in the recording {[d.label for d in old]}'
    for before in old:
        near = min((d for d in new if d.label == before.label), key=lambda d: _distance(d, before))
        if _distance(near, before) > BOX_TOLERANCE_PX or abs(near.score - before.score) > SCORE_TOLERANCE:
            return (
                f'{before.label}: box off by {_distance(near, before):.2f} px, score {near.score - before.score:+.5f}'
            )
    return ''


def _distance(a, b) -> float:
    return max(abs(x - y) for x, y in zip(a.box_xyxy_px, b.box_xyxy_px))


def replay(bag: Path, logs: Path, profile: str = 'cpu') -> Comparison:
    """
    Start the nodes, give them the recording and return what was the same.

    :param logs: folder of the nodes' log files.
    :raises PerceptionError: the recording cannot be read or lacks detections, or a node stopped.
    """
    topics = list_topics(bag)
    namespaces = [name.removesuffix('/detections') for name in topics if name.endswith('/detections')]
    if not namespaces:
        raise PerceptionError(f"'{bag}' holds no detections, so there is nothing to compare with; topics: {topics}")
    namespace = namespaces[0]
    cameras = sorted(t.removeprefix(namespace + '/').removesuffix('/depth') for t in topics if t.endswith('/depth'))
    own: dict[str, dict[str, object]] = {name: {'use_sim_time': True} for name in NODES}
    own['detector']['cameras'] = cameras
    graph = Graph(GraphConfig(logs, NODES, profile, own, namespace=namespace))
    with graph, TaskClient(graph.domain, namespace, cameras) as client:
        stage = Stage(graph.domain, namespace, cameras)
        try:
            _wait_for_nodes(graph, client, stage, cameras)
            return Replay(Path(bag), namespace, stage, client).run()
        finally:
            stage.close()


def _wait_for_nodes(graph: Graph, client: TaskClient, stage: Stage, cameras: list[str]) -> None:
    """Wait until the planner takes tasks and the detector listens to the cameras."""
    deadline = time.monotonic() + 2 * ANSWER_TIMEOUT
    while True:
        graph.check()
        listening = all(stage.publishers[f'{camera}/{part}'].get_subscription_count() for camera in cameras
                        for part in ('depth', 'camera_info', 'pose'))  # fmt: skip
        if listening and 'planner' not in client.list_missing() and stage.node.count_publishers('scene'):
            time.sleep(1.0)  # the other direction of every match
            return
        if time.monotonic() > deadline:
            raise PerceptionError(f'the nodes did not come up; logs: {graph.config.logs}')
        time.sleep(0.1)


def main() -> int:
    """Replay one recording and print what was the same; return 0 only if everything was."""
    parser = argparse.ArgumentParser(prog='replay', description=(__doc__ or '').strip().splitlines()[0])
    parser.add_argument('bag', type=Path, help='folder of a recording')
    parser.add_argument('--logs', type=Path, default=Path('out/replay'), help='folder of the log files')
    parser.add_argument('--profile', default='cpu', help='cpu or gpu: which of config/<profile>.yaml')
    parser.add_argument('--json', type=Path, help='also write the comparison as JSON to this file')
    options = parser.parse_args()
    try:
        found = replay(options.bag, options.logs, options.profile)
    except VlmRobotError as error:
        errors.print(f'[red]error:[/red] {escape(str(error))}', highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found.to_json(), indent=2) + '\n')
    console.print(
        f'{found.same_detections} of {found.detections} looks and {found.same_scenes} of {found.scenes} scenes'
    )
    for task in found.tasks:
        words = 'the same plan' if all(task['same'].values()) else 'another plan'
        console.print(f'"{task["sentence"]}": {task["status"]}, {words}', highlight=False, markup=False)
    for difference in found.differences:
        console.print(difference, style='yellow', highlight=False, markup=False)
    return 0 if found.is_same else 3


if __name__ == '__main__':
    sys.exit(main())
