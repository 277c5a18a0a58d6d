"""The commands that look for words among many looks: ``retrieve`` in pictures, ``recall`` in a saved memory."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vlm_robot.console import console
from vlm_robot.errors import ImageError
from vlm_robot.evaluation.json_files import save_json
from vlm_robot.evaluation.sight_options import ConfigFile, Json, Model, Out, read_settings

ENDINGS = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp')


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
    save_json(rows, json_file)


def retrieve(  # noqa: PLR0913 -- one argument per option
    text: Annotated[str, typer.Argument(help='What the pictures should show.')],
    images: Annotated[list[Path] | None, typer.Argument(help='Pictures to look through.')] = None,
    folder: Annotated[Path | None, typer.Option(help='Look through all pictures of this folder, too.')] = None,
    top: Annotated[int, typer.Option(min=1, help='How many to show.')] = 8,
    model: Model = '',
    out: Out = None,
    json_file: Json = None,
    config: ConfigFile = None,
) -> None:
    """
    Order pictures by how well they fit words, best first.

    Example: vlm-robot retrieve "a red block in a green bowl" --folder out/demo --out best.png
    """
    from vlm_robot.annotation import read_image, write_image
    from vlm_robot.perception.clip_embedder import ClipEmbedder
    from vlm_robot.sight_annotation import draw_sheet

    paths = [*(images or []), *_list_pictures(folder)]
    if not paths:
        raise ImageError(f'no pictures to look through; name some, or --folder with {", ".join(ENDINGS)} in it')
    pictures = [read_image(path) for path in paths]
    embedder = ClipEmbedder(read_settings(config, 'clip', model))
    cosines = embedder.embed_images(pictures) @ embedder.embed_texts([text])[0]
    order = (-cosines).argsort(kind='stable')[:top]
    for i in order:
        console.print(f'{cosines[i]:.3f}  {paths[i]}', highlight=False, markup=False, soft_wrap=True)
    if out:
        write_image(draw_sheet([pictures[i] for i in order], [f'{cosines[i]:.2f} {paths[i].name}' for i in order]), out)
    rows = [{'image': str(paths[i]), 'cosine': float(cosines[i])} for i in order]
    save_json({'text': text, 'model': embedder.name, 'images': rows}, json_file)


def _list_pictures(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise ImageError(f"'{folder}' is no folder")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
