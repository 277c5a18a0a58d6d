"""The configuration of a robot: what cannot move is refused with its name, and what is not installed is missed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import yaml

pytest.importorskip('rclpy', reason='rclpy is not installed')

from vlm_robot.errors import ConfigError
from vlm_robot.nodes.foreign_messages import load_interfaces, name_constant
from vlm_robot.nodes.parameters import flatten, replace
from vlm_robot.nodes.robot_config import GripperConfig, Nav2Config, RobotConfig
from vlm_robot.resources import find
from vlm_robot.robot import panda
from vlm_robot.robot.safety import check_pose, SafetyConfig


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'adapter': 'ros2control'}, "did you mean 'ros2_control'"),
        ({'base': 'nav3'}, "did you mean 'nav2'"),
        ({'adapter': 'ros2_control', 'home': (0.0,) * 6}, 'one for each'),
        ({'adapter': 'ros2_control', 'home': (9.0,) * 7}, 'seven angles within'),
        ({'adapter': 'moveit', 'joints': ('a', 'b'), 'home': (0.0, 0.0)}, 'pose_topic'),
        ({'silence': 0.0}, 'robot.silence'),
        ({'motion_timeout': float('nan')}, 'robot.motion_timeout'),
        ({'ros2_control.spacing': -1.0}, 'robot.ros2_control.spacing'),
        ({'ros2_control.action': ''}, 'robot.ros2_control.action'),
        ({'ros2_control.path_tolerance': -0.1}, 'path_tolerance'),
        ({'moveit.acceleration_scaling': 1.5}, 'robot.moveit.acceleration_scaling'),
        ({'moveit.tip_link': ''}, 'robot.moveit.tip_link'),
        ({'gripper.kind': 'gripper'}, "did you mean 'gripper_command'"),
        ({'gripper.open_position': 0.0}, 'open_position'),
        ({'nav2.places': ('table',)}, 'x, y, yaw'),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(values, words):
    with pytest.raises(ConfigError, match=words):
        replace(RobotConfig(), values)


def test_an_arm_of_another_make_needs_a_pose_topic_but_no_panda():
    config = RobotConfig(
        adapter='moveit', joints=tuple('abcdef'), home=(0.0,) * 6, pose_topic='broadcaster/pose'
    )  # fmt: skip
    assert not config.needs_panda


def test_home_is_a_pose_that_the_limits_allow():
    assert check_pose(panda.solve_forward(np.array(RobotConfig().home))[0], SafetyConfig()) == ''


@pytest.mark.parametrize(
    'gripper', [GripperConfig(), GripperConfig(open_width=0.085, open_position=0.0, closed_position=0.8)]
)
def test_width_and_position_of_a_gripper_are_inverse(gripper):
    for width in np.linspace(0, gripper.open_width, 9):
        assert gripper.to_width(gripper.to_position(width)) == pytest.approx(width)
    assert gripper.to_position(0.0) == gripper.closed_position
    assert gripper.to_position(gripper.open_width) == pytest.approx(gripper.open_position)


def test_places_have_poses_and_unknown_ones_a_suggestion():
    config = Nav2Config(places=('table', 'counter'), poses=(0.0, 1.0, 2.0, 3.0, 4.0, 5.0))
    assert config.find('counter') == (3.0, 4.0, 5.0)
    with pytest.raises(ConfigError, match="did you mean 'table'"):
        config.find('tabel')


def test_every_field_of_the_shipped_file_exists():
    values = yaml.safe_load(find('config/skill.yaml').read_text())['/**/skill']['ros__parameters']
    known = {f'robot.{name}' for name in flatten(RobotConfig())}
    named = {name for name in values if name.startswith('robot.')}
    assert named and named <= known


def test_a_package_that_is_not_installed_is_missed_with_its_apt_name(monkeypatch):
    monkeypatch.setitem(sys.modules, 'control_msgs', None)
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    with pytest.raises(ConfigError, match=r"adapter 'x' needs the package control_msgs.*ros-jazzy-control-msgs"):
        load_interfaces('control_msgs.action', "robot.adapter 'x'")


def test_a_code_is_told_by_the_name_of_its_constant():
    class Codes:
        SUCCESS, NO_IK_SOLUTION, val = 1, -31, -31

    assert name_constant(Codes, -31) == 'NO_IK_SOLUTION'
    assert name_constant(Codes, 77) == 'code 77'
