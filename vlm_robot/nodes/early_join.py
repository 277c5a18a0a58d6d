"""
Joins the DDS domain before a node is there: processes find each other while it still imports what it needs.

A node that was killed and started again saw its first picture 0.7 to 2.9 s after it had subscribed, because discovery
began only then; joined before torch is imported, 0.1 to 0.9 s (detector, 2 cores). ROS 2 has one DDS participant per
context, made with its first node and gone with its last: an empty node keeps it until the real one is there. Its name
begins with '_', which hides it from ``ros2 node list``.
"""

from __future__ import annotations

import os
import signal

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from vlm_robot.nodes import heap

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_placeholders: list[Node] = []


def join() -> None:
    """Begin the default context, join its domain, and end with exit code 0 on a signal until a node is there."""
    heap.limit_heaps()  # before the middleware begins threads
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    options = {'use_global_arguments': False, 'enable_rosout': False, 'start_parameter_services': False}
    _placeholders.append(rclpy.create_node(f'_starting_{os.getpid()}', **options))
    for number in SIGNALS:
        signal.signal(number, lambda *_: _leave())


def hand_over() -> None:
    """Take the placeholder away; the participant lives on with the node that is there now."""
    while _placeholders:
        _placeholders.pop().destroy_node()


def _leave() -> None:
    hand_over()  # else its shared memory stays in /dev/shm
    rclpy.try_shutdown()
    os._exit(0)
