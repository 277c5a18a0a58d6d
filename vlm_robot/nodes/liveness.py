"""
Whether the process behind a topic is alive, told by DDS itself: no heartbeat messages, no polling; and its QoS.

A publisher with ``alive_qos`` promises a sign of life every few seconds; its DDS threads keep the promise
while Python is busy, and break it when the process dies, even by SIGKILL. A ``LifeSign`` is the listening
side.
"""

from __future__ import annotations

from collections.abc import Callable
import time

from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import RCLError

LEASE = 2.0  # seconds; the writer's threads renew it at a fraction of that


def reliable_qos(depth: int = 5, latched: bool = False) -> QoSProfile:
    """Return reliable QoS; ``latched`` lets late subscribers get the last messages."""
    return QoSProfile(
        depth=depth,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def alive_qos(depth: int = 5, latched: bool = False) -> QoSProfile:
    """Return reliable QoS with the promise of a sign of life every LEASE seconds."""
    qos = reliable_qos(depth, latched)
    qos.liveliness = LivelinessPolicy.AUTOMATIC
    qos.liveliness_lease_duration = Duration(seconds=LEASE)
    return qos


def subscribe_for_a_while(node: Node, kind: type, topic: str, callback: Callable, qos: QoSProfile, group=None):
    """
    Return a subscription that may be destroyed while the node spins; ``group`` is its callback group.

    It has no event handlers: when one of those is destroyed while the executor collects what it waits for, rclpy
    (9.1.2 and before) raises InvalidHandle and the executor ends. The price is no warning about incompatible QoS.
    """
    events = SubscriptionEventCallbacks(use_default_callbacks=False)
    return node.create_subscription(kind, topic, callback, qos, callback_group=group, event_callbacks=events)


def publish(publisher: Publisher, message) -> None:
    """Publish; where the middleware cannot take a message in time, that message is lost, and nothing else."""
    try:
        publisher.publish(message)
    except RCLError as error:  # rmw_publish gives up after 0.1 s of waiting for a lock
        get_logger('vlm_robot').warning(f'{publisher.topic_name}: {error}', throttle_duration_sec=5.0)


class LifeSign:
    """Listens to a topic and knows whether a living process publishes it."""

    def __init__(self, node: Node, kind: type, topic: str, callback: Callable, *, latched=False, group=None):
        """Subscribe; ``callback`` gets every message."""
        self.topic = topic
        self.was_alive = False
        self.alive_count = 0
        self.newest = float('-inf')  # wall-clock seconds of the newest message
        self._callback = callback
        events = SubscriptionEventCallbacks(liveliness=self._on_liveliness)
        self.subscription = node.create_subscription(
            kind, topic, self._on_message, alive_qos(5, latched), callback_group=group, event_callbacks=events
        )

    @property
    def is_alive(self) -> bool:
        """Return whether a publisher keeps its promise now."""
        return self.alive_count > 0

    @property
    def silence(self) -> float:
        """Return the wall-clock seconds since the newest message; infinite before the first."""
        return time.monotonic() - self.newest

    def _on_message(self, message) -> None:
        self.newest = time.monotonic()
        self._callback(message)

    def _on_liveliness(self, event) -> None:
        self.alive_count = event.alive_count
        self.was_alive = self.was_alive or event.alive_count > 0
