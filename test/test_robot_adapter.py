"""
Arms behind FollowJointTrajectory and MoveGroup, over DDS, down to a block in a bowl.

The servers are those of robot_servers.py; which packages the types come from, robot_messages.py decides: the real
control_msgs and moveit_msgs where they are installed, stand-ins with the same fields elsewhere.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
actions = pytest.importorskip('vlm_robot_interfaces.action', reason='vlm_robot_interfaces is not built')

from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
import robot_messages  # noqa: E402
from robot_servers import RobotServers  # noqa: E402

from vlm_robot.datatypes import Scene, SceneObject, Step  # noqa: E402
from vlm_robot.errors import MotionBlocked, MotionCancelled, MotionError  # noqa: E402
from vlm_robot.nodes import conversions  # noqa: E402
from vlm_robot.nodes.action_client import ActionClient  # noqa: E402
from vlm_robot.nodes.liveness import alive_qos  # noqa: E402
from vlm_robot.nodes.pool_executor import MultiThreadedExecutor  # noqa: E402
from vlm_robot.nodes.robot_adapter import build_arm  # noqa: E402
from vlm_robot.nodes.robot_config import GripperConfig, MoveItConfig, RobotConfig, Ros2ControlConfig  # noqa: E402
from vlm_robot.nodes.skill_node import SkillNode  # noqa: E402
from vlm_robot.nodes.witness import wait_until  # noqa: E402
from vlm_robot.robot.safety import SafetyConfig  # noqa: E402
from vlm_robot.sim.world import Placement, resting_height  # noqa: E402
from vlm_robot.skills.execution import execute  # noqa: E402
from vlm_robot.skills.grasping import point_down  # noqa: E402
from vlm_robot.vocabulary import LOCATIONS  # noqa: E402
from vlm_robot_interfaces.msg import Scene as SceneMessage  # noqa: E402

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(600)]
DOMAIN = 62
ARM, GRIPPER = 'arm/follow_joint_trajectory', 'gripper/gripper_cmd'
PARAMETERS = {
    'robot.adapter': 'ros2_control',
    'robot.ros2_control.action': ARM,
    'robot.gripper.action': GRIPPER,
    'robot.base': 'nav2',
    'robot.nav2.places': '[table, counter]',
    'robot.nav2.poses': '[0.0, 0.5, 0.0, 1.5, -0.5, 1.57]',
}
TABLE = {'red block': (0.50, 0.10), 'blue block': (0.42, 0.30), 'green bowl': (0.55, -0.20)}
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
AT = point_down((0.45, 0.05, 0.25), -1.5)
AWAY = point_down((0.60, -0.25, 0.15), -1.2)


@pytest.fixture(scope='module')
def robot():
    """Start the robot's servers and the skill node in one process; yield a client."""
    print('the types are of', robot_messages.install())
    words = [word for name, value in PARAMETERS.items() for word in ('-p', f'{name}:={value}')]
    rclpy.init(args=['--ros-args', *words], domain_id=DOMAIN)
    placements = [Placement(name, name, (*xy, resting_height(name))) for name, xy in TABLE.items()]
    servers, skill, client = RobotServers(placements), SkillNode(), rclpy.create_node('robot_client')
    executor, closing = MultiThreadedExecutor(12), threading.Event()
    for node in (servers, skill, client):
        executor.add_node(node)

    def spin():
        while not closing.is_set():
            executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    yield Client(client, servers, skill)
    skill.close()
    closing.set()
    thread.join(60)
    executor.shutdown()
    rclpy.try_shutdown()
    servers.close()
    robot_messages.remove()


class Client:
    """Builds arms and sends steps."""

    def __init__(self, node, servers, skill):
        self.node, self.servers, self.skill, self.arms = node, servers, skill, {}
        self.skills = ActionClient(node, actions.ExecuteSkill, 'execute_skill')
        self.drives = ActionClient(node, actions.NavigateTo, 'navigate_to')
        self.scenes = node.create_publisher(SceneMessage, 'scene', alive_qos(5, True))

    def build(self, adapter, **changes):
        values = {
            'adapter': adapter,
            'ros2_control': Ros2ControlConfig(action=ARM),
            'gripper': GripperConfig(action=GRIPPER),
            'server_timeout': 60.0,
            'silence': 60.0,
        }
        config = RobotConfig(**(values | changes))
        return build_arm(self.node, ReentrantCallbackGroup(), config, SafetyConfig())

    def arm(self, adapter):
        """Return an arm, at home and with fresh servers."""
        self.arms.setdefault(adapter, None)
        self.arms[adapter] = self.arms[adapter] or self.build(adapter)
        self.arms[adapter].move_to(AT, 0.5)
        self.servers.goals.clear()
        self.servers.ends.clear()
        return self.arms[adapter]

    def do(self, skill, target='', destination='', *, cancel=False):
        goal = actions.ExecuteSkill.Goal()
        goal.step.skill, goal.step.target, goal.step.destination = skill, target, destination
        self.tell_scene('red block' if skill.startswith('place') else '')
        return self.send(self.skills, goal, cancel)

    def drive(self, cancel=False, place='', xy=(0.0, 0.0)):
        goal = actions.NavigateTo.Goal(place=place)
        goal.pose.pose.position.x, goal.pose.pose.position.y = xy
        return self.send(self.drives, goal, cancel)

    def send(self, client, goal, cancel):
        assert client.wait_for_server(60)
        self.servers.waits_for_cancel = cancel
        handle = wait(client.send_goal_async(goal))
        ended = handle.get_result_async()
        if cancel:
            assert wait_until(lambda: self.servers.is_held, 120)
            handle.cancel_goal_async()
        end = wait(ended)
        return end.status, end.result

    def look(self, held='', stamp=0.0):
        world = self.servers.world
        items = tuple(SceneObject(name, name, world.position(name), yaw=world.yaw(name)) for name in TABLE)
        return Scene(items, held=held, stamp=stamp)

    def tell_scene(self, held):
        stamp = self.node.get_clock().now().nanoseconds * 1e-9
        self.scenes.publish(conversions.to_scene(self.look(held, stamp), ''))
        assert wait_until(lambda: abs(self.skill._scene.stamp - stamp) < 1e-3, 120)


def wait(future, timeout=120):
    assert wait_until(future.done, timeout)
    return future.result()


both = pytest.mark.parametrize('adapter', ['ros2_control', 'moveit'])


@both
def test_a_line_is_straight_no_faster_than_asked_and_ends_where_asked(robot, adapter):
    arm = robot.arm(adapter)
    arm.move_to(AWAY, 0.3)
    times, places = map(np.array, zip(*robot.servers.path, strict=True))
    along = AWAY[:3, 3] - AT[:3, 3]
    along /= np.linalg.norm(along)
    aside = (places - AT[:3, 3]) - np.outer((places - AT[:3, 3]) @ along, along)
    assert np.linalg.norm(aside, axis=1).max() < 0.003
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / np.diff(times)
    assert 0.15 < speeds.max() < 0.33
    assert np.linalg.norm(robot.servers.tcp()[:3, 3] - AWAY[:3, 3]) < 0.002
    assert np.allclose(arm.tcp_pose(), AWAY, atol=0.003)


def test_a_trajectory_carries_the_joints_and_the_tolerance_of_the_configuration(robot):
    robot.arm('ros2_control').move_to(AWAY, 0.3)
    goal = robot.servers.goals[-1]
    assert tuple(goal.trajectory.joint_names) == RobotConfig().joints
    assert {(tolerance.name, tolerance.position) for tolerance in goal.path_tolerance} == {
        (name, Ros2ControlConfig().path_tolerance) for name in RobotConfig().joints
    }
    assert list(goal.goal_tolerance) == [] and np.abs(goal.trajectory.points[-1].velocities).max() < 1e-9


def test_a_planning_request_carries_speed_frame_and_workspace(robot):
    robot.arm('moveit').move_to(AWAY, 0.3)
    request, limits = robot.servers.goals[-1].request, SafetyConfig()
    place = request.goal_constraints[0].position_constraints[0]
    assert (request.group_name, request.planner_id, place.link_name) == ('panda_arm', 'LIN', 'panda_hand_tcp')
    assert place.header.frame_id == request.workspace_parameters.header.frame_id == 'panda_link0'
    assert request.max_velocity_scaling_factor == pytest.approx(0.3) and request.max_cartesian_speed == 0.3
    assert request.workspace_parameters.min_corner.z == limits.z_min and request.start_state.is_diff


def test_the_pose_of_the_tool_can_come_from_a_topic(robot):
    arm = robot.build('moveit', pose_topic='tool')
    for pose in (AWAY, AT):
        arm.move_to(pose, 0.5)
        assert np.allclose(arm.tcp_pose(), pose, atol=0.003)


@both
def test_home_is_the_posture_of_the_configuration(robot, adapter):
    robot.arm(adapter).go_home()
    assert np.allclose(robot.servers.arm.joint_states().positions[:7], RobotConfig().home, atol=0.01)
    times, places = map(np.array, zip(*robot.servers.path, strict=True))
    if adapter == 'ros2_control':  # what MoveIt makes of its scaling is not ours
        speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / np.diff(times)
        assert speeds.max() < 1.1 * SafetyConfig().max_speed


@both
def test_what_the_limits_forbid_is_never_sent(robot, adapter):
    arm = robot.arm(adapter)
    tilted = AT @ np.block([[rotate_x(0.5), np.zeros((3, 1))], [np.zeros((1, 3)), 1]])
    for pose, speed in (
        (point_down((0.9, 0.0, 0.2), -1.5), 0.3),
        (point_down((0.5, 0.0, -0.02), -1.5), 0.3),
        (AWAY, 2.0),
        (AWAY, float('nan')),
        (np.full((4, 4), np.nan), 0.3),
        (tilted, 0.3),
    ):
        with pytest.raises(MotionError, match=r'allow|matrix'):
            arm.move_to(pose, speed)
    with pytest.raises(MotionError, match='force'):
        arm.set_gripper(0.02, 500.0)
    assert robot.servers.goals == []


def rotate_x(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([(1, 0, 0), (0, c, -s), (0, s, c)])


@both
def test_stop_cancels_the_goal_at_the_server_and_the_arm_rests_there(robot, adapter):
    arm = robot.arm(adapter)
    robot.servers.waits_for_cancel = True
    raised = []

    def move():
        try:
            arm.move_to(AWAY, 0.3)
        except MotionCancelled as error:
            raised.append(error)

    thread = threading.Thread(target=move)
    thread.start()
    assert wait_until(lambda: robot.servers.is_held, 120)
    arm.stop()
    thread.join(120)
    assert raised
    assert wait_until(lambda: robot.servers.ends == [CANCELED], 120)
    halted = robot.servers.tcp()[:3, 3]
    assert np.linalg.norm(halted - AT[:3, 3]) > 0.01 and np.linalg.norm(halted - AWAY[:3, 3]) > 0.05
    robot.servers.settle(0.3)
    assert np.linalg.norm(robot.servers.tcp()[:3, 3] - halted) < 0.005


@both
@pytest.mark.parametrize(
    ('fault', 'reason'), [('reject', 'did not take the goal'), ('abort', 'aborted the motion.*(-2|NO_IK_SOLUTION)')]
)
def test_a_goal_that_is_not_taken_or_aborted_has_a_reason(robot, adapter, fault, reason):
    arm = robot.arm(adapter)
    robot.servers.fault = fault
    try:
        with pytest.raises(MotionError, match=reason):
            arm.move_to(AWAY, 0.3)
    finally:
        robot.servers.fault = ''
    arm.move_to(AWAY, 0.3)  # and goes on afterwards


@both
def test_a_hand_that_runs_into_a_block_is_blocked(robot, adapter):
    arm = robot.arm(adapter)
    above = point_down((*robot.servers.world.position('red block')[:2], 0.12), -1.5)
    arm.set_gripper(0.0)
    arm.move_to(above, 0.5)
    below = above.copy()
    below[2, 3] = 0.015
    with pytest.raises(MotionBlocked):
        arm.move_to(below, 0.15)
    assert robot.servers.ends[-1] == ABORTED and robot.servers.tcp()[2, 3] > 0.03
    arm.move_to(above, 0.3)
    arm.set_gripper(0.08)


@pytest.mark.parametrize('kind', ['gripper_command', 'parallel_gripper_command'])
def test_fingers_go_where_they_are_told(robot, kind):
    name = GRIPPER if kind == 'gripper_command' else 'gripper/parallel'
    arm = robot.build('ros2_control', gripper=GripperConfig(kind=kind, action=name))
    for width in (0.03, 0.08):
        assert arm.set_gripper(width) == pytest.approx(width, abs=0.003)
        assert robot.servers.arm.gripper_width() == pytest.approx(width, abs=0.003)


@both
def test_a_server_that_is_not_there_is_named(robot, adapter):
    name = f'nobody/{adapter}'
    names = {'ros2_control': Ros2ControlConfig(action=name), 'moveit': MoveItConfig(action=name)}
    arm = robot.build(adapter, server_timeout=0.3, **{adapter: names[adapter]})
    with pytest.raises(MotionError, match=f"no action server '{name}'"):
        arm.move_to(AWAY, 0.3)


def test_a_robot_without_joint_states_is_not_moved(robot):
    robot.servers.goals.clear()
    silent = robot.build('ros2_control', joint_states='nobody/joint_states', silence=0.3)
    with pytest.raises(MotionError, match=r'no joint states on .nobody/joint_states'):
        silent.move_to(AWAY, 0.3)
    strange = robot.build('ros2_control', joints=tuple(f'fr3_joint{i}' for i in range(1, 8)), silence=2.0)
    with pytest.raises(MotionError, match=r'carries no .*fr3_joint1.*panda_joint1'):
        strange.tcp_pose()
    assert robot.servers.goals == []


def test_a_robot_that_falls_silent_in_a_motion_is_stopped(robot):
    robot.arm('ros2_control')
    arm = robot.build('ros2_control', silence=2.0)
    robot.servers.waits_for_cancel = True
    robot.servers.goals.clear()
    silencer = threading.Thread(target=lambda: wait_until(lambda: robot.servers.is_held, 120) and robot.servers.mute())
    silencer.start()
    try:
        with pytest.raises(MotionError, match='no joint states'):
            arm.move_to(AWAY, 0.3)
    finally:
        robot.servers.is_mute = False
        silencer.join(60)
    assert robot.servers.ends[-1] == CANCELED


def test_a_motion_without_end_is_cancelled(robot):
    robot.arm('ros2_control')
    arm = robot.build('ros2_control', motion_timeout=1.0)
    assert wait_until(arm.arm._mover._server._client.server_is_ready, 120)
    robot.servers.waits_for_cancel = True
    with pytest.raises(MotionError, match='did not end within 1 s'):
        arm.move_to(AWAY, 0.3)
    assert wait_until(lambda: robot.servers.ends, 120)
    assert robot.servers.ends[-1] == CANCELED


def test_a_server_that_goes_away_in_a_motion_ends_it(robot, monkeypatch):
    robot.arm('ros2_control')
    arm = robot.build('ros2_control')
    server = arm.arm._mover._server

    looks = []

    def is_ready():
        looks.append(robot.servers.is_held)
        if len(looks) < 3 or not looks[-1]:  # it is there at first, also where the motion is halfway by then
            return True
        server._server_timeout = 0.1  # from now on nobody needs the time
        return False

    assert wait_until(server._client.server_is_ready, 120)
    monkeypatch.setattr(server._client, 'server_is_ready', is_ready)
    robot.servers.waits_for_cancel = True
    with pytest.raises(MotionError, match='went away while the robot moved'):
        arm.move_to(AWAY, 0.3)


def test_the_skill_node_puts_a_block_into_a_bowl_through_a_trajectory_controller(robot):
    robot.arm('ros2_control').go_home()
    status, result = robot.do('pick', 'red block')
    assert (status, result.reason[:7]) == (SUCCEEDED, 'holding')
    assert robot.servers.world.state().held == 'red block'
    status, result = robot.do('place_in', 'red block', 'green bowl')
    assert status == SUCCEEDED, result.reason
    robot.servers.settle(0.5)
    block, bowl = (np.array(robot.servers.world.position(name)) for name in ('red block', 'green bowl'))
    assert np.linalg.norm((block - bowl)[:2]) < 0.04 and robot.servers.world.state().held == ''


def test_a_skill_puts_a_block_beside_others_through_moveit(robot):
    arm = robot.arm('moveit')
    arm.go_home()
    picked = execute(Step('pick', 'blue block'), robot.look(), arm)
    assert picked.success and robot.servers.world.state().held == 'blue block', picked.reason
    placed = execute(Step('place_at', 'blue block', 'bottom right corner'), robot.look('blue block'), arm)
    robot.servers.settle(0.5)
    place = np.array(robot.servers.world.position('blue block'))
    assert placed.success and np.linalg.norm(place[:2] - LOCATIONS['bottom right corner']) < 0.04, placed.reason


def test_a_cancelled_skill_cancels_the_controllers_goal(robot):
    robot.arm('ros2_control').go_home()
    robot.servers.goals.clear()
    robot.servers.ends.clear()
    status, result = robot.do('pick', 'red block', cancel=True)
    assert status == CANCELED and result.cancelled and robot.servers.ends[-1] == CANCELED
    robot.arm('ros2_control').go_home()


def test_a_skill_that_the_controller_aborts_fails_with_its_words(robot):
    robot.arm('ros2_control').go_home()
    robot.servers.fault = 'abort'
    try:
        status, result = robot.do('pick', 'red block')
    finally:
        robot.servers.fault = ''
    assert status == ABORTED and not result.cancelled and 'other joints' in result.reason


def test_the_base_drives_to_places_and_poses_by_nav2(robot):
    status, result = robot.do('go_to', destination='counter')
    assert status == SUCCEEDED and robot.servers.base[:2] == pytest.approx((1.5, -0.5))
    status, result = robot.drive(xy=(0.7, 0.4))
    assert status == SUCCEEDED and result.success
    assert wait_until(lambda: robot.skill._base.base.pose()[:2] == pytest.approx((0.7, 0.4)), 120)
    status, result = robot.drive(xy=(0.7, 0.4))
    assert (result.pose.pose.position.x, result.pose.pose.position.y) == pytest.approx((0.7, 0.4))


def test_the_base_refuses_what_is_unknown_or_out_of_its_limits_before_sending(robot):
    robot.servers.goals.clear()
    status, result = robot.do('go_to', destination='countre')
    assert status == ABORTED and "did you mean 'counter'" in result.reason
    status, result = robot.drive(xy=(40.0, 0.0))
    assert status == ABORTED and 'allowed: x -3.0 to 3.0' in result.reason
    assert robot.servers.goals == []


def test_a_cancelled_drive_is_cancelled_at_nav2(robot):
    robot.servers.goals.clear()
    robot.servers.ends.clear()
    status, result = robot.drive(cancel=True, place='counter')
    assert status == CANCELED and result.cancelled and robot.servers.ends == [CANCELED]
    assert 0 < robot.servers.base[0] < 1.5


def test_an_aborted_drive_has_nav2s_reason(robot):
    robot.servers.fault = 'abort'
    try:
        status, result = robot.drive(place='table')
    finally:
        robot.servers.fault = ''
    assert status == ABORTED and 'Nav2 aborted the drive' in result.reason
