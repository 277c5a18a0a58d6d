"""``vlm-robot train vilt`` and ``vlm-robot measure vilt``; models are loaded inside the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.evaluation.json_files import Json, save_json


def train_vilt(
    out: Annotated[Path, typer.Option(help='State and checkpoint.')] = Path('runs/vilt'),
    data: Annotated[Path, typer.Option(help='Renderings; what is missing is rendered.')] = Path('runs/pictures'),
    minutes: Annotated[float, typer.Option(min=0.1, help='Processor time; the rate falls to zero.')] = 60.0,
    views: Annotated[int, typer.Option(min=100, help='How many tables are rendered.')] = 4000,
    start: Annotated[Path | None, typer.Option(help='Checkpoint to continue from; else the detector.')] = None,
    seed: int = 1,
) -> None:
    """
    Train the small ViLT on questions about simulator scenes; goes on where it stopped.

    Example: vlm-robot train vilt --out runs/vilt --minutes 60
    """
    from vlm_robot.training.vilt_training import train, ViltTrainingConfig

    console.print(train(ViltTrainingConfig(out, data, views=views, minutes=minutes, seed=seed, start=start)))


def measure_vilt(
    model: Annotated[str, typer.Option(help='Checkpoint name or folder; `shipped` is the one inside.')] = 'shipped',
    pictures: Annotated[int, typer.Option(min=1, help='Held-out pictures.')] = 200,
    lens: Annotated[int, typer.Option(min=0, help='Of how many the language model is asked too; it is slow.')] = 20,
    data: Annotated[Path, typer.Option(help='Renderings; what is missing is rendered.')] = Path('runs/pictures'),
    out: Annotated[Path | None, typer.Option(help='Folder for report, pictures and the model card.')] = None,
    json_file: Json = None,
) -> None:
    """
    Measure answers about held-out scenes by kind of question, beside the answer prior and LENS.

    Example: vlm-robot measure vilt --pictures 200 --json vilt.json
    """
    from vlm_robot.training.vilt_measure import measure, ViltMeasureConfig

    where = str(out) if out else ''
    report = measure(ViltMeasureConfig(model, pictures, lens=lens, data=data, out=where))
    console.print_json(data=report)
    save_json(report, json_file)
