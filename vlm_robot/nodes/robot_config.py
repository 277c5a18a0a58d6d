"""
Which servers move the robot, and what they call its parts: the section ``robot`` of the skill node's parameters.

The defaults are those of a Franka Panda with the names of its MoveIt configuration and of franka_ros2; every name is
relative to the node's namespace, so that two robots do not meet.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vlm_robot.errors import ConfigError, name_nearest
from vlm_robot.robot.base import BaseConfig
from vlm_robot.robot.joint_path import LOWER, UPPER

ADAPTERS = ('sim', 'ros2_control', 'moveit')
BASES = ('none', 'nav2')
GRIPPERS = ('gripper_command', 'parallel_gripper_command')
HOME = (0.0, -0.838, 0.0, -2.554, 0.0, 1.715, 0.785)  # rad, the hand over the table's near edge, high


@dataclass(frozen=True)
class Ros2ControlConfig:
    """How trajectories are sent to a joint_trajectory_controller."""

    action: str = 'panda_arm_controller/follow_joint_trajectory'  # control_msgs/action/FollowJointTrajectory
    spacing: float = 0.04  # s between two points
    path_tolerance: float = 0.15  # rad behind the plan until the arm counts as blocked; 0: the controller's own
    goal_tolerance: float = 0.0  # rad off the goal at the end; 0: the controller's own
    goal_time: float = 1.0  # s that the controller may be late

    def __post_init__(self) -> None:
        """Refuse numbers that make no trajectory."""
        _need_name(self.action, 'robot.ros2_control.action')
        _need_positive(self, 'robot.ros2_control', ('spacing', 'goal_time'))
        if min(self.path_tolerance, self.goal_tolerance) < 0:
            raise ConfigError('robot.ros2_control.path_tolerance and goal_tolerance must be 0 or above')


@dataclass(frozen=True)
class MoveItConfig:
    """What is asked of MoveIt 2; lines need its Pilz planner, whose LIN keeps the tool on a straight line."""

    action: str = 'move_action'  # moveit_msgs/action/MoveGroup
    group: str = 'panda_arm'  # planning group of the SRDF
    tip_link: str = 'panda_hand_tcp'  # link between the finger tips, z out of the hand, y where the fingers open
    frame: str = 'panda_link0'  # frame of the table: z up, its top at z = 0
    pipeline: str = 'pilz_industrial_motion_planner'  # planning pipeline
    line_planner: str = 'LIN'  # planner of straight lines
    home_planner: str = 'PTP'  # planner of the way home
    full_speed: float = 1.0  # m/s of the tool at a velocity scaling of 1: max_trans_vel of pilz_cartesian_limits.yaml
    home_scaling: float = 0.2  # velocity scaling of the way home, 0 to 1
    acceleration_scaling: float = 0.3  # 0 to 1
    planning_time: float = 5.0  # s
    position_tolerance: float = 0.001  # m, radius of the ball that the tool must end in
    turn_tolerance: float = 0.01  # rad about each axis
    joint_tolerance: float = 0.01  # rad at home

    def __post_init__(self) -> None:
        """Refuse what MoveIt would not take."""
        for name in ('action', 'group', 'tip_link', 'frame'):
            _need_name(getattr(self, name), f'robot.moveit.{name}')
        tolerances = ('position_tolerance', 'turn_tolerance', 'joint_tolerance')
        _need_positive(self, 'robot.moveit', ('full_speed', 'planning_time', *tolerances))
        for name in ('home_scaling', 'acceleration_scaling'):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f'robot.moveit.{name} is {getattr(self, name)}; allowed: above 0, at most 1')


@dataclass(frozen=True)
class GripperConfig:
    """A gripper with an action of its own; widths are metres between the finger tips."""

    kind: str = 'gripper_command'  # or parallel_gripper_command, both of control_msgs
    action: str = 'panda_gripper/gripper_action'  # name of the action
    joints: tuple[str, ...] = ('panda_finger_joint1', 'panda_finger_joint2')  # in joint_states; the first is commanded
    open_width: float = 0.08  # m between the finger tips at open_position
    open_position: float = 0.04  # of each joint: metres, or radians of a gripper with levers
    closed_position: float = 0.0  # of each joint, finger tips together

    def __post_init__(self) -> None:
        """Refuse a gripper that cannot move."""
        if self.kind not in GRIPPERS:
            raise ConfigError(f"robot.gripper.kind is '{self.kind}'{name_nearest(self.kind, GRIPPERS)}")
        _need_name(self.action, 'robot.gripper.action')
        _need_positive(self, 'robot.gripper', ('open_width',))
        if not self.joints or self.open_position == self.closed_position:
            raise ConfigError('robot.gripper needs joints, and an open_position that is not its closed_position')

    def to_position(self, width: float) -> float:
        """Return the joint position of a width."""
        return self.closed_position + width / self.open_width * (self.open_position - self.closed_position)

    def to_width(self, position: float) -> float:
        """Return the width of a joint position, 0 when closed."""
        share = (position - self.closed_position) / (self.open_position - self.closed_position)
        return max(0.0, share * self.open_width)


@dataclass(frozen=True)
class Nav2Config:
    """How a base is driven by Nav2, and the places that have a name."""

    action: str = 'navigate_to_pose'  # nav2_msgs/action/NavigateToPose
    frame: str = 'map'  # frame of the goals
    pose_topic: str = 'amcl_pose'  # geometry_msgs/PoseWithCovarianceStamped in that frame
    behavior_tree: str = ''  # path of an XML file on the server; empty: its own
    places: tuple[str, ...] = ()  # names, for example [table, counter]
    poses: tuple[float, ...] = ()  # x, y, yaw of each place in turn: m, m, rad
    limits: BaseConfig = field(default_factory=BaseConfig)

    def __post_init__(self) -> None:
        """Refuse places without a pose."""
        _need_name(self.action, 'robot.nav2.action')
        if len(self.poses) != 3 * len(self.places):
            raise ConfigError(
                f'robot.nav2.places names {len(self.places)} places and poses has {len(self.poses)} numbers; '
                'it needs x, y, yaw for each'
            )

    def find(self, place: str) -> tuple[float, float, float]:
        """Return the pose of a place; raise ConfigError when it has none."""
        if place not in self.places:
            raise ConfigError(f"there is no place '{place}'{name_nearest(place, self.places)}")
        i = 3 * self.places.index(place)
        return (self.poses[i], self.poses[i + 1], self.poses[i + 2])


@dataclass(frozen=True)
class RobotConfig:
    """Who moves the arm, the gripper and the base."""

    adapter: str = 'sim'  # sim: move_arm and move_gripper; ros2_control: FollowJointTrajectory; moveit: MoveGroup
    base: str = 'none'  # nav2: offer navigate_to and the skill go_to by NavigateToPose
    joint_states: str = 'joint_states'  # sensor_msgs/JointState, the gripper's joints too
    joints: tuple[str, ...] = tuple(f'panda_joint{i}' for i in range(1, 8))  # from the foot to the hand
    home: tuple[float, ...] = HOME  # rad of these joints: at rest, out of the cameras' sight
    pose_topic: str = ''  # geometry_msgs/PoseStamped of the tool in the base frame; empty: the Panda's kinematics
    silence: float = 10.0  # s of the wall clock without joint states until the robot counts as gone
    server_timeout: float = 5.0  # s of the wall clock that a server may take to appear and to answer
    motion_timeout: float = 120.0  # s of the wall clock after which a motion that does not end is cancelled
    ros2_control: Ros2ControlConfig = field(default_factory=Ros2ControlConfig)
    moveit: MoveItConfig = field(default_factory=MoveItConfig)
    gripper: GripperConfig = field(default_factory=GripperConfig)
    nav2: Nav2Config = field(default_factory=Nav2Config)

    def __post_init__(self) -> None:
        """Refuse adapters that do not exist and arms that they cannot move."""
        if self.adapter not in ADAPTERS:
            raise ConfigError(f"robot.adapter is '{self.adapter}'{name_nearest(self.adapter, ADAPTERS)}")
        if self.base not in BASES:
            raise ConfigError(f"robot.base is '{self.base}'{name_nearest(self.base, BASES)}")
        _need_positive(self, 'robot', ('silence', 'server_timeout', 'motion_timeout'))
        if len(self.joints) != len(self.home):
            raise ConfigError(f'robot.home has {len(self.home)} angles for {len(self.joints)} joints; one for each')
        if self.needs_panda and not _is_panda_posture(self.home):
            raise ConfigError(
                f'robot.home is {self.home}; the kinematics here are a Panda: seven angles within its joint ranges. '
                'For another arm use the adapter moveit and pose_topic'
            )

    @property
    def needs_panda(self) -> bool:
        """Return whether the kinematics in ``robot.panda`` must be those of the arm."""
        return self.adapter == 'ros2_control' or (self.adapter == 'moveit' and not self.pose_topic)


def _is_panda_posture(angles: tuple[float, ...]) -> bool:
    q = np.array(angles, float)
    return q.shape == (7,) and bool(((q > LOWER) & (q < UPPER)).all())


def _need_name(name: str, what: str) -> None:
    if not name:
        raise ConfigError(f'{what} is empty; it must be a name')


def _need_positive(config: object, what: str, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(config, name)
        if not (np.isfinite(value) and value > 0):
            raise ConfigError(f'{what}.{name} is {value}; allowed: above 0')
