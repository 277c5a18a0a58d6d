"""
ROS parameters from frozen config dataclasses: the fields are the parameters, their comments the descriptions.

A nested dataclass becomes a dotted group (``detector.threshold``). The dataclass checks its own values in
``__post_init__``; whatever it refuses, at start or later, is refused here with the same words. Fields whose
type ROS cannot carry (mappings, None) stay at their defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
import dataclasses
import inspect
import io
import re
import tokenize
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node

from vlm_robot.errors import ConfigError, name_nearest, VlmRobotError
from vlm_robot.nodes.change_rules import ChangeRules, When

Config = TypeVar('Config')
OWN_OF_ROS = ('use_sim_time', 'start_type_description_service')
SCALARS = (bool, int, float, str)


def flatten(config: Any, prefix: str = '') -> dict[str, Any]:
    """Return dotted name -> value (tuples as lists) of every field that ROS can carry."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            flat.update(flatten(value, f'{prefix}{field.name}.'))
        elif isinstance(value, SCALARS):
            flat[prefix + field.name] = value
        elif _is_uniform(value):
            flat[prefix + field.name] = list(value)
    return flat


def replace(config: Config, values: Mapping[str, Any]) -> Config:
    """
    Return the config with dotted names replaced.

    :raises ConfigError: a name is unknown, a type is wrong or the dataclass refuses the value.
    """
    known = flatten(config)
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"unknown parameter '{name}'{name_nearest(name, known)}")
        values = {**values, name: _convert(name, value, known[name])}
    try:
        return _rebuild(config, values, '')
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error)) from error


def describe_fields(config: Any, prefix: str = '') -> dict[str, str]:
    """Return dotted name -> the comment beside the field, or its ``:param`` line in the docstring."""
    texts: dict[str, str] = {}
    own = {**_read_docstring(type(config)), **_read_comments(type(config))}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            texts.update(describe_fields(value, f'{prefix}{field.name}.'))
        else:
            texts[prefix + field.name] = own.get(field.name, '')
    return texts


def declare(
    node: Node,
    config: Config,
    *,
    live: Collection[str] = (),
    on_change: Callable[[Config], None] = lambda config: None,
    rules: ChangeRules | None = None,
) -> Config:
    """
    Declare every field as a parameter and return the config with what the user set.

    The node must have been made with ``automatically_declare_parameters_from_overrides=True``, so that a
    misspelt parameter shows.

    :param live: dotted names, or groups that end with a dot, that may change while the node runs; all others are
        read-only.
    :param rules: of a managed node, in place of ``live``: when each parameter may change.
    :param on_change: called with the new config after a change was accepted; what it raises refuses the change.
    :raises ConfigError: a parameter that was set is unknown or refused.
    """
    rules = rules or ChangeRules(node.get_name(), dict.fromkeys(live, When.ALWAYS))
    defaults = flatten(config)
    config = replace(config, _take_overrides(node))
    _declare_fields(node, config, defaults, rules)
    node.add_on_set_parameters_callback(_Gate(node, config, rules, on_change))
    return config


def _declare_fields(node: Node, config: Any, defaults: Mapping[str, Any], rules: ChangeRules) -> None:
    texts = describe_fields(config)
    for name, value in flatten(config).items():
        if node.has_parameter(name):
            node.undeclare_parameter(name)
        when = rules.find(name) if _is_managed(node) or rules.find(name) is When.ALWAYS else When.NEVER
        descriptor = ParameterDescriptor(
            description=texts.get(name, ''),
            read_only=when is When.NEVER,
            additional_constraints=f'default: {defaults[name]}; {when.value}',
        )
        node.declare_parameter(name, value if value != [] else [''], descriptor, ignore_override=True)


class _Gate:
    """Decides about changes at run time, and keeps the config that they add up to."""

    def __init__(self, node: Node, config: Any, rules: ChangeRules, on_change: Callable[[Any], None]):
        self.node, self.config, self.rules, self.on_change = node, config, rules, on_change

    def __call__(self, asked: list) -> SetParametersResult:
        known, state = flatten(self.config), read_state(self.node)
        values = {parameter.name: parameter.value for parameter in asked if parameter.name in known}
        complaints = '; '.join(filter(None, (self.rules.complain(name, state) for name in values)))
        if complaints:
            return SetParametersResult(successful=False, reason=complaints)
        try:
            config = replace(self.config, values)
            if values:
                self.on_change(config)
        except VlmRobotError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.config = config
        return SetParametersResult(successful=True)


def read_state(node: Node) -> str:
    """Return the state of a node's lifecycle as ROS calls it; ``active`` for a node without one."""
    return node._state_machine.current_state[1] if _is_managed(node) else 'active'


def _is_managed(node: Node) -> bool:
    return isinstance(node, LifecycleNode)


def _take_overrides(node: Node) -> dict[str, Any]:
    return {
        name: parameter.value
        for name, parameter in node.get_parameters_by_prefix('').items()
        if name not in OWN_OF_ROS and not name.startswith('qos_overrides.')
    }


def _convert(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, list):
        return _convert_list(name, value, default)
    if type(value) is type(default):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    raise ConfigError(f"parameter '{name}' is {value!r}; it must be a {type(default).__name__}, as {default!r}")


def _convert_list(name: str, value: Any, default: list) -> tuple:
    if isinstance(value, (str, bytes)) or not hasattr(value, '__iter__'):
        raise ConfigError(f"parameter '{name}' is {value!r}; it must be a list, as {default!r}")
    values = tuple(item for item in value if item != '')  # [''] is how ROS writes an empty list
    return tuple(_convert(name, item, default[0]) for item in values) if default else values


def _rebuild(config: Any, values: Mapping[str, Any], prefix: str) -> Any:
    changes = {}
    for field in dataclasses.fields(config):
        name, old = prefix + field.name, getattr(config, field.name)
        if dataclasses.is_dataclass(old):
            changes[field.name] = _rebuild(old, values, name + '.')
        elif name in values:
            changes[field.name] = values[name]
    return dataclasses.replace(config, **changes)


def _is_uniform(value: Any) -> bool:
    if not isinstance(value, (tuple, list)):
        return False
    kinds = {type(item) for item in value}
    return len(kinds) <= 1 and kinds <= set(SCALARS)


def _read_comments(kind: type) -> dict[str, str]:
    found: dict[str, str] = {}
    for parent in kind.__bases__:  # their fields are fields of this one too
        if dataclasses.is_dataclass(parent):
            found |= _read_comments(parent)
    try:
        source = inspect.cleandoc('\n' + inspect.getsource(kind))
    except (OSError, TypeError):
        return found
    line_name = ''
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        match = re.match(r'\s+(\w+)\s*:', token.line)
        if token.type == tokenize.NAME and match and token.string == match[1]:
            line_name = match[1]
        elif token.type == tokenize.COMMENT and line_name:
            found[line_name] = token.string.lstrip('# ')
        elif token.type == tokenize.NEWLINE:
            line_name = ''
    return found


def _read_docstring(kind: type) -> dict[str, str]:
    matches = re.findall(r':param (\w+):\s*(.+?)(?=\n\s*:|\n\s*\n|\Z)', inspect.getdoc(kind) or '', re.S)
    return {name: ' '.join(text.split()) for name, text in matches}
