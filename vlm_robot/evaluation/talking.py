"""
The commands ``vlm-robot plan``, ``decide`` and ``chat``: what would be done and why, and one sentence after the other.

Models and simulators are imported when a command runs, so that ``--help`` is instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import contextlib
import json
from pathlib import Path
import sys
from typing import Annotated, Any

import typer

from vlm_robot.console import answer_with, console, errors, mark_program, tabulate_decision, tell_end
from vlm_robot.datatypes import Decision, Plan, StepRecord
from vlm_robot.errors import VlmRobotError

Sentence = Annotated[str, typer.Argument(help='What the robot shall do, in plain language.')]
Scenario = Annotated[str, typer.Option(help='Name of a scenario or a YAML file.')]
Seed = Annotated[int, typer.Option(min=0, help='The same seed gives the same table, light and cameras.')]
Cameras = Annotated[
    bool, typer.Option('--cameras', help="Look through the cameras; else the simulator's truth counts.")
]
Json = Annotated[Path | None, typer.Option('--json', help='Also write the result as JSON to this file.')]
Picture = Annotated[Path | None, typer.Option('--picture', help='Write the scores as bars to this image file.')]
ConfigFile = Annotated[Path | None, typer.Option('--config', help='YAML with settings; config/*.yaml are examples.')]
Answers = Annotated[list[str] | None, typer.Option('--answer', help='Answer to a question; repeat for more.')]
LEAVE = ('quit', 'exit', 'bye')
HELP = 'Say what the robot shall do; "undo that" brings back what moved last; "quit" ends.'


def plan(  # noqa: PLR0913 -- one argument per option
    sentence: Sentence,
    scenario: Scenario = 'blocks_and_bowls',
    seed: Seed = 0,
    cameras: Cameras = False,
    answer: Answers = None,
    json_file: Json = None,
    picture: Picture = None,
    config: ConfigFile = None,
) -> None:
    """
    Show the whole plan for a sentence, the scores behind every step, and move nothing.

    Example: vlm-robot plan "put the red block in the green bowl" --scenario blocks_and_bowls
    """
    with _listen(sentence, scenario, seed, cameras, config) as (listener, scene):
        asked, projection = sentence, listener.project(sentence, scene)
        answers = answer_with(answer or ())
        while projection.plan.question is not None and (words := answers(projection.plan.question)):
            from vlm_robot.planning.conversation import take_answer

            asked = take_answer(asked, projection.plan.question, words)
            projection = listener.project(asked, scene)
    found = projection.plan
    for number, decision in enumerate(projection.decisions, start=1):
        console.print(f'\n{number}. {decision.chosen.text.strip()}', highlight=False, markup=False)
        if len(decision.options) > 1:
            console.print(tabulate_decision(decision, 5))
    _tell_notes(listener.notes)
    _tell_plan(found)
    data = _describe_plan(sentence, found, listener.notes) | {'steps': [_describe(d) for d in projection.decisions]}
    _write(data, json_file, picture, projection.decisions)
    if found.reason or found.question:
        raise typer.Exit(3)


def decide(  # noqa: PLR0913 -- one argument per option
    sentence: Sentence,
    scenario: Scenario = 'blocks_and_bowls',
    seed: Seed = 0,
    cameras: Cameras = False,
    top: Annotated[int, typer.Option(min=1, help='Options to show.')] = 10,
    json_file: Json = None,
    picture: Picture = None,
    config: ConfigFile = None,
) -> None:
    """
    Show what would be done first: the options with both scores, and why the chosen one was chosen.

    Example: vlm-robot decide "put the red block in the green bowl" --picture scores.png
    """
    with _listen(sentence, scenario, seed, cameras, config) as (listener, scene):
        projection = listener.project(sentence, scene)
    decision = projection.decisions[0]
    console.print(tabulate_decision(decision, top))
    _tell_notes(listener.notes)
    if projection.plan.program:
        console.print(mark_program(projection.plan.program, decision.line), highlight=False, markup=False)
    if decision.question or decision.reason:
        words = decision.question.text if decision.question else decision.reason
        console.print(tell_end('asks' if decision.question else 'refused', words), highlight=False)
    data = _describe_plan(sentence, projection.plan, listener.notes) | {'decision': _describe(decision, top)}
    _write(data, json_file, picture, [decision])
    if decision.chosen.step.skill == 'refuse' or decision.question:
        raise typer.Exit(3)


def chat(
    scenario: Scenario = 'blocks_and_bowls',
    seed: Seed = 0,
    cameras: Annotated[
        bool, typer.Option('--cameras/--truth', help='Look through the cameras, or ask the simulator.')
    ] = True,
    answer: Answers = None,
    config: ConfigFile = None,
) -> None:
    """
    Talk to the robot in the simulator: one sentence after the other on the same table, with a memory of the last ones.

    Sentences may also come from a file: vlm-robot chat < sentences.txt

    Example: vlm-robot chat --scenario blocks_and_bowls
    """
    with _open(scenario, seed, cameras, config) as agent:
        console.print(f'The robot sees: {", ".join(agent.look().names) or "nothing"}. {HELP}', highlight=False)
        for sentence in _read_sentences():
            try:
                result = agent.run(sentence, _tell_turn, ask=answer_with(answer or ()))
            except VlmRobotError as error:
                console.print(str(error), style='red', highlight=False, markup=False)
                continue
            _tell_notes(result.notes)
            if result.plan.program:
                console.print(mark_program(result.plan.program), highlight=False, markup=False, style='dim')
            console.print(tell_end(result.status, result.reason), highlight=False)


def _read_sentences() -> Iterator[str]:
    """Yield sentences from the terminal or from a file, until one of the last words or the end."""
    while True:
        try:
            text = console.input('> ') if sys.stdin.isatty() else next(sys.stdin)
        except (EOFError, StopIteration):
            return
        if text.strip().lower() in LEAVE:
            return
        if text.strip():
            if not sys.stdin.isatty():
                console.print(f'> {text.strip()}', highlight=False, markup=False)
            yield text.strip()


def _tell_turn(record: StepRecord) -> None:
    outcome = 'ok' if record.result.success else record.result.reason or 'failed'
    if record.decision.chosen.step.skill not in ('done', 'refuse'):
        console.print(f'  {record.decision.chosen.text.strip()}: {outcome}', highlight=False, markup=False)


@contextlib.contextmanager
def _open(scenario: str, seed: int, cameras: bool, config: Path | None) -> Iterator[Any]:
    """Load the models, put the table up and yield an agent before it."""
    from vlm_robot.config import load_config
    from vlm_robot.evaluation.loading import load_stack
    from vlm_robot.resources import find_scenario
    from vlm_robot.sim.scenario import load_scenario, sample_episode

    episode = sample_episode(load_scenario(find_scenario(scenario)), seed)
    with errors.status('loading the models'):
        stack = load_stack(load_config(config), cameras)
    world = episode.build_world()
    try:
        yield stack.build_agent(world, episode, sees=cameras)
    finally:
        world.close()


@contextlib.contextmanager
def _listen(sentence: str, scenario: str, seed: int, cameras: bool, config: Path | None) -> Iterator[tuple]:
    """Yield a listener and the scene that it is asked about, after a check of the sentence."""
    from vlm_robot.planning.closed_loop import check_sentence
    from vlm_robot.planning.dialogue import Listener

    check_sentence(sentence)
    with _open(scenario, seed, cameras, config) as agent:
        yield Listener(agent.planner), agent.look()


def _tell_notes(notes: Iterable[str]) -> None:
    for note in notes:
        console.print(note, style='cyan', highlight=False, markup=False)


def _tell_plan(found: Plan) -> None:
    from vlm_robot.planning.parsing import format_step

    if found.program:
        console.print(mark_program(found.program), highlight=False, markup=False)
    steps = ', '.join(format_step(step) for step in found.steps)
    status = 'asks' if found.question else 'refused' if found.reason else 'plan'
    words = found.question.text if found.question else found.reason or steps
    console.print(tell_end(status, words), highlight=False)


def _describe_plan(sentence: str, found: Plan, notes: Iterable[str]) -> dict:
    from vlm_robot.planning.parsing import format_step

    return {
        'sentence': sentence,
        'notes': list(notes),
        'plan': [format_step(step) for step in found.steps],
        'program': found.program,
        'reason': found.reason,
        'question': found.question.text if found.question else '',
        'answers': list(found.question.choices) if found.question else [],
    }


def _describe(decision: Decision, top: int = 10) -> dict:
    from vlm_robot.datatypes import SkillResult
    from vlm_robot.evaluation.episodes import describe_record

    data = describe_record(StepRecord(decision, SkillResult(True)), top)
    return {key: data[key] for key in ('step', 'line', 'options', 'reason', 'language_seconds')}


def _write(data: dict, json_file: Path | None, picture: Path | None, decisions: Iterable[Decision]) -> None:
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(data, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
    if picture:
        from vlm_robot.annotation import draw_decisions, write_image

        write_image(draw_decisions(list(decisions), data['sentence']), picture)
