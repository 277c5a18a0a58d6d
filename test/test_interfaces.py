"""The typed interfaces: all are built, explained, and survive a trip through DDS serialisation."""

import importlib
import re

import pytest

from vlm_robot.resources import find

FOLDER = find('vlm_robot_interfaces')
FILES = sorted(path for kind in ('msg', 'srv', 'action') for path in FOLDER.glob(f'{kind}/*'))


def load(path):
    """Return the generated class; skip where no ROS 2 is in reach, as in a plain Python environment."""
    pytest.importorskip('rclpy', reason='no ROS 2 here: neither a sourced distribution nor the wheels')
    return getattr(importlib.import_module(f'vlm_robot_interfaces.{path.parent.name}'), path.stem)


def list_messages(path):
    """Return the message classes that an interface file stands for."""
    kind = load(path)
    parts = {'msg': [''], 'srv': ['Request', 'Response'], 'action': ['Goal', 'Result', 'Feedback']}
    return [getattr(kind, part) if part else kind for part in parts[path.parent.name]]


def fill(message, depth=0):
    """Set every field to a value that is not its default, sequences to two entries; return the message."""
    for name, type_name in message.get_fields_and_field_types().items():
        setattr(message, name, make_value(message, name, type_name, depth))
    return message


def make_value(message, name, type_name, depth):
    sequence = re.fullmatch(r'sequence<(.+)>', type_name)
    if sequence:
        return [make_value(message, name, sequence[1], depth + 1) for _ in range(2)]
    if '/' in type_name:
        package, kind = type_name.split('/')
        return fill(getattr(importlib.import_module(f'{package}.msg'), kind)(), depth + 1)
    return {'string': f'{name} ü', 'boolean': True, 'float': 0.5, 'double': 0.25}.get(type_name, 7)


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_every_file_is_built(path):
    assert f'{path.parent.name}/{path.name}' in (FOLDER / 'CMakeLists.txt').read_text()
    assert load(path)


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_every_message_survives_serialisation(path):
    for kind in list_messages(path):
        serialization = importlib.import_module('rclpy.serialization')
        message = fill(kind())
        assert serialization.deserialize_message(serialization.serialize_message(message), kind) == message


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_the_file_and_its_numbers_are_explained(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith('# '), 'the first line says what it is'
    explained = False
    for line in lines:
        # A comment on its own line explains the fields up to the next empty line.
        if not line.strip() or line == '---':
            explained = False
        elif line.startswith('#'):
            explained = True
        elif re.match(r'(float|u?int)', line) and not re.search(r'_(px|s|m)\b', line.split('#')[0]):
            assert explained or '#' in line, f'unit and frame of: {line}'
