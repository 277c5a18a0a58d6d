"""
Start the robot: its nodes, more of them for full sight, and the simulator in place of a real robot.

Every argument is described by ``ros2 launch vlm_robot bringup.launch.py --show-args``. An argument that is left empty
leaves the parameter files of ``config/`` as they are. The Fast DDS profile is needed: without it 640x480 images get
lost between processes.
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, GroupAction, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, PushRosNamespace
import yaml

from launch import LaunchDescription

CONFIG = Path(get_package_share_directory('vlm_robot')) / 'config'
YES_NO = ['true', 'false']
# name, default, description, choices
ARGUMENTS = (
    ('sim', 'true', 'Simulate the robot; false on a real one.', YES_NO),
    ('profile', 'cpu', 'Models and devices: config/<profile>.yaml.', ['cpu', 'gpu', 'server']),
    ('sight', 'detector', 'full: masks, captions, descriptions and answers too.', ['detector', 'full']),
    ('namespace', '', 'Namespace of all nodes, of /clock and of /tf: several robots in one graph.', None),
    ('cameras', '', 'Names of the cameras as a YAML list; the parameter files say [front, top].', None),
    ('camera_topics', '', 'Where topics of cameras have other names: front/image:=/camera/color/image_raw ...', None),
    ('robot', '', 'Who moves the arm: sim, ros2_control or moveit; the skill parameter robot.adapter.', None),
    ('detector_model', '', 'Open-vocabulary detector: shipped, a folder, or a name of the Hugging Face hub.', None),
    ('segmenter_model', '', 'CLIPSeg checkpoint: shipped, a folder, or a name of the hub.', None),
    ('language_model', '', 'Causal language model: a folder or a name; or one that the language server has.', None),
    ('language_server', '', 'URL of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1.', None),
    ('scenario', 'blocks_and_bowls', 'Simulated table: a name or the path of a YAML file.', None),
    ('seed', '0', 'Seed of the simulated table, 0 or more.', None),
    ('real_time_factor', '2.0', 'Simulated seconds per second, as far as the machine can.', None),
    ('clock', 'clock', 'Topic of simulated time; /clock where one simulator drives several robots.', None),
    ('use_sim_time', '', 'Follow that topic; empty: as sim says.', ['', *YES_NO]),
    ('autostart', 'true', 'Managed nodes (sight, planner) bring themselves up.', YES_NO),
    ('supervisor', 'true', 'Watch the managed nodes and bring them up again.', YES_NO),
    ('respawn', 'true', 'Start again the processes that end.', YES_NO),
    ('params_file', '', 'YAML with ROS parameters over everything else.', None),
    ('record', '', 'Folder of a recording (rosbag2 with MCAP), made anew; empty: nothing is recorded.', None),
    ('rviz', 'false', 'Open RViz with config/vlm_robot.rviz.', YES_NO),
    ('fastdds_profile', str(CONFIG / 'fastdds_large_images.xml'), 'Fast DDS profile; empty for the defaults.', None),
    ('log_level', 'info', 'How much is logged.', ['debug', 'info', 'warn', 'error']),
)
SIGHT = ('segmenter', 'grounder', 'describer')
LOOKERS = ('detector', *SIGHT, 'annotator', 'recorder')  # nodes with the parameter cameras
MODELS = {  # argument -> the parameters that it sets
    'detector_model': ('detector/model.model', 'describer/detector.model'),
    'segmenter_model': ('segmenter/model.model', 'grounder/masks.model', 'detector/segmenter.model'),
    'language_model': ('planner/language.model', 'describer/language.model'),
    'language_server': ('planner/language.server.url', 'describer/language.server.url'),
    'robot': ('skill/robot.adapter',),
}


def collect_parameters(words):
    """Return node -> parameter -> value that the arguments (name -> text) set over the parameter files."""
    clock = yaml.safe_load(words['use_sim_time'] or words['sim'])
    names = ('sim', 'detector', 'scene', 'skill', 'planner', *SIGHT, 'recorder', 'annotator', 'supervisor')
    found = {name: {'use_sim_time': clock and name != 'sim'} for name in names}
    for name in ('detector', 'planner', *SIGHT):
        found[name]['autostart'] = words['autostart'] == 'true'
    for name in LOOKERS if words['cameras'] else ():
        found[name]['cameras'] = yaml.safe_load(words['cameras'])
    for argument, places in MODELS.items():
        for node, _, parameter in (place.partition('/') for place in places if words[argument]):
            found[node][parameter] = words[argument]
    for name in ('planner', 'describer') if words['language_server'] else ():
        found[name]['language.backend'] = 'server'
        found[name]['language.server.model'] = found[name].pop('language.model', '')
    found['sim'] |= {'scenario': words['scenario'], 'seed': int(words['seed'])}
    found['sim']['real_time_factor'] = float(words['real_time_factor'])
    found['recorder']['folder'] = words['record']
    return found


def collect_remaps(words):
    """Return (name in the nodes, name in the graph) of everything that is called otherwise."""
    remaps = [('/clock', words['clock']), ('/tf', 'tf'), ('/tf_static', 'tf_static')]
    for word in words['camera_topics'].split():
        name, arrow, topic = word.partition(':=')
        if not (name and arrow and topic):
            raise ValueError(f"camera_topics: '{word}' is no NAME:=TOPIC, such as front/image:=/camera/color/image_raw")
        remaps.append((name, topic))
    return remaps


def read_memory_from_profile(context):
    """Let rmw_fastrtps take how messages are kept from the profile, where it is one of config/."""
    ours = Path(LaunchConfiguration('fastdds_profile').perform(context)).resolve().parent == CONFIG.resolve()
    return [SetEnvironmentVariable('RMW_FASTRTPS_USE_QOS_FROM_XML', '1')] if ours else []


def start_nodes(context):
    """Return the launch actions of all nodes that the arguments ask for."""
    words = {name: LaunchConfiguration(name).perform(context) for name, *_ in ARGUMENTS}
    nodes = ['detector', 'scene', 'skill', 'planner', 'annotator']  # the annotator idles until somebody looks
    nodes += ['sim'] * (words['sim'] == 'true') + ['supervisor'] * (words['supervisor'] == 'true')
    nodes += [*SIGHT] * (words['sight'] == 'full') + ['recorder'] * bool(words['record'])
    parameters, remaps = collect_parameters(words), collect_remaps(words)
    own_files = [words['params_file']] if words['params_file'] else []
    actions = [
        Node(
            package='vlm_robot',
            executable=f'{name}_node',
            name=name,
            output='screen',
            emulate_tty=True,
            parameters=[str(CONFIG / f'{name}.yaml'), str(CONFIG / f'{words["profile"]}.yaml'), parameters[name],
                        *own_files],
            remappings=remaps,
            ros_arguments=['--log-level', words['log_level']],
            respawn=words['respawn'] == 'true',
            respawn_delay=0.5,  # seconds; a process that keeps ending takes longer than that to start
        )
        for name in nodes
    ]  # fmt: skip
    if words['rviz'] == 'true':
        actions.append(Node(package='rviz2', executable='rviz2', name='rviz', remappings=remaps,
                            parameters=[{'use_sim_time': parameters['scene']['use_sim_time']}],
                            arguments=['-d', str(CONFIG / 'vlm_robot.rviz')]))  # fmt: skip
    return actions


def generate_launch_description():
    """Return all arguments and nodes."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description, choices=choices)
        for name, default, description, choices in ARGUMENTS
    ]
    profile = SetEnvironmentVariable('FASTDDS_DEFAULT_PROFILES_FILE', LaunchConfiguration('fastdds_profile'))
    memory = OpaqueFunction(function=read_memory_from_profile)
    parent = SetEnvironmentVariable('VLM_ROBOT_PARENT', str(os.getpid()))  # the nodes end if the launch is killed
    nodes = GroupAction([PushRosNamespace(LaunchConfiguration('namespace')), OpaqueFunction(function=start_nodes)])
    return LaunchDescription([*arguments, profile, memory, parent, nodes])
