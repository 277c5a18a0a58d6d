"""
Watches a running graph from outside: what is alive, in which phase a task is, whether the arm keeps its limits.

The limits are checked on the simulator's own tool pose (``raw/tcp_pose``, simulated stamps), not on what the nodes
believe. Freshness is measured on the wall clock, because the robot's clock is one of the things that break.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
from dataclasses import dataclass, field
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.msg import TransitionEvent
import numpy as np
from std_msgs.msg import Header

from vlm_robot.errors import VlmRobotError
from vlm_robot.nodes import conversions
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.participant import Participant
from vlm_robot.robot.safety import SafetyConfig
from vlm_robot_interfaces.action import ExecuteSkill, ExecuteTask, MoveArm
from vlm_robot_interfaces.msg import DetectionArray, HandState, Plan
from vlm_robot_interfaces.msg import Scene as SceneMessage

ACTIONS = {'execute_task': ExecuteTask, 'execute_skill': ExecuteSkill, 'raw/move_arm': MoveArm}
SIGNS = ('detections of front', 'detections of top', 'scene', 'hand state', 'tool pose')  # all that must be heard
TOLERANCE = 0.006  # m beyond a limit: the arm is a physical body that overshoots a little
SPEED_SHARE = 1.05  # of the greatest speed: what is measured between two messages is that exact
WINDOW = 0.2  # simulated seconds over which the speed is measured
AT_REST = 0.003  # m within REST_WINDOW
REST_WINDOW = 0.5  # wall-clock seconds


@dataclass
class Limits:
    """
    Checks tool positions one after another.

    :param violations: what was wrong, in words, in order.
    :param fastest: m/s, the greatest speed so far.
    """

    config: SafetyConfig = field(default_factory=SafetyConfig)
    violations: list[str] = field(default_factory=list)
    fastest: float = 0.0
    _path: list[tuple[float, np.ndarray]] = field(default_factory=list)

    def check(self, stamp: float, p_base: np.ndarray) -> None:
        """Note one position, (3,) metres, at simulated seconds; a clock that runs back begins a new path."""
        if self._path and stamp <= self._path[-1][0]:
            self._path.clear()
        self._path.append((stamp, p_base))
        while len(self._path) > 2 and stamp - self._path[1][0] >= WINDOW:
            self._path.pop(0)
        for axis, value in zip('xyz', p_base, strict=True):
            low, high = getattr(self.config, f'{axis}_min'), getattr(self.config, f'{axis}_max')
            if not low - TOLERANCE <= value <= high + TOLERANCE:
                self.violations.append(f'tool at {axis} = {value:.3f} m; allowed: {low} to {high}')
        self._check_speed()

    def forget(self) -> None:
        """Begin a new path: somebody has set the arm down elsewhere."""
        self._path.clear()

    def _check_speed(self) -> None:
        (begin, start), (end, goal) = self._path[0], self._path[-1]
        if end - begin < WINDOW / 2:
            return
        speed = float(np.linalg.norm(goal - start)) / (end - begin)
        self.fastest = max(self.fastest, speed)
        if speed > self.config.max_speed * SPEED_SHARE:
            self.violations.append(f'tool moved at {speed:.2f} m/s; allowed: {self.config.max_speed}')


class Witness(Participant):
    """Listens to everything that tells how the graph is."""

    def __init__(self, domain: int):
        """Connect."""
        super().__init__('witness', domain)
        self.limits = Limits()
        self.heard: dict[str, float] = {}  # sign -> wall-clock seconds of the newest
        self.phase, self.held, self.is_skill_running = '', '', False
        self.told: list[tuple[str, str]] = []  # status and reason of every plan that was published
        self._places: list[tuple[float, np.ndarray]] = []
        self._listen()
        self._clients = {name: ActionClient(self.node, kind, name) for name, kind in ACTIONS.items()}

    def _listen(self) -> None:
        listen = self.node.create_subscription
        listen(PoseStamped, 'raw/tcp_pose', self._on_tool, reliable_qos(20))
        listen(Header, 'world_changed', lambda message: self.limits.forget(), reliable_qos(1, latched=True))
        listen(DetectionArray, 'detections', lambda m: self._hear(f'detections of {m.camera}'), reliable_qos())
        listen(SceneMessage, 'scene', lambda message: self._hear('scene'), reliable_qos())
        listen(HandState, 'hand_state', self._on_hand, reliable_qos())
        listen(Plan, 'plan', self._on_plan, reliable_qos(20))
        listen(DiagnosticArray, '/diagnostics', self._on_diagnostics, reliable_qos(20))
        listen(TransitionEvent, 'planner/transition_event', self._on_transition, reliable_qos())

    def is_fresh(self, since: float) -> bool:
        """Return whether every server is there and every sign was heard after that moment (wall clock)."""
        return not self.list_missing(since)

    def list_missing(self, since: float) -> list[str]:
        """Return what was not heard after that moment, in words."""
        silent = [sign for sign in SIGNS if self.heard.get(sign, 0.0) <= since]
        return silent + [f'action {name}' for name, client in self._clients.items() if not client.server_is_ready()]

    def is_at_rest(self) -> bool:
        """Return whether the tool stays where it is; a simulator that is silent says nothing, so it counts."""
        now = time.monotonic()
        places = [place for when, place in list(self._places) if now - when < REST_WINDOW]
        return all(np.linalg.norm(place - places[0]) < AT_REST for place in places)

    def is_resting(self) -> bool:
        """Return whether the tool rests and no skill says that it runs."""
        silent = time.monotonic() - self.heard.get('hand state', 0.0) > 2.0  # nobody is there to say so
        return self.is_at_rest() and (silent or not self.is_skill_running)

    def is_in(self, phase: str) -> bool:
        """Return whether a task is ``looking`` (or planning), ``moving`` with an empty hand, or ``holding``."""
        if phase == 'looking':
            return self.phase == 'planning'
        travels = self.is_skill_running and not self.is_at_rest()
        return travels and (bool(self.held) == (phase == 'holding'))

    def begin(self) -> None:
        """Forget the phase of an earlier task."""
        self.phase = ''
        self.told.clear()

    def _hear(self, sign: str) -> None:
        self.heard[sign] = time.monotonic()

    def _on_tool(self, message: PoseStamped) -> None:
        with contextlib.suppress(VlmRobotError):
            place = conversions.from_pose(message.pose)[:3, 3]
            self._hear('tool pose')
            self._places = [*self._places[-60:], (time.monotonic(), place)]
            self.limits.check(conversions.to_seconds(message.header.stamp), place)

    def _on_hand(self, message: HandState) -> None:
        self._hear('hand state')
        self.held, self.is_skill_running = message.held, message.moving

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.partition(':')[0]
            self._hear(f'diagnostics of {name}')
            for value in status.values:
                if value.key == 'state':  # transitions are told once, and whoever has just met the node misses them
                    self._hear(f'{name} {value.value}')

    def _on_transition(self, message: TransitionEvent) -> None:
        self._hear(f'planner {message.goal_state.label}')

    def _on_plan(self, message: Plan) -> None:
        self.phase = message.status
        self.told.append((message.status, message.reason))


def wait_until(is_true: Callable[[], bool], timeout: float, period: float = 0.02) -> bool:
    """Return whether a condition came true within wall-clock seconds."""
    deadline = time.monotonic() + timeout
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(period)
    return True
