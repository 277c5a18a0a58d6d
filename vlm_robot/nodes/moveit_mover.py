"""
Moves an arm through MoveIt 2: goals of MoveGroup with the tool's pose, its speed and the workspace.

MoveIt plans and carries out; what is sent is checked before, what it plans is not seen here. A straight line between
two places of the workspace stays in the workspace: so the planner of moves is Pilz' LIN unless configured otherwise.
Interface: moveit_msgs/action/MoveGroup, https://github.com/moveit/moveit_msgs.
"""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import Pose, Vector3
import numpy as np
from rclpy.node import Node
from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Header

from vlm_robot.errors import MotionBlocked, MotionCancelled, MotionError
from vlm_robot.nodes import conversions
from vlm_robot.nodes.foreign_messages import load_interfaces, name_constant
from vlm_robot.nodes.joint_watch import RobotWatch
from vlm_robot.nodes.robot_config import RobotConfig
from vlm_robot.nodes.robot_server import Ending, RobotServer
from vlm_robot.nodes.server_arm import Check
from vlm_robot.robot.safety import check_pose, check_speed, SafetyConfig

WHO = "robot.adapter 'moveit'"
SLOWEST = 0.001  # velocity scaling; MoveIt reads 0 as 'not given' and goes at full speed


class MoveItMover:
    """Implements ``server_arm.Mover``."""

    def __init__(self, node: Node, group, config: RobotConfig, safety: SafetyConfig, robot: RobotWatch):
        """Connect to move_group; raise ConfigError where moveit_msgs is not installed."""
        self.config, self.safety, self.robot = config, safety, robot
        self._action = load_interfaces('moveit_msgs.action', WHO).MoveGroup
        self._messages = load_interfaces('moveit_msgs.msg', WHO)
        self._server = RobotServer(
            node,
            self._action,
            config.moveit.action,
            group=group,
            server_timeout=config.server_timeout,
            motion_timeout=config.motion_timeout,
        )

    def move_to(self, T_base_tcp: np.ndarray, speed: float, check: Check) -> None:
        """Move the tool in a straight line at most at ``speed`` metres per second."""
        reason = check_pose(T_base_tcp, self.safety) or check_speed(speed, self.safety)
        if reason:
            raise MotionError(f'the motion was not sent: {reason}')
        moveit = self.config.moveit
        request = self._to_request(moveit.line_planner, speed / moveit.full_speed)
        request.goal_constraints = [self._constrain_pose(T_base_tcp)]
        request.max_cartesian_speed = float(speed)  # a second limit, where the pipeline heeds it
        setattr(request, self._find_limited_link(request), moveit.tip_link)
        self._run(request, check)

    def go_home(self, check: Check) -> None:
        """Move to the resting posture."""
        request = self._to_request(self.config.moveit.home_planner, self.config.moveit.home_scaling)
        request.goal_constraints = [self._constrain_joints()]
        self._run(request, check)

    def _run(self, request: Any, check: Check) -> None:
        goal = self._action.Goal(request=request)
        goal.planning_options.plan_only = False
        goal.planning_options.planning_scene_diff.is_diff = True
        goal.planning_options.planning_scene_diff.robot_state.is_diff = True
        try:
            ending = self._server.run(goal, check)
        finally:
            self.robot.forget()
        self._raise_failure(ending)

    def _to_request(self, planner: str, scaling: float) -> Any:
        moveit, safety = self.config.moveit, self.safety
        request = self._messages.MotionPlanRequest(
            group_name=moveit.group,
            pipeline_id=moveit.pipeline,
            planner_id=planner,
            num_planning_attempts=1,
            allowed_planning_time=moveit.planning_time,
            max_velocity_scaling_factor=float(np.clip(scaling, SLOWEST, 1.0)),
            max_acceleration_scaling_factor=moveit.acceleration_scaling,
        )
        request.start_state.is_diff = True  # from wherever the arm is then
        workspace = request.workspace_parameters
        workspace.header = Header(frame_id=moveit.frame)
        workspace.min_corner = Vector3(x=safety.x_min, y=safety.y_min, z=safety.z_min)
        workspace.max_corner = Vector3(x=safety.x_max, y=safety.y_max, z=safety.z_max)
        return request

    def _find_limited_link(self, request: Any) -> str:
        names = ('cartesian_speed_limited_link', 'cartesian_speed_end_effector_link')  # the second on Humble
        return next(name for name in names if hasattr(request, name))

    def _constrain_pose(self, T_base_tcp: np.ndarray) -> Any:
        moveit, messages = self.config.moveit, self._messages
        pose, header = conversions.to_pose(T_base_tcp), Header(frame_id=moveit.frame)
        ball = SolidPrimitive(type=SolidPrimitive.SPHERE, dimensions=[moveit.position_tolerance])
        place = messages.PositionConstraint(header=header, link_name=moveit.tip_link, weight=1.0)
        place.constraint_region.primitives = [ball]
        place.constraint_region.primitive_poses = [Pose(position=pose.position)]
        turn = messages.OrientationConstraint(
            header=header, link_name=moveit.tip_link, orientation=pose.orientation, weight=1.0
        )
        for axis in 'xyz':
            setattr(turn, f'absolute_{axis}_axis_tolerance', moveit.turn_tolerance)
        return messages.Constraints(position_constraints=[place], orientation_constraints=[turn])

    def _constrain_joints(self) -> Any:
        tolerance = self.config.moveit.joint_tolerance
        joints = [
            self._messages.JointConstraint(
                joint_name=name, position=angle, tolerance_above=tolerance, tolerance_below=tolerance, weight=1.0
            )
            for name, angle in zip(self.config.joints, self.config.home, strict=True)
        ]
        return self._messages.Constraints(joint_constraints=joints)

    def _raise_failure(self, ending: Ending) -> None:
        codes, error = self._messages.MoveItErrorCodes, ending.result.error_code
        if ending.succeeded and error.val == codes.SUCCESS:
            return
        detail = f': {error.message}' if getattr(error, 'message', '') else ''  # since Jazzy
        kinds = {codes.CONTROL_FAILED: MotionBlocked, codes.PREEMPTED: MotionCancelled}
        raise kinds.get(error.val, MotionError)(
            f"MoveIt ('{self._server.name}') {ending.word} the motion: {name_constant(codes, error.val)}{detail}"
        )
