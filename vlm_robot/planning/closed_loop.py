"""
The closed loop: check the sentence, project a plan, then look, decide, act, look again until it is true.

It knows a planner and three callables; it knows no camera, no arm and no ROS, so ``agent.py`` and the ROS
planner node run the same function. Feeding what was seen back after every skill follows Inner Monologue
(arXiv 2207.05608).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
import time

from vlm_robot.datatypes import Decision, Plan, Scene, SkillResult, Step, StepRecord, TaskResult
from vlm_robot.errors import ConfigError, ModelError, PerceptionError, SentenceError
from vlm_robot.planning.domain import TABLE
from vlm_robot.planning.prompt import History
from vlm_robot.planning.saycan import SayCanPlanner

EXAMPLE = "for example: 'put the red block in the green bowl'"


@dataclass(frozen=True)
class ClosedLoopConfig:
    """How long the loop goes on."""

    max_steps: int = 20  # skills started in one task, failed ones included
    max_failures: int = 3  # failures of the same step before the task is given up
    max_repeats: int = 2  # successes of the same step before the loop is called going in circles
    max_looks: int = 2  # looks at the table before a refusal in the middle of a task is believed
    max_sentence_chars: int = 500

    def __post_init__(self):
        """Check ranges."""
        if min(self.max_steps, self.max_failures, self.max_repeats, self.max_looks, self.max_sentence_chars) < 1:
            raise ConfigError(f'every limit of the closed loop must be at least 1, got {self}')


def check_sentence(sentence: str, max_chars: int = 500) -> str:
    """
    Return the sentence on one line.

    :raises SentenceError: it is empty, too long or has no letters.
    """
    words = ' '.join(sentence.split())
    if not words:
        raise SentenceError(f'the sentence is empty; say what shall be done, {EXAMPLE}')
    if len(words) > max_chars:
        raise SentenceError(
            f'the sentence has {len(words)} characters, at most {max_chars} are read; say it shorter, {EXAMPLE}'
        )
    if not any(letter.isalpha() for letter in words):
        raise SentenceError(f"the sentence '{words[:40]}' has no words; say what shall be done, {EXAMPLE}")
    return words


def run_task(
    sentence: str,
    planner: SayCanPlanner,
    look: Callable[[], Scene],
    act: Callable[[Step], SkillResult],
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
    on_record: Callable[[StepRecord], None] = lambda record: None,
    config: ClosedLoopConfig = ClosedLoopConfig(),
) -> TaskResult:
    """
    Carry out a sentence: plan as a whole first, then look, decide and act until done.

    :param look: returns the scene as it is now; may raise PerceptionError, which ends the task as ``failed``.
    :param act: carries out one step (never ``done`` or ``refuse``) and blocks until it ends.
    :param is_cancelled: asked before every step; True ends the task as ``cancelled``.
    :param on_record: called with every record as it comes, the final ``done`` or ``refuse`` included.
    :raises SentenceError: the sentence is empty, too long or has no letters.
    """
    task = _Task(
        check_sentence(sentence, config.max_sentence_chars),
        planner,
        look,
        act,
        is_cancelled,
        on_record,
        config,
    )
    try:
        return task.run()
    except PerceptionError as error:
        return task.end('failed', f'the robot cannot see: {error}')
    except ModelError as error:  # nothing moves while the planner thinks, so the arm is at rest
        return task.end('failed', f'the robot cannot decide: {error}')


class _Task:
    """One sentence on its way to being true."""

    def __init__(self, sentence, planner, look, act, is_cancelled, on_record, config):
        self.sentence, self.planner, self.config = sentence, planner, config
        self.domain = getattr(planner, 'domain', TABLE)
        self.look, self.act, self.is_cancelled, self.on_record = look, act, is_cancelled, on_record
        self.records: list[StepRecord] = []
        self.plan = Plan()
        self.failures: Counter[Step] = Counter()
        self.successes: Counter[Step] = Counter()
        self.started = time.perf_counter()

    def run(self) -> TaskResult:
        if self.is_cancelled():
            return self.end('cancelled', 'cancelled before anything moved')
        scene = self.look()
        projection = self.planner.project(self.sentence, scene)
        self.plan = projection.plan
        if self.plan.reason:
            self._note(projection.decisions[-1], SkillResult(False, self.plan.reason))
            return self.end('refused', self.plan.reason)
        history = self.domain.begin(scene)
        for _ in range(self.config.max_steps):
            if self.is_cancelled():
                return self.end('cancelled', f'cancelled after {len(self.records)} steps')
            decision, scene = self._decide(scene, history)
            step = decision.chosen.step
            if step.skill == 'done':
                self._note(decision, SkillResult(True))
                return self.end('done', self._sum_up())
            if step.skill == 'refuse':
                self._note(decision, SkillResult(False, decision.reason))
                return self.end('failed' if self.records[:-1] else 'refused', decision.reason)
            scene, history, ending = self._turn(decision, scene, history)
            if ending:
                return ending
        return self.end('failed', f'not done after {self.config.max_steps} steps, which is the limit')

    def _decide(self, scene: Scene, history: History) -> tuple[Decision, Scene]:
        """Decide; before a refusal is believed, look again: one bad frame shall not end a task."""
        decision = self.planner.decide(self.sentence, scene, history)
        for _ in range(self.config.max_looks - 1):
            if decision.chosen.step.skill != 'refuse':
                break
            scene = self.look()
            decision = self.planner.decide(self.sentence, scene, history)
        return decision, scene

    def _turn(self, decision: Decision, scene: Scene, history: History) -> tuple[Scene, History, TaskResult | None]:
        """Act, look again, remember; return the end of the task if this was one."""
        step = decision.chosen.step
        started = time.perf_counter()
        result = self.act(step)
        if result.cancelled or self.is_cancelled():
            self._note(decision, result, '', started)
            return scene, history, self.end('cancelled', result.reason or 'cancelled on request')
        after = self.look()
        record = self._note(decision, result, self.domain.observe(scene, after, step, result), started)
        return after, history.add(record), self._check_progress(step, result)

    def _check_progress(self, step: Step, result: SkillResult) -> TaskResult | None:
        words = self.domain.format_step(step)
        if result.success:
            self.successes[step] += 1
            if self.successes[step] > self.config.max_repeats:
                return self.end('failed', f"going in circles: '{words}' was done {self.successes[step]} times")
            return None
        self.failures[step] += 1
        if self.failures[step] >= self.config.max_failures:
            return self.end(
                'failed',
                f"'{words}' failed {self.failures[step]} times: {result.reason or 'no reason given'}",
            )
        return None

    def _note(
        self, decision: Decision, result: SkillResult, text: str = '', started: float | None = None
    ) -> StepRecord:
        seconds = time.perf_counter() - started if started else 0.0
        record = StepRecord(decision, result, text, seconds)
        self.records.append(record)
        self.on_record(record)
        return record

    def _sum_up(self) -> str:
        words = [self.domain.format_step(r.decision.chosen.step) for r in self.records[:-1] if r.result.success]
        return f'done: {", ".join(words)}' if words else 'nothing to do: it is so already'

    def end(self, status: str, reason: str) -> TaskResult:
        seconds = time.perf_counter() - self.started
        return TaskResult(self.sentence, status, reason, tuple(self.records), seconds, self.plan)
