"""
Values for the parameters of running nodes that nobody meant to set.

What a node takes is set back at once, so that one input cannot excuse what comes of the next.
"""

from __future__ import annotations

from collections.abc import Callable
import random
from typing import Any

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.node import Node

from vlm_robot.evaluation.bad_inputs import make_numbers, make_text
from vlm_robot.evaluation.entry_points import require
from vlm_robot.nodes.message_inputs import cut_text

KINDS = {'list_parameters': ListParameters, 'get_parameters': GetParameters, 'set_parameters': SetParameters}
WORDS = ('cpu', 'red block', 'both', 'A', '/etc')


class ParameterStorm:
    """Sets parameters of nodes through their own services."""

    def __init__(self, node: Node, names: list[str], ask: Callable[[Any, Any], Any]):
        """
        Connect.

        :param names: of the nodes.
        :param ask: calls a service client with a request and returns the response.
        """
        self._ask = ask
        self._clients = {
            name: {kind: node.create_client(service, f'{name}/{kind}') for kind, service in KINDS.items()}
            for name in names
        }
        self._known: dict[str, list[str]] = {}

    def make(self, rng: random.Random) -> tuple[str, float, Parameter]:
        """Return a node, which of its parameters (0..1), and a value; some names no node has."""
        value = ParameterValue(type=rng.randrange(10))
        value.bool_value = rng.random() < 0.5
        value.integer_value = rng.choice((0, -1, 1, 7, 2**31, -(2**63), 2**63 - 1))
        value.double_value, *value.double_array_value = make_numbers(rng, 1 + rng.randrange(4))
        value.string_value = cut_text(make_text(rng, WORDS))
        value.string_array_value = [cut_text(make_text(rng, WORDS)) for _ in range(rng.randrange(3))]
        value.integer_array_value = [rng.choice((0, -1, 2**62))] * rng.randrange(4)
        name = cut_text(make_text(rng, WORDS)) if rng.random() < 0.1 else ''
        return rng.choice(list(self._clients)), rng.random(), Parameter(name=name, value=value)

    def feed(self, asked: tuple[str, float, Parameter]) -> str:
        """Set it; return why it was refused, or put back what was there."""
        node, which, parameter = asked
        clients = self._clients[node]
        if node not in self._known:
            self._known[node] = self._ask(clients['list_parameters'], ListParameters.Request()).result.names
        if not parameter.name:
            parameter.name = self._known[node][int(which * len(self._known[node]))]
        before = self._ask(clients['get_parameters'], GetParameters.Request(names=[parameter.name])).values
        reason = self._set(clients, parameter)
        if not reason:
            require(bool(before) and before[0].type != ParameterType.PARAMETER_NOT_SET, f'a new {parameter.name!r}')
            back = self._set(clients, Parameter(name=parameter.name, value=before[0]))
            require(not back, f'{parameter.name} of {node} cannot be set back: {back}')
        return reason

    def _set(self, clients: dict[str, Any], parameter: Parameter) -> str:
        results = self._ask(clients['set_parameters'], SetParameters.Request(parameters=[parameter])).results
        require(len(results) == 1, f'{len(results)} results for one parameter')
        require(results[0].successful or bool(results[0].reason), f'{parameter.name} was refused without a reason')
        return '' if results[0].successful else results[0].reason
