"""``vlm-robot measure planner`` and ``vlm-robot train calibration``; models are loaded inside the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.evaluation.json_files import Json, save_json


def measure_planner(
    adapter: Annotated[
        str, typer.Option(help='Checkpoint name or folder; `planner` is the one inside; empty: the untuned model.')
    ] = 'planner',
    episodes: Annotated[int, typer.Option(min=1, help='Programs of each kind of sentence.')] = 8,
    steps: Annotated[int, typer.Option(min=0, help='Plans of each family that SayCan scores; slow.')] = 8,
    seed: Annotated[int, typer.Option(min=0, help='Of the sentences and tables.')] = 10_001,
    kind: Annotated[list[str] | None, typer.Option(help='Kinds of programs; by default all.')] = None,
    out: Annotated[Path | None, typer.Option(help='Folder for metrics.json, the chart and the model card.')] = None,
    json_file: Json = None,
) -> None:
    """
    Measure programs and plans of the planner's adapter on wordings that training never saw, at tier T0.

    Example: vlm-robot measure planner --episodes 8 --json planner.json
    """
    from vlm_robot.errors import ConfigError, name_nearest
    from vlm_robot.evaluation.card_text import write_share
    from vlm_robot.training.planner_card import measure, PlannerMeasureConfig, write_card
    from vlm_robot.training.program_measure import KINDS

    kinds = tuple(kind or KINDS)
    for name in kinds:
        if name not in KINDS:
            raise ConfigError(f"no kind '{name}'{name_nearest(name, KINDS)}; allowed: {', '.join(KINDS)}")

    def tell(task: str, score) -> None:
        share = write_share(score.right, score.n, score.interval)
        console.print(f'{task:8} {score.family:26} {share}', highlight=False, markup=False)
        for failure in score.failures:
            console.print(f'    {failure}', highlight=False, markup=False)

    report = measure(PlannerMeasureConfig(adapter, episodes, steps, seed, kinds), tell)
    if out:
        write_card(report, out)
    save_json(report, json_file)


def train_calibration(
    adapter: Annotated[str, typer.Option(help='Shipped checkpoint; calibration.json goes beside it.')] = 'planner',
    tasks: Annotated[int, typer.Option(min=2, help='Half of them set the threshold, the others test it.')] = 96,
    level: Annotated[float, typer.Option(min=0.001, max=0.5, help='How often the right option may be missing.')] = 0.1,
    compare: Annotated[bool, typer.Option('--compare', help='Compare the normalisations and write nothing.')] = False,
) -> None:
    """
    Calibrate when SayCan asks back (split conformal, after KnowNo), on validation wordings.

    Example: vlm-robot train calibration --tasks 96 --level 0.1
    """
    from vlm_robot.training.planner_calibration import run

    console.print(run(adapter, tasks, level, compare), highlight=False, markup=False)
