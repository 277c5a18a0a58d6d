"""
Who is told which goal, read from the status topics that every action server has: nothing in the graph is changed.

A goal counts as open from its acceptance until its end.
"""

from __future__ import annotations

from collections.abc import Callable
import threading
import time

from action_msgs.msg import GoalStatus, GoalStatusArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import qos_profile_action_status_default

ACTIONS = ('execute_task', 'execute_skill', 'move_arm', 'move_gripper')
OPEN = (GoalStatus.STATUS_ACCEPTED, GoalStatus.STATUS_EXECUTING, GoalStatus.STATUS_CANCELING)


class GoalWatch:
    """Goals of several action servers; thread-safe."""

    def __init__(self, node: Node, actions: tuple[str, ...] = ACTIONS):
        """Listen on a node that somebody spins."""
        self._news = threading.Condition()
        self._open: dict[str, set[bytes]] = {name: set() for name in actions}
        self._seen: dict[str, dict[bytes, float]] = {name: {} for name in actions}
        group = ReentrantCallbackGroup()
        for name in actions:
            node.create_subscription(
                GoalStatusArray,
                f'{name}/_action/status',
                lambda message, name=name: self._hear(name, message),
                qos_profile_action_status_default,
                callback_group=group,
            )

    def count_open(self) -> int:
        """Return how many goals have not ended."""
        with self._news:
            return sum(len(goals) for goals in self._open.values())

    def list_open(self) -> dict[str, int]:
        """Return open goals by action, those without any left out."""
        with self._news:
            return {name: len(goals) for name, goals in self._open.items() if goals}

    def first_since(self, action: str, moment: float) -> float | None:
        """Return when the first goal of an action was heard of after a moment, both ``time.monotonic``; or None."""
        with self._news:
            times = [heard for heard in self._seen[action].values() if heard > moment]
        return min(times, default=None)

    def wait_for(self, is_true: Callable[[], object], timeout: float) -> bool:
        """Wait until a condition on the goals holds and return whether it came true."""
        deadline = time.monotonic() + timeout
        with self._news:
            while not is_true():  # looked at again now and then: it may also ask for what is no news of a goal
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._news.wait(min(0.2, left))
        return True

    def _hear(self, action: str, message: GoalStatusArray) -> None:
        now = time.monotonic()
        with self._news:
            self._open[action] = {bytes(s.goal_info.goal_id.uuid) for s in message.status_list if s.status in OPEN}
            told = {bytes(s.goal_info.goal_id.uuid) for s in message.status_list}
            known = self._seen[action]
            self._seen[action] = {goal: known.get(goal, now) for goal in told}  # servers forget goals; so do we
            self._news.notify_all()
