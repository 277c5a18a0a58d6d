"""
Find the files that belong to the package but are no Python: ``config/``, ``sim/`` and ``launch/``.

They stand beside the package in a clone, to which an editable install and ``colcon build --symlink-install``
lead too, and in ``share/vlm_robot`` of an installation by colcon or pip. This module knows nothing of what is
in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
import os
from pathlib import Path
import sys
from typing import Any

from vlm_robot.errors import ConfigError, name_nearest, ScenarioError, VlmRobotError

PACKAGE = 'vlm_robot'
MOST_BYTES, MOST_VALUES, MOST_DEPTH = 4_000_000, 100_000, 50  # of a YAML file; aliases count as often as they stand


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
    path, folder = Path(name), find('sim/scenarios')
    try:
        if path.suffix in ('.yaml', '.yml') or path.is_file():
            return path
        is_known = (folder / f'{name}.yaml').is_file()
    except (OSError, ValueError):  # too long for a path, or with a zero byte
        name, is_known = name[:100], False
    if not is_known:
        known = sorted([*(p.stem for p in folder.glob('*.yaml')), *others])
        raise ScenarioError(f"no scenario '{name}'{name_nearest(name, known)}; known: {known} or a YAML file")
    return folder / f'{name}.yaml'


def read_yaml(path: Path, error: type[VlmRobotError], what: str) -> Any:
    """
    Return the data of a YAML file; tags that name code are refused, and so are aliases that grow without end.

    :param error: what is raised, with the name of the file, where it cannot be read; ``what`` names its content.
    """
    import yaml  # here, because files are found where nothing is installed

    try:
        if Path(path).exists() and not Path(path).is_file():
            raise error(f"cannot read {what} '{path}': it is no ordinary file")
        with Path(path).open('rb') as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise error(f"cannot read {what} '{path}': it has more than {MOST_BYTES} bytes")
        data = yaml.safe_load(text.decode('utf-8-sig'))
    except (OSError, UnicodeDecodeError) as fault:
        raise error(f"cannot read {what} '{path}': {fault}") from fault
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, RecursionError) as fault:
        raise error(f"'{path}' is not YAML: {fault}") from fault
    if _count(data, {}) > MOST_VALUES:
        raise error(f"'{path}' holds more than {MOST_VALUES} values, is nested deeper than {MOST_DEPTH} or in itself")
    return data


def _count(data: Any, known: dict[int, int], depth: int = 0) -> int:
    """Return how many values there are, those behind aliases each time; too many where it holds itself."""
    if not isinstance(data, (list, Mapping, set)):
        return 1
    if depth > MOST_DEPTH:
        return MOST_VALUES + 1
    if id(data) not in known:
        known[id(data)] = MOST_VALUES + 1  # until it is counted: met again before that, it is inside itself
        parts = [*data.keys(), *data.values()] if isinstance(data, Mapping) else list(data)
        known[id(data)] = 1 + sum(_count(part, known, depth + 1) for part in parts)
    return known[id(data)]


def _roots() -> Iterator[Path]:
    clone = Path(__file__).resolve().parents[1]
    if (clone / 'package.xml').is_file():
        yield clone
    # Read here, not through ament_index_python: the core runs without ROS.
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            yield Path(prefix, 'share', PACKAGE)
    yield Path(sys.prefix, 'share', PACKAGE)
