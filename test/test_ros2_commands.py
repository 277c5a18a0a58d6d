"""The graph that ``ros2 launch`` starts, in the hands of the ``ros2`` command line and of nothing else."""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import signal
import subprocess
import time

import pytest

ROS2 = shutil.which('ros2')
pytestmark = pytest.mark.timeout(1800)
if ROS2 is None:
    pytest.skip('no ros2 command: its packages are in no package registry', allow_module_level=True)

pytest.importorskip('ament_index_python', reason='ROS 2 is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from ament_index_python.packages import get_package_share_directory, PackageNotFoundError  # noqa: E402

try:
    SHARE = Path(get_package_share_directory('vlm_robot'))
except PackageNotFoundError:
    pytest.skip('vlm_robot is not installed by colcon, so ros2 launch does not find it', allow_module_level=True)

PATIENCE = 900.0  # wall-clock seconds for a graph to come up on a slow machine
TASK = '{sentence: put the red block in the green bowl}'
ENVIRONMENT = {
    **os.environ,
    'ROS_DOMAIN_ID': str(1 + os.getpid() % 100),
    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    'FASTDDS_DEFAULT_PROFILES_FILE': str(SHARE / 'config/fastdds_large_images.xml'),
    'RMW_FASTRTPS_USE_QOS_FROM_XML': '1',
}


def ros2(*words, timeout=300):
    """Run a ros2 command to its end; return its exit code and all that it wrote."""
    done = subprocess.run([ROS2, *words], env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout, check=False)
    return done.returncode, done.stdout + done.stderr


def wait_for(words, *command):
    deadline, text = time.monotonic() + PATIENCE, ''
    while time.monotonic() < deadline:
        text = ros2(*command)[1]
        if words in text:
            return text
        time.sleep(1.0)
    raise AssertionError(f"'{words}' does not come from {command}; the last was: {text}")


@pytest.fixture(scope='module', autouse=True)
def launched(tmp_path_factory):
    """Launch the robot in the simulator; end it as Ctrl-C does."""
    log = tmp_path_factory.mktemp('launch') / 'launch.log'
    with log.open('wb') as out:
        command = [ROS2, 'launch', 'vlm_robot', 'bringup.launch.py', 'seed:=11']
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=out, stderr=out, start_new_session=True)
    try:
        for node in ('/detector', '/planner'):
            wait_for('active [3]', 'lifecycle', 'get', node)
        yield log
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        ros2('daemon', 'stop')


def test_topics_are_listed_and_echoed():
    text = wait_for('/detections', 'topic', 'list', '-t')
    for line in ('/front/image [sensor_msgs/msg/Image]', '/scene [vlm_robot_interfaces/msg/Scene]', '/clock'):
        assert line in text
    code, text = ros2('topic', 'echo', '/tcp_pose', '--once')
    assert code == 0 and 'frame_id: base' in text


def test_parameters_are_told_changed_and_refused():
    assert 'Double value is: -1.0' in ros2('param', 'get', '/detector', 'model.threshold')[1]
    assert 'successful' in ros2('param', 'set', '/detector', 'rate', '5.0')[1].lower()
    text = ros2('param', 'set', '/detector', 'model.model', 'another')[1]
    assert 'cleanup' in text
    assert 'allowed' in ros2('param', 'set', '/detector', 'model.threshold', '7.0')[1]
    assert 'least score' in ros2('param', 'describe', '/detector', 'model.threshold')[1]


def test_a_node_goes_to_rest_and_wakes_by_hand():
    for transition, state in (('deactivate', 'inactive [2]'), ('activate', 'active [3]')):
        assert 'Transitioning successful' in ros2('lifecycle', 'set', '/detector', transition)[1]
        assert state in ros2('lifecycle', 'get', '/detector')[1]


def test_a_sentence_moves_the_arm():
    before = ros2('topic', 'echo', '/tcp_pose', '--once', '--field', 'pose.position')[1]
    command = ('action', 'send_goal', '/execute_task', 'vlm_robot_interfaces/action/ExecuteTask', TASK)
    code, text = ros2(*command, '--feedback', timeout=900)
    assert 'Goal accepted' in text and 'Goal finished with status: SUCCEEDED' in text, text
    assert 'status: done' in text and 'skill: pick' in text and 'skill: place' in text
    assert before and code == 0
