"""
A Franka Panda in the PyBullet world: straight lines, a gripper with force, a stop that stops.

``start_*`` begin a motion that ``tick`` carries on before every physics step, whoever steps the world;
the verbs of ``robot.arm.Arm`` start and step until the motion ends. The fingers hold by contact and
friction alone. Only ``stop`` may be called from another thread. The model is pybullet's own
``franka_panda/panda.urdf``; it knows no cameras.
"""

from __future__ import annotations

import numpy as np
import pybullet as p
import pybullet_data

from vlm_robot.errors import MotionError
from vlm_robot.robot import panda
from vlm_robot.robot.joint_path import limit_tool
from vlm_robot.robot.safety import SafetyConfig
from vlm_robot.robot.trajectory import plan_joint_move, plan_line, Trajectory
from vlm_robot.sim.motion import JointStates, Motion
from vlm_robot.sim.physics import Physics, TIME_STEP

PANDA_URDF = 'franka_panda/panda.urdf'
ARM_JOINTS = tuple(range(7))
FINGER_JOINTS = (9, 10)
ARM_FORCES = (87.0,) * 4 + (12.0,) * 3  # N m, the real robot's limits
HOME_POSE = np.array([[1.0, 0, 0, 0.30], [0, -1, 0, 0], [0, 0, -1, 0.42], [0, 0, 0, 1]])  # behind the zone, high
HOME_SPEED = SafetyConfig().max_speed  # m/s of the tool on the way home, which is planned in joints
FINGER_SPEED = 0.10  # m/s of each finger
SETTLE_TIME = 0.5  # seconds a finished line may take to come to rest
GRIPPER_TIMEOUT = 2.0  # seconds
REACHED = 0.001  # metres
BLOCKED = 0.006  # metres off the goal after settling: something is in the way
LAG = 0.15  # radians behind the plan: the arm pushes against something
CONTACT_FORCE = 12.0  # N upward on a descending hand; speeding up and braking alone show less than 4 N
HAND_JOINT = 8
HAND_WEIGHT = 9.91  # N, hand and fingers


class BulletArm:
    """An Arm in a World."""

    def __init__(self, world: Physics, is_visible: bool = True, urdf: str = PANDA_URDF, first_joint: int = 0):
        """
        Load the robot at the base origin, at home with open fingers, and tick with the world.

        :param is_visible: False loads it in a fifth of the time, but no camera sees it.
        :param urdf: a robot that has the Panda's joints in the Panda's order, perhaps on a moving base.
        :param first_joint: number of the arm's first joint in that robot.
        """
        self.world = world
        self.client = world.client
        self.arm_joints = tuple(first_joint + joint for joint in ARM_JOINTS)
        self.finger_joints = tuple(first_joint + joint for joint in FINGER_JOINTS)
        self.hand_joint = first_joint + HAND_JOINT
        p.setAdditionalSearchPath(pybullet_data.getDataPath(), physicsClientId=self.client)
        flags = 0 if is_visible else p.URDF_IGNORE_VISUAL_SHAPES
        self.body = p.loadURDF(urdf, useFixedBase=True, flags=flags, physicsClientId=self.client)
        self.home_posture = panda.solve_inverse(HOME_POSE, panda.WORK_POSTURE)
        self._move: Motion | None = None
        self._grip: Motion | None = None
        self._goals = self._velocities = np.empty((0, 7))  # of the running move, one row for each physics step
        self._ticks = 0  # physics steps since the running move began
        self._descends = False
        self._grip_clock, self._grip_rest, self._grip_goal = 0.0, 0, 0.08
        self._prepare_body()
        self._hold(self.home_posture)
        self._drive_fingers(0.08, 20.0)
        world.register_gripper(self.body, self.finger_joints)
        world.add_ticker(self.tick)

    # ---- what the arm is asked: begin a motion, return at once

    def start_move(self, T_base_tcp: np.ndarray, speed: float = 0.25) -> Motion:
        """
        Begin a straight line to a pose at most at ``speed`` metres per second.

        :raises MotionError: another motion runs, or a point of the line cannot be reached; nothing moved.
        """
        self._refuse_while_moving()
        q = self._positions()
        plan = plan_line(q, np.asarray(T_base_tcp, float), speed)
        return self.follow(plan, 'the move', T_base_tcp[2, 3] < panda.solve_forward(q)[0][2, 3] - 0.001)

    def start_home(self) -> Motion:
        """Begin the way home, straight in joint space; raise MotionError while another motion runs."""
        self._refuse_while_moving()
        way = plan_joint_move(self._positions(), self.home_posture)
        return self.follow(limit_tool(way, HOME_SPEED), 'the way home')

    def follow(self, trajectory: Trajectory, what: str = 'the trajectory', descends: bool = False) -> Motion:
        """Begin a trajectory, whoever planned it; one that descends halts where the hand is pushed up."""
        self._refuse_while_moving()
        self._descends = descends
        times = TIME_STEP * np.arange(1, np.ceil(trajectory.duration / TIME_STEP) + 1)
        self._goals, self._velocities = trajectory.sample(times)
        self._ticks = 0
        self._move = Motion(what)
        return self._move

    def start_gripper(self, width: float, force: float = 20.0) -> Motion:
        """
        Begin to open or close the fingers.

        :param width: metres between the finger tips, 0 to 0.08; the fingers press on what stops them earlier.
        :param force: newtons of each finger.
        :raises MotionError: numbers out of range, or the fingers move already.
        """
        if self._grip is not None:
            raise MotionError('the fingers move already; wait until that motion is done, or stop it')
        if not (0.0 <= width <= 0.08 and 0.0 < force <= 70.0):
            raise MotionError(f'gripper asked for {width} m with {force} N; allowed: 0 to 0.08 m, above 0 to 70 N')
        self._drive_fingers(width, force)
        self._grip_goal, self._grip_clock, self._grip_rest = width, 0.0, 0
        self._grip = Motion('the gripper motion')
        return self._grip

    # ---- robot.arm.Arm: begin, step the world, return at the end

    def tcp_pose(self) -> np.ndarray:
        """Return T_base_tcp, (4, 4) float64, from the measured joints."""
        return panda.solve_forward(self._positions())[0]

    def move_to(self, T_base_tcp: np.ndarray, speed: float = 0.25) -> None:
        """Move in a straight line and step the world until the end; raise MotionError or MotionCancelled."""
        self._run(self.start_move(T_base_tcp, speed))

    def go_home(self) -> None:
        """Move to the home posture and step the world until the end; raise MotionError or MotionCancelled."""
        self._run(self.start_home())

    def set_gripper(self, width: float, force: float = 20.0) -> float:
        """Open or close the fingers, step the world until they rest, return the width in metres."""
        self._run(self.start_gripper(width, force))
        return self.gripper_width()

    def gripper_width(self) -> float:
        """Return the distance between the finger tips in metres."""
        return max(0.0, sum(state[0] for state in self._states(self.finger_joints)))

    def stop(self) -> None:
        """Ask the next tick to halt the arm and the fingers where they are; safe from any thread."""
        for motion in (self._move, self._grip):
            if motion is not None:
                motion.stop_requested = True

    # ---- state

    def is_holding(self) -> bool:
        """Return whether both fingers press on something other than each other."""
        if self.gripper_width() <= 0.002:
            return False
        touching = [
            p.getContactPoints(self.body, linkIndexA=link, physicsClientId=self.client) for link in self.finger_joints
        ]
        return all(any(contact[2] != self.body for contact in contacts) for contacts in touching)

    def joint_states(self) -> JointStates:
        """Return the moving joints as a ROS joint state wants them."""
        joints = self.arm_joints + self.finger_joints
        states = self._states(joints)
        names = tuple(p.getJointInfo(self.body, joint, physicsClientId=self.client)[1].decode() for joint in joints)
        return JointStates(names, tuple(s[0] for s in states), tuple(s[1] for s in states))

    def tick(self) -> None:
        """Carry the running motions on by one physics step."""
        if self._move is not None:
            self._tick_move(self._move)
        if self._grip is not None:
            self._tick_grip(self._grip)

    # ---- inside

    def _tick_move(self, motion: Motion) -> None:
        q = self._positions()
        if motion.stop_requested:
            self._end_move(q, cancelled=True)
            return
        row = min(self._ticks, len(self._goals) - 1)
        self._ticks += 1
        goal, velocity = self._goals[row], self._velocities[row]
        if np.abs(goal - q).max() > LAG or (self._descends and self._push() > CONTACT_FORCE):
            z = panda.solve_forward(q)[0][2, 3]
            self._end_move(q, f'{motion.what} ran against something at z = {z:.3f} m and halted', blocked=True)
        elif self._ticks < len(self._goals):
            self._drive(goal, velocity)
        else:
            self._settle(q, goal)

    def _settle(self, q: np.ndarray, goal: np.ndarray) -> None:
        assert self._move is not None
        self._drive(goal, np.zeros(7))
        off = np.linalg.norm(panda.solve_forward(q)[0][:3, 3] - panda.solve_forward(goal)[0][:3, 3])
        overtime = (self._ticks - len(self._goals)) * TIME_STEP
        if off < REACHED:
            self._end_move(goal)
        elif overtime > SETTLE_TIME:
            reason = f'{self._move.what} ended {1000 * off:.0f} mm off its goal: something is in the way'
            if off < BLOCKED:
                self._end_move(goal)
            else:
                self._end_move(q, reason, blocked=True)

    def _end_move(self, hold: np.ndarray, error: str = '', blocked: bool = False, cancelled: bool = False) -> None:
        self._hold(hold)
        motion, self._move = self._move, None
        assert motion is not None
        motion.end(error, blocked, cancelled)

    def _push(self) -> float:
        """Return the newtons that push the hand up, from the force sensor in the wrist."""
        state = p.getJointState(self.body, self.hand_joint, physicsClientId=self.client)
        return state[2][2] + HAND_WEIGHT

    def _tick_grip(self, motion: Motion) -> None:
        self._grip_clock += TIME_STEP
        if motion.stop_requested:
            self._drive_fingers(self.gripper_width(), 20.0)
            self._end_grip(cancelled=True)
            return
        moving = max(abs(state[1]) for state in self._states(self.finger_joints)) > 0.002
        self._grip_rest = 0 if moving else self._grip_rest + 1
        reached = abs(self.gripper_width() - self._grip_goal) < 0.0005
        if self._grip_rest >= (4 if reached else 16):
            self._end_grip()
        elif self._grip_clock > GRIPPER_TIMEOUT:
            self._end_grip(f'the fingers did not come to rest within {GRIPPER_TIMEOUT} s')

    def _end_grip(self, error: str = '', cancelled: bool = False) -> None:
        motion, self._grip = self._grip, None
        assert motion is not None
        motion.end(error, cancelled=cancelled)

    def _refuse_while_moving(self) -> None:
        if self._move is not None:
            raise MotionError('the arm moves already; wait until that motion is done, or stop it')

    def _run(self, motion: Motion) -> None:
        while not motion.done:
            self.world.step()
        motion.raise_failure()

    def _states(self, joints) -> tuple:
        return p.getJointStates(self.body, joints, physicsClientId=self.client)

    def _positions(self) -> np.ndarray:
        return np.array([state[0] for state in self._states(self.arm_joints)])

    def _hold(self, q: np.ndarray) -> None:
        self._drive(q, np.zeros(7))

    def _drive(self, q: np.ndarray, velocity: np.ndarray) -> None:
        p.setJointMotorControlArray(
            self.body,
            self.arm_joints,
            p.POSITION_CONTROL,
            targetPositions=q.tolist(),
            targetVelocities=velocity.tolist(),
            forces=ARM_FORCES,
            positionGains=(0.25,) * 7,
            velocityGains=(1.0,) * 7,
            physicsClientId=self.client,
        )

    def _drive_fingers(self, width: float, force: float) -> None:
        for joint in self.finger_joints:
            p.setJointMotorControl2(
                self.body,
                joint,
                p.POSITION_CONTROL,
                targetPosition=width / 2,
                force=force,
                maxVelocity=FINGER_SPEED,
                physicsClientId=self.client,
            )

    def _prepare_body(self) -> None:
        p.enableJointForceTorqueSensor(self.body, self.hand_joint, True, physicsClientId=self.client)
        for joint, angle in zip(self.arm_joints, self.home_posture, strict=True):
            p.resetJointState(self.body, joint, angle, physicsClientId=self.client)
        for joint in self.finger_joints:
            p.resetJointState(self.body, joint, 0.04, physicsClientId=self.client)
            p.changeDynamics(
                self.body,
                joint,
                lateralFriction=1.2,
                spinningFriction=0.02,
                rollingFriction=1e-4,
                physicsClientId=self.client,
            )
        # the real fingers share one spindle: what stops one stops both, so a block is centred between them
        gear = p.createConstraint(
            self.body,
            self.finger_joints[0],
            self.body,
            self.finger_joints[1],
            p.JOINT_GEAR,
            (1, 0, 0),
            (0, 0, 0),
            (0, 0, 0),
            physicsClientId=self.client,
        )
        p.changeConstraint(gear, gearRatio=-1, erp=0.2, maxForce=60, physicsClientId=self.client)
