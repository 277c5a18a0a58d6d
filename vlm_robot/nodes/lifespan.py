"""
How a node's process begins and ends: one executor, text instead of tracebacks, exit code 0 after Ctrl-C.

Signals only set a flag, and the ROS context lives until the node has closed: a skill node that is interrupted
can still stop the arm. A lifecycle node brings itself up unless its parameter ``autostart`` is false, because
then somebody manages it; while it loads it already answers, so that whoever asks learns why it must wait.
"""

from __future__ import annotations

from collections.abc import Callable
import faulthandler
import os
from pathlib import Path
import signal
import sys
import threading
import time
import traceback
from typing import NoReturn

import rclpy
from rclpy.action import ActionClient, ActionServer
import rclpy.executors
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from vlm_robot.errors import ModelError, VlmRobotError
from vlm_robot.nodes import dds_ports, early_join, heap
from vlm_robot.nodes.early_join import SIGNALS
from vlm_robot.nodes.parameters import read_state
from vlm_robot.nodes.pool_executor import MultiThreadedExecutor

NODE_OPTIONS = {'automatically_declare_parameters_from_overrides': True}  # so that misspelt ones can be refused
STARTED_BY = os.getppid()
PARENT = 'VLM_ROBOT_PARENT'  # environment variable: the process id without which a node ends; absent: none
CLOSE_TIMEOUT = 6.0  # seconds for a node to close
END_TIMEOUT = 18.0  # seconds from the signal to the end of the process, whatever hangs
SWITCH_INTERVAL = 0.0005  # seconds after which a busy thread lets a waiting one run; Python's own 0.005 made a cancel
# wait behind the simulator's steps: p99 from the message to rest fell from 0.37 to 0.15 s (bench latency, 2 cores)
PATIENCE = 1.0  # seconds for what still runs at the end; a model that is being loaded is not waited for
PERIOD = 0.1  # seconds between two looks at the flag while nothing happens
TOLD_AGAIN = 5.0  # seconds between two lines about messages that could not be used
PACKAGE = Path(__file__).resolve().parent.parent
EARS_PERIOD = 1.0  # seconds between two looks at the ports
REBORN = 'VLM_ROBOT_REBORN'  # environment variable: how often this process has begun anew
MOST_REBIRTHS = 3


def run(build: Callable[[], Node], threads: int = 4, args: list[str] | None = None, is_quick: bool = False) -> int:
    """
    Build a node, spin it until somebody stops it, and return the exit code of the process.

    ``node.close()`` is called at the end where the node has one: it must make every blocked callback return.

    :param build: makes the node; what it raises as VlmRobotError is printed as one line, exit code 1.
    :param is_quick: the node stands between a cancel and the arm, and must hear of it at once.
    """
    name, code, node = 'vlm_robot', 0, None
    try:
        heap.limit_heaps()
        if is_quick:
            sys.setswitchinterval(SWITCH_INTERVAL)
        for number in SIGNALS:
            signal.signal(number, signal.default_int_handler)  # also while a model loads
        if not rclpy.ok():  # starter.py has joined already
            rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = build()
        early_join.hand_over()
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
        early_join.hand_over()
        if node is not None:
            leave_domain(node)
        rclpy.try_shutdown()  # where not even the node could be made
    return code


def destroy(node: Node) -> None:
    """
    Take a node apart with what ``destroy_node`` forgets: actions and the lifecycle's own topics.

    While one of them lives so does the DDS participant, and the 16 MB of shared memory that Fast DDS has made for it
    stay in /dev/shm after the process has ended.
    """
    for waitable in list(node.waitables):
        if isinstance(waitable, (ActionServer, ActionClient)):
            waitable.destroy()
    if isinstance(node, LifecycleNode):
        node._state_machine.destroy_when_not_in_use()
    node.destroy_node()


def leave_domain(node: Node) -> None:
    """Take a node apart and end its context; a second call does nothing. Nothing may spin it any more."""
    if node.context.ok():
        destroy(node)
        node.context.try_shutdown()


def leave(code: int) -> NoReturn:
    """End the process at once; taking torch apart costs seconds in which whoever waits loses patience."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def spin(node: Node, threads: int) -> None:
    """
    Bring the node up and spin until a signal comes or its parent is gone, then close it while its callbacks still run.

    :raises ModelError: it could not be brought up.
    """
    stop, failures = threading.Event(), []

    def start() -> None:
        try:
            bring_up(node)
            heap.settle()
        except VlmRobotError as error:
            failures.append(error)
        except Exception as error:  # of rclpy; a node that is neither up nor ended would be waited for without end
            failures.append(ModelError(f'could not be brought up: {type(error).__name__}: {error}'))
        if failures:
            stop.set()

    for number in SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    executor = MultiThreadedExecutor(num_threads=threads)
    executor.add_node(node)
    starting = threading.Thread(target=start, daemon=True)
    starting.start()
    ears, broom = Ears(), heap.Broom()
    while not stop.is_set() and rclpy.ok() and not is_orphan():
        _spin_once(executor, node)
        ears.check(node)
        broom.check()
    # A node that hangs now would be killed without a word: so it tells what hangs and ends with code 1.
    faulthandler.dump_traceback_later(END_TIMEOUT, exit=True)
    closing = threading.Thread(target=getattr(node, 'close', lambda: None), daemon=True)
    closing.start()
    deadline = time.monotonic() + CLOSE_TIMEOUT
    while closing.is_alive() and time.monotonic() < deadline:
        _spin_once(executor, node)
    starting.join(PATIENCE)
    ending = threading.Thread(target=executor.shutdown, daemon=True)  # waits for the callbacks that still run
    ending.start()
    ending.join(PATIENCE)
    if failures:
        raise failures[0]


class Ears:
    """Notices that no other process reaches this one any more (dds_ports.py), and begins it anew."""

    def __init__(self) -> None:
        """Nothing is lost yet."""
        self._lost: list[str] = []
        self._due = time.monotonic() + EARS_PERIOD

    def check(self, node: Node) -> None:
        """Look once in a while; what is lost at two looks in a row stays lost. May not return."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EARS_PERIOD
        before, self._lost = self._lost, dds_ports.find_lost_ports()
        count = int(os.environ.get(REBORN, '0'))
        if self._lost and self._lost == before and count < MOST_REBIRTHS:
            node.get_logger().error(f'others removed the port {self._lost[0]}, this node is deaf and begins anew')
            begin_anew(count + 1)


def begin_anew(count: int) -> NoReturn:
    """Replace this process by a fresh one with the same arguments and process id."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ[REBORN] = str(count)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    os.closerange(3, 65536)  # the locks of the old participant among them
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  its own command line


def _spin_once(executor: MultiThreadedExecutor, node: Node) -> None:
    """Serve what waits; what a callback could not bear is told, and does not end the node."""
    try:
        executor.spin_once(timeout_sec=PERIOD)
    except ExternalShutdownException:
        pass  # whoever spins asks whether the context lives
    except Exception as error:  # of a callback: one bad message must not take the robot's eyes or hands away
        if isinstance(error, VlmRobotError) or not _is_ours(error):
            what = f'{type(error).__name__}: {error}'
            node.get_logger().error(f'a message could not be used: {what}', throttle_duration_sec=TOLD_AGAIN)
        else:
            node.get_logger().error(f'a callback failed: {"".join(traceback.format_exception(error))}')


def _is_ours(error: BaseException) -> bool:
    """Return whether code of this package ran in the callback that failed; rclpy has callbacks too, as for /clock."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    begin = max((i for i, file in enumerate(files) if file == rclpy.executors.__file__), default=-1) + 1
    return any(Path(file).is_relative_to(PACKAGE) for file in files[begin:])


def is_orphan() -> bool:
    """Return whether the process that PARENT names, which started this node and would end it, is gone."""
    if PARENT not in os.environ:
        return False
    try:
        os.kill(int(os.environ[PARENT]), 0)  # asks only whether it is there
    except (ProcessLookupError, ValueError):
        return True
    except PermissionError:
        pass
    return os.getppid() != STARTED_BY  # where nobody has asked how it ended, it still seems to be there


def spin_until(closing: threading.Event, executor: MultiThreadedExecutor, node: Node) -> None:
    """Serve what waits, in a thread of whoever is beside the graph, until ``closing`` is set or the context ends."""
    while not closing.is_set() and node.context.ok():
        _spin_once(executor, node)


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
        if trigger() != TransitionCallbackReturn.SUCCESS and read_state(node) in (state, 'unconfigured', 'finalized'):
            raise ModelError(f'could not {name}; the line above says why')


def tell_name(node: Node) -> str:
    """Return the name of a node for messages that all robots share: with its namespace, without the first slash."""
    return node.get_fully_qualified_name().removeprefix('/')


def load_models(node: LifecycleNode, load: Callable[[], object]) -> TransitionCallbackReturn:
    """
    Load what a managed node needs, say how long it took, and return how configuring went; what fails is told.

    :param load: loads and returns what there is now, for the log.
    """

    def configure() -> TransitionCallbackReturn:
        begin = time.monotonic()
        loaded = load()
        heap.settle()
        node.get_logger().info(f'loaded {loaded} in {time.monotonic() - begin:.1f} s')
        return TransitionCallbackReturn.SUCCESS

    return tell_failure(node, 'load', configure)


def tell_failure(
    node: LifecycleNode, what: str, work: Callable[[], TransitionCallbackReturn]
) -> TransitionCallbackReturn:
    """Do the work of a transition and return how it went; what it raises is told: rclpy would swallow it unsaid."""
    try:
        return work()
    except VlmRobotError as error:
        node.get_logger().error(str(error))
    except Exception as error:  # of foreign code, such as no memory left
        node.get_logger().error(f'could not {what}: {"".join(traceback.format_exception(error))}')
    return TransitionCallbackReturn.FAILURE


def free_memory() -> None:
    """Give back what models held that nobody refers to any more, on the graphics card too."""
    heap.unsettle()
    torch = sys.modules.get('torch')  # a node without models does not load it
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
