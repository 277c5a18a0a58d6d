"""Starts the programs that need ROS, so that the command line itself never imports it."""

from __future__ import annotations

import os
from pathlib import Path
import sys
from typing import NoReturn


def name_program(module: str, *arguments: object) -> list[str]:
    """Return the command of a module of ``vlm_robot.nodes`` with these arguments."""
    return [sys.executable, '-m', f'vlm_robot.nodes.{module}', *map(str, arguments)]


def run_program(module: str, *arguments: object, json_file: Path | None = None) -> NoReturn:
    """
    Become this program; ``json_file`` is handed on where it was given.

    Process id, signals and exit code are its own: a bench whose command is ended with SIGTERM ends too.
    """
    command = name_program(module, *arguments, *(('--json', json_file) if json_file else ()))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, command)  # noqa: S606  no shell
