"""
How a node's process begins and ends: one executor, text instead of tracebacks, exit code 0 after Ctrl-C.

A lifecycle node brings itself up unless its parameter ``autostart`` is false, because then somebody manages
it.
"""

from __future__ import annotations

from collections.abc import Callable
import signal
import sys

import rclpy
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node

from vlm_robot.errors import ModelError, VlmRobotError

NODE_OPTIONS = {
    'automatically_declare_parameters_from_overrides': True
}  # so that misspelt ones can be refused


def run(build: Callable[[], Node], threads: int = 4, args: list[str] | None = None) -> int:
    """
    Build a node, spin it until somebody stops it, and return the exit code of the process.

    ``node.close()`` is called at the end where the node has one: it must make every blocked callback return.

    :param build: makes the node; what it raises as VlmRobotError is printed as one line, exit code 1.
    """
    node, code = None, 0
    try:
        rclpy.init(args=args)
        node = build()
        executor = MultiThreadedExecutor(num_threads=threads)
        executor.add_node(node)
        bring_up(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except VlmRobotError as error:
        code = 1
        print(f'{node.get_name() if node else "vlm_robot"}: {error}', file=sys.stderr, flush=True)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the tidying
        if node is not None and hasattr(node, 'close'):
            node.close()
        rclpy.try_shutdown()
    return code


def bring_up(node: Node) -> None:
    """
    Configure and activate a lifecycle node that nobody manages; leave any other node alone.

    :raises ModelError: a transition failed; the node has logged why.
    """
    if not isinstance(node, LifecycleNode) or not node.get_parameter('autostart').value:
        return
    for name, trigger in (('configure', node.trigger_configure), ('activate', node.trigger_activate)):
        if trigger() != TransitionCallbackReturn.SUCCESS:
            raise ModelError(f'could not {name}; the line above says why')
