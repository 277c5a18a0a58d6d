"""``vlm-robot train clipseg`` and ``vlm-robot measure clipseg``; what they need is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.evaluation.json_files import Json, save_json

Data = Annotated[Path, typer.Option(help='Renderings; what is missing is rendered.')]
PICTURES = Path('runs/pictures')


def train_clipseg(
    out: Annotated[Path, typer.Option(help='State and checkpoint.')] = Path('runs/clipseg'),
    data: Data = PICTURES,
    minutes: Annotated[float, typer.Option(min=0.1, help='Wall-clock budget; the rates fall over it.')] = 40.0,
    views: Annotated[int, typer.Option(min=100, help='How many tables are rendered.')] = 4000,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """
    Train the small CLIPSeg on simulator masks, from the shipped detector's towers; goes on where it stopped.

    Example: vlm-robot train clipseg --out runs/clipseg --minutes 40
    """
    from vlm_robot.training.clipseg_measure import choose_settings
    from vlm_robot.training.clipseg_training import ClipSegTrainingConfig, train

    folder = train(ClipSegTrainingConfig(out, data, views=views, minutes=minutes, seed=seed))
    console.print(choose_settings(folder, data))
    console.print(folder)


def measure_clipseg(
    model: Annotated[str, typer.Option(help='Checkpoint name or folder; `shipped` is the one inside.')] = 'shipped',
    pictures: Annotated[int, typer.Option(min=2, help='Held-out pictures.')] = 200,
    data: Data = PICTURES,
    out: Annotated[Path | None, typer.Option(help='Folder for report, pictures and the model card.')] = None,
    json_file: Json = None,
) -> None:
    """
    Measure masks on held-out pictures: overlap, pixels given to absent things, example pictures as prompts, speed.

    Example: vlm-robot measure clipseg --pictures 200 --json clipseg.json
    """
    from vlm_robot.training.clipseg_measure import ClipSegMeasureConfig, measure

    report = measure(ClipSegMeasureConfig(model, pictures, data, out))
    console.print_json(data=report)
    save_json(report, json_file)
