"""``vlm-robot train success`` and ``vlm-robot measure success``; what they need is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.evaluation.json_files import Json, save_json

Attempts = Annotated[Path, typer.Option(help='Attempts, one a line; what is missing is tried in the simulator.')]
Fresh = Annotated[int, typer.Option(min=2, help='Tables to measure on, never fitted to.')]
Minutes = Annotated[float, typer.Option(min=0.1, help='Longest time for attempts; continued when run again.')]
ATTEMPTS = Path('out/success/attempts.jsonl')


def train_success(
    out: Annotated[Path, typer.Option(help='Folder for the checkpoint and its card.')] = Path('runs/success'),
    attempts: Attempts = ATTEMPTS,
    tables: Annotated[int, typer.Option(min=5, help='Tables to fit to.')] = 274,
    fresh: Fresh = 48,
    minutes: Minutes = 25.0,
    json_file: Json = None,
) -> None:
    """
    Train the predictor of a skill's success on attempts in the simulator; half an hour of one core.

    Example: vlm-robot train success --out runs/success
    """
    from vlm_robot.training.success_training import run

    _tell(run(out, attempts, fresh, minutes, tables), json_file)


def measure_success(
    model: Annotated[str, typer.Option(help='Checkpoint name or folder; `success` is the one inside.')] = 'success',
    attempts: Attempts = ATTEMPTS,
    fresh: Fresh = 48,
    minutes: Minutes = 25.0,
    out: Annotated[Path | None, typer.Option(help='Folder for the reliability diagram.')] = None,
    json_file: Json = None,
) -> None:
    """
    Measure told against true success on fresh tables: Brier, ECE, AUC, beside rules and presence.

    Example: vlm-robot measure success --fresh 48 --out out/success --json success.json
    """
    from vlm_robot.training.success_measure import draw_reliability
    from vlm_robot.training.success_training import measure_shipped

    report = measure_shipped(model, attempts, fresh, minutes)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        draw_reliability(report['bins'], out / 'reliability.png')
    _tell(report, json_file)


def _tell(report: dict, json_file: Path | None) -> None:
    console.print(f'{"affordance":12} {"n":>5} {"succeeded":>10} {"Brier":>7} {"ECE":>7} {"AUC":>7}', highlight=False)
    for name, row in report['possible'].items():
        figures = ' '.join(f'{row[key]:7.3f}' for key in ('brier', 'ece', 'auc'))
        console.print(f'{name:12} {row["n"]:5} {100 * row["base"]:8.1f} % {figures}', highlight=False)
    save_json(report, json_file)
