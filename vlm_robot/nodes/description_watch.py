"""
Keeps what the describer last said of each camera, for a planner that reads it.

The describer works only while somebody listens, so the subscription lasts no longer than it is wanted. A description
that is too old by the robot's clock is not told: the table may have changed since.
"""

from __future__ import annotations

from rclpy.node import Node

from vlm_robot.datatypes import DescriptionLine
from vlm_robot.nodes import conversions, sight_conversions
from vlm_robot.nodes.liveness import reliable_qos, subscribe_for_a_while
from vlm_robot_interfaces.msg import Description

MOST_LINES = 256  # of one camera that are kept


class DescriptionWatch:
    """What the describer says, as long as somebody wants to know."""

    def __init__(self, node: Node, group):
        """Remember whom to ask; nothing is subscribed yet."""
        self._node, self._group = node, group
        self._subscription = None
        self._newest: dict[str, tuple[float, tuple[DescriptionLine, ...]]] = {}  # camera -> stamp, lines

    def listen(self, is_wanted: bool) -> None:
        """Subscribe, or stop and forget."""
        if is_wanted and self._subscription is None:
            self._subscription = subscribe_for_a_while(
                self._node, Description, 'description', self._keep, reliable_qos(), self._group
            )
        elif not is_wanted and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
            self._newest = {}

    def forget(self) -> None:
        """Count what was said before no more: another table stands before the robot."""
        self._newest = {}

    def list_lines(self, most_seconds: float) -> tuple[DescriptionLine, ...]:
        """Return what was said of pictures that are at most so old, camera after camera."""
        now = self._node.get_clock().now().nanoseconds * 1e-9
        newest = sorted(self._newest.items())
        return tuple(line for _, (stamp, lines) in newest if abs(now - stamp) <= most_seconds for line in lines)

    def _keep(self, message: Description) -> None:
        lines = sight_conversions.from_description(message).lines[:MOST_LINES]
        self._newest = {**self._newest, message.camera: (conversions.to_seconds(message.header.stamp), lines)}
