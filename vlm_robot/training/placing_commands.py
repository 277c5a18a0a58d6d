"""``vlm-robot measure lifting`` and ``measure placing``; what they need is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.evaluation.json_files import Json, save_json

OutFolder = Annotated[Path | None, typer.Option(help='Folder for the table as Markdown.')]


def measure_lifting(
    model: Annotated[str, typer.Option(help='Segmenter: `shipped`, a folder, or a name.')] = 'shipped',
    scenes: Annotated[int, typer.Option(min=1, help='Held-out tables, seen by both cameras.')] = 60,
    out: OutFolder = None,
    json_file: Json = None,
) -> None:
    """
    Measure places from boxes beside places from masks: errors of position, size and yaw of the same detections.

    Example: vlm-robot measure lifting --scenes 60 --out runs/lifting
    """
    from vlm_robot.training import lifting_measure

    report = lifting_measure.measure_lifting(model, scenes)
    table = lifting_measure.write_table(report)
    console.print(table, highlight=False, markup=False, soft_wrap=True)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / 'lifting.md').write_text(table)
    save_json(report, json_file)


def measure_placing(
    data: Annotated[Path, typer.Option(help='Renderings; what is missing is rendered.')] = Path('runs/pictures'),
    pictures: Annotated[int, typer.Option(min=1, help='How many pictures of the split.')] = 200,
    split: Annotated[str, typer.Option(help='validation or test.')] = 'test',
    choose: Annotated[bool, typer.Option('--choose', help='Also say which rules are best; not on the test.')] = False,
    json_file: Json = None,
) -> None:
    """
    Measure how often the description names rightly what a block lies in or on, and choose its rules.

    Example: vlm-robot measure placing --pictures 200

    Example: vlm-robot measure placing --split validation --pictures 120 --choose
    """
    from vlm_robot.training.placing_measure import measure_placing as measure

    report = measure(data, split, pictures, choose)
    console.print_json(data=report)
    save_json(report, json_file)
