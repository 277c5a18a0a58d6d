"""
Gives a recording to the perception and planning nodes again, without simulator or robot, and compares.

It plays the parts that are missing: the cameras (every frame that was looked at, one after the other, so that
nothing is skipped), the hand, the clock as far as the planner asks for it, and the action ``execute_skill``, which
answers every step with what came of it in the recording. Detector, scene node and planner are the real ones and cannot
tell the difference: they must see the same, decide the same and end the same.

Nothing is left to time: each message goes out when the journals of the nodes (``intake.py``) say that the one before
it has been dealt with, in the order in which the recorded scene node dealt with them (``replay_script.py``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
import sys
import threading
import time
from typing import Any

from rich.markup import escape
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header

from vlm_robot.console import console, errors
from vlm_robot.datatypes import Step, TaskResult
from vlm_robot.errors import PerceptionError, VlmRobotError
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.nodes import conversions, plan_conversions
from vlm_robot.nodes.bag import list_topics, read_bag
from vlm_robot.nodes.frame_queue import PARTS
from vlm_robot.nodes.graph import Graph, GraphConfig
from vlm_robot.nodes.intake import Entry, key_of, Kind, PLANNER_JOURNAL, SCENE_JOURNAL, TELLING
from vlm_robot.nodes.replay_comparison import Comparison
from vlm_robot.nodes.replay_script import ENDS, Event, HANDS, LOOKS, read_script, SAME_TIME
from vlm_robot.nodes.replay_stage import ANSWER_TIMEOUT, Stage
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot_interfaces.action import ExecuteSkill

NODES = ('detector', 'scene', 'planner')
LATE = 5 * 10**9  # recorded nanoseconds after its detections in which a frame must have been recorded
PATIENT = {f'link.{name}': 10 * ANSWER_TIMEOUT for name in ('fresh_timeout', 'start_timeout', 'detector_silence')}


class Replay:
    """One recording on its way through the nodes."""

    def __init__(self, bag: Path, namespace: str, stage: Stage, client: TaskClient):
        """Read all but the pictures."""
        self.bag, self._prefix, self._stage, self._client = bag, namespace.rstrip('/') + '/', stage, client
        self.comparison = Comparison()
        self._script = read_script(bag, self._prefix)
        self._frames: dict[tuple[str, tuple[int, int]], dict[str, Any]] = {}
        self._wanted = {(e.entry.camera, e.entry.stamp) for e in self._script.events if e.entry.kind in LOOKS}
        self._clock, self._missing = 0.0, 0
        self._task: threading.Thread | None = None
        self._ends: list[TaskResult] = []
        self._begun = 0  # tasks
        self._steps = 0  # turns of the recording that have been answered

    def run(self) -> Comparison:
        """Play everything and return what was the same."""
        self._wake_nodes()
        looks = [event.entry.seconds for event in self._script.events if event.entry.kind in LOOKS]
        for camera, part, message, nanoseconds in self._read_pictures():
            key = camera, key_of(message.header.stamp)
            if key in self._wanted:
                self._frames.setdefault(key, {})[part] = message
            self._advance(nanoseconds)
        self._advance()
        self._end_task()
        self.comparison.add_scenes(self._script.scenes, self._stage.scenes, min(looks), max(looks) + SAME_TIME)
        if lost := self._missing + self._script.lost:
            self._differ(f'{lost} messages that the scene node took in have no frame or message in the recording')
        return self.comparison

    def _read_pictures(self):
        topics = tuple(f'{self._prefix}{camera}/{part}' for camera in self._stage.cameras for part in PARTS)
        for record in read_bag(self.bag, topics):
            camera, _, part = record.topic.removeprefix(self._prefix).rpartition('/')
            yield camera, part, record.message, record.nanoseconds

    def _wake_nodes(self) -> None:
        """
        Show the first frame of every camera until its scene has reached the planner, then let all be forgotten.

        From then on every connection between two nodes stands. The stamps lie before those of the recording.
        """
        frames: dict[str, dict[str, Any]] = {}
        for camera, part, message, _ in self._read_pictures():
            frames.setdefault(camera, {}).setdefault(part, message)
            if [len(frame) for frame in frames.values()] == [len(PARTS)] * len(self._stage.cameras):
                break
        stamp, deadline = min(sec * 10**9 + nanosec for _, (sec, nanosec) in self._wanted) // 2, time.monotonic()
        for camera, frame in frames.items():
            while not self._stage.wake(camera, frame, stamp := stamp + 1):
                if time.monotonic() > deadline + ANSWER_TIMEOUT:
                    raise PerceptionError(f'no scene comes of the frames of camera {camera}')
        self._forget(Entry(Kind.WORLD, '', (0, 0)), Header(frame_id='replay'))

    def _advance(self, now: float = float('inf')) -> None:
        """Play what can be played; ``now``: nanoseconds up to which the pictures have been read."""
        events = self._script.events
        while events:
            event = events[0]
            if event.entry.kind in LOOKS:
                frame = self._frames.get((event.entry.camera, event.entry.stamp), {})
                if len(frame) < len(PARTS) and now <= event.nanoseconds + LATE:
                    return
            self._play(events.popleft())

    def _play(self, event: Event) -> None:
        kind = event.entry.kind
        if kind in LOOKS:
            self._look(event)
        elif kind in HANDS:
            if event.begins_motion:
                self._stage.wait_for(lambda: self._stage.asked, 'a decision of the planner')
            self._give(event.entry, lambda: self._stage.publishers['hand_state'].publish(event.message))
        elif kind is Kind.WORLD:
            self._forget(event.entry, event.message)
        elif kind is Kind.BEGIN:
            self._begin_task(event.entry.seconds)
        else:
            self._end_skill(event.entry.seconds)

    def _look(self, event: Event) -> None:
        key = event.entry.camera, event.entry.stamp
        frame = self._frames.pop(key, {})
        if len(frame) < len(PARTS):
            self._missing += 1
            return
        self._give(event.entry, lambda: self._stage.show(key[0], frame))
        self._stage.wait_for(lambda: key in self._stage.seen, 'the detections')
        self.comparison.add_detections(event.message, self._stage.seen.pop(key))

    def _forget(self, entry: Entry, message: Header) -> None:
        count = self._stage.count(PLANNER_JOURNAL, Kind.WORLD)
        self._give(entry, lambda: self._stage.publishers['world_changed'].publish(message))
        what = 'the planner, which hears of another world,'
        self._stage.wait_for(lambda: self._stage.count(PLANNER_JOURNAL, Kind.WORLD) > count, what)

    def _give(self, entry: Entry, publish: Callable[[], None]) -> None:
        """Publish what leads to an entry and wait until scene node and planner have dealt with it."""
        stage, what = self._stage, f'{entry.kind.value} {entry.camera} at {entry.seconds:.2f} s'
        count, told, heard = stage.count(SCENE_JOURNAL), len(stage.scenes), stage.count(PLANNER_JOURNAL, Kind.SCENE)
        publish()
        stage.wait_for(lambda: stage.count(SCENE_JOURNAL) > count, f'the scene node with {what}')
        taken = stage.journals[SCENE_JOURNAL][count]
        if taken != entry:
            self._differ(f'the scene node took in {taken}, in the recording {entry}')
        if taken is not None and taken.kind in TELLING:
            stage.wait_for(lambda: len(stage.scenes) > told, f'the scene of {what}')
            stage.wait_for(lambda: stage.count(PLANNER_JOURNAL, Kind.SCENE) > heard, f'the planner with {what}')

    def _set_clock(self, seconds: float) -> None:
        if seconds > self._clock:
            self._clock = seconds
            self._stage.publishers['/clock'].publish(Clock(clock=conversions.to_stamp(seconds)))

    def _begin_task(self, seconds: float) -> None:
        self._end_task()
        if self._begun >= len(self._script.tasks):
            raise PerceptionError('a task of the recording has no plan in it')
        sentence, self._begun = self._script.tasks[self._begun].sentence, self._begun + 1
        self._set_clock(seconds)
        count = self._stage.count(PLANNER_JOURNAL, Kind.BEGIN)
        self._task = threading.Thread(target=self._send, args=(sentence,), daemon=True)
        self._task.start()
        self._stage.wait_for(lambda: self._stage.count(PLANNER_JOURNAL, Kind.BEGIN) > count, 'the beginning of a task')

    def _send(self, sentence: str) -> None:
        try:
            self._ends.append(self._client.send(sentence))
        except VlmRobotError as error:
            self._ends.append(TaskResult(sentence, 'failed', str(error)))

    def _end_skill(self, seconds: float) -> None:
        """Let the skill that the planner waits for end as it did, after the clock has come so far."""
        stage = self._stage
        stage.wait_for(lambda: stage.asked, 'a decision of the planner')
        count = stage.count(PLANNER_JOURNAL, Kind.MOVED)
        self._set_clock(seconds)
        result = self._recall(stage.asked.pop(0))
        if result.cancelled:
            self._client.cancel()  # as a person did
        else:
            stage.answer(result)
        stage.wait_for(lambda: stage.count(PLANNER_JOURNAL, Kind.MOVED) > count, 'the planner after a skill')

    def _recall(self, step: Step) -> ExecuteSkill.Result:
        """Return what came of the step in the recording."""
        records = self._script.records
        if self._steps >= len(records):
            return ExecuteSkill.Result(success=True)
        record = records[self._steps]
        recorded = plan_conversions.from_step(record.chosen)
        if step != recorded and step.skill == 'go_home':  # before a task, when the arm stood astray
            return ExecuteSkill.Result(success=True)
        self._steps += 1
        if step != recorded:
            self._differ(f'turn {self._steps}: {step} was decided, {recorded} in the recording')
        return ExecuteSkill.Result(success=record.success, cancelled=record.cancelled, reason=record.reason)

    def _end_task(self) -> None:
        """Wait for the end of the running task and compare it."""
        if self._task is None:
            return
        recorded = self._script.tasks[self._begun - 1]
        if recorded.status in ENDS:
            self._task.join(ANSWER_TIMEOUT)
        self._client.cancel()  # where the recording stops in the middle of a task, or the task does not end
        self._task.join(ANSWER_TIMEOUT)
        self._task = None
        end = self._ends.pop() if self._ends else TaskResult(recorded.sentence, 'failed', 'it did not end')
        if recorded.status in ENDS:
            self._steps += sum(
                step.skill in ('done', 'refuse') for step in plan_conversions.from_plan(recorded).steps[-1:]
            )
            self.comparison.add_task(recorded, end)

    def _differ(self, what: str) -> None:
        self.comparison.differences.append(what)


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
    own['planner'] |= PATIENT
    graph = Graph(GraphConfig(logs, NODES, profile, own, namespace=namespace))
    with graph, TaskClient(graph.domain, namespace, cameras) as client:
        stage = Stage(graph.domain, namespace, cameras)
        try:
            _wait_for_nodes(graph, client, stage, cameras)
            return Replay(Path(bag), namespace, stage, client).run()
        finally:
            stage.close()


def _wait_for_nodes(graph: Graph, client: TaskClient, stage: Stage, cameras: list[str]) -> None:
    """Wait until the planner takes tasks and the detector is there; ``Replay`` sees to every connection itself."""
    deadline = time.monotonic() + 2 * ANSWER_TIMEOUT
    while True:
        graph.check()
        listening = all(stage.publishers[f'{camera}/{part}'].get_subscription_count() for camera in cameras
                        for part in ('depth', 'camera_info', 'pose'))  # fmt: skip
        if listening and 'active planner' not in client.list_missing() and stage.node.count_publishers('scene'):
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
    save_json(found.to_json(), options.json)
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
