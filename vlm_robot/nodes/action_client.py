"""rclpy's action client, safe to create while its node is already being spun."""

from __future__ import annotations

import threading

import rclpy.action


class ActionClient(rclpy.action.ActionClient):
    """
    The same client, whose lock is there before an executor can see it.

    rclpy's own constructor hands the client to the node (``add_waitable``) and makes its lock two lines later
    (rclpy/action/client.py). An executor on another thread that builds its wait set in between ends with
    "'ActionClient' object has no attribute '_lock'", and its node with it: rare, but on a busy machine it happens to
    nodes that connect when they are configured.
    """

    def __init__(self, *args, **kwargs):
        """Take what rclpy's client takes."""
        self._lock = threading.Lock()
        super().__init__(*args, **kwargs)
