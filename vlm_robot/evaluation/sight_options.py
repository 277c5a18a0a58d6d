"""What the commands that look at a picture share: their options, boxes as text, settings of a section."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from vlm_robot.datatypes import Box
from vlm_robot.errors import ImageError

Image = Annotated[Path, typer.Argument(help='PNG, JPEG, ...')]
Model = Annotated[str, typer.Option(help='Checkpoint name or folder; default: as the settings say.')]
Out = Annotated[Path | None, typer.Option(help='Write the picture with what was found here.')]
Json = Annotated[Path | None, typer.Option('--json', help='Also write the result as JSON to this file.')]
ConfigFile = Annotated[Path | None, typer.Option('--config', help='YAML with settings; config/*.yaml are examples.')]


def parse_box(text: str) -> Box:
    """Return left, top, right, bottom of ``x0,y0,x1,y1``; raise ImageError where it is no box."""
    try:
        left, top, right, bottom = (float(part) for part in text.split(','))
    except ValueError as error:
        raise ImageError(f"a box is x0,y0,x1,y1 in pixels, for example 120,80,160,121; got '{text}'") from error
    if not (left < right and top < bottom):
        raise ImageError(f"the box '{text}' is empty: x0 must be less than x1, y0 less than y1")
    return left, top, right, bottom


def parse_point(text: str) -> tuple[float, float]:
    """Return column and row of ``x,y``; raise ImageError where it is no point."""
    try:
        column, row = (float(part) for part in text.split(','))
    except ValueError as error:
        raise ImageError(f"a point is x,y in pixels, for example 140,100; got '{text}'") from error
    return column, row


def read_settings(config: Path | None, section: str, model: str = '') -> Any:
    """Return one section of the settings, with another model where one is named."""
    from vlm_robot.config import load_config

    settings = getattr(load_config(config), section)
    return replace(settings, model=model) if model else settings
