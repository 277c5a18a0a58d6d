"""``vlm-robot train kitchen`` and ``vlm-robot measure kitchen``; models are loaded inside the commands."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console


def train_kitchen(
    out: Annotated[Path, typer.Option(help='Folder for the state and the adapter.')] = Path('runs/kitchen'),
    minutes: Annotated[float, typer.Option(min=0.1, help='Wall clock; the rate falls to zero at its end.')] = 45.0,
    start: Annotated[str, typer.Option(help='Adapter to train further: a shipped name or a folder.')] = 'planner',
    seed: int = 0,
    threads: Annotated[int, typer.Option(min=0, help='0: what torch chooses.')] = 0,
) -> None:
    """
    Train the kitchen's LoRA on generated tasks; saves and resumes.

    Example: vlm-robot train kitchen --out runs/kitchen --minutes 60
    """
    from vlm_robot.training import kitchen_training

    config = kitchen_training.KitchenTrainingConfig(str(out), minutes, start, seed=seed, threads=threads)
    console.print(kitchen_training.train_kitchen(config))


def measure_kitchen(
    model: Annotated[str, typer.Option(help='Folder of an adapter; `shipped` is the one inside.')] = 'shipped',
    episodes: Annotated[int, typer.Option(min=1, max=101, help='How many of the 101 instructions.')] = 101,
    out: Annotated[Path, typer.Option(help='Folder for figures, chart, picture; a card in it is written anew.')] = Path(
        'runs/kitchen_card'
    ),
    json_file: Annotated[Path | None, typer.Option('--json', help='Also write the reports to this file.')] = None,
) -> None:
    """
    Measure plans and executions in the kitchen, beside the ablations of SayCan's paper.

    Example: vlm-robot measure kitchen --out runs/kitchen_card
    """
    from vlm_robot.config import AgentConfig
    from vlm_robot.evaluation import kitchen_card
    from vlm_robot.evaluation.kitchen_suite import tabulate_kitchen

    config = AgentConfig()
    if model != 'shipped':
        config = replace(config, language=replace(config.language, adapter=model))
    reports = kitchen_card.measure_kitchen(config, out, range(episodes), lambda result: console.print(result.sentence))
    for report in reports:
        console.print(tabulate_kitchen(report), markup=False)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(reports, indent=1) + '\n')
