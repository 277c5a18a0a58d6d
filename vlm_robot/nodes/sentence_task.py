"""
One sentence on its way to being true: the closed loop of planning between an action goal and the robot.

What happens goes out at once as feedback of the goal and on the topics of the planner node; whatever goes wrong
becomes a result with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import time
import traceback
from typing import TYPE_CHECKING

from vlm_robot.datatypes import Plan, Question, Scene, SkillResult, Step, StepRecord, TaskResult
from vlm_robot.errors import ModelError, MotionCancelled, VlmRobotError
from vlm_robot.interruption import interruptible
from vlm_robot.nodes import plan_conversions
from vlm_robot.nodes.intake import Kind
from vlm_robot.nodes.liveness import publish
from vlm_robot.planning.closed_loop import check_sentence, run_task
from vlm_robot.planning.dialogue import Listener
from vlm_robot.planning.foresight import think_ahead
from vlm_robot.planning.kitchen_listening import KitchenListener
from vlm_robot_interfaces.action import ExecuteTask

if TYPE_CHECKING:
    from vlm_robot.nodes.planner_node import PlannerNode


class Task:
    """One sentence on its way to being true."""

    def __init__(self, node: PlannerNode, handle):
        """Begin the task of a goal."""
        self.sentence = handle.request.sentence
        self._node, self._handle = node, handle
        self._begin = time.monotonic()
        self._records: list[StepRecord] = []
        self._listener, self._has_looked = self._listen(), False

    def run(self) -> TaskResult:
        """Run the closed loop; whatever goes wrong becomes a result with a reason."""
        node = self._node

        def loop() -> TaskResult:
            self._publish_plan(Plan(), 'planning')  # who records or watches learns here that a task begins
            node.link.await_return(self._check)
            node.link.forget(Kind.BEGIN)
            if node.link.is_astray:
                way_home = self._act(Step('go_home'))
                if way_home.cancelled:
                    raise MotionCancelled(way_home.reason)
            return run_task(
                self.sentence,
                self._listener,
                self._look,
                self._act,
                is_cancelled=self.is_cancelled,
                on_record=self._tell,
                ask=self._ask,
                feedback=node.desk.listen,
                config=node.config.loop,
            )

        return self._listener.end(self._guard(loop))

    def plan(self) -> TaskResult:
        """Decide every step and move nothing."""

        def project() -> TaskResult:
            self._node.link.await_return(self._check)
            self._node.link.forget(None)
            sentence = check_sentence(self.sentence, self._node.config.loop.max_sentence_chars)
            plan = self._listener.plan(sentence, self._look())
            asked = plan.question.text if plan.question else ''
            plan = replace(plan, reason=plan.reason or asked)
            self._publish_plan(plan, 'planning', plan.reason)
            status, reason = ('refused', plan.reason) if plan.reason else ('done', 'planned, nothing moved')
            return TaskResult(self.sentence, status, reason, plan=plan, notes=self._listener.notes)

        return self._guard(project)

    def is_cancelled(self) -> bool:
        """Return whether somebody wants the task to end."""
        return self._handle.is_cancel_requested or self._node.closing.is_set()

    def tell_end(self, result: TaskResult) -> None:
        """Publish how it ended."""
        if not self._handle.request.plan_only:
            steps = tuple(r.decision.chosen.step for r in result.records)
            self._publish_plan(replace(result.plan, steps=steps), result.status, result.reason)

    def _listen(self) -> KitchenListener | Listener:
        node = self._node
        return KitchenListener(node.planner) if node.cooks else Listener(node.planner, node.dialogue)

    def _guard(self, work: Callable[[], TaskResult]) -> TaskResult:
        try:
            with interruptible(self._check):
                result = work()
        except MotionCancelled as error:
            result = self._fail('cancelled', error)
        except VlmRobotError as error:
            result = self._fail('failed', error)
        except Exception as error:  # a fault of ours; whoever waits must hear of it, and the node must go on
            self._node.get_logger().error(f'a task failed: {"".join(traceback.format_exception(error))}')
            result = self._fail('failed', ModelError(f'the planner has a fault: {type(error).__name__}: {error}'))
        if self._handle.is_cancel_requested and result.status != 'done':
            result = replace(result, status='cancelled')
        elif result.status == 'cancelled':  # the node closes; ROS knows cancelled only after a request
            result = replace(result, status='failed')
        return replace(result, seconds=time.monotonic() - self._begin)

    def _fail(self, status: str, error: VlmRobotError) -> TaskResult:
        return TaskResult(self.sentence, status, str(error), tuple(self._records))

    def _check(self) -> None:
        if self.is_cancelled():
            who = 'on request' if self._handle.is_cancel_requested else 'because the planner node was put to rest'
            raise MotionCancelled(f'the task was cancelled {who}')

    def _check_motion(self) -> None:
        """Stop in mid-motion at the word, not only before the next step."""
        self._check()
        if self._node.desk.halt:
            raise MotionCancelled(f"stopped: somebody said '{self._node.desk.halt}'")

    def _look(self) -> Scene:
        self._feed('looking')
        # Before the first step, the pictures that are waited for mostly show what was seen last.
        ahead = self._think_ahead if self._node.config.thinks_ahead and not self._has_looked else None
        scene = self._node.link.look(self._check, ahead)
        self._has_looked = True
        self._feed('deciding')
        return self._add_descriptions(scene)

    def _think_ahead(self, guess: Scene) -> None:
        sentence = check_sentence(self.sentence, self._node.config.loop.max_sentence_chars)
        think_ahead(self._listen(), sentence, self._add_descriptions(guess))

    def _add_descriptions(self, scene: Scene) -> Scene:
        return replace(scene, described=self._node.descriptions.list_lines(self._node.config.link.description_age))

    def _act(self, step: Step) -> SkillResult:
        self._feed('acting')
        return self._node.link.act(step, self._check_motion)

    def _tell(self, record: StepRecord) -> None:
        self._records.append(record)
        publish(self._node.records, plan_conversions.to_record(record))
        self._publish_plan(self._so_far(), 'running')
        self._feed('deciding')

    def _ask(self, question: Question) -> str:
        return self._node.desk.ask(question, self._tell_question, self._check)

    def _tell_question(self, question: Question, number: int) -> None:
        self._feed('asking', question=question.text, answers=list(question.choices), question_id=number)

    def _so_far(self) -> Plan:
        return Plan(tuple(record.decision.chosen.step for record in self._records))

    def _publish_plan(self, plan: Plan, status: str, reason: str = '') -> None:
        publish(self._node.plans, plan_conversions.to_plan(self.sentence, plan, status, reason, self._now()))

    def _feed(self, phase: str, **question) -> None:
        feedback = ExecuteTask.Feedback(phase=phase, **question)
        feedback.plan_so_far = plan_conversions.to_plan(self.sentence, self._so_far(), 'running', '', self._now())
        if self._records:
            feedback.latest = plan_conversions.to_record(self._records[-1])
        self._handle.publish_feedback(feedback)

    def _now(self) -> float:
        return self._node.get_clock().now().nanoseconds * 1e-9
