"""The import directions of the house, read from the source with ast."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'vlm_robot'
FOUNDATION = {'datatypes', 'errors', 'geometry', 'vocabulary', 'kitchen_vocabulary', 'furniture', 'goals', 'resources',
              'interruption'}  # fmt: skip
ROOMS = {'camera', 'perception', 'scene', 'language', 'planning', 'skills', 'robot', 'sim', 'imagination'}
WIRING = {'agent', 'config', 'evaluation', 'training', 'annotation', 'sight_annotation', 'console'}
ALLOWED = {room: FOUNDATION | {room} for room in ROOMS}
ALLOWED['planning'] |= {'language', 'scene'}  # the prompt is the scene's own text
ALLOWED['skills'] |= {'robot'}
ALLOWED['sim'] |= {'camera', 'robot'}
ALLOWED |= dict.fromkeys(FOUNDATION, FOUNDATION)
ALLOWED |= dict.fromkeys(WIRING, FOUNDATION | ROOMS | WIRING)
ALLOWED['cli'] = FOUNDATION | ROOMS | WIRING | {'cli'}
ALLOWED['nodes'] = FOUNDATION | ROOMS | WIRING | {'nodes'}
ROS = ('rclpy', 'ament_index_python', 'tf2_ros', 'vlm_robot_interfaces', 'launch')
FILES = sorted(PACKAGE.rglob('*.py'))


def imports_of(path):
    """Yield every imported dotted name of a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ''
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def room_of(path):
    """Return the top-level name below vlm_robot."""
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


@pytest.mark.parametrize('path', FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_the_right_way(path):
    room = room_of(path)
    if room == '__init__':
        return
    allowed = ALLOWED[room]
    for name in imports_of(path):
        parts = name.split('.')
        if parts[0] == 'vlm_robot' and len(parts) > 1:
            if (PACKAGE / parts[1]).is_dir() or (PACKAGE / f'{parts[1]}.py').is_file():
                assert parts[1] in allowed, f'{room} must not import {name}'
        if room not in ('nodes', 'resources'):
            assert parts[0] not in ROS and not parts[0].endswith('_msgs'), f'{room} must not import {name}'


def test_module_names_are_unique_across_the_package():
    names = [path.stem for path in FILES if path.stem != '__init__']
    repeated = {name for name in names if names.count(name) > 1}
    assert not repeated, f'two modules share a name: {sorted(repeated)}'


@pytest.mark.parametrize('path', FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_is_evaluated_or_executed(path):
    calls = [n.func.id for n in ast.walk(ast.parse(path.read_text()))
             if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]  # fmt: skip
    assert not {'eval', 'exec', 'compile', '__import__'} & set(calls)
