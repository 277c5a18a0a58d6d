"""An action client that is created while its node is being spun."""

from __future__ import annotations

import threading
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
actions = pytest.importorskip('vlm_robot_interfaces.action', reason='vlm_robot_interfaces is not built')

from rclpy.executors import SingleThreadedExecutor  # noqa: E402

from vlm_robot.nodes.action_client import ActionClient  # noqa: E402

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(60)]


def test_an_executor_that_sees_a_half_made_client_goes_on(monkeypatch):
    """The gap between ``add_waitable`` and the rest of rclpy's constructor is held open while the executor turns."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=96)
    node = rclpy.create_node('half_made', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    closing, turns, faults = threading.Event(), [], []

    def spin():
        try:
            while not closing.is_set():
                executor.spin_once(timeout_sec=0.01)
                turns.append(1)
        except Exception as fault:  # what ends an executor is what the test is about
            faults.append(fault)

    add = node.add_waitable

    def add_slowly(waitable):
        add(waitable)
        time.sleep(0.5)

    monkeypatch.setattr(node, 'add_waitable', add_slowly)
    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        before = len(turns)
        ActionClient(node, actions.ExecuteTask, 'execute_task')
        assert not faults and thread.is_alive() and len(turns) > before + 3
    finally:
        closing.set()
        thread.join(5)
        executor.shutdown()
        context.try_shutdown()
