"""A task of the real graph is recorded, then given to the nodes again without simulator: all must be the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot.datatypes import Detection
from vlm_robot.errors import ConfigError
from vlm_robot.nodes import conversions
from vlm_robot.nodes.graph import Graph, GraphConfig, NODES
from vlm_robot.nodes.recorder_node import RecorderNodeConfig
from vlm_robot.nodes.replay import PATIENT
from vlm_robot.nodes.replay_comparison import compare_detections, Comparison
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot_interfaces.msg import DetectionArray

# lark, which rclpy's type descriptions use, imports modules that Python 3.11 calls deprecated
pytestmark = [
    pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'),
    pytest.mark.timeout(2400),
]
SENTENCE = 'put the red block in the green bowl'


@pytest.fixture(scope='module')
def recording(tmp_path_factory):
    """Return the folder of a recorded task."""
    folder = tmp_path_factory.mktemp('recording')
    parameters = {
        'sim': {'scenario': 'blocks_and_bowls', 'seed': 5},
        'recorder': {'folder': str(folder / 'bag')},
        'planner': PATIENT,
    }
    graph = Graph(GraphConfig(folder / 'logs', (*NODES, 'recorder'), parameters=parameters))
    with graph, TaskClient(graph.domain) as client:
        graph.wait_until_ready(client, 1200.0)
        result = client.send(SENTENCE)
        assert result.status == 'done', result.reason
        codes = graph.stop()
    assert codes['recorder'] == 0
    return folder / 'bag'


def replay(bag, folder):
    """Run the replay as the command line does; return its exit code and its report."""
    command = [sys.executable, '-m', 'vlm_robot.nodes.replay', str(bag), '--logs', str(folder / 'logs')]
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(1 + os.getpid() % 100)}
    done = subprocess.run(
        [*command, '--json', str(folder / 'report.json')],
        capture_output=True,
        text=True,
        timeout=1200,
        env=environment,
        check=False,
    )
    report = folder / 'report.json'
    return done, json.loads(report.read_text()) if report.exists() else {}


def test_a_recorded_task_is_seen_and_planned_the_same_again(recording, tmp_path):
    done, report = replay(recording, tmp_path)
    assert done.returncode == 0, f'{done.stdout}\n{done.stderr}'
    assert report['same'] and report['detections'] == report['same_detections'] > 5
    assert report['scenes'] == report['same_scenes'] > 0
    [task] = report['tasks']
    assert (task['sentence'], task['status']) == (SENTENCE, 'done') and all(task['same'].values())


def test_what_is_no_recording_ends_in_one_sentence(tmp_path):
    done, report = replay(tmp_path / 'nothing', tmp_path)
    assert done.returncode == 1 and not report
    assert 'cannot read the recording' in done.stderr and 'Traceback' not in done.stderr


def test_differences_of_detections_are_named():
    def look(*found):
        return DetectionArray(detections=[conversions.to_detection(item) for item in found])

    red, moved = Detection('red block', 0.9, (1, 2, 3, 4)), Detection('red block', 0.9, (1, 2, 3, 5))
    blue, unsure = Detection('blue block', 0.9, (1, 2, 3, 4)), Detection('red block', 0.8, (1, 2, 3, 4))
    assert not compare_detections(look(red, blue), look(blue, red))
    for other in (look(moved), look(blue), look(unsure), look(), look(red, red)):
        assert compare_detections(look(red), other)


def test_nothing_compared_is_not_the_same():
    assert not Comparison().is_same and Comparison(detections=1).is_same
    assert not Comparison(detections=1, differences=['x']).is_same


def test_topics_of_unknown_type_are_refused():
    with pytest.raises(ConfigError, match='odom'):
        RecorderNodeConfig(topics=('odom',))
