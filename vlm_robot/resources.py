"""
Find the files that belong to the package but are no Python: ``config/``, ``sim/`` and ``launch/``.

They stand beside the package in a clone, to which an editable install and ``colcon build --symlink-install``
lead too, and in ``share/vlm_robot`` of an installation by colcon or pip. This module knows nothing of what is
in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import os
from pathlib import Path
import sys

from vlm_robot.errors import ConfigError, name_nearest, ScenarioError

PACKAGE = 'vlm_robot'


def list_roots() -> list[Path]:
    """Return the folders to search, in order: clone, sourced ROS 2 workspaces, Python environment."""
    return list(dict.fromkeys(_roots()))


def find(relative: str | Path) -> Path:
    """
    Return the absolute path of a file or folder that comes with the package.

    :param relative: for example ``sim/scenarios/demo.yaml``, with ``/`` and no ``..``.
    :raises ConfigError: it is not there, or ``relative`` leads out of the package.
    """
    path = Path(relative)
    if path.is_absolute() or '..' in path.parts:
        raise ConfigError(
            f"resource '{relative}' was asked for; allowed are paths inside the package, for example 'config'"
        )
    roots = list_roots()
    for root in roots:
        if (root / path).exists():
            return root / path
    raise ConfigError(
        f"resource '{relative}' was not found; searched: {[str(root) for root in roots]}; "
        'install the package again or, after colcon build, source install/setup.bash'
    )


def find_scenario(name: str, others: Iterable[str] = ()) -> Path:
    """
    Return the file of a scenario given by name or path.

    :param others: further names that whoever asks understands; the message lists them.
    :raises ScenarioError: there is none of that name; the message lists what exists.
    """
    path = Path(name)
    if path.suffix in ('.yaml', '.yml') or path.is_file():
        return path
    folder = find('sim/scenarios')
    if not (folder / f'{name}.yaml').is_file():
        known = sorted([*(p.stem for p in folder.glob('*.yaml')), *others])
        raise ScenarioError(f"no scenario '{name}'{name_nearest(name, known)}; known: {known} or a YAML file")
    return folder / f'{name}.yaml'


def _roots() -> Iterator[Path]:
    clone = Path(__file__).resolve().parents[1]
    if (clone / 'package.xml').is_file():
        yield clone
    # Read here, not through ament_index_python: the core runs without ROS.
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            yield Path(prefix, 'share', PACKAGE)
    yield Path(sys.prefix, 'share', PACKAGE)
