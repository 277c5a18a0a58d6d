"""The command ``vlm-robot bench sight``: what several prompts cost over one, how many frames a second are seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.evaluation.sight_options import ConfigFile, Json


def sight(
    repeats: Annotated[int, typer.Option(min=1, help='Rounds, of which the median counts.')] = 15,
    out: Annotated[Path | None, typer.Option(help='Folder for the table as Markdown.')] = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Measure what all of sight costs against what it may cost; exit code 1 where a limit is broken.

    All of sight at 320x240: every label detected, what was found segmented and described (tags, attributes of the
    whole and of each thing, counts, relations, written words; no captions). Five prompts over one: the picture is
    encoded once. On a busy machine look at the CPU seconds: a frame that costs less than two thirds of a second can be
    seen three times a second by two idle cores.

    Example: vlm-robot bench sight --out out/sight
    """
    from vlm_robot.config import load_config
    from vlm_robot.evaluation import sight_benchmark

    targets = sight_benchmark.measure_targets(repeats, load_config(config))
    console.print(sight_benchmark.tabulate_targets(targets))
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / 'sight.md').write_text(sight_benchmark.write_targets(targets))
    save_json([item.describe() for item in targets], json_file)
    if not all(item.is_reached for item in targets):
        raise typer.Exit(1)
