"""
The demo: the real graph in separate processes, three sentences of growing length, the simulator as judge.

It shows the plan as it grows, keeps annotated frames, a film and a page, and succeeds only if the simulator's
truth agrees with every sentence. The sentences and their goals stand in the scenario file.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
import sys
import threading
import time

from rich.live import Live
from rich.markup import escape

from vlm_robot.annotation import draw_decision, draw_detections, write_film, write_image
from vlm_robot.console import ask_person, console, end_table, errors, tabulate_plan, tell_end
from vlm_robot.datatypes import Detection, Question, StepRecord
from vlm_robot.errors import VlmRobotError
from vlm_robot.evaluation.sight_pictures import SightPainter
from vlm_robot.evaluation.story import write_story
from vlm_robot.evaluation.tasks import describe_task
from vlm_robot.goals import parse_goal
from vlm_robot.nodes.graph import Graph, GraphConfig, NODES
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot.resources import find
from vlm_robot.sim.scenario import load_scenario, TaskTemplate

SCENARIO = 'blocks_and_bowls'
FRAME_PERIOD = 0.4  # wall-clock seconds between two frames of the film
FILM_CAMERA = 'front'


@dataclass
class Recorder:
    """Keeps what the client sees: frames for the film, annotated pictures for the page."""

    client: TaskClient
    out: Path
    frames: list = field(default_factory=list)
    pictures: list[list[str]] = field(default_factory=list)
    painter: SightPainter = field(default_factory=SightPainter)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to film."""
        self._thread = threading.Thread(target=self._film, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the film and write it."""
        self._stop.set()
        self._thread.join(5.0)
        if self.frames:
            write_film(self.frames, self.out / 'film.gif', 6.0)

    def note(self, record: StepRecord, name: str) -> None:
        """Write the annotated pictures of one turn."""
        names = []
        for camera, image in list(self.client.images.items()):
            _, found = self.client.detections.get(camera, (0.0, []))
            names.append(f'{name}_{camera}.png')
            write_image(draw_detections(image, [_flat(item) for item in found]), self.out / names[-1])
        if record.decision.options:
            names.append(f'{name}_scores.png')
            write_image(draw_decision(record.decision), self.out / names[-1])
        self.pictures.append(names)

    def paint_end(self, name: str) -> list[str]:
        """Write masks and words of what each camera shows now; return the names of the files."""
        names = []
        for camera, image in list(self.client.images.items()):
            _, found = self.client.detections.get(camera, (0.0, []))
            labels = [_flat(item).label for item in found]
            names += self.painter.paint(image, labels, self.out, f'{name}_end_{camera}')
        return names

    def _film(self) -> None:
        last = None
        while not self._stop.wait(FRAME_PERIOD):
            image = self.client.images.get(FILM_CAMERA)
            if image is not None and image is not last:
                self.frames.append(image)
                last = image


def _flat(item) -> Detection:
    return getattr(item, 'detection', item)


def perform(client: TaskClient, recorder: Recorder, task: TaskTemplate, number: int) -> dict:
    """Give one sentence, show the plan as it grows, judge the end by the simulator's truth."""
    records: list[StepRecord] = []
    recorder.pictures = []
    with Live(tabulate_plan(task.text, records, 'thinking'), console=console, refresh_per_second=4) as live:

        def note(record: StepRecord) -> None:
            records.append(record)
            recorder.note(record, f'task{number}_step{len(records)}')
            live.update(tabulate_plan(task.text, records, 'acting, then looking again'))

        def ask(question: Question) -> str:
            live.stop()  # a table that redraws itself would write over what is typed
            words = ask_person(question)
            live.start(refresh=True)
            return words

        result = client.send(task.text, note, ask=ask)
        live.update(tabulate_plan(task.text, result.records))
    end_table()
    report = describe_task(result)
    with console.status('drawing masks and words of what the cameras see'):
        report['sight'] = recorder.paint_end(f'task{number}')
    report['true'] = parse_goal(task.goal).holds(client.world_state())
    colour, word = ('green', 'true') if report['true'] else ('red', 'not true')
    console.print(
        f'{tell_end(result.status, result.reason)}. '
        f'[{colour}]The simulator says: {word}.[/{colour}] ({result.seconds:.0f} s)\n',
        highlight=False,
    )
    return report


def run(out: Path, seed: int) -> bool:
    """Start the graph, give all sentences, write the page; return whether all became true."""
    tasks = load_scenario(find(f'sim/scenarios/{SCENARIO}.yaml')).tasks
    parameters = {'sim': {'scenario': SCENARIO, 'seed': seed}}
    graph = Graph(GraphConfig(out / 'logs', parameters=parameters))
    start = time.monotonic()
    with graph, TaskClient(graph.domain) as client:
        with console.status(f'starting {len(NODES)} nodes (sim, detector, scene, skill, planner) ...'):
            graph.wait_until_ready(client, 180.0)
        console.print(
            f'the graph is up after {time.monotonic() - start:.0f} s; it sees: {", ".join(client.scene.names)}\n'
        )
        recorder = Recorder(client, out)
        recorder.start()
        story = []
        try:
            for number, task in enumerate(tasks, start=1):
                graph.check()
                report = perform(client, recorder, task, number)
                story.append((report, recorder.pictures))
        finally:
            recorder.stop()
            write_story(out / 'report.html', story, 'film.gif' if recorder.frames else '')
    for reason in recorder.painter.missing:
        console.print(f'not drawn: {reason}', style='yellow', highlight=False, markup=False)
    good = sum(report['true'] and report['status'] == 'done' for report, _ in story)
    seconds = time.monotonic() - start
    console.print(f'{good} of {len(tasks)} sentences came true in {seconds:.0f} s; report: {out / "report.html"}')
    return good == len(tasks)


def main() -> int:
    """Run the demo; return 0 only if the simulator's truth agrees with every sentence."""
    parser = argparse.ArgumentParser(prog='demo', description='Three sentences on the real graph.')
    parser.add_argument('--out', type=Path, default=Path('out/demo'), help='folder of frames, film and report')
    parser.add_argument('--seed', type=int, default=0, help='of light and cameras')
    options = parser.parse_args()
    try:
        return 0 if run(options.out, options.seed) else 3
    except VlmRobotError as error:
        errors.print(f'[red]error:[/red] {escape(str(error))}', highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
