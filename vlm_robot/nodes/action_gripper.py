"""
A gripper behind GripperCommand or ParallelGripperCommand: opens, closes, and tells how far it came.

Fingers that stall on a block have done what they should, though some controllers call that an abort
(``allow_stalling`` of gripper_controllers is false by default). Widths come from the joint states, because servers
mean different things by the position in their result.
Interfaces: control_msgs, https://github.com/ros-controls/control_msgs.
"""

from __future__ import annotations

from typing import Any

from rclpy.node import Node

from vlm_robot.errors import ConfigError, MotionError
from vlm_robot.nodes.foreign_messages import load_interfaces
from vlm_robot.nodes.joint_watch import RobotWatch
from vlm_robot.nodes.robot_config import RobotConfig
from vlm_robot.nodes.robot_server import RobotServer
from vlm_robot.nodes.server_arm import Check


class ActionGripper:
    """Implements ``server_arm.Gripper``."""

    def __init__(self, node: Node, group, config: RobotConfig, robot: RobotWatch):
        """Connect to the gripper; raise ConfigError where control_msgs is not installed."""
        self.config, self.robot = config.gripper, robot
        actions = load_interfaces('control_msgs.action', f"robot.gripper.kind '{self.config.kind}'")
        self._is_parallel = self.config.kind == 'parallel_gripper_command'
        name = 'ParallelGripperCommand' if self._is_parallel else 'GripperCommand'
        if not hasattr(actions, name):
            raise ConfigError(f'the control_msgs installed here has no {name}; set robot.gripper.kind to the other one')
        self._action = getattr(actions, name)
        self._server = RobotServer(
            node,
            self._action,
            self.config.action,
            group=group,
            server_timeout=config.server_timeout,
            motion_timeout=config.motion_timeout,
        )

    def move(self, width: float, force: float, check: Check) -> float:
        """Move the fingers towards a width in metres with newtons at most; return the width that was reached."""
        goal = self._to_goal(self.config.to_position(width), float(force))
        try:
            ending = self._server.run(goal, check)
        finally:
            self.robot.forget()
        result = ending.result
        if not (result.reached_goal or result.stalled):
            raise MotionError(
                f"the gripper '{self._server.name}' {ending.word} the motion to {width:.3f} m: it neither arrived nor "
                'stalled on something'
            )
        return self.width()

    def width(self) -> float:
        """Return the distance between the finger tips in metres, the mean of what each joint says."""
        positions = self.robot.read(self.config.joints)
        return float(sum(self.config.to_width(position) for position in positions) / len(positions))

    def _to_goal(self, position: float, force: float) -> Any:
        goal = self._action.Goal()
        if self._is_parallel:
            goal.command.name = [self.config.joints[0]]
            goal.command.position, goal.command.effort = [position], [force]
        else:
            goal.command.position, goal.command.max_effort = position, force
        return goal
