"""The SROS 2 policies beside what every node really offers and uses; sockets; what the launch of a graph opens."""

from __future__ import annotations

import os
from pathlib import Path
import re
import subprocess
import sys
import time
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from rclpy.action import graph as actions  # noqa: E402

from vlm_robot.language.fake_server import FakeServer  # noqa: E402
from vlm_robot.language.server_link import ServerConfig  # noqa: E402
from vlm_robot.nodes.annotator_node import AnnotatorNode  # noqa: E402
from vlm_robot.nodes.describer_node import DescriberNode  # noqa: E402
from vlm_robot.nodes.detector_node import DetectorNode  # noqa: E402
from vlm_robot.nodes.graph import Graph, GraphConfig  # noqa: E402
from vlm_robot.nodes.grounder_node import GrounderNode  # noqa: E402
from vlm_robot.nodes.kitchen_node import KitchenNode  # noqa: E402
from vlm_robot.nodes.planner_node import PlannerNode  # noqa: E402
from vlm_robot.nodes.recorder_node import RecorderNode  # noqa: E402
from vlm_robot.nodes.scene_node import SceneNode  # noqa: E402
from vlm_robot.nodes.segmenter_node import SegmenterNode  # noqa: E402
from vlm_robot.nodes.sim_node import SimNode  # noqa: E402
from vlm_robot.nodes.skill_node import SkillNode  # noqa: E402
from vlm_robot.nodes.supervisor_node import SupervisorNode  # noqa: E402
from vlm_robot.resources import find  # noqa: E402

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(1800)]
BUILDERS = {
    'annotator': AnnotatorNode,
    'describer': DescriberNode,
    'detector': DetectorNode,
    'grounder': GrounderNode,
    'kitchen': KitchenNode,
    'planner': PlannerNode,
    'recorder': RecorderNode,
    'scene': SceneNode,
    'segmenter': SegmenterNode,
    'sim': SimNode,
    'skill': SkillNode,
    'supervisor': SupervisorNode,
}
CAMERA = re.compile(r'/(front|top)/')
# Allowed and not there from the beginning: what a node subscribes to while it is active, while somebody looks at what
# it draws, or where there is simulated time; what needs a package that is not everywhere.
LATER = {
    'annotator': {'/captions', '/detections', '/masks', '/scene', '/detections_2d', '/scene_markers'},
    'recorder': {'/detections', '/hand_state', '/joint_states', '/plan', '/planner_journal', '/scene',
                 '/scene_journal', '/step_records', '/tcp_pose', '/world_changed'},
    'sim': {'/tf', '/get_simulator_features', '/reset_simulation', '/step_simulation', '/get_simulation_state',
            '/set_simulation_state', '/get_entities', '/get_entities_states', '/get_entity_state', '/set_entity_state',
            '/sim/reset', '/sim/set_paused', '/sim/step'},
}  # fmt: skip
KINDS = ('publish', 'subscribe', 'reply', 'request', 'execute', 'call')


def read_policy(name):
    """Return what a policy allows: kind -> fully qualified names."""
    root = ElementTree.parse(find(f'config/sros2/{name}.policy.xml')).getroot()
    allowed = {kind: set() for kind in KINDS}
    for profile in root.iter('profile'):
        for group in profile:
            (kind, verdict) = next(iter(group.attrib.items()))
            assert verdict == 'ALLOW'
            allowed[kind] |= {qualify(item.text, profile.get('node')) for item in group}
    return allowed


def qualify(name, node):
    """Return a name of a policy as the node's graph tells it."""
    return f'/{node}{name[1:]}' if name[0] == '~' else name if name[0] == '/' else f'/{name}'


def introspect(node):
    """Return what a node offers and uses, in the kinds of a policy."""
    name = node.get_name()
    ask = {
        'publish': node.get_publisher_names_and_types_by_node,
        'subscribe': node.get_subscriber_names_and_types_by_node,
        'reply': node.get_service_names_and_types_by_node,
        'request': node.get_client_names_and_types_by_node,
    }
    used = {kind: {topic for topic, _ in get(name, '/') if '/_action/' not in topic} for kind, get in ask.items()}
    used['execute'] = {topic for topic, _ in actions.get_action_server_names_and_types_by_node(node, name, '/')}
    used['call'] = {topic for topic, _ in actions.get_action_client_names_and_types_by_node(node, name, '/')}
    return used


@pytest.fixture(scope='module')
def context(tmp_path_factory):
    """Return a context of its own domain in which nodes find their parameters."""
    folder = tmp_path_factory.mktemp('recording') / 'bag'
    rclpy.init(args=['--ros-args', '-p', f'recorder:folder:={folder}'], domain_id=102 + os.getpid() % 90)
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope='module')
def graph(context):
    """Return what every node offers and uses before it is activated."""
    found = {}
    for name, build in BUILDERS.items():
        node = build()
        try:
            deadline = time.monotonic() + 60
            while not (used := introspect(node))['reply'] and time.monotonic() < deadline:
                time.sleep(0.05)
            found[name] = used
        finally:
            getattr(node, 'close', lambda: None)()
            node.destroy_node()
    return found


def test_every_node_has_a_policy_and_an_enclave_of_its_own():
    files = {path.name.removesuffix('.policy.xml') for path in find('config/sros2').glob('*.policy.xml')}
    nodes = {path.stem.removesuffix('_node') for path in Path(find('config')).parent.glob('vlm_robot/nodes/*_node.py')}
    assert files == set(BUILDERS) == nodes - {'sight'}  # sight_node is what three others share
    for name in files:
        root = ElementTree.parse(find(f'config/sros2/{name}.policy.xml')).getroot()
        assert root.tag == 'policy' and [e.get('path') for e in root.iter('enclave')] == [f'/vlm_robot/{name}']
        assert [(p.get('ns'), p.get('node')) for p in root.iter('profile')] == [('/', name)]


def test_no_policy_allows_a_pattern():
    for name in BUILDERS:
        for names in read_policy(name).values():
            assert not any(set('*?[') & set(item) for item in names)


@pytest.mark.parametrize('name', sorted(BUILDERS))
def test_a_node_does_nothing_that_its_policy_forbids(graph, name):
    allowed = read_policy(name)
    for kind in KINDS:
        assert graph[name][kind] - allowed[kind] == set(), kind


@pytest.mark.parametrize('name', sorted(BUILDERS))
def test_a_policy_allows_nothing_that_its_node_does_not_need(graph, name):
    allowed, later = read_policy(name), {'/clock', *LATER.get(name, ())}
    for kind in KINDS:
        rest = {item for item in allowed[kind] - graph[name][kind] if not CAMERA.match(item)}
        assert rest - later == set(), kind


def test_what_moves_the_arm_is_called_by_the_skill_node_alone():
    callers = {
        action: {n for n in BUILDERS if action in read_policy(n)['call']} for action in ('/move_arm', '/move_gripper')
    }
    assert callers == {'/move_arm': {'skill'}, '/move_gripper': {'skill'}}
    assert {n for n in BUILDERS if '/execute_skill' in read_policy(n)['call']} == {'planner'}
    assert not any('/load_scenario' in read_policy(n)['request'] for n in BUILDERS)


SOCKETS = """
import os, re, rclpy
from std_msgs.msg import String
rclpy.init()
node = rclpy.create_node('listener')
node.create_subscription(String, 'words', print, 1)
node.create_publisher(String, 'words', 1)
paths = [f'/proc/self/fd/{name}' for name in os.listdir('/proc/self/fd')]
links = [os.readlink(path) for path in paths if os.path.islink(path)]
mine = {found[1] for link in links if (found := re.fullmatch(r'socket:\\[(\\d+)\\]', link))}
for kind in ('udp', 'udp6', 'tcp', 'tcp6'):
    if os.path.exists(f'/proc/net/{kind}'):
        for line in open(f'/proc/net/{kind}').read().splitlines()[1:]:
            words = line.split()
            if words[9] in mine:
                print('SOCKET', kind, *words[1].split(':'), words[3])
"""


@pytest.mark.skipif(not Path('/proc/net/udp').exists(), reason='no /proc/net to read sockets from')
def test_a_node_of_the_graph_listens_on_this_machine_alone(tmp_path, monkeypatch):
    for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'ROS_AUTOMATIC_DISCOVERY_RANGE'):
        monkeypatch.delenv(name, raising=False)
    environment = Graph(GraphConfig(tmp_path, domain=7)).environment()
    done = subprocess.run([sys.executable, '-c', SOCKETS], env=environment, capture_output=True, text=True, check=True)
    sockets = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith('SOCKET')]
    passing = int(Path('/proc/sys/net/ipv4/ip_local_port_range').read_text().split()[0])
    ports = {int(port, 16): address for kind, address, port, _ in sockets if kind.startswith('udp')}
    fixed = {port: address for port, address in ports.items() if port < passing}  # those of DDS; others only send
    assert fixed and all(address.endswith('7F') for address in fixed.values()), sockets
    assert not [
        line for line in sockets if line[0].startswith('tcp') and line[3] == '0A' and not line[1].endswith('7F')
    ]


def test_nothing_in_the_program_names_all_interfaces():
    root = find('config').parent
    files = [*root.glob('vlm_robot/**/*.py'), *root.glob('launch/*'), *root.glob('config/*'), root / 'run']
    assert not [str(path) for path in files if path.is_file() and '0.0.0.0' in path.read_text(errors='ignore')]


def test_the_language_server_is_on_this_machine_unless_somebody_says_otherwise():
    assert urlsplit(ServerConfig().url).hostname in ('localhost', '127.0.0.1', '::1')
    with FakeServer() as server:
        assert urlsplit(server.url).hostname == '127.0.0.1'
