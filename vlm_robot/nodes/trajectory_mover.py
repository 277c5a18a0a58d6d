"""
Moves a Panda through ros2_control: plans the line here, checks every point, sends it to a trajectory controller.

The controller (joint_trajectory_controller) interpolates between the points and watches the tolerances that are sent
along; a tolerance that is broken on the way means that the arm runs against something. Kinematics: ``robot.panda``.
Interface: control_msgs/action/FollowJointTrajectory, https://github.com/ros-controls/control_msgs.
"""

from __future__ import annotations

from builtin_interfaces.msg import Duration
import numpy as np
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vlm_robot.errors import MotionBlocked, MotionError
from vlm_robot.nodes.foreign_messages import load_interfaces
from vlm_robot.nodes.joint_watch import RobotWatch
from vlm_robot.nodes.robot_config import RobotConfig
from vlm_robot.nodes.robot_server import Ending, RobotServer
from vlm_robot.nodes.server_arm import Check
from vlm_robot.robot.joint_path import check_path, JointPath, sample_path
from vlm_robot.robot.safety import SafetyConfig
from vlm_robot.robot.trajectory import plan_joint_move, plan_line, Trajectory

WHO = "robot.adapter 'ros2_control'"


class TrajectoryMover:
    """Implements ``server_arm.Mover``."""

    def __init__(self, node: Node, group, config: RobotConfig, safety: SafetyConfig, robot: RobotWatch):
        """Connect to the controller; raise ConfigError where control_msgs is not installed."""
        self.config, self.safety, self.robot = config, safety, robot
        self._action = load_interfaces('control_msgs.action', WHO).FollowJointTrajectory
        self._tolerance = load_interfaces('control_msgs.msg', WHO).JointTolerance
        self._server = RobotServer(
            node,
            self._action,
            config.ros2_control.action,
            group=group,
            server_timeout=config.server_timeout,
            motion_timeout=config.motion_timeout,
        )

    def move_to(self, T_base_tcp: np.ndarray, speed: float, check: Check) -> None:
        """Move the tool in a straight line at most at ``speed`` metres per second."""
        q = self.robot.read(self.config.joints)
        self._follow(plan_line(q, T_base_tcp, speed), q, min(speed, self.safety.max_speed), check)

    def go_home(self, check: Check) -> None:
        """Move to the resting posture, straight in joint space, no faster than the tool may."""
        q = self.robot.read(self.config.joints)
        self._follow(plan_joint_move(q, np.array(self.config.home)), q, self.safety.max_speed, check)

    def _follow(self, plan: Trajectory, q: np.ndarray, speed: float, check: Check) -> None:
        path = sample_path(plan, self.config.ros2_control.spacing, speed)
        reason = check_path(path, q, self.safety)
        if reason:
            raise MotionError(f'the motion was not sent: {reason}')
        try:
            ending = self._server.run(self._to_goal(path), check)
        finally:
            self.robot.forget()
        self._raise_failure(ending)

    def _to_goal(self, path: JointPath):
        control = self.config.ros2_control
        goal = self._action.Goal(goal_time_tolerance=to_duration(control.goal_time))
        goal.trajectory = to_trajectory(path, list(self.config.joints))
        goal.path_tolerance = self._to_tolerances(control.path_tolerance)
        goal.goal_tolerance = self._to_tolerances(control.goal_tolerance)
        return goal

    def _to_tolerances(self, angle: float) -> list:
        names = self.config.joints if angle > 0 else ()  # none: the controller keeps its own
        return [self._tolerance(name=name, position=angle) for name in names]

    def _raise_failure(self, ending: Ending) -> None:
        result, codes = ending.result, self._action.Result
        if ending.succeeded and result.error_code == codes.SUCCESSFUL:
            return
        words = {
            codes.INVALID_GOAL: 'it takes no such goal',
            codes.INVALID_JOINTS: 'it has other joints; see robot.joints',
            codes.OLD_HEADER_TIMESTAMP: 'its clock is ahead of ours; see use_sim_time',
            codes.PATH_TOLERANCE_VIOLATED: 'the arm fell behind the path: something is in the way',
            codes.GOAL_TOLERANCE_VIOLATED: 'the arm did not reach the goal: something is in the way',
        }
        word = words.get(result.error_code, 'it gave no known reason')
        detail = f': {result.error_string}' if result.error_string else ''
        blocked = result.error_code in (codes.PATH_TOLERANCE_VIOLATED, codes.GOAL_TOLERANCE_VIOLATED)
        raise (MotionBlocked if blocked else MotionError)(
            f"the trajectory controller '{self._server.name}' {ending.word} the motion (code {result.error_code}): "
            f'{word}{detail}'
        )


def to_trajectory(path: JointPath, names: list[str]) -> JointTrajectory:
    """Return a path as a message that begins as soon as it arrives (stamp 0)."""
    points = [
        JointTrajectoryPoint(positions=q.tolist(), velocities=v.tolist(), time_from_start=to_duration(t))
        for t, q, v in zip(path.times, path.positions, path.velocities, strict=True)
    ]
    return JointTrajectory(joint_names=names, points=points)


def to_duration(seconds: float) -> Duration:
    """Return seconds as a message."""
    nanoseconds = round(float(seconds) * 1e9)
    return Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
