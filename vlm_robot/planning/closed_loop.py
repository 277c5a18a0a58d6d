"""
The closed loop: check the sentence, project a plan, then look, decide, act, look again until it is true.

It knows a planner and a few callables; it knows no camera, no arm and no ROS, so ``agent.py`` and the ROS
planner node run the same function. What is seen after every skill, whether it really succeeded, and what people
say goes back into the prompt, as in Inner Monologue (arXiv 2207.05608). A call of ``planner.project`` begins a
turn of the dialogue: the first sentence, the sentence with an answer appended, or new words during the task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import time

from vlm_robot.datatypes import (
    Decision,
    Plan,
    Question,
    Relation,
    Scene,
    SceneObject,
    SkillResult,
    Step,
    StepRecord,
    TaskResult,
)
from vlm_robot.errors import ConfigError, ModelError, PerceptionError, SentenceError
from vlm_robot.planning.conversation import flatten, read_interjection, says_halt, take_answer
from vlm_robot.planning.domain import TABLE
from vlm_robot.planning.foresight import foresee
from vlm_robot.planning.planners import Planner
from vlm_robot.planning.progress import Progress
from vlm_robot.planning.prompt import History
from vlm_robot.planning.verification import fill_in, find_unseen_place

EXAMPLE = "for example: 'put the red block in the green bowl'"
Ask = Callable[[Question], str]


@dataclass(frozen=True)
class ClosedLoopConfig:
    """When the loop gives up; what it is told to leave out for comparison."""

    max_steps: int = 200  # skills started in one task: a guard, no horizon; tasks end by what is true
    max_seconds: float = 3600.0  # of one task: a guard too
    max_failures: int = 4  # failures of the same step without a success before the task is given up
    max_repeats: int = 2  # successes of the same step in the same state before that is going in circles
    max_looks: int = 2  # looks at the table before a refusal in the middle of a task is believed
    max_questions: int = 3  # questions asked in one task
    max_sentence_chars: int = 500
    verify: bool = True  # a success that the next look contradicts counts as a failure
    open_loop: bool = False  # plan once and carry it out blindly, as SayCan's notebook does; for comparison

    def __post_init__(self):
        """Check ranges."""
        limits = (self.max_steps, self.max_failures, self.max_repeats, self.max_looks, self.max_sentence_chars)
        if min(limits) < 1 or self.max_questions < 0 or not self.max_seconds > 0:
            raise ConfigError(f'every limit of the closed loop must be at least 1, got {self}')


def check_sentence(sentence: str, max_chars: int = 500) -> str:
    """
    Return the sentence on one line.

    :raises SentenceError: it is empty, too long, has no letters or holds what is no text.
    """
    words = ' '.join(sentence.split())
    if any('\ud800' <= letter <= '\udfff' for letter in words):  # from arguments that are no UTF-8
        raise SentenceError(f'the sentence is no valid text (UTF-8): {words[:40]!a}; type it again, {EXAMPLE}')
    if not words:
        raise SentenceError(f'the sentence is empty; say what shall be done, {EXAMPLE}')
    if len(words) > max_chars:
        raise SentenceError(
            f'the sentence has {len(words)} characters, at most {max_chars} are read; say it shorter, {EXAMPLE}'
        )
    if not any(letter.isalpha() for letter in words):
        raise SentenceError(f"the sentence '{words[:40]}' has no words; say what shall be done, {EXAMPLE}")
    return words


def run_task(  # noqa: PLR0913  every hook is a keyword and has a default
    sentence: str,
    planner: Planner,
    look: Callable[[], Scene],
    act: Callable[[Step], SkillResult],
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
    on_record: Callable[[StepRecord], None] = lambda record: None,
    ask: Ask | None = None,
    feedback: Callable[[], str] = lambda: '',
    config: ClosedLoopConfig = ClosedLoopConfig(),
) -> TaskResult:
    """
    Carry out a sentence: plan as a whole first, then look, decide and act until done.

    :param look: returns the scene as it is now; may raise PerceptionError, which ends the task as ``failed``.
    :param act: carries out one step (never ``done`` or ``refuse``) and blocks until it ends.
    :param is_cancelled: asked before every step; True ends the task as ``cancelled``.
    :param on_record: called with every record as it comes, the final ``done`` or ``refuse`` included.
    :param ask: puts a question to a person and blocks until the answer, free words or a choice; an empty answer, or
        nobody to ask, ends the task as ``refused`` with the question as its reason.
    :param feedback: asked before every step for words that a person said meanwhile; empty for none. ``stop`` ends
        the task as ``cancelled``, other words end what was planned and are planned next.
    :raises SentenceError: the sentence is empty, too long or has no letters.
    """
    words = check_sentence(sentence, config.max_sentence_chars)
    task = _Task(words, planner, _Hooks(look, act, is_cancelled, on_record, ask, feedback), config)
    try:
        return task.run()
    except PerceptionError as error:
        return task.end('failed', f'the robot cannot see: {error}')
    except ModelError as error:  # nothing moves while the planner thinks, so the arm is at rest
        return task.end('failed', f'the robot cannot decide: {error}')


@dataclass(frozen=True)
class _Hooks:
    look: Callable[[], Scene]
    act: Callable[[Step], SkillResult]
    is_cancelled: Callable[[], bool]
    on_record: Callable[[StepRecord], None]
    ask: Ask | None
    feedback: Callable[[], str]


class _Task:
    """One sentence on its way to being true."""

    def __init__(self, sentence: str, planner: Planner, hooks: _Hooks, config: ClosedLoopConfig):
        self.sentence, self.planner, self.hooks, self.config = sentence, planner, hooks, config
        self.spoken = sentence  # with answers appended, or what was said last
        self.domain = getattr(planner, 'domain', TABLE)
        self.heard = ''
        self.records: list[StepRecord] = []
        self.places: dict[str, tuple[SceneObject, Relation | None]] = {}  # of things let go and not seen since
        self.questions: list[tuple[str, str]] = []
        self.plan = Plan()
        self.progress = Progress(config.max_failures, config.max_repeats)
        self.started = time.perf_counter()

    def run(self) -> TaskResult:
        if self.hooks.is_cancelled():
            return self.end('cancelled', 'cancelled before anything moved')
        while True:
            ending = self._run_turn()
            if ending is not None:
                return ending

    def _run_turn(self) -> TaskResult | None:
        """Plan what was said and carry it out; None says that a person changed what is wanted."""
        scene = self._look()
        blind = self.config.open_loop  # then all decisions are records, and are told in full
        projection = self.planner.project(self.spoken, scene) if blind else foresee(self.planner, self.spoken, scene)
        self.plan = projection.plan
        if self.plan.question is not None:
            return self._ask(self.plan.question, projection.decisions)
        if self.plan.reason:
            self._note(projection.decisions[-1], SkillResult(False, self.plan.reason))
            return self.end('failed' if self.records[:-1] else 'refused', self.plan.reason)
        if self.config.open_loop:
            return self._run_blindly(projection.decisions)
        history = self.domain.begin(scene)
        while not (ending := self._find_ending()):
            if self._is_interrupted():
                return None
            decision, scene = self._decide(scene, history)
            if decision.question is not None:
                return self._ask(decision.question, (decision,))
            if decision.chosen.step.skill in ('done', 'refuse'):
                return self._conclude(decision)
            scene, history, ending = self._turn(decision, scene, history)
            if ending:
                break
        return ending

    def _find_ending(self) -> TaskResult | None:
        """Return the end of a task that somebody or a guard ends; None says go on."""
        if self.hooks.is_cancelled():
            return self.end('cancelled', f'cancelled after {len(self.records)} steps')
        if len(self.records) >= self.config.max_steps:
            return self.end('failed', f'not done after {self.config.max_steps} steps, which is the limit')
        if time.perf_counter() - self.started > self.config.max_seconds:
            return self.end('failed', f'not done after {self.config.max_seconds:.0f} s, which is the limit')
        heard = self.hooks.feedback()
        self.heard = flatten(heard) if heard else ''
        if says_halt(self.heard):
            self.questions.append(('', self.heard))
            return self.end('cancelled', f"stopped: somebody said '{self.heard}'")
        return None

    def _is_interrupted(self) -> bool:
        """Return whether new words were said; they become the next turn, the old one is remembered as it is."""
        words = read_interjection(self.heard) if self.heard else ''
        if not any(letter.isalpha() for letter in words):
            return False
        remember = getattr(self.planner, 'end', None)
        if remember is not None:
            remember(self.end('cancelled', f"somebody said '{words}'"))
        self.questions.append(('', words))
        self.spoken = words
        return True

    def _ask(self, question: Question, decisions: Sequence[Decision]) -> TaskResult | None:
        """Ask a person; None says that there is an answer to plan with."""
        asked = len([text for text, _ in self.questions if text])
        answer = ''
        if self.hooks.ask is not None and asked < self.config.max_questions:
            answer = flatten(self.hooks.ask(question))
            self.questions.append((question.text, answer))
        if answer and not says_halt(answer):
            self.spoken = take_answer(self.spoken, question, answer)
            return None
        if decisions:
            self._note(decisions[-1], SkillResult(False, question.text))
        if answer:
            return self.end('cancelled', f"the answer to '{question.text}' was '{answer}'")
        self.plan = replace(self.plan, question=question, reason=self.plan.reason or question.text)
        return self.end('refused', question.text)

    def _conclude(self, decision: Decision) -> TaskResult:
        is_done = decision.chosen.step.skill == 'done'
        self._note(decision, SkillResult(is_done, '' if is_done else decision.reason))
        if is_done:
            return self.end('done', self._sum_up())
        return self.end('failed' if self.records[:-1] else 'refused', decision.reason)

    def _run_blindly(self, decisions: Sequence[Decision]) -> TaskResult:
        """Carry out a plan step by step; hands still look, but nobody checks and nobody plans again."""
        for decision in decisions:
            if self.hooks.is_cancelled():
                return self.end('cancelled', f'cancelled after {len(self.records)} steps')
            if decision.chosen.step.skill == 'done':
                break
            started = time.perf_counter()
            self.hooks.look()
            result = self.hooks.act(decision.chosen.step)
            self._note(decision, result, '', started)
            if result.cancelled:
                return self.end('cancelled', result.reason or 'cancelled on request')
        self._note(decisions[-1], SkillResult(True))
        return self.end('done', f'{self._sum_up()} (nothing was checked)')

    def _decide(self, scene: Scene, history: History) -> tuple[Decision, Scene]:
        """Decide; before a refusal is believed, look again: one bad frame shall not end a task."""
        decision = self.planner.decide(self.spoken, scene, history)
        for _ in range(self.config.max_looks - 1):
            if decision.chosen.step.skill != 'refuse':
                break
            scene = self._look()
            decision = self.planner.decide(self.spoken, scene, history)
        return decision, scene

    def _turn(self, decision: Decision, scene: Scene, history: History) -> tuple[Scene, History, TaskResult | None]:
        """Act, look again, remember; return the end of the task if this was one."""
        step = decision.chosen.step
        started = time.perf_counter()
        result = self.hooks.act(step)
        if result.cancelled or self.hooks.is_cancelled():
            self._note(decision, result, '', started)
            return scene, history, self.end('cancelled', result.reason or 'cancelled on request')
        if result.success:
            self.places.pop(step.target or scene.held, None)
        after = self._look()
        wrong = self.domain.verify(step, scene, after) if result.success and self.config.verify else ''
        result = SkillResult(False, wrong) if wrong else result
        after = self._keep_in_mind(step, scene, after) if result.success else after
        record = self._note(decision, result, self.domain.observe(scene, after, step, result), started)
        hopeless = self.progress.note(step, result, scene, self.domain.format_step(step))
        return after, history.add(record), self.end('failed', hopeless) if hopeless else None

    def _look(self) -> Scene:
        return fill_in(self.hooks.look(), self.places)

    def _keep_in_mind(self, step: Step, before: Scene, after: Scene) -> Scene:
        """Return the scene after a step with its thing where it was put, if no camera sees it there."""
        place = find_unseen_place(step, before, after)
        if place:
            self.places[step.target or before.held] = place
        return fill_in(after, self.places)

    def _note(
        self, decision: Decision, result: SkillResult, text: str = '', started: float | None = None
    ) -> StepRecord:
        seconds = time.perf_counter() - started if started else 0.0
        record = StepRecord(decision, result, text, seconds)
        self.records.append(record)
        self.hooks.on_record(record)
        return record

    def _sum_up(self) -> str:
        done = [r.decision.chosen.step for r in self.records if r.result.success]
        words = [self.domain.format_step(step) for step in done if step.skill not in ('done', 'refuse')]
        return f'done: {", ".join(words)}' if words else 'nothing to do: it is so already'

    def end(self, status: str, reason: str) -> TaskResult:
        seconds = time.perf_counter() - self.started
        result = TaskResult(self.sentence, status, reason, tuple(self.records), seconds, self.plan)
        return replace(result, questions=tuple(self.questions))
