"""Goals and motions as a bystander hears of them, over real DDS."""

from __future__ import annotations

import os
import threading

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from rclpy.action import ActionServer, CancelResponse
from sensor_msgs.msg import JointState

from vlm_robot.nodes import conversions
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.goal_watch import GoalWatch
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.motion_watch import MotionWatch
from vlm_robot.nodes.participant import Participant
from vlm_robot_interfaces.action import ExecuteSkill

pytestmark = pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning')
ACTION = f'bystander_{os.getpid()}'
TIMEOUT = 60.0


@pytest.fixture(scope='module')
def domain():
    return int(os.environ.get('ROS_DOMAIN_ID') or 77)


def test_a_goal_is_open_until_it_ends_and_its_time_is_known(domain):
    release = threading.Event()

    def execute(handle):
        release.wait(TIMEOUT)
        handle.succeed()
        return ExecuteSkill.Result(success=True)

    server, bystander = Participant('server', domain, threads=3), Participant('bystander', domain)
    try:
        ActionServer(server.node, ExecuteSkill, ACTION, execute, callback_group=server.group,
                     cancel_callback=lambda handle: CancelResponse.ACCEPT)  # fmt: skip
        client = ActionClient(bystander.node, ExecuteSkill, ACTION, callback_group=bystander.group)
        watch = GoalWatch(bystander.node, (ACTION,))
        server.start()
        bystander.start()
        assert client.wait_for_server(TIMEOUT)
        assert watch.count_open() == 0
        sent = client.send_goal_async(ExecuteSkill.Goal())
        assert watch.wait_for(watch.count_open, TIMEOUT)
        assert watch.list_open() == {ACTION: 1}
        heard = watch.first_since(ACTION, 0.0)
        assert heard is not None
        assert watch.first_since(ACTION, heard) is None
        release.set()
        assert watch.wait_for(lambda: not watch.count_open(), TIMEOUT)
        assert sent.done()
    finally:
        release.set()
        bystander.close()
        server.close()


def test_motion_and_rest_are_read_from_the_speeds_of_the_joints(domain):
    with Participant('mover', domain) as mover:
        topic = mover.node.create_publisher(JointState, f'{ACTION}/joint_states', reliable_qos(50))
        bystander = Participant('bystander', domain)
        watch = MotionWatch(bystander.node, f'{ACTION}/joint_states')
        bystander.start()

        def tell(stamp, arm, finger=0.0):
            names, zeros = ['panda_joint1', 'finger_joint1'], [0.0, 0.0]
            topic.publish(conversions.to_joint_state(names, zeros, stamp, [-arm, finger]))

        try:
            stamp = 0.0
            while watch.now == 0.0:  # until the two have found each other
                stamp += 0.001
                tell(stamp, 0.0)
                threading.Event().wait(0.02)
            assert not watch.is_moving()
            for number in range(1, 11):
                tell(stamp + number, 1.0 if number < 6 else 0.0)
            watch.wait_until(stamp + 10, TIMEOUT)
            assert not watch.is_moving()
            assert watch.rest_after(stamp + 2) == pytest.approx(4.0)  # it moved until 5, and rests from 6 on
            tell(stamp + 11, 0.5)
            assert watch.wait_until_moving(TIMEOUT)
            assert watch.rest_after(stamp + 2) == float('inf')
        finally:
            bystander.close()
