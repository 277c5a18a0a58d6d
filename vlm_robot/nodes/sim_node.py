"""
The simulator as a robot: cameras, joints and clock are topics, the arm is actions, the truth a service.

All frames and units are those of the values; stamps are simulated seconds. What a real robot's drivers would
publish has the same names and types, so that the other nodes cannot tell the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import threading
import time

from geometry_msgs.msg import PoseStamped
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header

from vlm_robot.errors import ConfigError, MotionBlocked, MotionError, VlmRobotError
from vlm_robot.nodes import conversions, lifespan, parameters
from vlm_robot.nodes.diagnostics import Health
from vlm_robot.nodes.liveness import publish, reliable_qos
from vlm_robot.nodes.sim_services import SimServices
from vlm_robot.nodes.sim_thread import SimThread, Table
from vlm_robot.robot.safety import check_gripper, check_pose, check_speed, SafetyConfig
from vlm_robot.sim.bullet_arm import Motion
from vlm_robot_interfaces.action import MoveArm, MoveGripper
from vlm_robot_interfaces.srv import GetWorldState, LoadScenario

FRAME_PERIOD = 0.2  # wall-clock seconds between two frames, at least: at rest they cost nothing here, but whoever looks
CANCEL_PERIOD = 0.002  # wall-clock seconds between two looks whether a motion shall be halted
DEFAULT_SPEED, DEFAULT_FORCE = 0.25, 20.0  # m/s, N: what 0 in a goal stands for


@dataclass(frozen=True)
class SimNodeConfig:
    """What is simulated, and how often it is told."""

    scenario: str = 'blocks_and_bowls'  # name of a shipped scenario or path of a YAML file
    seed: int = 0  # 0 or more; the same seed gives the same table
    real_time_factor: float = 2.0  # simulated seconds per second, as far as the machine can
    camera_rate: float = 1.0  # Hz of simulated time, each camera; at most 5 frames a second of the wall clock
    joint_rate: float = 25.0  # Hz of simulated time, joint states and tool pose
    clock_rate: float = 25.0  # Hz of simulated time
    step_size: int = 12  # steps of 1/240 s that the service ~/step makes while the simulation is paused
    namespace_frames: str = ''  # put before every frame id, for example 'left/'
    limits: SafetyConfig = field(default_factory=SafetyConfig)  # what the arm's driver refuses, whoever asks

    def __post_init__(self) -> None:
        """Refuse rates that cannot be."""
        for name, most in (
            ('real_time_factor', 20.0),
            ('camera_rate', 60.0),
            ('joint_rate', 240.0),
            ('clock_rate', 240.0),
        ):
            if not 0 < getattr(self, name) <= most:
                raise ConfigError(f'{name} is {getattr(self, name)}; allowed: above 0, at most {most}')
        if self.step_size < 1:
            raise ConfigError(f'step_size is {self.step_size}; allowed: 1 or more')
        if self.seed < 0:
            raise ConfigError(f'seed is {self.seed}; allowed: 0 or more')


class SimNode(Node):
    """PyBullet behind topics, actions and services."""

    def __init__(self):
        """Load the scenario and start to step."""
        super().__init__('sim', **lifespan.NODE_OPTIONS)
        self.config = parameters.declare(
            self, SimNodeConfig(), live=('real_time_factor', 'step_size'), on_change=self._change
        )
        self._due: dict[str, float] = {}
        self._next_render = 0.0  # wall-clock seconds
        self._closing = threading.Event()
        self._newest, self._measured = 0.0, (time.monotonic(), 0.0)  # seconds: simulated; wall and simulated
        self._cameras: dict[str, tuple] = {}
        self._clock_topic = self.create_publisher(Clock, '/clock', reliable_qos(1))  # the one name ROS fixes
        self._joints = self.create_publisher(JointState, 'joint_states', reliable_qos())
        self._tool = self.create_publisher(PoseStamped, 'tcp_pose', reliable_qos())
        self._changed = self.create_publisher(Header, 'world_changed', reliable_qos(1, latched=True))
        self._tf = _create_tf_publisher(self)
        self.sim = SimThread(self.config.scenario, self.config.seed, self.config.real_time_factor, self._publish)
        self._serve()
        self._health = Health(self, 'simulation', self._list_figures)
        self.get_logger().info(f"simulating '{self.config.scenario}', seed {self.config.seed}")

    def _serve(self) -> None:
        group = ReentrantCallbackGroup()
        options = {
            'callback_group': group,
            'cancel_callback': lambda goal: CancelResponse.ACCEPT,
            'result_timeout': 120,  # s; results are filled in after the end, and rclpy's 10 s were too few when starved
        }
        self._servers = [
            ActionServer(self, MoveArm, 'move_arm', self._move_arm, **options),
            ActionServer(self, MoveGripper, 'move_gripper', self._move_gripper, **options),
            self.create_service(LoadScenario, 'load_scenario', self._load, callback_group=group),
            self.create_service(GetWorldState, 'get_world_state', self._tell_truth, callback_group=group),
        ]
        services = SimServices(self.sim, self._reset, lambda: self.config.step_size)
        self._servers += services.offer(self, group)
        self.sim.call(self._announce)

    def close(self) -> None:
        """End running motions and stop the simulation."""
        self._closing.set()
        self.sim.close()

    # ---- in the simulation's thread: publish what is due

    def _publish(self, table: Table) -> None:
        now, config = table.world.time, self.config
        self._newest = now
        if self._is_due('clock', now, config.clock_rate):
            publish(self._clock_topic, Clock(clock=conversions.to_stamp(now)))
        if self._is_due('joints', now, config.joint_rate):
            joints = table.arm.joint_states()
            state = conversions.to_joint_state(joints.names, joints.positions, now, joints.velocities)
            publish(self._joints, state)
            header = conversions.to_header(now, self._frame(conversions.BASE_FRAME))
            publish(self._tool, conversions.to_pose_stamped(table.arm.tcp_pose(), header))
        if time.monotonic() >= self._next_render:
            self._render(table, now)

    def _render(self, table: Table, now: float) -> None:
        """Publish one frame if one is due; rendering never takes more than half of the time."""
        name = min(table.cameras, key=lambda camera: self._due.get(camera, 0.0))
        if self._is_due(name, now, self.config.camera_rate):
            begin = time.monotonic()
            self._publish_frame(name, table.cameras[name].read())
            self._next_render = max(2 * time.monotonic() - begin, begin + FRAME_PERIOD)

    def _is_due(self, what: str, now: float, rate: float) -> bool:
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + 1.0 / rate
        return True

    def _publish_frame(self, name: str, frame) -> None:
        if name not in self._cameras:
            kinds = {'image': Image, 'depth': Image, 'camera_info': CameraInfo, 'pose': PoseStamped}
            self._cameras[name] = tuple(
                self.create_publisher(kind, f'{name}/{topic}', reliable_qos(2)) for topic, kind in kinds.items()
            )
        messages = conversions.to_frame(frame, self.config.namespace_frames)
        for publisher, message in zip(self._cameras[name], messages, strict=True):
            publish(publisher, message)
        if self._tf is not None:
            transform = conversions.to_transform(messages[3], messages[0].header.frame_id)
            publish(self._tf, self._tf.msg_type(transforms=[transform]))

    def _announce(self, table: Table) -> None:
        name = f'{table.scenario} {table.seed}'
        publish(self._changed, conversions.to_header(table.world.time, name))

    def _frame(self, name: str) -> str:
        return self.config.namespace_frames + name

    # ---- in the executor's threads

    def _move_arm(self, handle) -> MoveArm.Result:
        goal, result = handle.request, MoveArm.Result()

        def start(table: Table) -> Motion:
            if goal.home:
                return table.arm.start_home()
            T, speed = conversions.from_pose(goal.pose), _plain(goal.speed) or DEFAULT_SPEED
            _refuse(check_pose(T, self.config.limits) or check_speed(speed, self.config.limits))
            return table.arm.start_move(T, speed)

        self._carry_out(handle, start, result)
        result.pose = conversions.to_pose(self.sim.call(lambda table: table.arm.tcp_pose()))
        return result

    def _move_gripper(self, handle) -> MoveGripper.Result:
        goal, result = handle.request, MoveGripper.Result()
        width, force = round(goal.width, 6), _plain(goal.force) or DEFAULT_FORCE  # float32 0.08 is more than 0.08

        def start(table: Table) -> Motion:
            _refuse(check_gripper(width, force, self.config.limits))
            return table.arm.start_gripper(width, force)

        self._carry_out(handle, start, result)
        result.width = float(self.sim.call(lambda table: table.arm.gripper_width()))
        return result

    def _carry_out(self, handle, start: Callable[[Table], Motion], result) -> None:
        """Start a motion, wait for its end, halt it at once on cancel, and fill the result."""
        try:
            self._wait(handle, self.sim.call(lambda table: table.start(start)))
        except VlmRobotError as error:
            result.reason, result.cancelled = str(error), handle.is_cancel_requested
            if isinstance(error, MotionBlocked):
                result.blocked = True
            handle.canceled() if result.cancelled else handle.abort()
            return
        result.success = True
        handle.succeed()

    def _wait(self, handle, motion: Motion) -> None:
        while not motion.done:
            if self._closing.is_set() or self.sim.failure is not None:
                raise MotionError(f'the simulator stopped: {self.sim.failure or "it was closed"}')
            if handle.is_cancel_requested:
                motion.stop_requested = True
            time.sleep(CANCEL_PERIOD)
        motion.raise_failure()

    def _load(self, request, response):
        try:
            table = self._reload(request.scenario, request.seed)
            response.success, response.sentence = True, table.episode.sentence
        except VlmRobotError as error:
            response.message = str(error)
            self.get_logger().error(response.message)
        return response

    def _reload(self, scenario: str, seed: int | None) -> Table:
        """Put a scenario into its first instant; empty and None stand for the present ones."""
        if self.sim.call(lambda table: table.is_moving()):
            raise MotionError('the arm is moving; cancel the task first')
        table = self.sim.load(scenario, self.sim.call(lambda table: table.seed) if seed is None else seed)
        self.sim.call(self._announce)
        self.get_logger().info(f"loaded '{table.scenario}', seed {table.seed}")
        return table

    def _reset(self) -> None:
        self._reload('', None)

    def _tell_truth(self, request, response):
        def read(table: Table) -> None:
            response.stamp = conversions.to_stamp(table.world.time)
            conversions.fill_world_state(response, table.world.labels, table.poses(), table.world.state().held)

        try:
            self.sim.call(read)
            response.success = True
        except VlmRobotError as error:
            response.message = str(error)
        return response

    def _list_figures(self) -> dict[str, object]:
        """Tell how fast the world runs, measured since the last time."""
        wall, now = time.monotonic(), self._newest
        past, self._measured = self._measured, (wall, now)
        speed = (now - past[1]) / max(wall - past[0], 1e-6)
        failure = self.sim.failure
        complaint = {'complaint': f'the simulator stopped: {failure}'} if failure else {}
        return {
            'simulated_s': f'{now:.1f}',
            'real_time_factor': f'{speed:.2f}',
            'paused': self.sim.is_paused,
            **complaint,
        }

    def _change(self, config: SimNodeConfig) -> None:
        self.config = config
        self.sim.real_time_factor = config.real_time_factor


def _plain(value: float) -> float:
    """Return the decimal number that somebody wrote into a float32."""
    return float(f'{value:.7g}')


def _refuse(reason: str) -> None:
    if reason:
        raise MotionError(reason)


def _create_tf_publisher(node: Node):
    """Return a publisher of /tf where tf2_msgs is installed (the wheels lack it); None otherwise."""
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        return None
    return node.create_publisher(TFMessage, '/tf', reliable_qos(10))


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(SimNode, threads=6, is_quick=True))


if __name__ == '__main__':
    main()
