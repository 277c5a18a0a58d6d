"""
Sentence to first action goal, and STOP or cancel to rest, on the real graph with its simulator.

A table, a sentence, the time until the first goal of ``execute_skill``; then the task is stopped at a random moment of
the motion, by a cancel of its goal or by the word ``stop``; then the same sentence again, whose way home is stopped
too, twice; then the arm may go home. Rest is read from the joints' speeds on the simulated clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import random
import threading
import time

from vlm_robot.errors import PerceptionError
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.goal_watch import GoalWatch
from vlm_robot.nodes.graph import Graph
from vlm_robot.nodes.motion_watch import MotionWatch
from vlm_robot.nodes.participant import Participant
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot_interfaces.action import ExecuteTask

SCENARIO = 'A'
TIMEOUT = 180.0  # wall-clock seconds for anything that must come
LONGEST = 1.5  # seconds of the wall clock in motion before a stop, at most
SETTLE = 0.4  # simulated seconds after the end in which the arm must stay at rest
BARREN = 5  # tables without a motion after which nothing more is expected
WAYS_HOME = 2  # stops on the way home after each stop of a skill: they cost no thinking
WAYS = ('cancel', 'stop')  # a cancel of the task's goal, and the word, said at answer_question


class Order:
    """One goal of ``execute_task`` on its way, with the moments at which its phases began."""

    def __init__(self, client: ActionClient, sentence: str):
        """Send it; moments are ``time.monotonic``."""
        self.phases: dict[str, float] = {}
        self.sent, self.ended = time.monotonic(), threading.Event()
        self.reason, self._handle, self._accepted = '', None, threading.Event()
        future = client.send_goal_async(ExecuteTask.Goal(sentence=sentence), feedback_callback=self._hear)
        future.add_done_callback(self._take_handle)

    def cancel(self) -> None:
        """Ask for its end; raise PerceptionError when it was never accepted."""
        if not self._accepted.wait(TIMEOUT):
            raise PerceptionError('the planner did not accept a sentence')
        self._handle.cancel_goal_async()

    def wait(self) -> None:
        """Wait for its end."""
        if not self.ended.wait(TIMEOUT):
            raise PerceptionError(f'a task did not end within {TIMEOUT:g} s')

    def _hear(self, message) -> None:
        self.phases.setdefault(message.feedback.phase, time.monotonic())

    def _take_handle(self, future) -> None:
        self._handle = future.result()
        self._accepted.set()
        if self._handle.accepted:
            self._handle.get_result_async().add_done_callback(self._end)
        else:
            self.ended.set()

    def _end(self, future) -> None:
        self.reason = future.result().result.reason
        self.ended.set()


@dataclass
class TaskTimes:
    """
    What was measured.

    :param first_goals: per ``sentence`` wall-clock ``seconds`` to the first goal, of them ``looking`` and ``deciding``.
    :param stops: per stop ``way``, ``seconds`` (simulated) to rest, ``wall`` seconds to the end of the task.
    """

    first_goals: list[dict] = field(default_factory=list)
    stops: list[dict] = field(default_factory=list)


class TaskTiming:
    """Gives sentences and stops them."""

    def __init__(self, graph: Graph, client: TaskClient, witness: Participant, seed: int = 0):
        """Connect the witness, which somebody starts afterwards."""
        self._graph, self._client, self._seed = graph, client, seed
        self._random = random.Random(seed)
        self.goals = GoalWatch(witness.node, ('execute_skill',))
        self.motion = MotionWatch(witness.node)
        self._orders = ActionClient(witness.node, ExecuteTask, 'execute_task', callback_group=witness.group)
        self.times = TaskTimes()

    def run(self, stops: int, on_stop: Callable[[], None] = lambda: None) -> TaskTimes:
        """Measure until so many motions have been stopped."""
        table, reason = self._seed, ''
        while len(self.times.stops) < stops:
            if table - self._seed > BARREN + 2 * len(self.times.stops):
                raise PerceptionError(f'the arm hardly ever moves, so there is nothing to stop; the planner: {reason}')
            self._graph.check()
            sentence = self._set_table(table)
            for attempt in range(1 + WAYS_HOME):
                order = Order(self._orders, sentence)
                if attempt == 0:
                    self._time_first_goal(order, sentence)
                if self._stop(order):
                    on_stop()
                reason = order.reason
            Order(self._orders, '').wait()  # goes home, then ends because it says nothing
            table += 1
        return self.times

    def _set_table(self, seed: int) -> str:
        sentence = self._client.load_scenario(SCENARIO, seed)
        deadline, begin = time.monotonic() + TIMEOUT, self.motion.now
        while not (self._client.scene.objects and self._client.scene.stamp > begin):
            if time.monotonic() > deadline:
                raise PerceptionError(f'no scene of table {seed} within {TIMEOUT:g} s')
            time.sleep(0.05)
        return sentence

    def _time_first_goal(self, order: Order, sentence: str) -> None:
        goals = self.goals
        goals.wait_for(lambda: goals.first_since('execute_skill', order.sent) or order.ended.is_set(), TIMEOUT)
        heard = goals.first_since('execute_skill', order.sent)
        if heard is None:  # refused, or nothing to do
            return
        deciding = order.phases.get('deciding', heard)
        self.times.first_goals.append(
            {
                'sentence': sentence,
                'seconds': heard - order.sent,
                'looking': deciding - order.sent,
                'deciding': heard - deciding,
            }
        )

    def _stop(self, order: Order) -> bool:
        """Stop an order at a random moment of motion; return whether there was one."""
        due = self._random.uniform(0.0, LONGEST)
        way = WAYS[len(self.times.stops) % len(WAYS)]
        moved = 0.0
        while not order.ended.is_set():
            if not self.motion.wait_until_moving(0.1):
                continue
            if moved >= due:
                self._send_stop(order, way)
                return True
            begin = time.monotonic()
            time.sleep(0.002)
            moved += time.monotonic() - begin
        return False

    def _send_stop(self, order: Order, way: str) -> None:
        stamp, wall = self.motion.now, time.monotonic()
        if way == 'cancel':
            order.cancel()
        else:
            self._client.answer(0, 'stop')
        order.wait()
        ended = time.monotonic()
        self.motion.wait_until(self.motion.now + SETTLE)
        rest = self.motion.rest_after(stamp)
        self.times.stops.append({'way': way, 'seconds': rest, 'wall': ended - wall, 'reason': order.reason})
