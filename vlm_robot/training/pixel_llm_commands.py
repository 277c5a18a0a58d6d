"""The commands ``train pixel_llm`` and ``measure pixel_llm``; what they need is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.evaluation.json_files import Json, save_json

Minutes = Annotated[float, typer.Option(min=0.1, help='Wall-clock budget; the rates fall to their end over it.')]


def train_pixel_llm(  # noqa: PLR0913 -- one argument per option
    out: Annotated[Path, typer.Option(help='State and checkpoint; renderings too without --store.')] = Path(
        'runs/pixel_llm'
    ),
    minutes: Minutes = 60.0,
    steps: Annotated[int, typer.Option(min=0, help='Count steps instead of minutes; 0 counts minutes.')] = 0,
    views: Annotated[int, typer.Option(min=100, help='How many tables are rendered.')] = 4000,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    store: Annotated[Path | None, typer.Option(help='Folder of renderings shared with other models.')] = None,
    language: Annotated[
        str, typer.Option(help='A causal language model to freeze and adapt by LoRA, e.g. smollm2-135m-instruct.')
    ] = '',
    word_places: Annotated[
        bool, typer.Option(help="Teach the places of a caption's words; without is the paper's ablation.")
    ] = True,
) -> None:
    """
    Train PixelLLM on localised narratives of the simulator; goes on where it stopped.

    Example: vlm-robot train pixel_llm --out runs/pixel_llm --minutes 60
    """
    from vlm_robot.training.pixel_llm_runs import PixelRunConfig, train
    from vlm_robot.training.pixel_llm_training import PixelTrainingConfig

    training = PixelTrainingConfig(out, minutes=minutes, steps=steps, seed=seed, has_word_places=word_places)
    console.print(train(PixelRunConfig(training, store, views, language=language)))


def measure_pixel_llm(
    model: Annotated[str, typer.Option(help='Checkpoint folder; `shipped` is the one inside.')] = 'shipped',
    pictures: Annotated[int, typer.Option(min=1, help='Held-out pictures.')] = 150,
    store: Annotated[Path, typer.Option(help='Folder of renderings, made where it lacks them.')] = Path(
        'runs/pictures'
    ),
    crops: Annotated[int, typer.Option(min=0, help='Training views for the baselines; 0 leaves them out.')] = 400,
    out: Annotated[Path | None, typer.Option(help='Folder for metrics and pictures; a checkpoint gets a card.')] = None,
    json_file: Json = None,
) -> None:
    """
    Measure PixelLLM on held-out pictures: referring, places of words, region and dense captions; with baselines.

    Example: vlm-robot measure pixel_llm --pictures 150 --json pixel_llm.json
    """
    from vlm_robot.training.picture_store import PictureStore
    from vlm_robot.training.pixel_llm_card import draw_examples, write_card
    from vlm_robot.training.pixel_llm_measure import measure, PixelMeasureConfig, write_report

    report = measure(PixelMeasureConfig(store, model, pictures, crops=crops))
    console.print_json(data=report)
    if out:
        write_report(report, out)
        draw_examples(model, PictureStore(store, 'test', pictures), out / 'example.png')
        if (out / 'training.json').is_file():
            write_card(out, report)
    save_json(report, json_file)
