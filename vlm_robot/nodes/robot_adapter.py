"""
Puts together the robot that the parameters name: who moves the arm, the gripper and the base.

``sim`` and robots with a driver of that shape: ``ros_arm``. ros2_control: ``trajectory_mover``. MoveIt 2:
``moveit_mover``. Nav2: ``nav2_base``. A package of messages that is not installed is missed here, when the node
starts, in one sentence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rclpy.node import Node

from vlm_robot.errors import ConfigError
from vlm_robot.nodes.action_gripper import ActionGripper
from vlm_robot.nodes.joint_watch import RobotWatch
from vlm_robot.nodes.moveit_mover import MoveItMover
from vlm_robot.nodes.robot_config import RobotConfig
from vlm_robot.nodes.ros_arm import RosArm
from vlm_robot.nodes.server_arm import Mover, ServerArm
from vlm_robot.nodes.trajectory_mover import TrajectoryMover
from vlm_robot.robot import panda
from vlm_robot.robot.arm import Arm
from vlm_robot.robot.safety import check_pose, SafeArm, SafetyConfig


def build_arm(
    node: Node, group, config: RobotConfig, safety: SafetyConfig, on_motion: Callable[[str], None] = lambda what: None
) -> SafeArm:
    """
    Return the arm behind its adapter and the safety limits.

    :param group: a reentrant callback group; the callers of the arm's verbs must not block it.
    :param on_motion: told in a word what begins.
    :raises ConfigError: the adapter's messages are not installed, or the resting posture is outside the limits.
    """
    arm: Arm
    if config.adapter == 'sim':
        arm = RosArm(node, group, on_motion)
    else:
        arm = _build_server_arm(node, group, config, safety, on_motion)
    return SafeArm(arm, safety)


def _build_server_arm(node: Node, group, config: RobotConfig, safety: SafetyConfig, on_motion) -> ServerArm:
    if config.needs_panda:
        reason = check_pose(panda.solve_forward(np.array(config.home))[0], safety)
        if reason:
            raise ConfigError(f'robot.home cannot be the resting posture: {reason}')
    robot = RobotWatch(node, config)
    kind: type[TrajectoryMover] | type[MoveItMover]
    kind = TrajectoryMover if config.adapter == 'ros2_control' else MoveItMover
    mover: Mover = kind(node, group, config, safety, robot)
    return ServerArm(mover, ActionGripper(node, group, config, robot), robot, on_motion)
