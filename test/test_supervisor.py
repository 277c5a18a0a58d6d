"""The supervisor and managed nodes in separate processes: up, resting, down by force, up again."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import SetBool

from vlm_robot.errors import ConfigError
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.supervisor_node import SupervisorNodeConfig

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(300)]
DOMAIN = 101 + os.getpid() % 100
ENVIRONMENT = {**os.environ, 'ROS_DOMAIN_ID': str(DOMAIN), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
WARD = """
import sys, rclpy
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

class Ward(LifecycleNode):
    refusals = int(sys.argv[2])
    def on_configure(self, state):
        self.refusals -= 1
        return TransitionCallbackReturn.FAILURE if self.refusals >= 0 else TransitionCallbackReturn.SUCCESS

rclpy.init()
rclpy.spin(Ward(sys.argv[1]))
"""


def start(*command):
    return subprocess.Popen([sys.executable, *command], env=ENVIRONMENT, stdout=subprocess.DEVNULL)


class Watcher:
    """Listens to the diagnostics of the supervisor."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.node = rclpy.create_node('watcher', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.told, self.heard = {}, 0
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self.hear, reliable_qos(20))
        self.client = self.node.create_client(SetBool, 'supervisor/set_active')

    def hear(self, message):
        self.heard += 1
        for status in message.status:
            self.told[status.name.removeprefix('supervisor: ')] = (
                status.message,
                {item.key: int(item.value) for item in status.values},
            )

    def wait(self, is_true, timeout=60.0):
        deadline = time.monotonic() + timeout
        while not is_true():
            assert time.monotonic() < deadline, f'the supervisor tells {self.told}'
            self.executor.spin_once(timeout_sec=0.1)

    def wait_for(self, name, state):
        self.wait(lambda: self.told.get(name, ('',))[0] == state)

    def change(self, name, transition):
        client = self.node.create_client(ChangeState, f'{name}/change_state')
        assert client.wait_for_service(30.0)
        future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        self.wait(future.done)
        assert future.result().success

    def set_active(self, value):
        assert self.client.wait_for_service(30.0)
        future = self.client.call_async(SetBool.Request(data=value))
        self.wait(future.done)
        assert future.result().success


@pytest.fixture
def watcher():
    watcher = Watcher()
    yield watcher
    watcher.context.try_shutdown()


def test_nodes_are_brought_up_put_to_rest_and_brought_up_again_after_a_crash(watcher):
    options = ['-p', 'nodes:=[willing]', '-p', 'where_present:=[shy,never]', '-p', 'first_pause:=0.2']
    processes = [
        start('-m', 'vlm_robot.nodes.supervisor_node', '--ros-args', *options, '-p', 'period:=0.1'),
        start('-c', WARD, 'shy', '2'),
    ]
    try:
        watcher.wait_for('willing', 'absent')
        watcher.wait_for('shy', 'active')  # after two refusals
        processes.append(start('-c', WARD, 'willing', '0'))
        watcher.wait_for('willing', 'active')
        watcher.set_active(False)
        watcher.wait_for('shy', 'inactive')
        watcher.wait_for('willing', 'inactive')
        watcher.set_active(True)
        watcher.wait_for('willing', 'active')
        watcher.change('willing', Transition.TRANSITION_DEACTIVATE)
        watcher.wait(lambda: watcher.told['willing'][1]['put to rest by others'] == 1)
        heard = watcher.heard
        watcher.wait(lambda: watcher.heard > heard + 3)
        assert watcher.told['willing'][0] == 'inactive', 'who is put to rest by hand is left alone'
        watcher.change('willing', Transition.TRANSITION_ACTIVATE)
        watcher.wait(lambda: watcher.told['willing'][1]['put to rest by others'] == 0)
        watcher.wait_for('willing', 'active')
        heard = watcher.heard
        watcher.wait(lambda: watcher.heard > heard + 2)
        assert watcher.told['willing'][1]['failed transitions'] == 0, 'nobody activates what is being activated'
        assert 'never' not in watcher.told
        processes[-1].kill()
        processes[-1].wait()
        watcher.wait_for('willing', 'absent')
        processes.append(start('-c', WARD, 'willing', '0'))
        watcher.wait_for('willing', 'active')
        assert watcher.told['willing'][1]['came back'] >= 1
        watcher.wait_for('shy', 'active')
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.parametrize('change', [{'period': 0.0}, {'transition_timeout': -1.0}, {'longest_pause': 0.5}])
def test_impatience_without_end_is_refused(change):
    with pytest.raises(ConfigError):
        SupervisorNodeConfig(**change)
