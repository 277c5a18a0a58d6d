"""rclpy's action client, safe to create while its node is already being spun, and room for many goals at once."""

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
