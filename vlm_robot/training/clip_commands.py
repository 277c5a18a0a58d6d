"""``vlm-robot train clip``, ``measure clip`` and ``measure ocr``; what they need is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.evaluation.json_files import Json, save_json

Data = Annotated[Path, typer.Option(help='Renderings; what is missing is rendered.')]
OutFolder = Annotated[Path | None, typer.Option(help='Folder for report, pictures and the model card.')]
PICTURES = Path('runs/pictures')


def train_clip(
    out: Annotated[Path, typer.Option(help='State and checkpoint.')] = Path('runs/clip'),
    data: Data = PICTURES,
    minutes: Annotated[float, typer.Option(min=0.1, help='Wall-clock budget; the rate falls over it.')] = 15.0,
    views: Annotated[int, typer.Option(min=100, help='How many tables are rendered where there are none.')] = 4000,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """
    Train the small CLIP on cut-outs and pictures with texts, from the detector's towers; goes on where it stopped.

    Example: vlm-robot train clip --out runs/clip --minutes 15
    """
    from vlm_robot.training.clip_training import ClipTrainingConfig, train

    console.print(train(ClipTrainingConfig(out, str(data), views, minutes, seed)))


def measure_clip(
    model: Annotated[str, typer.Option(help='`shipped`, a folder, or a name of open_clip.')] = 'shipped',
    pretrained: Annotated[str, typer.Option(help='Weights of a name, such as laion2b_s34b_b79k.')] = '',
    pictures: Annotated[int, typer.Option(min=2, help='Held-out pictures.')] = 150,
    data: Data = PICTURES,
    out: OutFolder = None,
    json_file: Json = None,
) -> None:
    """
    Measure CLIP on held-out pictures: colour and shape of things, attributes, tags, retrieval.

    Example: vlm-robot measure clip --pictures 150 --json clip.json
    """
    from vlm_robot.training.clip_measure import ClipMeasureConfig, measure

    report = measure(ClipMeasureConfig(model, pretrained, pictures, str(data), str(out) if out else ''))
    console.print_json(data=report)
    save_json(report, json_file)


def measure_ocr(
    pictures: Annotated[int, typer.Option(min=1, help='Held-out pictures with a written board.')] = 60,
    out: OutFolder = None,
    json_file: Json = None,
) -> None:
    """
    Measure how well words on boards in the scene are read.

    Example: vlm-robot measure ocr --pictures 60 --json ocr.json
    """
    from vlm_robot.training.ocr_measure import measure, OcrMeasureConfig

    report = measure(OcrMeasureConfig(pictures, str(out) if out else ''))
    console.print_json(data=report)
    save_json(report, json_file)
