"""One action server of the robot: sends it goals and notices when it vanishes or never ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import time
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.node import Node

from vlm_robot.errors import MotionCancelled, MotionError
from vlm_robot.nodes.action_calls import run_goal
from vlm_robot.nodes.action_client import ActionClient

STATUS_WORDS = {
    GoalStatus.STATUS_SUCCEEDED: 'succeeded',
    GoalStatus.STATUS_CANCELED: 'cancelled',
    GoalStatus.STATUS_ABORTED: 'aborted',
}


@dataclass(frozen=True)
class Ending:
    """How a goal ended: the server's status and its result message."""

    status: int
    result: Any

    @property
    def succeeded(self) -> bool:
        """Return whether the server calls it a success."""
        return self.status == GoalStatus.STATUS_SUCCEEDED

    @property
    def word(self) -> str:
        """Return the status in a word."""
        return STATUS_WORDS.get(self.status, f'ended with status {self.status}')


class RobotServer:
    """Calls one action."""

    def __init__(self, node: Node, kind: type, name: str, *, group, server_timeout: float, motion_timeout: float):
        """
        Connect.

        :param kind: the class of the action.
        :param server_timeout: wall-clock seconds that the server may be absent or silent.
        :param motion_timeout: wall-clock seconds that a goal may last.
        """
        self.name = name
        self._client = ActionClient(node, kind, name, callback_group=group)
        self._server_timeout, self._motion_timeout = server_timeout, motion_timeout

    def run(self, goal: Any, check: Callable[[], None], on_feedback: Callable[[Any], None] | None = None) -> Ending:
        """
        Send a goal and wait for its end.

        :param check: asked all the time; what it raises cancels the goal at the server and is raised again.
        :raises MotionError: no server, goal not taken, server gone, or no end within the time.
        :raises MotionCancelled: ``check`` said so, or somebody else cancelled the goal at the server.
        """
        watch = self._watch(check)
        answer = run_goal(self._client, goal, watch, server_timeout=self._server_timeout, on_feedback=on_feedback)
        if answer.status == GoalStatus.STATUS_CANCELED:
            raise MotionCancelled(f"the goal was cancelled at the action server '{self.name}'")
        return Ending(answer.status, answer.result)

    def _watch(self, check: Callable[[], None]) -> Callable[[], None]:
        """Return a check that also notices a server that went away, and a motion without end."""
        begin = time.monotonic()
        seen = None  # when the server was there last; whether it comes at all is not judged here

        def look() -> None:
            nonlocal seen
            check()
            now = time.monotonic()
            if self._client.server_is_ready():
                seen = now
            elif seen is not None and now - seen > self._server_timeout:
                raise MotionError(f"the action server '{self.name}' went away while the robot moved; start it again")
            if now - begin > self._motion_timeout:
                raise MotionError(f"the goal of '{self.name}' did not end within {self._motion_timeout:g} s")

        return look
