"""
What a task needs of the other nodes: fresh scenes and skills, and an end to waiting when one of them dies.

Waiting is measured on the wall clock, because the robot's clock may stop with the process that died; what
counts as fresh is measured on the robot's clock, which is that of the stamps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
import threading
import time

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.errors import ConfigError, MotionCancelled, MotionError, PerceptionError
from vlm_robot.interruption import interruptible
from vlm_robot.nodes import conversions, plan_conversions
from vlm_robot.nodes.action_calls import call_action
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.intake import Journal, Kind, PLANNER_JOURNAL
from vlm_robot.nodes.liveness import LifeSign
from vlm_robot.scene.description import describe
from vlm_robot_interfaces.action import ExecuteSkill
from vlm_robot_interfaces.msg import DetectionArray, HandState
from vlm_robot_interfaces.msg import Scene as SceneMessage

PERIOD = 0.02  # seconds between two looks at what is waited for
KEPT = 200  # scenes that came since the last motion or look
CLOCK_LAG = 5.0  # seconds; a scene may be this much newer than what this node has heard of the clock
BEHIND = 3  # scenes in a row so much older than what counts as fresh: the robot's clock began anew


@dataclass(frozen=True)
class LinkConfig:
    """How long the other nodes are waited for; seconds of the wall clock where nothing else is said."""

    looks: int = 2  # scene updates newer than the last skill that make a fresh scene: one of each camera
    fresh_timeout: float = 20.0  # s, for a fresh scene while everybody lives
    start_timeout: float = 20.0  # s, for nodes that have not been heard yet
    return_timeout: float = 5.0  # s, for nodes that are away when a task begins: they may be being started again
    detector_silence: float = 15.0  # s, a living detector that says nothing for longer has stopped
    description_age: float = 15.0  # s of the robot's clock, for which what the describer said counts

    def __post_init__(self) -> None:
        """Refuse what cannot be waited for."""
        for name, value in vars(self).items():
            if not value > 0:
                raise ConfigError(f'link.{name} is {value}; allowed: above 0')


class _OtherwiseError(Exception):
    """What is seen reads otherwise than what was guessed; it never leaves this file."""


class RobotLink:
    """Looks and acts through topics and actions."""

    def __init__(self, node: Node, group, config: LinkConfig):
        """Connect; ``group`` must be reentrant."""
        self.config = config
        self._node = node
        self._news = threading.Condition()
        self._scenes: deque[Scene] = deque(maxlen=KEPT)  # the updates since the last motion or look, in their order
        self._fresh_from, self._heard, self._has_moved = 0.0, 0.0, True
        self._newest, self._reads = Scene(), describe(Scene())  # heard, fresh or not, and its words
        self._behind = 0  # scenes in a row that are older than any delay explains
        self.journal = Journal(node, PLANNER_JOURNAL)
        self.is_astray = False  # the last skill was cut off, and the arm may stand before the cameras
        self._skills = ActionClient(node, ExecuteSkill, 'execute_skill', callback_group=group)
        self._signs = {
            'detector': LifeSign(node, DetectionArray, 'detections', lambda message: None, group=group),
            'scene node': LifeSign(
                node,
                SceneMessage,
                'scene',
                self._on_scene,
                latched=True,
                group=MutuallyExclusiveCallbackGroup(),  # scenes must not overtake each other
            ),
            'skill node': LifeSign(node, HandState, 'hand_state', lambda message: None, latched=True, group=group),
        }

    def forget(self, kind: Kind | None = Kind.MOVED) -> None:
        """Count as fresh only what is seen from now on; the journal tells why, or nothing."""
        with self._news:
            now = self._node.get_clock().now().nanoseconds * 1e-9
            # what has been heard of already is not fresh, even where this node's clock lags behind the camera's
            self._fresh_from = self._heard if now < self._heard < now + CLOCK_LAG else now
            self._scenes.clear()
            self._has_moved = True
            if kind is not None:
                self.journal.note(kind, conversions.to_stamp(self._fresh_from))

    def await_return(self, check: Callable[[], None]) -> None:
        """
        Wait a while for nodes that are away; a task that begins now need not fail because one is being started again.

        :param check: asked all the time; what it raises ends the waiting.
        """
        deadline = time.monotonic() + self.config.return_timeout
        while self._list_lost() and time.monotonic() < deadline:
            check()
            time.sleep(PERIOD)

    def look(self, check: Callable[[], None], think_ahead: Callable[[Scene], None] | None = None) -> Scene:
        """
        Return a scene that is newer than the last motion and the last look, waiting for it.

        The first look after a motion takes the earliest scene that will do, however late this thread wakes: the same
        scenes in the same order lead to the same decision. Later looks take the newest that has come meanwhile.

        :param check: asked all the time; what it raises ends the waiting.
        :param think_ahead: called meanwhile with the newest scene there is, the best guess of what will be seen, and
            with the next one where that reads otherwise, which ends what is ``interruptible``. It may outlast the wait.
        :raises PerceptionError: a node that is needed has stopped, or no fresh scene comes.
        """
        self._await_signs(check)
        begin, words = time.monotonic(), describe(Scene())
        check_all = self._watch_nodes(check)
        while True:
            check_all()
            with self._news:
                if len(self._scenes) >= self.config.looks:
                    scene = self._scenes[self.config.looks - 1 if self._has_moved else -1]
                    self._scenes.clear()
                    self._has_moved = False
                    return scene
                if time.monotonic() - begin > self.config.fresh_timeout:
                    raise PerceptionError(self._complain())
                if think_ahead is None or self._reads == words:
                    self._news.wait(PERIOD)
                    continue
                guess, words = self._newest, self._reads
            self._think(partial(think_ahead, guess), words, check_all)

    def _think(self, think: Callable[[], None], words: str, check: Callable[[], None]) -> None:
        """Think about a guess until it is thought through, or what is seen reads otherwise."""

        def check_guess() -> None:
            check()
            if self._reads != words:
                raise _OtherwiseError

        with suppress(_OtherwiseError), interruptible(check_guess):
            think()

    def _watch_nodes(self, check: Callable[[], None]) -> Callable[[], None]:
        """Return a check that asks for the other nodes' lives too."""

        def check_all() -> None:
            check()
            self.check_alive()

        return check_all

    def act(self, step: Step, check: Callable[[], None]) -> SkillResult:
        """
        Carry out a step and return how it went.

        :param check: asked all the time; MotionCancelled from it cancels the skill, which stops the arm.
        :raises PerceptionError: a node that is needed has stopped; the skill was cancelled.
        """
        self.is_astray = True
        try:
            goal = ExecuteSkill.Goal(step=plan_conversions.to_step(step))
            result = plan_conversions.from_skill_result(call_action(self._skills, goal, self._watch_nodes(check)))
            self.is_astray = result.cancelled
            return result
        except MotionCancelled as error:
            return SkillResult(False, str(error), cancelled=True)
        except MotionError as error:
            return SkillResult(False, str(error))
        finally:
            self.forget()

    def check_alive(self) -> None:
        """Raise PerceptionError when a node that was there has stopped, or the detector fell silent."""
        if lost := self._list_lost():
            topic = self._signs[lost[0]].topic
            raise PerceptionError(f"the {lost[0]} stopped: nobody publishes '{topic}' any more; start it again")
        silence = self._signs['detector'].silence
        if self.config.detector_silence < silence < float('inf'):
            raise PerceptionError(
                f'the detector lives, but told nothing for {silence:.0f} s; do the cameras publish? see its diagnostics'
            )

    def _list_lost(self) -> list[str]:
        return [name for name, sign in self._signs.items() if sign.was_alive and not sign.is_alive]

    def _await_signs(self, check: Callable[[], None]) -> None:
        deadline = time.monotonic() + self.config.start_timeout
        while missing := [name for name, sign in self._signs.items() if not sign.was_alive]:
            check()
            if time.monotonic() > deadline:
                raise PerceptionError(f'no sign of life of {missing} for {self.config.start_timeout:g} s; start them')
            time.sleep(PERIOD)

    def _complain(self) -> str:
        count, timeout = len(self._scenes), self.config.fresh_timeout
        return f'{count} of {self.config.looks} fresh looks came within {timeout:g} s; do all cameras publish?'

    def _on_scene(self, message: SceneMessage) -> None:
        scene = conversions.from_scene(message)
        words = describe(scene)
        with self._news:
            self._heard, self._newest, self._reads = scene.stamp, scene, words
            self._behind = self._behind + 1 if scene.stamp < self._fresh_from - CLOCK_LAG else 0
            if self._behind == BEHIND:  # the simulator or the robot's driver was started again
                self._node.get_logger().warning('the clock of the scenes began anew; what comes now is fresh')
                self._fresh_from, self._behind = scene.stamp, 0
                self._scenes.clear()
            if scene.stamp > self._fresh_from:
                self._scenes.append(scene)
                self._news.notify_all()
            self.journal.note(Kind.SCENE, message.header.stamp)
