"""
Calls an action and waits for its end from inside a callback, without ever spinning.

The executor's other threads receive the answers; this thread only waits for them, and looks every few
milliseconds whether it should give up. Spinning inside a callback takes a node out of its executor
(ros2/rclpy#1398).
"""

from __future__ import annotations

from collections.abc import Callable
import threading
import time
from typing import Any

from rclpy.task import Future

from vlm_robot.errors import MotionError
from vlm_robot.nodes.action_client import ActionClient

PERIOD = 0.002  # seconds between two looks at ``check``: two such waits stand between a cancel and the arm
LOOK_PERIOD = 0.5  # seconds between two looks at who offers the action
GRACE = 5.0  # seconds that a cancelled goal has to end
ANSWER_GRACE = 1.0  # seconds that a goal has to be answered whose caller has given up; an answer takes milliseconds


def call_action(client: ActionClient, goal: Any, check: Callable[[], None] = lambda: None, **options) -> Any:
    """Send a goal and return its result message; see ``run_goal``."""
    return run_goal(client, goal, check, **options).result


def run_goal(
    client: ActionClient,
    goal: Any,
    check: Callable[[], None] = lambda: None,
    *,
    server_timeout: float = 5.0,
    on_feedback: Callable[[Any], None] | None = None,
    on_cancelled: Callable[[Any], None] = lambda result: None,
) -> Any:
    """
    Send a goal and return how it ended: ``status`` (action_msgs/GoalStatus) and ``result``.

    :param check: asked all the time; what it raises cancels the goal, waits for its end and is raised again.
    :param on_cancelled: gets the result message of a goal that ``check`` has ended.
    :param server_timeout: wall-clock seconds until the server must have been found and have answered.
    :raises MotionError: the server is missing, silent, does not take the goal, or dies with it.
    """
    name = client._action_name
    _wait_for_server(client, check, server_timeout)
    handle_feedback = None if on_feedback is None else lambda message: on_feedback(message.feedback)
    sent = client.send_goal_async(goal, feedback_callback=handle_feedback)
    try:
        handle = _wait(sent, check, server_timeout, f"action server '{name}' did not answer a goal")
    except Exception:
        _withdraw(sent, on_cancelled)
        raise
    if not handle.accepted:
        raise MotionError(f"action server '{name}' did not take the goal; is it busy?")
    server = ServerWatch(client)

    def check_all() -> None:
        check()
        server.check()

    finished = handle.get_result_async()
    try:
        return _wait(finished, check_all, float('inf'), '')
    except Exception:
        _end_goal(handle, finished, on_cancelled)
        raise


class ServerWatch:
    """
    Notices that the server which took a goal is gone, also when another one has taken its place.

    DDS keeps a process that was killed in its books for seconds (Fast DDS: 20), and one that is started again within
    them makes the action look as if nothing had happened; only the writers of the status topic tell them apart.
    """

    def __init__(self, client: ActionClient):
        """Note who is there now."""
        self._node, self._name = client._node, client._action_name
        self._known = self._list()
        self._next = time.monotonic() + LOOK_PERIOD

    def check(self) -> None:
        """Raise MotionError when a new server has come or all known ones have gone; looks twice a second."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_PERIOD
        now = self._list()
        if now - self._known:
            raise MotionError(f"the server of action '{self._name}' was started again; the goal it had is lost")
        if self._known and not now:
            raise MotionError(f"the server of action '{self._name}' is gone, and with it the goal")

    def _list(self) -> set[tuple[int, ...]]:
        infos = self._node.get_publishers_info_by_topic(f'{self._name}/_action/status')
        return {tuple(info.endpoint_gid) for info in infos}


def _wait_for_server(client: ActionClient, check: Callable[[], None], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not client.server_is_ready():
        check()
        if time.monotonic() > deadline:
            raise MotionError(f"no action server '{client._action_name}' after {timeout} s; is its node running?")
        time.sleep(PERIOD)


def _wait(future: Future, check: Callable[[], None], timeout: float, complaint: str) -> Any:
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    deadline = time.monotonic() + timeout
    while not done.wait(PERIOD):
        check()
        if time.monotonic() > deadline:
            raise MotionError(f'{complaint} within {timeout} s')
    return future.result()


def _withdraw(sent: Future, on_cancelled: Callable[[Any], None]) -> None:
    """End a goal that is not answered yet: else the arm begins to move when its caller says that it rests."""
    if not _ends_within(sent, ANSWER_GRACE):
        sent.add_done_callback(_cancel_late)
    elif _is_taken(sent):
        handle = sent.result()
        _end_goal(handle, handle.get_result_async(), on_cancelled)


def _cancel_late(sent: Future) -> None:
    """Cancel a goal that was accepted after its caller had given up."""
    if _is_taken(sent):
        sent.result().cancel_goal_async()


def _is_taken(sent: Future) -> bool:
    """Return whether the server has accepted the goal of an answered request."""
    return not sent.cancelled() and sent.exception() is None and sent.result().accepted


def _end_goal(handle, finished: Future, on_cancelled: Callable[[Any], None]) -> None:
    """Cancel a goal and give it the time to end, so that what runs next does not collide with it."""
    handle.cancel_goal_async()
    if _ends_within(finished, GRACE) and finished.exception() is None:
        on_cancelled(finished.result().result)


def _ends_within(future: Future, seconds: float) -> bool:
    """Return whether the future is done after at most so many wall-clock seconds."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    return done.wait(seconds)
