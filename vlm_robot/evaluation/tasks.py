"""
One sentence in one scenario, told to a person: a table that grows, pictures, a film, a report, plain data.

After the last step the simulator's truth is asked whether every placement that was reported really holds, and
the scenario's own goal where the sentence is the scenario's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.live import Live

from vlm_robot.agent import Agent, CameraEyes, Eyes
from vlm_robot.annotation import draw_decision, draw_detections, write_film, write_image
from vlm_robot.config import load_config
from vlm_robot.console import answer_with, console, end_table, tabulate_plan
from vlm_robot.datatypes import Question, Step, StepRecord, TaskResult, WorldState
from vlm_robot.evaluation.episodes import describe_record
from vlm_robot.evaluation.loading import load_stack
from vlm_robot.evaluation.sight_pictures import SightPainter
from vlm_robot.evaluation.story import write_story
from vlm_robot.goals import parse_goal
from vlm_robot.planning.closed_loop import check_sentence
from vlm_robot.planning.parsing import format_step
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.bullet_camera import BulletCamera, FRONT
from vlm_robot.sim.physics import TIME_STEP
from vlm_robot.sim.scenario import Episode, load_scenario, sample_episode
from vlm_robot.sim.truth import describe_truth
from vlm_robot.sim.world import World

FRAME_STEPS = round(0.25 / TIME_STEP)  # physics steps between two frames of the film
PREDICATE_OF = {'place_in': 'in', 'place_on': 'on', 'place_at': 'at'}


def run_sentence(
    sentence: str, scenario: Path, seed: int, out: Path | None, config: Path | None, answers: Sequence[str] = ()
) -> dict:
    """
    Carry out a sentence with cameras and physics and return the report as plain data.

    :param answers: to questions, in turn; after the last one the terminal is asked.
    :raises SentenceError: the sentence cannot be a command; nothing is loaded for it.
    :raises ScenarioError: the scenario cannot be read.
    """
    check_sentence(sentence)
    episode = sample_episode(load_scenario(scenario), seed)
    with console.status('loading the models'):
        stack = load_stack(load_config(config))
    world = episode.build_world()
    try:
        agent = stack.build_agent(world, episode, sees=True)
        film = Film(world, episode) if out else None
        result, pictures = _run_live(agent, sentence, answer_with(answers))
        result = confirm(result, episode, world)
        report = describe_task(result) | {'scenario': episode.scenario, 'seed': episode.seed}
        if out:
            _write_pictures(out, pictures, film, report)
            if stack.memory is not None:
                stack.memory.save(out / 'memory.npz')
        return report
    finally:
        world.close()


def _run_live(agent: Agent, sentence: str, answer: Callable[[Question], str]) -> tuple[TaskResult, list]:
    records: list[StepRecord] = []
    pictures: list = []
    with Live(tabulate_plan(sentence, records, 'looking'), console=console, refresh_per_second=4) as live:

        def note(record: StepRecord) -> None:
            records.append(record)
            pictures.append((dict(agent.eyes.frames) if isinstance(agent.eyes, CameraEyes) else {}, record))
            live.update(tabulate_plan(sentence, records))

        agent.on_step_start = lambda step: live.update(tabulate_plan(sentence, records, format_step(step)))

        def ask(question: Question) -> str:
            live.stop()  # a table that redraws itself would write over what is typed
            words = answer(question)
            live.start(refresh=True)
            return words

        result = agent.run(sentence, note, ask=ask)
        live.update(tabulate_plan(sentence, records))
    end_table()
    return result, pictures


def confirm(result: TaskResult, episode: Episode, world: World) -> TaskResult:
    """Return the result, turned into ``failed`` where the simulator's truth contradicts it."""
    if result.status != 'done':
        return result
    world.settle(0.5)
    wrong = find_untruths(result.steps, world.state())
    if not wrong and result.sentence == episode.sentence and episode.goal and not episode.goal.holds(world.state()):
        wrong = 'the goal of the scenario does not hold'
    return replace(result, status='failed', reason=f'the simulator disagrees: {wrong}') if wrong else result


def find_untruths(steps: tuple[Step, ...], state: WorldState) -> str:
    """Return which last placement of an object does not hold in a state; empty when all do."""
    last = {step.target: step for step in steps if step.skill in PREDICATE_OF}
    for step in last.values():
        predicate = PREDICATE_OF[step.skill]
        known = step.target in state.positions and (predicate == 'at' or step.destination in state.positions)
        if not known or not parse_goal({predicate: [step.target, step.destination]}).holds(state):
            return f'{step.target} is not {predicate} {step.destination}'
    return ''


def describe_task(result: TaskResult) -> dict:
    """Return a task's end as plain data: the JSON of ``vlm-robot task`` but for scenario and seed."""
    return {
        'sentence': result.sentence,
        'status': result.status,
        'reason': result.reason,
        'notes': list(result.notes),
        'questions': [list(pair) for pair in result.questions],
        'plan': [format_step(step) for step in result.plan.steps],
        'program': result.plan.program,
        'steps': [describe_record(record) for record in result.records],
        'seconds': round(result.seconds, 2),
    }


class Film:
    """Takes a frame of the front camera every quarter of a simulated second."""

    def __init__(self, world: World, episode: Episode):
        """Begin to watch."""
        self.frames: list = []
        spec = next((spec for spec in episode.cameras if spec.name == FRONT.name), FRONT)
        self._camera = BulletCamera(world, spec, episode.lighting, 320, 240)
        self._count = 0
        world.add_ticker(self._tick)

    def _tick(self) -> None:
        if self._count % FRAME_STEPS == 0:
            self.frames.append(self._camera.render().rgb)
        self._count += 1


def paint_end(painter: SightPainter, eyes: Eyes, out: Path) -> list[str]:
    """Draw masks and words of the last look of every camera; return the names of the files."""
    names = []
    for camera, (image, found) in (eyes.frames if isinstance(eyes, CameraEyes) else {}).items():
        names += painter.paint(image.rgb, [item.label for item in found], out, f'end_{camera}')
    for reason in painter.missing:
        console.print(f'not drawn: {reason}', style='yellow', highlight=False, markup=False)
    return names


def _write_pictures(out: Path, pictures: list, film: Film | None, report: dict) -> None:
    turns = []
    for number, (frames, record) in enumerate(pictures, start=1):
        names = []
        for camera, (image, found) in frames.items():
            names.append(f'step{number}_{camera}.png')
            write_image(draw_detections(image.rgb, found), out / names[-1])
        if record.decision.options:
            names.append(f'step{number}_scores.png')
            write_image(draw_decision(record.decision), out / names[-1])
        turns.append(names)
    name = ''
    if film and film.frames:
        name = 'film.gif'
        write_film(film.frames, out / name)
    write_story(out / 'report.html', [(report, turns)], name)


def render_scenario(scenario: Path, seed: int, camera: str):
    """Return the picture (H, W, 3) uint8 of a camera of an episode and its truth as plain data."""
    episode = sample_episode(load_scenario(scenario), seed)
    world = episode.build_world()
    try:
        BulletArm(world).go_home()
        cameras = episode.build_cameras(world)
        if camera not in cameras:
            from vlm_robot.errors import ScenarioError

            raise ScenarioError(f"no camera '{camera}'; known: {sorted(cameras)}")
        picture = cameras[camera].render()
        truth = describe_truth(world, cameras[camera], picture)
        return picture.rgb, {'scenario': episode.scenario, 'seed': seed, 'sentence': episode.sentence} | truth
    finally:
        world.close()
