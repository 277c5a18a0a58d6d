"""
The command line ``vlm-robot``: every command teaches itself with ``--help`` and exits with 0 only on success.

Exit codes: 0 success, 1 an error with a reason, 2 wrong usage, 3 the task was refused, failed, or ended in a
question that nobody answered. Models are loaded inside the commands that use them, so that ``--help`` is instant.
"""

from __future__ import annotations

from pathlib import Path
import sys
from typing import Annotated

from rich.markup import escape
import typer

from vlm_robot.console import console, errors, tabulate_benchmark, tell_end
from vlm_robot.errors import VlmRobotError
from vlm_robot.evaluation import (
    bench_sight,
    commands,
    detecting,
    endurance_commands,
    fault_commands,
    input_commands,
    kitchen_commands,
    looking,
    recalling,
    talking,
)
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.evaluation.node_programs import run_program
from vlm_robot.resources import find_scenario
from vlm_robot.training import (
    clip_commands,
    clipseg_commands,
    pixel_llm_commands,
    placing_commands,
    planner_commands,
    success_commands,
    vilt_commands,
)

app = typer.Typer(
    name='vlm-robot',
    help='Tell a robot what to do in plain language.\n\nStart with: vlm-robot demo',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
train_app = typer.Typer(help='Train a checkpoint again from nothing.', no_args_is_help=True, rich_markup_mode=None)
measure_app = typer.Typer(help='Measure a checkpoint again.', no_args_is_help=True, rich_markup_mode=None)
bench_app = typer.Typer(rich_markup_mode=None)
app.add_typer(bench_app, name='bench')
bench_app.command('faults')(fault_commands.bench_faults)
bench_app.command('inputs')(input_commands.bench_inputs)
bench_app.command('latency')(endurance_commands.bench_latency)
bench_app.command('soak')(endurance_commands.bench_soak)
app.add_typer(train_app, name='train')
app.add_typer(measure_app, name='measure')
app.command()(commands.evaluate)
app.command()(commands.report)
app.command()(talking.plan)
app.command()(talking.decide)
app.command()(talking.chat)
app.command()(detecting.detect)
for look in (looking.segment, looking.ground, looking.caption, looking.describe, looking.ask, looking.classify):
    app.command()(look)
app.command()(recalling.retrieve)
app.command()(recalling.recall)
train_app.command('clip')(clip_commands.train_clip)
measure_app.command('planner')(planner_commands.measure_planner)
train_app.command('calibration')(planner_commands.train_calibration)
measure_app.command('success')(success_commands.measure_success)
train_app.command('success')(success_commands.train_success)
measure_app.command('clip')(clip_commands.measure_clip)
measure_app.command('ocr')(clip_commands.measure_ocr)
measure_app.command('lifting')(placing_commands.measure_lifting)
measure_app.command('placing')(placing_commands.measure_placing)
train_app.command('clipseg')(clipseg_commands.train_clipseg)
measure_app.command('clipseg')(clipseg_commands.measure_clipseg)
train_app.command('vilt')(vilt_commands.train_vilt)
measure_app.command('vilt')(vilt_commands.measure_vilt)
train_app.command('kitchen')(kitchen_commands.train_kitchen)
measure_app.command('kitchen')(kitchen_commands.measure_kitchen)

Json = Annotated[Path | None, typer.Option('--json', help='Also write the result as JSON to this file.')]
Seed = Annotated[int, typer.Option(min=0, help='The same seed gives the same table, light and cameras.')]
ConfigFile = Annotated[Path | None, typer.Option('--config', help='YAML with settings; config/*.yaml are examples.')]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help='Folder for frames, film and report.')] = Path('out/demo'),
    seed: Seed = 0,
) -> None:
    """
    Start the real ROS 2 graph and give it three sentences; succeed only if the simulator's truth agrees.

    Example: vlm-robot demo --out out/demo
    """
    run_program('demo', '--out', out, '--seed', seed)


@app.command()
def replay(
    bag: Annotated[Path, typer.Argument(help='Folder of a recording: rosbag2 with MCAP.')],
    logs: Annotated[Path, typer.Option(help='Folder of the log files.')] = Path('out/replay'),
    profile: Annotated[str, typer.Option(help='cpu or gpu: which of config/<profile>.yaml.')] = 'cpu',
    json_file: Json = None,
) -> None:
    """
    Give a recording to the perception and planning nodes again and say whether they see and plan the same.

    Recordings are made by the recorder node: ./run up --record FOLDER, or ros2 launch with record:=FOLDER.

    Example: vlm-robot replay recordings/first --json replay.json
    """
    run_program('replay', bag, '--logs', logs, '--profile', profile, json_file=json_file)


@app.command()
def task(
    sentence: Annotated[str, typer.Argument(help='What the robot shall do, in plain language.')],
    scenario: Annotated[str, typer.Option(help='Name of a scenario or a YAML file.')] = 'blocks_and_bowls',
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help='Folder for pictures, film and report.')] = None,
    answer: talking.Answers = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Carry out one sentence in the simulator, without ROS.

    Where words fit several things the robot asks: --answer answers, else the terminal is asked; without either the
    task ends as refused with the question and the choices.

    Example: vlm-robot task "put the red block in the green bowl" --out out/task
    """
    from vlm_robot.planning.closed_loop import check_sentence

    check_sentence(sentence)  # before anything heavy is imported
    path = find_scenario(scenario)
    from vlm_robot.evaluation.tasks import run_sentence

    report = run_sentence(sentence, path, seed, out, config, answer or ())
    save_json(report, json_file)
    for note in report['notes']:
        console.print(note, style='cyan', highlight=False, markup=False)
    console.print(tell_end(report['status'], report['reason']), highlight=False)
    if out:
        console.print(f'pictures and report: {out}')
    if report['status'] != 'done':
        raise typer.Exit(3)


@app.command()
def render(
    scenario: Annotated[str, typer.Argument(help='Name of a scenario or a YAML file.')],
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help='The picture.')] = Path('scene.png'),
    truth: Annotated[Path | None, typer.Option(help='JSON with names, places and boxes of what it shows.')] = None,
    camera: Annotated[str, typer.Option(help='front or top.')] = 'front',
) -> None:
    """
    Draw what a camera of a scenario sees.

    Example: vlm-robot render A --seed 7 --out scene.png --truth scene.json
    """
    from vlm_robot.annotation import write_image
    from vlm_robot.evaluation.tasks import render_scenario

    rgb, data = render_scenario(find_scenario(scenario), seed, camera)
    write_image(rgb, out)
    save_json(data, truth)
    console.print(f'{out}: {len(data["objects"])} objects; "{data["sentence"]}"', highlight=False)


@bench_app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    repeats: Annotated[int, typer.Option(min=1, help='Rounds, of which the median counts; 1 only tries it out.')] = 7,
    json_file: Json = None,
) -> None:
    """
    Compare speed and scores with what one would use instead, in one run, as ratios; say what sight reaches.

    Exit code 1 where sight misses one of its limits.

    Example: vlm-robot bench --json bench.json
    """
    if context.invoked_subcommand:
        return
    from vlm_robot.evaluation import detection_benchmark, language_benchmark, sight_benchmark

    rows = [*language_benchmark.run(repeats=min(3, repeats)), *detection_benchmark.run(repeats=repeats)]
    rows += sight_benchmark.compare(repeats)
    console.print(tabulate_benchmark(rows))
    targets = sight_benchmark.measure_targets(repeats)
    console.print(sight_benchmark.tabulate_targets(targets))
    save_json(rows + [item.describe() for item in targets], json_file)
    if not all(item.is_reached for item in targets):
        raise typer.Exit(1)


bench_app.command('sight')(bench_sight.sight)

Minutes = Annotated[float, typer.Option(min=0.1, help='Wall-clock budget; the learning rate falls to zero at its end.')]
Fresh = Annotated[bool, typer.Option('--fresh', help='Start again instead of resuming what lies in the folder.')]


@train_app.command('owlvit')
def train_owlvit(
    out: Annotated[Path, typer.Option(help='Renderings, state and checkpoint.')] = Path('runs/owlvit'),
    minutes: Minutes = 70.0,
    views: Annotated[int, typer.Option(min=100, help='How many tables are rendered.')] = 4000,
    seed: Seed = 1,
) -> None:
    """
    Train the small OWL-ViT on simulator renders; goes on where it stopped.

    Example: vlm-robot train owlvit --out runs/owlvit --minutes 75
    """
    from vlm_robot.training.owlvit_training import OwlVitTrainingConfig, train

    console.print(train(OwlVitTrainingConfig(out, views=views, minutes=minutes, seed=seed)))


@train_app.command('planner')
def train_planner(
    out: Annotated[Path, typer.Option(help='Folder for the state and the adapter.')] = Path('runs/planner'),
    minutes: Minutes = 60.0,
    seed: Seed = 0,
    fresh: Fresh = False,
    start: Annotated[str, typer.Option(help='Adapter to train further: `planner` or a folder; empty: none.')] = '',
) -> None:
    """
    Train the planner's LoRA on generated steps and programs; saves and resumes.

    Example: vlm-robot train planner --out runs/planner --minutes 60
    """
    from vlm_robot.training import planner

    config = planner.PlannerTrainingConfig(out=str(out), minutes=minutes, seed=seed, resume=not fresh, start=start)
    console.print(planner.train(config))


@measure_app.command('owlvit')
def measure_owlvit(
    model: Annotated[str, typer.Option(help='Checkpoint name or folder; `shipped` is the one inside.')] = 'shipped',
    scenes: Annotated[int, typer.Option(min=1, help='Held-out scenes, seen by both cameras.')] = 150,
    one_shot: Annotated[bool, typer.Option('--one-shot', help='Queries by example pictures and by wordings.')] = False,
    data: Annotated[Path, typer.Option(help='Pictures for --one-shot; rendered if missing.')] = Path('runs/pictures'),
    out: Annotated[Path | None, typer.Option(help='Folder for example pictures and the model card.')] = None,
    json_file: Json = None,
) -> None:
    """
    Measure a detector on held-out scenes: AP50, false alarms on absent things, position errors.

    Example: vlm-robot measure owlvit --scenes 150 --json owlvit.json

    Example: vlm-robot measure owlvit --one-shot --scenes 200
    """
    if one_shot:
        from vlm_robot.training.owlvit_queries import measure_and_write

        report = measure_and_write(model, data, scenes, out)
    else:
        from vlm_robot.training.owlvit_measure import measure, OwlVitMeasureConfig

        report = measure(OwlVitMeasureConfig(model=model, scenes=scenes, out=str(out) if out else ''))
    console.print_json(data=report)
    save_json(report, json_file)


@train_app.command('example-map')
def train_example_map(
    model: Annotated[str, typer.Option(help='Detector: checkpoint folder, or `shipped`.')] = 'shipped',
    data: Annotated[Path, typer.Option(help='Renderings; what is missing is rendered.')] = Path('runs/pictures'),
    views: Annotated[int, typer.Option(min=1, help='Training tables.')] = 600,
) -> None:
    """
    Fit the map with which example pictures serve a detector as queries; it is written beside the weights.

    Example: vlm-robot train example-map --model shipped
    """
    from vlm_robot.training.example_map import ExampleMapConfig, fit

    console.print(f'{fit(ExampleMapConfig(model, data, views))}')


train_app.command('pixel_llm')(pixel_llm_commands.train_pixel_llm)
measure_app.command('pixel_llm')(pixel_llm_commands.measure_pixel_llm)


def main() -> None:
    """Run the command line; known errors become one sentence on standard error and exit code 1."""
    try:
        app()
    except VlmRobotError as error:
        errors.print(f'[red]error:[/red] {escape(str(error))}', highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print('interrupted')
        sys.exit(130)


if __name__ == '__main__':
    main()
