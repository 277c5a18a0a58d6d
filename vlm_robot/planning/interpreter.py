"""
Runs a program step by step on the live scene; nothing is executed as code.

Selectors are resolved when their statement begins; from then on the statement is a set of facts that must be
made true (``facts``): what is true already is skipped, what was dropped or moved is done again. At the end,
facts of earlier statements that were disturbed, and that no later statement took back, are made true once more.
Assertions and conditions are answered from the scene of that moment (ProgPrompt, arXiv 2209.11302, asks the
language model instead). It knows no model and no robot: a scene and the last result go in, a step comes out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
import re

from vlm_robot.datatypes import Question, Scene, SkillResult, Step
from vlm_robot.errors import ConfigError
from vlm_robot.planning.affordance import AffordanceConfig, judge
from vlm_robot.planning.binding import bind, bind_pairs, Move
from vlm_robot.planning.conditions import holds_true
from vlm_robot.planning.facts import AT_REACH, Fact, holds, is_overwritten
from vlm_robot.planning.filters import Absent, Ambiguous, Names, Unresolved
from vlm_robot.planning.mover import Mover
from vlm_robot.planning.parsing import PLACE_SKILLS, WHICH_ONE
from vlm_robot.planning.program_parts import (
    Assert,
    Call,
    Condition,
    Do,
    For,
    If,
    Number,
    Program,
    Statement,
    Text,
    Variable,
)  # fmt: skip
from vlm_robot.planning.selectors import Resolver

GOOD_TRIES = {'at': 2, 'near': 1}  # times a thing was put down for a fact, from which on nearly right will do
NEARLY = 1.6  # times the reach of a fact that counts as nearly right
NO_ROOM = re.compile(r'no (free spot|room)|is taken|too near')


@dataclass(frozen=True)
class InterpreterConfig:
    """How long an execution goes on."""

    max_steps: int = 80  # steps of one program, failed ones included
    max_statements: int = 200  # statements carried out, those of loops counted each time
    max_failures: int = 3  # failures of one step before the program is given up
    max_repeats: int = 4  # successes of one step before the program is called going in circles

    def __post_init__(self):
        """Check ranges."""
        if min(self.max_steps, self.max_statements, self.max_failures, self.max_repeats) < 1:
            raise ConfigError(f'every limit of the interpreter must be at least 1, got {self}')


@dataclass(frozen=True)
class Ruling:
    """What happens next: a skill, ``done``, or ``refuse`` with a reason and perhaps a question."""

    step: Step
    reason: str = ''
    question: Question | None = None


@dataclass(frozen=True)
class _Frame:
    """A statement that is still to come, with what loops run through."""

    statement: Statement
    variables: Mapping[str, Names]


@dataclass(frozen=True)
class _Task:
    """The running statement: its facts, and the condition that ends it early."""

    facts: tuple[Fact, ...]
    until: tuple[Condition, Mapping[str, Names]] | None = None
    is_repair: bool = False


class Execution:
    """One run of one program."""

    def __init__(
        self,
        program: Program,
        moves: Sequence[Move] = (),
        config: InterpreterConfig = InterpreterConfig(),
        affordance: AffordanceConfig = AffordanceConfig(),
    ):
        """
        Begin before the first statement.

        :param moves: what the last turn of the dialogue moved, for ``undo()``.
        :param affordance: what counts as possible.
        """
        self.program, self.moves, self.config, self.affordance = program, tuple(moves), config, affordance
        self.facts: list[Fact] = []  # of the statements that are done, in order
        self._frames = [_Frame(statement, {}) for statement in reversed(program.body)]
        self.current: Statement | None = None  # the statement that was begun last
        self._task: _Task | None = None
        self._deeds: set[int] = set()  # indices of deeds of the running statement that are done
        self._uses: Counter[str] = Counter()
        self._last: tuple[Step, Fact] | None = None
        self._failed: Counter[Step] = Counter()  # in a row
        self._cramped: Counter[Step] = Counter()  # failures for want of room
        self._done: Counter[Step] = Counter()
        self._tries: Counter[Fact] = Counter()
        self._statements = self._steps = 0
        self._complaint = ''  # why the program has ended before its end
        self._texts = frozenset(_list_texts(program.body))

    def next_step(self, scene: Scene, last_result: SkillResult | None = None) -> Ruling:
        """
        Return what to do now.

        :param last_result: how the step that was returned last went; None where it was not tried.
        """
        self._complaint = self._complaint or self._remember(last_result)
        if self._complaint:
            return _refuse(self._complaint)
        while True:
            if self._task is None:
                ruling = self._begin(scene)
                if ruling is not None:
                    return ruling
                continue
            fact = self._next_fact(scene)
            if fact is None:
                ruling = self._finish(scene)
                if ruling is not None:
                    return ruling
                continue
            return self._rule(fact, scene)

    def _remember(self, result: SkillResult | None) -> str:
        """Take in how the last step went; return why the program ends, if it does."""
        if self._last is None or result is None:
            return ''
        (step, fact), self._last = self._last, None
        self._steps += 1
        if result.success:
            self._done[step] += 1
            del self._failed[step]
            if step == fact.step and self._task:
                self._deeds.add(self._task.facts.index(fact))
            if step.skill in PLACE_SKILLS and step.target == fact.name:
                self._tries[fact] += 1
            if self._done[step] > self.config.max_repeats:
                return f'the program goes in circles: {step.skill} {step.target} was done {self._done[step]} times'
        else:
            self._failed[step] += 1
            self._cramped[step] += bool(NO_ROOM.search(result.reason))
            if self._failed[step] >= self.config.max_failures:
                why = result.reason or 'no reason given'
                return f'{step.skill} {step.target} failed {self._failed[step]} times: {why}'
        if self._steps >= self.config.max_steps:
            return f'the program has no end after {self._steps} steps'
        return ''

    def _rule(self, fact: Fact, scene: Scene) -> Ruling:
        assert self._task is not None
        wanted = tuple(f for i, f in enumerate(self._task.facts) if not self._is_true(i, f, scene))
        kept = [f.point for f in self._list_valid() if f.point]
        step = Mover(scene, wanted, kept, self._cramped).step_towards(fact)
        if isinstance(step, str):
            return _refuse(step)
        can = judge(step, scene, self.affordance)
        if can.value == 0:
            return _refuse(can.reason)
        self._last = (step, fact)
        return Ruling(step)

    def _next_fact(self, scene: Scene) -> Fact | None:
        """Return the first fact of the running statement that is not true; None when all are."""
        assert self._task is not None
        if self._task.until and holds_true(self._task.until[0], self._resolve_in(scene, self._task.until[1])):
            return None
        return next((f for i, f in enumerate(self._task.facts) if not self._is_true(i, f, scene)), None)

    def _is_true(self, index: int, fact: Fact, scene: Scene) -> bool:
        if fact.kind == 'deed':
            return index in self._deeds
        if self._tries[fact] >= GOOD_TRIES.get(fact.kind, self.config.max_steps):
            reach = max(fact.reach, AT_REACH) * NEARLY
            return holds(Fact(fact.kind, fact.name, fact.what, reach), scene)
        return holds(fact, scene)

    def _begin(self, scene: Scene) -> Ruling | None:
        """Begin the next statement, or the repair of what was disturbed; None means go on."""
        if not self._frames:
            disturbed = [f for f in self._list_valid() if f.kind not in ('deed', 'clear')]
            if any(not self._is_true(-1, fact, scene) for fact in disturbed):
                self._run(_Task(tuple(disturbed), is_repair=True))
                return None
            return Ruling(Step('done'))
        self._statements += 1
        if self._statements > self.config.max_statements:
            return _refuse(f'the program has more than {self.config.max_statements} steps')
        frame = self._frames[-1]
        self.current = frame.statement
        resolver = self._resolve_in(scene, frame.variables)
        try:
            return self._start(frame.statement, resolver)
        except Unresolved as stop:
            return _tell(stop.answer)

    def _start(self, statement: Statement, resolver: Resolver) -> Ruling | None:
        """Start a statement; it leaves the frames only when its words could be resolved."""
        if isinstance(statement, Do):
            return self._start_call(statement.call, resolver)
        if isinstance(statement, Assert) and not holds_true(statement.test, resolver):
            return self._start_call(statement.recovery, resolver, (statement.test, resolver.variables))
        inner: list[_Frame] = []
        if isinstance(statement, If):
            body = statement.body if holds_true(statement.test, resolver) else statement.other
            inner = [_Frame(part, resolver.variables) for part in body]
        if isinstance(statement, For):
            inner = self._unroll(statement, resolver)
            facts = self._bind_together(statement, inner, resolver)
            if facts:
                self._frames.pop()
                self._run(_Task(facts))
                return None
        self._frames.pop()
        self._frames += reversed(inner)
        return None

    def _start_call(self, call: Call, resolver: Resolver, until=None) -> Ruling | None:
        bound = bind(call, resolver, self.moves)
        if isinstance(bound, Absent | Ambiguous):
            return _tell(bound)
        self._frames.pop()
        self._run(_Task(bound, until))
        return None

    def _run(self, task: _Task) -> None:
        self._task = task
        self._deeds.clear()
        self._done.clear()

    def _unroll(self, statement: For, resolver: Resolver) -> list[_Frame]:
        runs: tuple[Names, ...]
        if len(statement.values) == 2:
            runs = bind_pairs(*statement.values, resolver)
        else:
            runs = (resolver.names(statement.values[0]),)
        frames = []
        for values in zip(*runs):
            bound = dict(resolver.variables) | {name: (value,) for name, value in zip(statement.names, values)}
            frames += [_Frame(part, bound) for part in statement.body]
        return frames

    def _bind_together(self, loop: For, frames: Sequence[_Frame], resolver: Resolver) -> tuple[Fact, ...]:
        """
        Return the facts of a loop that puts different things somewhere, all bound now; else none.

        Bound together, one thing can make way for the next. A thing without a partner of its colour is left out.
        """
        call = loop.body[0].call if len(loop.body) == 1 and isinstance(loop.body[0], Do) else None
        if call is None or call.function != 'put':
            return ()
        uses, missing = Counter(self._uses), None
        facts: list[Fact] = []
        for frame in frames:
            bound = bind(call, replace(resolver, variables=frame.variables))
            if isinstance(bound, Absent) and _asks_colour(call):
                missing = bound
            elif isinstance(bound, Absent | Ambiguous):
                raise Unresolved(bound)
            else:
                facts += bound
        if missing and not facts:
            raise Unresolved(missing)
        if len({fact.name for fact in facts}) < len(facts):
            self._uses.clear()
            self._uses.update(uses)
            return ()
        return tuple(facts)

    def _finish(self, scene: Scene) -> Ruling | None:
        assert self._task is not None
        task, self._task = self._task, None
        if not task.is_repair:
            self.facts += task.facts
        if task.until and not holds_true(task.until[0], self._resolve_in(scene, task.until[1])):
            return _refuse('what the program asserts is not so, and its remedy did not help')
        return None

    def _list_valid(self) -> list[Fact]:
        """Return the facts so far that no later one took back."""
        return [
            fact
            for i, fact in enumerate(self.facts)
            if not any(is_overwritten(fact, later) for later in self.facts[i + 1 :])
        ]

    def _resolve_in(self, scene: Scene, variables: Mapping[str, Names]) -> Resolver:
        return Resolver(scene, variables, find_exact(self._texts, scene), self._uses)


def find_exact(texts: frozenset[str], scene: Scene) -> frozenset[str]:
    """
    Return the scene names that a program means by name although other things have the same label.

    A program that says ``red block`` and ``red block 2`` means one thing by each.
    """
    named = {item.label for item in scene.objects if item.name in texts and item.name != item.label}
    return frozenset(item.name for item in scene.objects if item.label in named)


def _asks_colour(call: Call) -> bool:
    """Return whether the destination is chosen by the colour of what a loop runs through."""
    where = call.args[1]
    return isinstance(where, Call) and any(
        key in ('colour_of', 'not_colour_of') and isinstance(value, Variable) for key, value in where.options
    )


def _list_texts(part) -> list[str]:
    """Return every text of a program or of a part of it."""
    if isinstance(part, Text):
        return [part.value.lower()]
    if isinstance(part, str | Number):
        return []
    parts = part if isinstance(part, tuple) else vars(part).values()
    return [text for inner in parts for text in _list_texts(inner)]


def _refuse(reason: str) -> Ruling:
    return Ruling(Step('refuse'), reason)


def _tell(answer: Absent | Ambiguous) -> Ruling:
    if isinstance(answer, Ambiguous):
        return Ruling(Step('refuse', WHICH_ONE), answer.question.text, answer.question)
    return _refuse(answer.reason)
