"""What stands between robot and nodes: hands on what comes, breaks what it is told to break, lets go when healed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.action', reason='vlm_robot_interfaces is not built')

from rclpy.action import ActionServer, CancelResponse
from rosgraph_msgs.msg import Clock

from vlm_robot.errors import MotionCancelled, MotionError
from vlm_robot.nodes import tampering
from vlm_robot.nodes.action_calls import call_action
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.arm_tamperer import ArmTamperer
from vlm_robot.nodes.disk_faults import limit_files
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.participant import Participant
from vlm_robot.nodes.tamperer import list_remaps, Tamperer
from vlm_robot.nodes.witness import wait_until
from vlm_robot_interfaces.action import MoveArm

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(300)]
DOMAIN = 101 + os.getpid() % 100
LONG = 120.0  # seconds, for machines that do other things


class Robot(Participant):
    """A clock and an arm under the names that the simulator has when it is remapped."""

    def __init__(self):
        super().__init__('robot', DOMAIN, threads=3)
        self.goals, self.cancelled = [], threading.Event()
        self.may_end = threading.Event()
        self.clock = self.node.create_publisher(Clock, '/raw/clock', reliable_qos(2))
        self.count = 0
        self.node.create_timer(0.05, self.tick)
        self.server = ActionServer(
            self.node,
            MoveArm,
            'raw/move_arm',
            self.move,
            callback_group=self.group,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )
        self.start()

    def tick(self):
        self.count += 1
        message = Clock()
        message.clock.sec = self.count
        self.clock.publish(message)

    def move(self, handle):
        self.goals.append(handle.request)
        while not (self.may_end.wait(0.01) or handle.is_cancel_requested):
            pass
        if handle.is_cancel_requested:
            self.cancelled.set()
            handle.canceled()
            return MoveArm.Result(cancelled=True, reason='halted')
        handle.succeed()
        return MoveArm.Result(success=True)


@pytest.fixture(scope='module')
def stage():
    """Yield robot, both tamperers, a client of the arm and the times that the clock tells behind them."""
    robot, tamperer, arm, user = Robot(), Tamperer(DOMAIN), ArmTamperer(DOMAIN), Participant('user', DOMAIN)
    times = []
    user.node.create_subscription(Clock, '/clock', lambda message: times.append(message.clock.sec), reliable_qos(5))
    client = ActionClient(user.node, MoveArm, 'move_arm', callback_group=user.group)
    for participant in (tamperer, arm, user):
        participant.start()
    yield robot, tamperer, arm, client, times
    for participant in (user, arm, tamperer, robot):
        participant.close()


@pytest.fixture(autouse=True)
def healed(stage):
    """Break nothing before and after a test."""
    robot, tamperer, arm, *_ = stage
    yield
    tamperer.tamper, arm.mode = tampering.leave, ''
    robot.may_end.clear()
    robot.cancelled.clear()
    robot.goals.clear()


def test_the_clock_goes_on_stops_jumps_and_goes_on(stage):
    _, tamperer, _, _, times = stage
    assert wait_until(lambda: len(times) > 2, LONG)
    tamperer.tamper = tampering.shift_stamps(3600.0, ('clock',))
    assert wait_until(lambda: times[-1] > 3600, LONG)
    tamperer.tamper = tampering.drop(('clock',))
    assert wait_until(lambda: not times.clear() and (time.sleep(0.3) or not times), LONG)
    tamperer.tamper = tampering.leave
    assert wait_until(lambda: times and times[-1] < 3600, LONG)


def move(client, check=lambda: None):
    return call_action(client, MoveArm.Goal(home=True), check, server_timeout=LONG)


def test_a_motion_reaches_the_robot_and_its_end_comes_back(stage):
    robot, _, _, client, _ = stage
    robot.may_end.set()
    assert move(client).success
    assert robot.goals[0].home


@pytest.mark.parametrize(('mode', 'word'), [('fail', 'fault'), ('refuse', 'did not take')])
def test_a_driver_that_fails_or_refuses_moves_nothing(stage, mode, word):
    robot, _, arm, client, _ = stage
    arm.mode = mode
    try:
        reason = move(client).reason
    except MotionError as error:
        reason = str(error)
    assert word in reason
    assert not robot.goals


def test_a_driver_that_lies_says_done_and_moves_nothing(stage):
    robot, _, arm, client, _ = stage
    arm.mode = 'lie'
    assert move(client).success
    assert not robot.goals


def test_a_blocked_motion_is_halted_in_truth_and_says_so(stage):
    robot, _, arm, client, _ = stage
    arm.mode = 'block'
    result = move(client)
    assert (result.success, result.blocked, result.cancelled) == (False, True, False)
    assert robot.cancelled.is_set()


@pytest.mark.parametrize('mode', ['', 'stick'])
def test_a_motion_can_be_cancelled_also_when_it_sticks(stage, mode):
    robot, _, arm, client, _ = stage
    arm.mode = mode

    def check():
        if mode or robot.goals:
            raise MotionCancelled('enough')

    with pytest.raises(MotionCancelled):
        move(client, check)
    if not mode:
        assert wait_until(robot.cancelled.is_set, LONG)


def test_remaps_lead_every_name_below_raw():
    remaps = list_remaps()
    assert remaps['/clock'] == '/raw/clock'
    assert all(new == f'raw/{old}' for old, new in remaps.items() if old != '/clock')
    assert 'move_arm/_action/send_goal' in remaps


WRITER = """
import sys
file = open(sys.argv[1], 'ab', buffering=0)
file.write(b'before')
for line in sys.stdin:
    try:
        file.write(line.encode())
        print(0, flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='prlimit is of Linux')
def test_a_full_disk_is_felt_by_one_process_and_can_be_taken_away(tmp_path):
    command = [sys.executable, '-c', WRITER, str(tmp_path / 'log')]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def write():
            process.stdin.write('more\n')
            process.stdin.flush()
            return int(process.stdout.readline())

        assert write() == 0
        limit_files(process.pid, 0)
        assert write() == errno.EFBIG
        limit_files(process.pid, -1)
        assert write() == 0
        process.stdin.close()
    assert (tmp_path / 'log').read_bytes() == b'beforemore\nmore\n'
