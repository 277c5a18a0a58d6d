"""The launch file: every argument described, the nodes of ``./run up``, and only parameters that the nodes know."""

from __future__ import annotations

import os
from pathlib import Path
import runpy

import pytest

pytest.importorskip('launch', reason='the package launch is not installed: it is in no package registry')
pytest.importorskip('launch_ros', reason='the package launch_ros is not installed: it is in no package registry')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

import ament_index_python.packages
from launch.actions import SetEnvironmentVariable
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

from launch import LaunchContext
from vlm_robot.nodes import (
    annotator_node,
    describer_node,
    detector_node,
    grounder_node,
    parameters,
    planner_node,
    recorder_node,
    scene_node,
    segmenter_node,
    sim_node,
    skill_node,
    supervisor_node,
)
from vlm_robot.nodes.graph import NODES, OWN_NAMES, SIGHT, WATCH
from vlm_robot.nodes.lifespan import PARENT
from vlm_robot.nodes.middleware import FROM_PROFILE

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {
    'annotator': annotator_node.AnnotatorNodeConfig,
    'describer': describer_node.DescriberNodeConfig,
    'detector': detector_node.DetectorNodeConfig,
    'grounder': grounder_node.GrounderNodeConfig,
    'planner': planner_node.PlannerNodeConfig,
    'recorder': recorder_node.RecorderNodeConfig,
    'scene': scene_node.SceneNodeConfig,
    'segmenter': segmenter_node.SegmenterNodeConfig,
    'sim': sim_node.SimNodeConfig,
    'skill': skill_node.SkillNodeConfig,
    'supervisor': supervisor_node.SupervisorNodeConfig,
}
ALL = {
    'sight': 'full', 'cameras': '[left, right]', 'detector_model': 'a/b', 'segmenter_model': 'c/d', 'robot': 'moveit',
    'language_model': 'e', 'language_server': 'http://127.0.0.1:9/v1', 'record': 'folder', 'rviz': 'true',
}  # fmt: skip


@pytest.fixture(scope='module')
def launch_file():
    """Return the names of the launch file, whose package need not be installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ament_index_python.packages, 'get_package_share_directory', lambda name: str(ROOT))
        return runpy.run_path(str(ROOT / 'launch/bringup.launch.py'))


def read_words(launch_file, **changes):
    return {name: default for name, default, *_ in launch_file['ARGUMENTS']} | changes


def start(launch_file, **changes):
    context = LaunchContext()
    context.launch_configurations.update(read_words(launch_file, **changes))
    return [action for action in launch_file['start_nodes'](context) if isinstance(action, Node)]


def name_of(action):
    return action.node_executable.removesuffix('_node')


def test_every_argument_is_declared_and_described(launch_file):
    declared = launch_file['generate_launch_description']().get_launch_arguments()
    assert [argument.name for argument in declared] == [name for name, *_ in launch_file['ARGUMENTS']]
    assert all(len(argument.description) > 10 for argument in declared)
    for argument in declared:
        assert not argument.choices or argument.default_value[0].text in argument.choices


@pytest.mark.parametrize('file', ['bringup', 'kitchen'])
def test_the_nodes_know_without_which_process_they_end(monkeypatch, file):
    monkeypatch.setattr(ament_index_python.packages, 'get_package_share_directory', lambda name: str(ROOT))
    description = runpy.run_path(str(ROOT / f'launch/{file}.launch.py'))['generate_launch_description']()
    found = [action for action in description.entities if isinstance(action, SetEnvironmentVariable)]
    context = LaunchContext()
    names = [perform_substitutions(context, action.name) for action in found]
    assert perform_substitutions(context, found[names.index(PARENT)].value) == str(os.getpid())


@pytest.mark.parametrize(
    ('profile', 'is_ours'),
    [(str(ROOT / 'config/fastdds_network.xml'), True), ('', False), ('elsewhere/fastdds_large_images.xml', False)],
)
def test_how_messages_are_kept_is_read_from_our_profiles_alone(launch_file, monkeypatch, profile, is_ours):
    monkeypatch.setenv(FROM_PROFILE, '')
    context = LaunchContext()  # its environment is that of this process
    context.launch_configurations['fastdds_profile'] = profile
    for action in launch_file['read_memory_from_profile'](context):
        action.visit(context)
    assert (context.environment.get(FROM_PROFILE) == '1') == is_ours


@pytest.mark.parametrize('sight', SIGHT)
def test_launch_starts_what_up_starts(launch_file, sight):
    assert {name_of(action) for action in start(launch_file, sight=sight)} == {*NODES, *SIGHT[sight], *WATCH}


def test_arguments_choose_the_nodes(launch_file):
    names = {name_of(action) for action in start(launch_file, sim='false', supervisor='false', record='here')}
    assert names == {*NODES, 'annotator', 'recorder'} - {'sim'}
    assert 'rviz2' in {action.node_executable for action in start(launch_file, rviz='true')}
    assert (ROOT / 'config/vlm_robot.rviz').is_file()


@pytest.mark.parametrize('changes', [{}, ALL, {'sim': 'false', 'autostart': 'false'}], ids=['default', 'all', 'real'])
def test_only_parameters_that_the_nodes_know_are_set(launch_file, changes):
    found = launch_file['collect_parameters'](read_words(launch_file, **changes))
    assert set(found) == set(CONFIGS)
    for name, values in found.items():
        values.pop('use_sim_time')
        if name == 'skill':  # its kinematics fit this adapter only with the topic of the tool's pose, or a Panda
            values.pop('robot.adapter', None)
        parameters.replace(CONFIGS[name](), values)


def test_arguments_reach_the_parameters(launch_file):
    found = launch_file['collect_parameters'](read_words(launch_file, **ALL))
    assert found['detector']['model.model'] == found['describer']['detector.model'] == 'a/b'
    assert found['planner']['language.backend'] == 'server' and found['planner']['language.server.model'] == 'e'
    assert found['annotator']['cameras'] == ['left', 'right']
    real = launch_file['collect_parameters'](read_words(launch_file, sim='false', autostart='false'))
    assert not any(values['use_sim_time'] for values in real.values())
    assert real['planner']['autostart'] is False
    assert found['scene']['use_sim_time'] and not found['sim']['use_sim_time']


def test_names_are_those_of_up_and_cameras_may_be_called_otherwise(launch_file):
    words = read_words(launch_file, camera_topics='front/image:=/camera/color/image_raw front/depth:=/camera/depth')
    remaps = launch_file['collect_remaps'](words)
    assert dict(remaps[:3]) == OWN_NAMES
    assert remaps[3:] == [('front/image', '/camera/color/image_raw'), ('front/depth', '/camera/depth')]
    with pytest.raises(ValueError, match='NAME:=TOPIC'):
        launch_file['collect_remaps'](read_words(launch_file, camera_topics='front/image=/camera'))
