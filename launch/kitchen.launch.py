"""
Start the simulated kitchen: the robot on wheels and the planner, which plans SayCan's steps there.

``ros2 launch vlm_robot kitchen.launch.py instruction:=15``, then send ``execute_task`` a sentence or
``navigate_to`` a place.
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

CONFIG = Path(get_package_share_directory('vlm_robot')) / 'config'


def generate_launch_description():
    """Return the argument and both nodes."""
    instruction = {'instruction': LaunchConfiguration('instruction')}
    kitchen = [str(CONFIG / 'kitchen.yaml'), instruction]
    planner = [str(CONFIG / 'planner.yaml'), {'world': 'kitchen'}]
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'instruction',
                default_value='15',
                description='Number of the instruction whose kitchen is set up, 0 to 100.',
            ),
            SetEnvironmentVariable('VLM_ROBOT_PARENT', str(os.getpid())),  # the nodes end if the launch is killed
            Node(package='vlm_robot', executable='kitchen_node', name='kitchen', output='screen', parameters=kitchen),
            Node(package='vlm_robot', executable='planner_node', name='planner', output='screen', parameters=planner),
        ]
    )
