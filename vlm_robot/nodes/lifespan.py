"""
How a node's process begins and ends: one executor, text instead of tracebacks, exit code 0 after Ctrl-C.

Signals only set a flag, and the ROS context lives until the node has closed: a skill node that is interrupted
can still stop the arm. A lifecycle node brings itself up unless its parameter ``autostart`` is false, because
then somebody manages it; while it loads it already answers, so that whoever asks learns why it must wait.
"""

from __future__ import annotations

from collections.abc import Callable
import gc
import os
import signal
import sys
import threading
import time
import traceback
from typing import NoReturn

import rclpy
from rclpy.executors import MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from vlm_robot.errors import ModelError, VlmRobotError
from vlm_robot.nodes import heap
from vlm_robot.nodes.parameters import read_state

NODE_OPTIONS = {'automatically_declare_parameters_from_overrides': True}  # so that misspelt ones can be refused
SIGNALS = (signal.SIGINT, signal.SIGTERM)
CLOSE_TIMEOUT = 6.0  # seconds for a node to close
PERIOD = 0.1  # seconds between two looks at the flag while nothing happens


def run(build: Callable[[], Node], threads: int = 4, args: list[str] | None = None) -> int:
    """
    Build a node, spin it until somebody stops it, and return the exit code of the process.

    ``node.close()`` is called at the end where the node has one: it must make every blocked callback return.

    :param build: makes the node; what it raises as VlmRobotError is printed as one line, exit code 1.
    """
    name, code = 'vlm_robot', 0
    try:
        heap.limit_heaps()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, also while a model loads
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = build()
        name = node.get_name()
        spin(node, threads)
    except KeyboardInterrupt:
        pass
    except VlmRobotError as error:
        code = 1
        print(f'{name}: {error}', file=sys.stderr, flush=True)
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the tidying
        rclpy.try_shutdown()
    return code


def leave(code: int) -> NoReturn:
    """End the process at once; taking torch apart costs seconds in which whoever waits loses patience."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def spin(node: Node, threads: int) -> None:
    """
    Bring the node up and spin until a signal comes, then close it while its callbacks still run.

    :raises ModelError: it could not be brought up.
    """
    stop, failures = threading.Event(), []

    def start() -> None:
        try:
            bring_up(node)
        except VlmRobotError as error:
            failures.append(error)
            stop.set()

    for number in SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    executor = MultiThreadedExecutor(num_threads=threads)
    executor.add_node(node)
    threading.Thread(target=start, daemon=True).start()
    while not stop.is_set() and rclpy.ok():
        _spin_once(executor, node)
    closing = threading.Thread(target=getattr(node, 'close', lambda: None), daemon=True)
    closing.start()
    deadline = time.monotonic() + CLOSE_TIMEOUT
    while closing.is_alive() and time.monotonic() < deadline:
        _spin_once(executor, node)
    if failures:
        raise failures[0]


def _spin_once(executor: MultiThreadedExecutor, node: Node) -> None:
    """Serve what waits; what a callback could not bear is told, and does not end the node."""
    try:
        executor.spin_once(timeout_sec=PERIOD)
    except Exception as error:  # of a callback: one bad message must not take the robot's eyes or hands away
        node.get_logger().error(f'a callback failed: {"".join(traceback.format_exception(error))}')


def bring_up(node: Node) -> None:
    """
    Configure and activate a lifecycle node that nobody manages; leave any other node alone.

    :raises ModelError: a transition failed; the node has logged why.
    """
    if not isinstance(node, LifecycleNode) or not node.get_parameter('autostart').value:
        return
    ways = (('unconfigured', 'configure', node.trigger_configure), ('inactive', 'activate', node.trigger_activate))
    for state, name, trigger in ways:
        if read_state(node) != state:  # somebody manages it after all, and was quicker
            return
        if trigger() != TransitionCallbackReturn.SUCCESS and read_state(node) in (state, 'finalized'):
            raise ModelError(f'could not {name}; the line above says why')


def tell_name(node: Node) -> str:
    """Return the name of a node for messages that all robots share: with its namespace, without the first slash."""
    return node.get_fully_qualified_name().removeprefix('/')


def free_memory() -> None:
    """Give back what models held that nobody refers to any more, on the graphics card too."""
    gc.collect()
    heap.give_back()
    torch = sys.modules.get('torch')  # a node without models does not load it
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
