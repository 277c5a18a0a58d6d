"""The command that asks a saved memory of what the robot saw: ``recall``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.evaluation.sight_options import ConfigFile, Json, save


def recall(
    text: Annotated[str, typer.Argument(help='What was seen, for example "a green bowl".')],
    memory: Annotated[Path, typer.Option(help='memory.npz of a run with memory.is_on in its settings.')],
    top: Annotated[int, typer.Option(min=1, help='How many looks that fit best to show as well.')] = 5,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Say when and where the robot last saw something.

    Example: vlm-robot recall "a green bowl" --memory out/task/memory.npz
    """
    from vlm_robot.config import load_config
    from vlm_robot.evaluation.loading import load_memory
    from vlm_robot.scene.memory import Recollection

    kept = load_memory(load_config(config))
    kept.load(memory)

    def tell(found: Recollection) -> str:
        seen = found.memory
        place = f' at ({", ".join(f"{v:.2f}" for v in seen.p_base)}) m' if seen.p_base else ''
        return (
            f'{seen.stamp:.1f} s, {seen.camera} camera, {seen.label or "the whole picture"}{place}, {found.cosine:.3f}'
        )

    last, best = kept.last_seen(text), kept.retrieve(text, top)
    console.print(f'last seen: {tell(last) if last else "never"}', highlight=False, markup=False)
    for found in best:
        console.print(f'  {tell(found)}', highlight=False, markup=False)
    rows = {'text': text, 'last_seen': asdict(last) if last else None, 'best': [asdict(item) for item in best]}
    save(rows, json_file)
