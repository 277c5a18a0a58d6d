"""
A robot for tests: the action servers of ros2_control, MoveIt 2 and Nav2, moving the Panda of the simulation.

The servers are ours, not those projects': they take the same goals and answer with the same codes. The arm under them
is PyBullet's, with contacts and friction; trajectories are interpolated as joint_trajectory_controller does (cubic
Hermite between points) and feel nothing but the joints that stay behind. Simulated time passes only while a goal runs.
"""

from __future__ import annotations

import importlib
import threading
import time

from action_msgs.msg import GoalStatus
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
import numpy as np
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from scipy.interpolate import CubicHermiteSpline
from sensor_msgs.msg import JointState

from vlm_robot.errors import MotionError
from vlm_robot.nodes import conversions
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.robot.trajectory import plan_joint_move, plan_line
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.physics import TIME_STEP
from vlm_robot.sim.world import World

LOOK = 6  # physics steps between two looks at a cancel
HELD_STEPS = 60  # physics steps of a motion before time stands still until the cancel has come
PATIENCE = 60.0  # wall-clock seconds that it may take to come


class Interpolation:
    """Points of a JointTrajectory as a motion from where the joints are."""

    def __init__(self, q_start, points):
        times = [0.0, *(point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec for point in points)]
        positions = np.array([q_start, *(point.positions for point in points)])
        velocities = np.array([np.zeros(7), *(point.velocities for point in points)])
        self.duration = times[-1]
        self._spline = CubicHermiteSpline(times, positions, velocities)

    def sample(self, times):
        times = np.minimum(times, self.duration)
        return self._spline(times), self._spline(times, 1)

    def at(self, time):
        goals, velocities = self.sample(np.array([time]))
        return goals[0], velocities[0]


class RobotServers(Node):
    """
    The robot.

    ``goals`` are the goals that arrived, ``path`` the tool's places during the last motion, ``ends`` how goals ended.
    ``fault`` is '', 'reject' or 'abort'; ``waits_for_cancel`` holds the time in the middle of a motion, and
    ``is_held`` tells that it does.
    """

    def __init__(self, placements=(), **options):
        super().__init__('robot_servers', **options)
        self.world = World(placements)
        self.arm = BulletArm(self.world, is_visible=False)
        self.world.settle(0.1)
        self.goals, self.path, self.ends = [], [], []
        self.fault, self.is_mute = '', False
        self.waits_for_cancel = self.is_held = False
        self.base = (0.0, 0.0, 0.0)
        self._physics = threading.RLock()
        self._joints = self.create_publisher(JointState, 'joint_states', reliable_qos())
        self._tool = self.create_publisher(PoseStamped, 'tool', reliable_qos())
        self._pose = self.create_publisher(PoseWithCovarianceStamped, 'amcl_pose', reliable_qos(1, latched=True))
        self.create_timer(0.02, self._tell, callback_group=MutuallyExclusiveCallbackGroup())
        self._control = importlib.import_module('control_msgs.action')
        self._moveit = importlib.import_module('moveit_msgs.action'), importlib.import_module('moveit_msgs.msg')
        self._nav2 = importlib.import_module('nav2_msgs.action')
        self._group = ReentrantCallbackGroup()
        self._servers = [
            self._serve(self._control.FollowJointTrajectory, 'arm/follow_joint_trajectory', self._follow),
            self._serve(self._control.GripperCommand, 'gripper/gripper_cmd', self._grip),
            self._serve(self._control.ParallelGripperCommand, 'gripper/parallel', self._grip_parallel),
            self._serve(self._moveit[0].MoveGroup, 'move_action', self._plan_and_move),
            self._serve(self._nav2.NavigateToPose, 'navigate_to_pose', self._navigate),
        ]

    def close(self):
        with self._physics:
            self.world.close()

    def mute(self):
        self.is_mute = True

    def tcp(self):
        with self._physics:
            return self.arm.tcp_pose()

    def settle(self, seconds=0.3):
        with self._physics:
            self.world.settle(seconds)

    # ---- inside

    def _serve(self, kind, name, execute):
        def judge(goal):
            self.goals.append(goal)
            return GoalResponse.REJECT if self.fault == 'reject' else GoalResponse.ACCEPT

        return ActionServer(
            self,
            kind,
            name,
            execute,
            callback_group=self._group,
            goal_callback=judge,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )

    def _tell(self):
        if self.is_mute:
            return
        with self._physics:
            states = self.arm.joint_states()
        self._tool.publish(conversions.to_pose_stamped(self.tcp(), conversions.to_header(0.0, 'panda_link0')))
        self._joints.publish(JointState(name=list(states.names), position=list(states.positions)))

    def _follow(self, handle):
        codes, trajectory = self._control.FollowJointTrajectory.Result, handle.request.trajectory
        if self.fault == 'abort' or list(trajectory.joint_names) != [f'panda_joint{i}' for i in range(1, 8)]:
            return self._end(handle, codes(error_code=codes.INVALID_JOINTS, error_string='other joints'))
        with self._physics:
            start = self.arm.joint_states().positions[:7]
            motion = self.arm.follow(Interpolation(start, trajectory.points))
        code = codes.SUCCESSFUL
        if self._carry_on(handle, motion) and motion.blocked:
            is_late = 'off its goal' in motion.error
            code = codes.GOAL_TOLERANCE_VIOLATED if is_late else codes.PATH_TOLERANCE_VIOLATED
        return self._end(handle, codes(error_code=code, error_string=motion.error), motion)

    def _plan_and_move(self, handle):
        (actions, messages), request = self._moveit, handle.request.request
        codes, result, motion = messages.MoveItErrorCodes, actions.MoveGroup.Result(), None
        try:
            if self.fault == 'abort':
                raise MotionError('no inverse kinematics')
            with self._physics:
                motion = self.arm.follow(self._plan(request))
            self._carry_on(handle, motion)
            result.error_code.val = codes.CONTROL_FAILED if motion.blocked else codes.SUCCESS
        except MotionError:
            result.error_code.val = codes.NO_IK_SOLUTION
        return self._end(handle, result, motion)

    def _plan(self, request):
        q, constraints = np.array(self.arm.joint_states().positions[:7]), request.goal_constraints[0]
        if constraints.joint_constraints:
            return plan_joint_move(q, np.array([joint.position for joint in constraints.joint_constraints]))
        pose = constraints.position_constraints[0].constraint_region.primitive_poses[0]
        pose.orientation = constraints.orientation_constraints[0].orientation
        return plan_line(q, conversions.from_pose(pose), request.max_velocity_scaling_factor * 1.0)

    def _grip(self, handle):
        command = handle.request.command
        motion = self._close_fingers(handle, 2 * command.position, command.max_effort)
        result = self._control.GripperCommand.Result(position=self.arm.gripper_width() / 2)
        result.reached_goal = abs(result.position - command.position) < 0.002
        result.stalled = not result.reached_goal and not motion.cancelled
        # as gripper_controllers do unless allow_stalling is set: fingers on a block are an abort
        return self._end(handle, result, motion, is_abort=result.stalled)

    def _grip_parallel(self, handle):
        command = handle.request.command
        motion = self._close_fingers(handle, 2 * command.position[0], command.effort[0])
        result = self._control.ParallelGripperCommand.Result()
        result.state.name, result.state.position = command.name, [self.arm.gripper_width() / 2]
        result.reached_goal = abs(result.state.position[0] - command.position[0]) < 0.002
        result.stalled = not result.reached_goal
        return self._end(handle, result, motion)

    def _close_fingers(self, handle, width, force):
        with self._physics:
            motion = self.arm.start_gripper(width, force)
        self._carry_on(handle, motion)
        return motion

    def _navigate(self, handle):
        goal, result = handle.request.pose.pose.position, self._nav2.NavigateToPose.Result()
        if self.fault == 'abort':
            if hasattr(result, 'error_code'):
                result.error_code = result.TIMEOUT
            return self._end(handle, result, is_abort=True)
        for share in np.linspace(0.1, 1.0, 10):
            if share > 0.5 and self.waits_for_cancel:
                self._await_cancel(handle)
            if handle.is_cancel_requested:
                break
            self.base = (share * goal.x, share * goal.y, 0.0)
            feedback = self._nav2.NavigateToPose.Feedback(distance_remaining=float(1 - share))
            feedback.current_pose.pose.position.x, feedback.current_pose.pose.position.y = self.base[:2]
            handle.publish_feedback(feedback)
        message = PoseWithCovarianceStamped()
        message.pose.pose.position.x, message.pose.pose.position.y = self.base[:2]
        self._pose.publish(message)
        return self._end(handle, result)

    def _carry_on(self, handle, motion):
        """Step the physics to the end of a motion; return whether nobody cancelled it."""
        steps, self.path = 0, []
        while not motion.done:
            if steps >= HELD_STEPS and self.waits_for_cancel:
                self._await_cancel(handle)
            if handle.is_cancel_requested:
                self.arm.stop()
            with self._physics:
                for _ in range(LOOK):
                    if not motion.done:
                        self.world.step()
                        steps += 1
                self.path.append((steps * TIME_STEP, self.arm.tcp_pose()[:3, 3]))
        return not motion.cancelled

    def _await_cancel(self, handle):
        deadline = time.monotonic() + PATIENCE
        self.is_held = True
        while not handle.is_cancel_requested and time.monotonic() < deadline:
            time.sleep(0.01)
        self.waits_for_cancel = self.is_held = False

    def _end(self, handle, result, motion=None, is_abort=False):
        if handle.is_cancel_requested:
            end, finish = GoalStatus.STATUS_CANCELED, handle.canceled
        elif is_abort or self.fault == 'abort' or (motion is not None and motion.error):
            end, finish = GoalStatus.STATUS_ABORTED, handle.abort
        else:
            end, finish = GoalStatus.STATUS_SUCCEEDED, handle.succeed
        self.ends.append(end)  # before anybody hears of it
        finish()
        return result
