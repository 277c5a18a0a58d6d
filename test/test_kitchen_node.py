"""The kitchen under ROS: real actions over DDS, driving with feedback, cancelling, refusing."""

from __future__ import annotations

import math
import threading
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
actions = pytest.importorskip('vlm_robot_interfaces.action', reason='vlm_robot_interfaces is not built')

from vlm_robot.kitchen_vocabulary import DOCKS  # noqa: E402
from vlm_robot.nodes.action_client import ActionClient  # noqa: E402
from vlm_robot.nodes.kitchen_node import KitchenNode  # noqa: E402
from vlm_robot.nodes.liveness import alive_qos  # noqa: E402
from vlm_robot.nodes.pool_executor import MultiThreadedExecutor  # noqa: E402
from vlm_robot_interfaces.msg import Scene  # noqa: E402

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(300)]
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6


@pytest.fixture(scope='module')
def kitchen():
    """Start the node and a client in one process; yield the client."""
    rclpy.init(domain_id=97)
    node, client = KitchenNode(), rclpy.create_node('kitchen_client')
    executor = MultiThreadedExecutor(6)
    executor.add_node(node)
    executor.add_node(client)
    threading.Thread(target=executor.spin, daemon=True).start()
    yield Client(client, node)
    node.close()
    executor.shutdown()
    rclpy.try_shutdown()


class Client:
    """Sends goals and listens."""

    def __init__(self, node, kitchen):
        self.scenes, self.left, self.agent = [], [], kitchen.agent
        self.waits_for_cancel = False
        self.agent.world.add_ticker(self._hold_time)
        node.create_subscription(Scene, 'scene', self.scenes.append, alive_qos(5, True))
        self.skills = ActionClient(node, actions.ExecuteSkill, 'execute_skill')
        self.drives = ActionClient(node, actions.NavigateTo, 'navigate_to')

    def do(self, skill, target='', destination=''):
        goal = actions.ExecuteSkill.Goal()
        goal.step.skill, goal.step.target, goal.step.destination = skill, target, destination
        return self.send(self.skills, goal)

    def drive(self, place='', pose=None, cancel=False):
        goal = actions.NavigateTo.Goal(place=place)
        if pose:
            goal.pose.pose.position.x, goal.pose.pose.position.y = pose
        return self.send(self.drives, goal, cancel)

    def send(self, client, goal, cancel=False):
        assert client.wait_for_server(20)
        self.waits_for_cancel = cancel
        sent = client.send_goal_async(goal, feedback_callback=self._note)
        handle = wait(sent)
        ended = handle.get_result_async()
        if cancel:
            handle.cancel_goal_async()
        end = wait(ended)
        self.waits_for_cancel = False
        return end.status, end.result

    def _hold_time(self):
        """Let simulated time stand still until the cancel has come: a fast machine must not arrive before it."""
        deadline = time.monotonic() + 60
        while self.waits_for_cancel and not self.agent.is_cancelled():
            assert time.monotonic() < deadline, 'the cancel did not come'
            time.sleep(0.005)

    def _note(self, message):
        self.left.append(getattr(message.feedback, 'distance_left', None))


def wait(future, timeout=120.0):
    deadline = time.monotonic() + timeout
    while not future.done():
        assert time.monotonic() < deadline, 'no answer'
        time.sleep(0.01)
    return future.result()


def test_a_thing_is_brought_by_action_goals(kitchen):
    for step in (('find', '7up can'), ('pick', '7up can'), ('bring', '7up can', 'user'), ('put_down', '7up can')):
        status, result = kitchen.do(*step)
        assert status == SUCCEEDED, result.reason
    deadline = time.monotonic() + 10
    while 'you: 7up can' not in kitchen.scenes[-1].text and time.monotonic() < deadline:
        time.sleep(0.05)
    assert 'you: 7up can' in kitchen.scenes[-1].text


def test_driving_tells_how_far_it_is_and_where_it_ended(kitchen):
    kitchen.left.clear()
    status, result = kitchen.drive('far counter')
    assert status == SUCCEEDED and result.success
    assert result.pose.pose.position.x == pytest.approx(DOCKS['far counter'][0], abs=0.02)
    assert kitchen.left[0] > kitchen.left[-1]
    assert kitchen.drive(pose=(0.5, 0.9))[1].success


def test_a_drive_can_be_cancelled_and_what_makes_no_sense_is_refused(kitchen):
    here = kitchen.agent.robot.base.pose()
    status, result = kitchen.drive(max(DOCKS, key=lambda place: math.dist(DOCKS[place], here)), cancel=True)
    assert status == CANCELED and result.cancelled
    for place, pose in (('moon', None), ('', (50.0, 0.0)), ('', (0.0, -0.1))):
        status, result = kitchen.drive(place, pose)
        assert status == ABORTED and result.reason
    assert kitchen.do('dance')[0] == ABORTED
