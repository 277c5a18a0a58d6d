"""
A node beside the graph, in a ROS context and a thread of its own: what benches listen and speak with.

Several of them live in one process without sharing anything, so that what is broken on purpose in one leaves the
others whole. One process may not use a topic under two types, two contexts may.
"""

from __future__ import annotations

import threading
import uuid

import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup

from vlm_robot.nodes import lifespan
from vlm_robot.nodes.pool_executor import MultiThreadedExecutor


class Participant:
    """A spinning node; a context manager. Names are relative to the root namespace."""

    def __init__(self, name: str, domain: int, threads: int = 2):
        """Join the domain; nothing spins before ``start``."""
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain, signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self.node = rclpy.create_node(f'{name}_{uuid.uuid4().hex[:6]}', context=self.context)
        self.group = ReentrantCallbackGroup()
        self._closing = threading.Event()
        self._executor = MultiThreadedExecutor(num_threads=threads, context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def start(self) -> None:
        """Begin to spin; connect everything first."""
        self._thread.start()

    def __enter__(self) -> Participant:
        """Begin to spin."""
        self.start()
        return self

    def __exit__(self, *_) -> None:
        """Leave the domain."""
        self.close()

    def close(self) -> None:
        """Leave the domain; a second call does nothing."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        lifespan.leave_domain(self.node)

    def _spin(self) -> None:
        lifespan.spin_until(self._closing, self._executor, self.node)
