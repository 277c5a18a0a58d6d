"""
When the parameters of a managed node may change, and what to do where they may not yet.

Most of them are read by configure, because models are made from them; a few only steer what is done with a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class When(Enum):
    """In which states of a lifecycle a parameter may change; its value says so in words."""

    ALWAYS = 'may change at any time'
    INACTIVE = 'may change while the node is not active'
    UNCONFIGURED = 'may change while the node has nothing loaded'
    NEVER = 'is read when the node starts'


STATES = {When.INACTIVE: ('unconfigured', 'inactive'), When.UNCONFIGURED: ('unconfigured',), When.NEVER: ()}
WAYS = {
    When.INACTIVE: "'ros2 lifecycle set {node} deactivate', set it, then activate",
    When.UNCONFIGURED: "'ros2 lifecycle set {node} deactivate', then cleanup, set it, then configure and activate",
    When.NEVER: 'set it in its YAML file and start {node} again',
}


@dataclass(frozen=True)
class ChangeRules:
    """
    When each parameter of one node may change.

    :param node: full name of the node, for the advice.
    :param rules: name, or group that ends with a dot, -> When; the longest that fits counts. What is not named may
        change while nothing is loaded.
    """

    node: str
    rules: Mapping[str, When]

    def find(self, name: str) -> When:
        """Return when a parameter may change."""
        fitting = [rule for rule in self.rules if name == rule or (rule.endswith('.') and name.startswith(rule))]
        return self.rules[max(fitting, key=len)] if fitting else When.UNCONFIGURED

    def complain(self, name: str, state: str) -> str:
        """Return why a parameter cannot change in a state of the lifecycle, and what to do; '' where it can."""
        when = self.find(name)
        if when is When.ALWAYS or state in STATES[when]:
            return ''
        return f"'{name}' {when.value}, and it is {state}: {WAYS[when].format(node=self.node)}"
