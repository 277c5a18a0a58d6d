"""rclpy's action client: safe to create while its node is spun, room for many goals, nothing kept of past ones."""

from __future__ import annotations

import threading

import rclpy.action
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

# Services of ROS keep 10 messages: of 100 goals that come at once the others are lost, and their senders wait for ever.
MANY = {
    f'{service}_service_qos_profile': QoSProfile(
        depth=256, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE
    )
    for service in ('goal', 'result', 'cancel')
}  # for clients and servers of actions that several people may use


class ActionClient(rclpy.action.ActionClient):
    """
    The same client, whose lock is there before an executor can see it.

    rclpy's own constructor hands the client to the node (``add_waitable``) and makes its lock two lines later
    (rclpy/action/client.py). An executor on another thread that builds its wait set in between ends with
    "'ActionClient' object has no attribute '_lock'", and its node with it: rare, but on a busy machine it happens to
    nodes that connect when they are configured.
    """

    def __init__(self, *args, **kwargs):
        """Take what rclpy's client takes; the services of the action keep MANY messages."""
        self._lock = threading.Lock()
        super().__init__(*args, **{**MANY, **kwargs})

    def send_goal_async(self, *args, **kwargs):
        """
        Send a goal as rclpy does, and let go of the future that it forgets.

        rclpy makes two futures for each goal and keeps the first, which nobody completes, for ever: 0.4 KB, and one
        more for the executor to look at in each of its turns (rclpy/action/client.py of 9.1).
        """
        future = super().send_goal_async(*args, **kwargs)
        with self._lock:
            pending = list(self._pending_goal_requests.values())
            pending += [*self._pending_cancel_requests.values(), *self._pending_result_requests.values()]
            for other in list(self._futures):
                if not other.done() and other not in pending:
                    self.remove_future(other)
        return future
