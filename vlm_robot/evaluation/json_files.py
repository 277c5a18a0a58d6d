"""The one place where reports become JSON files, and the option of commands that asks for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[Path | None, typer.Option('--json', help='Also write the report to this file.')]


def save_json(data: Any, path: Path | None) -> None:
    """Write plain data as indented JSON where a path was given; what JSON does not know is written as text."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=2, default=str) + '\n')
