"""A node's process from its first breath: in the domain while it still imports, gone without a trace at Ctrl-C."""

from __future__ import annotations

from pathlib import Path
import runpy
import signal
import subprocess
import sys

import pytest
import setuptools

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot.nodes.graph import Graph, GraphConfig  # noqa: E402
from vlm_robot.nodes.participant import Participant  # noqa: E402
from vlm_robot.nodes.witness import wait_until  # noqa: E402
from vlm_robot.resources import find  # noqa: E402

pytestmark = pytest.mark.timeout(180)
DOMAIN = 96


def start(*words):
    """Start a node in a private domain as the graph does."""
    environment = Graph(GraphConfig(Path('unused'), domain=DOMAIN)).environment()
    command = [sys.executable, '-m', 'vlm_robot.nodes.starter', *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def witness():
    """Give a node in the same domain."""
    with Participant('onlooker', DOMAIN) as made:
        yield made.node


def list_segments():
    folder = Path('/dev/shm')  # where Fast DDS keeps shared memory
    return {path.name for path in folder.glob('fastrtps_*') if not path.name.startswith('fastrtps_port')}


def test_a_node_is_in_the_domain_while_it_imports_and_leaves_it_at_ctrl_c(witness):
    before = list_segments()
    process = start('detector_node')
    assert wait_until(lambda: f'_starting_{process.pid}' in witness.get_node_names(), 60.0)
    assert 'detector' not in witness.get_node_names()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[0]
    assert process.returncode == 0, said
    assert 'Traceback' not in said
    assert not list_segments() - before


def test_what_keeps_the_place_goes_when_the_node_is_there(witness):
    process = start('scene_node')
    try:
        assert wait_until(lambda: 'scene' in witness.get_node_names(), 60.0)
        assert wait_until(lambda: f'_starting_{process.pid}' not in witness.get_node_names(), 10.0)
        assert 'scene' in witness.get_node_names()
    finally:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[0]
    assert process.returncode == 0, said


@pytest.mark.parametrize('words', [(), ('sight_node',), ('os',), ('../detector_node',)])
def test_what_is_no_node_is_refused_with_those_that_are(words):
    process = start(*words)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert 'detector_node, grounder_node' in said and 'sight_node,' not in said.partition('known')[2]


def test_every_executable_of_the_package_is_a_node_that_starts(monkeypatch):
    told = {}
    monkeypatch.setattr(setuptools, 'setup', lambda **words: told.update(words))
    root = find('config').parent
    if not (root / 'setup.py').is_file():
        pytest.skip('the sources are not here, so there is no setup.py to read')
    monkeypatch.chdir(root)
    runpy.run_path('setup.py')
    scripts = dict(line.split(' = ') for line in told['entry_points']['console_scripts'])
    nodes = {name for name in scripts if name.endswith('_node')}
    files = {path.stem for path in (root / 'vlm_robot/nodes').glob('*_node.py')}
    assert nodes == files - {'sight_node'}
    assert {scripts[name] for name in nodes} == {'vlm_robot.nodes.starter:main'}
