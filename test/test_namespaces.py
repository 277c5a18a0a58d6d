"""Every name of a robot lies in its namespace, its clock too, so that two robots in one graph do not meet."""

from __future__ import annotations

import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot.nodes.annotator_node import AnnotatorNode  # noqa: E402
from vlm_robot.nodes.describer_node import DescriberNode  # noqa: E402
from vlm_robot.nodes.detector_node import DetectorNode  # noqa: E402
from vlm_robot.nodes.graph import Graph, GraphConfig  # noqa: E402
from vlm_robot.nodes.grounder_node import GrounderNode  # noqa: E402
from vlm_robot.nodes.planner_node import PlannerNode  # noqa: E402
from vlm_robot.nodes.scene_node import SceneNode  # noqa: E402
from vlm_robot.nodes.segmenter_node import SegmenterNode  # noqa: E402
from vlm_robot.nodes.sim_node import SimNode  # noqa: E402
from vlm_robot.nodes.skill_node import SkillNode  # noqa: E402
from vlm_robot.nodes.supervisor_node import SupervisorNode  # noqa: E402

# lark, which rclpy's type descriptions use, imports modules that Python 3.11 calls deprecated
pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(300)]
NODES = (SimNode, DetectorNode, SceneNode, SkillNode, PlannerNode, AnnotatorNode, SegmenterNode, GrounderNode,
         DescriberNode, SupervisorNode)  # fmt: skip
SHARED = {'/rosout', '/parameter_events', '/diagnostics'}  # what ROS shares; messages there name their node


@pytest.fixture(scope='module')
def nodes(tmp_path_factory):
    """Make every node as ``./run up --namespace left`` does, in this process; nothing is loaded."""
    graph = Graph(GraphConfig(tmp_path_factory.mktemp('logs'), namespace='left', domain=103))
    remaps = [word for word in graph._arguments('scene') if ':=' in word and 'use_sim' not in word]
    rclpy.init(args=['--ros-args', *(part for word in remaps for part in ('-r', word))], domain_id=103)
    made = [kind() for kind in NODES]
    yield made
    for node in made:
        getattr(node, 'close', lambda: None)()
    rclpy.try_shutdown()


def test_all_names_lie_in_the_namespace(nodes):
    names = lambda: {name for name, _ in nodes[0].get_topic_names_and_types()}  # noqa: E731
    deadline = time.monotonic() + 60
    while not {'/left/clock', '/left/scene', '/left/plan'} <= names():
        assert time.monotonic() < deadline, f'still missing, there are {names()}'
        time.sleep(0.1)
    services = {name for name, _ in nodes[0].get_service_names_and_types()}
    foreign = {name for name in names() | services if not name.startswith('/left/')} - SHARED
    assert not foreign


def test_every_node_reads_the_clock_of_its_own_robot(nodes):
    for node in nodes[1:]:
        node.set_parameters([rclpy.parameter.Parameter('use_sim_time', value=True)])
    clocks = {node.get_name(): [s.topic_name for s in node.subscriptions if 'clock' in s.topic_name] for node in nodes}
    assert clocks.pop('sim') == []
    assert set(map(tuple, clocks.values())) == {('/left/clock',)}
