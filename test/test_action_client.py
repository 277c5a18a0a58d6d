"""An action client that is created while its node is being spun, and what it keeps of goals that have ended."""

from __future__ import annotations

import threading
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
actions = pytest.importorskip('vlm_robot_interfaces.action', reason='vlm_robot_interfaces is not built')

from rclpy.action import ActionServer  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402

from vlm_robot.nodes.action_client import ActionClient, MANY  # noqa: E402

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


def test_nothing_is_kept_of_goals_that_have_ended():
    """rclpy's own client keeps a future of each goal, and looks at all of them whenever its executor turns."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=96)
    node = rclpy.create_node('many_goals', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def end_at_once(goal):
        goal.succeed()
        return actions.ExecuteTask.Result()

    server = ActionServer(node, actions.ExecuteTask, 'execute_task', end_at_once, **MANY)
    client = ActionClient(node, actions.ExecuteTask, 'execute_task')

    def wait(future):
        executor.spin_until_future_complete(future, 10.0)
        return future.result()

    try:
        assert client.wait_for_server(10.0)
        assert wait(wait(client.send_goal_async(actions.ExecuteTask.Goal())).get_result_async()).status == 4
        first, second = (client.send_goal_async(actions.ExecuteTask.Goal()) for _ in range(2))  # both are under way
        for future in (first, second, *(client.send_goal_async(actions.ExecuteTask.Goal()) for _ in range(10))):
            assert wait(wait(future).get_result_async()).status == 4
        assert len(client._futures) <= 1  # what the executor looks at in each turn; the last may be on its way out
    finally:
        server.destroy()
        executor.shutdown()
        context.try_shutdown()
