"""Starts the programs that need ROS in a process of their own, so that the command line itself never imports it."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys
from typing import NoReturn

import typer


def name_program(module: str, *arguments: object) -> list[str]:
    """Return the command of a module of ``vlm_robot.nodes`` with these arguments."""
    return [sys.executable, '-m', f'vlm_robot.nodes.{module}', *map(str, arguments)]


def run_program(module: str, *arguments: object, json_file: Path | None = None) -> NoReturn:
    """Run it to its end and leave with its exit code; ``json_file`` is handed on where it was given."""
    wanted = ('--json', json_file) if json_file else ()
    raise typer.Exit(subprocess.call(name_program(module, *arguments, *wanted), env=os.environ))
