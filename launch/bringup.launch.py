"""
Start the robot: its nodes, more of them for full sight, and the simulator in place of a real robot.

Every argument is described by ``ros2 launch vlm_robot bringup.launch.py --show-args``. The Fast DDS profile
is needed: without it 640x480 images get lost between processes.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, GroupAction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import EqualsSubstitution, LaunchConfiguration, NotEqualsSubstitution
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterFile

from launch import LaunchDescription

SHARE = get_package_share_directory('vlm_robot')
CONFIG = Path(SHARE) / 'config'
ARGUMENTS = (
    DeclareLaunchArgument(
        'sim',
        default_value='true',
        choices=['true', 'false'],
        description='Simulate the robot; false on a real one.',
    ),
    DeclareLaunchArgument(
        'profile',
        default_value='cpu',
        choices=['cpu', 'gpu'],
        description='Models and devices: config/<profile>.yaml.',
    ),
    DeclareLaunchArgument(
        'sight',
        default_value='detector',
        choices=['detector', 'full'],
        description='full: masks, captions, descriptions and answers too (segmenter, grounder, describer).',
    ),
    DeclareLaunchArgument('namespace', default_value='', description='ROS namespace of all nodes.'),
    DeclareLaunchArgument(
        'scenario',
        default_value='blocks_and_bowls',
        description='Simulated table: a name or the path of a YAML file.',
    ),
    DeclareLaunchArgument('seed', default_value='0', description='Seed of the simulated table, 0 or more.'),
    DeclareLaunchArgument(
        'real_time_factor',
        default_value='2.0',
        description='Simulated seconds per second, as far as the machine can.',
    ),
    DeclareLaunchArgument(
        'autostart',
        default_value='true',
        choices=['true', 'false'],
        description='Managed nodes (sight, planner) bring themselves up; false where a lifecycle manager does.',
    ),
    DeclareLaunchArgument(
        'record',
        default_value='',
        description='Folder of a recording (rosbag2 with MCAP), made anew; empty: nothing is recorded.',
    ),
    DeclareLaunchArgument(
        'fastdds_profile',
        default_value=str(CONFIG / 'fastdds_large_images.xml'),
        description='Fast DDS profile with memory for camera images; empty for the defaults.',
    ),
    DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn or error.'),
)


def describe_node(name, own=None, condition=None):
    """Return the launch action of one node with its parameter files and its own parameters."""
    profile = ParameterFile([f'{CONFIG}/', LaunchConfiguration('profile'), '.yaml'])
    return Node(
        package='vlm_robot',
        executable=f'{name}_node',
        name=name,
        output='screen',
        emulate_tty=True,
        parameters=[str(CONFIG / f'{name}.yaml'), profile, own or {}],
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        condition=condition,
    )


def generate_launch_description():
    """Return all arguments and nodes."""
    sim = LaunchConfiguration('sim')
    clock = {'use_sim_time': sim}
    lifecycle = {**clock, 'autostart': LaunchConfiguration('autostart')}
    full = IfCondition(EqualsSubstitution(LaunchConfiguration('sight'), 'full'))
    record = LaunchConfiguration('record')
    table = {name: LaunchConfiguration(name) for name in ('scenario', 'seed', 'real_time_factor')}
    nodes = [
        describe_node('sim', table, IfCondition(sim)),
        describe_node('detector', lifecycle),
        describe_node('scene', clock),
        describe_node('skill', clock),
        describe_node('planner', lifecycle),
        *(describe_node(name, lifecycle, full) for name in ('segmenter', 'grounder', 'describer')),
        describe_node('recorder', {'folder': record}, IfCondition(NotEqualsSubstitution(record, ''))),
        describe_node('annotator', clock),  # idle until somebody looks at its pictures
    ]
    return LaunchDescription(
        [
            *ARGUMENTS,
            SetEnvironmentVariable('FASTDDS_DEFAULT_PROFILES_FILE', LaunchConfiguration('fastdds_profile')),
            GroupAction([PushRosNamespace(LaunchConfiguration('namespace')), *nodes]),
        ]
    )
