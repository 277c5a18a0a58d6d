"""
ProgPrompt: the whole plan as a short program that the language model writes at once (arXiv 2209.11302).

The model completes ``program_prompt`` under the grammar of ``program_grammar``, so every program parses; the
interpreter runs it on the live scene and gives one step at a time, with the affordance of that step beside the
program's probability. A step that fails is tried again or worked around by the interpreter; what cannot be done
ends in a refusal with the reason, what is not clear in a question. It knows a language model and a scene.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
import math
import time

from vlm_robot.datatypes import Decision, OptionScore, Plan, Scene, SkillResult, Step
from vlm_robot.errors import ConfigError, PlanError
from vlm_robot.language.language_model import Generation, LanguageModel, write, Writer
from vlm_robot.planning.affordance import AffordanceConfig, judge
from vlm_robot.planning.dialogue import Dialogue
from vlm_robot.planning.domain import TABLE
from vlm_robot.planning.explanation import find_line
from vlm_robot.planning.interpreter import Execution, InterpreterConfig, Ruling
from vlm_robot.planning.options import say
from vlm_robot.planning.program import HEADER, parse_program
from vlm_robot.planning.program_draft import draft_program
from vlm_robot.planning.program_grammar import write_grammar
from vlm_robot.planning.program_parts import Program
from vlm_robot.planning.program_prompt import STOP, write_program_prompt
from vlm_robot.planning.prompt import History
from vlm_robot.planning.saycan import Projection
from vlm_robot.planning.worked_examples import ExampleLibrary

MEMORY = 16  # programs that are kept; the closed loop runs the program that the projection wrote
UNREADABLE = 'the language model wrote no program that can be read'
ENDING = f'\n{HEADER}\n'
HINT = ' (only calls of the skills above, one a line)'  # behind the sentence when a program could not be read


@dataclass(frozen=True)
class ProgramConfig:
    """How programs are written."""

    constrained: bool = True  # only programs that parse can be written; False for comparison
    max_new_tokens: int = 256  # of one program; the longest of 6000 generated ones has 141
    attempts: int = 2  # times a model that cannot be constrained is asked, until a program parses
    unknown_probability: float = 0.6  # 0..1, of a program whose backend does not tell it
    worked_examples: int = 0  # nearest ones of the prompt library that stand before the task
    interpreter: InterpreterConfig = field(default_factory=InterpreterConfig)

    def __post_init__(self):
        """Check ranges."""
        if self.max_new_tokens < 1 or self.attempts < 1 or self.worked_examples < 0:
            raise ConfigError(f'max_new_tokens and attempts must be at least 1, worked_examples 0 or more, got {self}')
        if not 0 < self.unknown_probability <= 1:
            raise ConfigError(f'unknown_probability {self.unknown_probability} must be above 0 and at most 1')


@dataclass(frozen=True)
class Written:
    """
    What the model wrote for a sentence.

    :param program: None where the text is no program; then ``complaint`` says why.
    :param probability: 0..1, how likely the model found the whole text.
    """

    text: str
    program: Program | None
    probability: float
    logprob: float
    complaint: str = ''


@dataclass
class _Run:
    """A program that is being carried out, and how many records of the loop it has seen."""

    sentence: str
    written: Written
    execution: Execution | None
    seen: int = 0


class ProgPromptPlanner:
    """Chooses the next skill as the program wants it; a history without records begins the program anew."""

    def __init__(
        self,
        model: LanguageModel,
        config: ProgramConfig = ProgramConfig(),
        affordance: AffordanceConfig = AffordanceConfig(),
    ):
        """Keep the model; nothing is loaded here. ``dialogue`` holds earlier turns and may be set."""
        self.model, self.config, self.affordance = model, config, affordance
        self.domain = TABLE
        self.dialogue = Dialogue()
        self._library = ExampleLibrary(config.worked_examples)
        self._memory: OrderedDict[str, Written] = OrderedDict()
        self._run: _Run | None = None

    def decide(self, sentence: str, scene: Scene, history: History | None = None) -> Decision:
        """
        Return the next step of the program as the only option.

        :param history: with records, the run that they belong to goes on; asking twice changes nothing.
        """
        started = time.perf_counter()
        records = history.records if history else ()
        if not records or self._run is None or self._run.sentence != sentence:
            self._run = self._begin(sentence, scene, len(records))
        run = self._run
        result = records[-1].result if len(records) > run.seen else None
        run.seen = len(records)
        return self._rule(run, scene, result, started)

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return a whole plan by symbolic roll-out; it ends in ``done``, or in ``refuse`` with a reason."""
        return self.project(sentence, scene).plan

    def project(self, sentence: str, scene: Scene) -> Projection:
        """Return a whole plan and its decisions; nothing moves."""
        run = self._begin(sentence, scene, 0)
        result: SkillResult | None = None
        decisions: list[Decision] = []
        while True:
            decisions.append(self._rule(run, scene, result, time.perf_counter()))
            last = decisions[-1]
            if last.chosen.step.skill in ('done', 'refuse'):
                steps = tuple(decision.chosen.step for decision in decisions)
                plan = Plan(steps, last.reason, run.written.text, last.question)
                return Projection(plan, tuple(decisions))
            scene, result = self.domain.imagine(last.chosen.step, scene)

    def write(self, sentence: str, scene: Scene) -> Written:
        """Return the program for a sentence; asking again for the same costs nothing."""
        examples = self._library.turns(sentence) if self.config.worked_examples else ()
        prompt = write_program_prompt(sentence, scene, self.dialogue.turns, examples)
        if prompt not in self._memory:
            self._memory[prompt] = self._write(prompt, sentence, scene)
            if len(self._memory) > MEMORY:
                self._memory.popitem(last=False)
        return self._memory[prompt]

    def _write(self, prompt: str, sentence: str, scene: Scene) -> Written:
        grammar = write_grammar(sentence, scene) if self.config.constrained else ''
        draft = draft_program(sentence, scene)
        for _ in range(self.config.attempts):
            text = write(self.model, prompt, self.config.max_new_tokens, (STOP,), grammar, draft)
            written = self._read(text)
            if written.program is not None or (grammar and isinstance(self.model, Writer)):
                break  # a text under a grammar would come out the same again
            prompt = prompt.removesuffix(ENDING) + HINT + ENDING
        return written

    def _read(self, text: Generation) -> Written:
        probability = self.config.unknown_probability if text.probability is None else text.probability
        logprob = math.log(probability) if text.logprob is None else text.logprob
        body = text.text.rstrip() + '\n'
        try:
            return Written(body, parse_program(body), probability, logprob)
        except PlanError as error:
            return Written(body, None, probability, logprob, f'{UNREADABLE}: {error}')

    def _begin(self, sentence: str, scene: Scene, seen: int) -> _Run:
        written = self.write(sentence, scene)
        execution = None
        if written.program is not None:
            execution = Execution(written.program, self.dialogue.moves, self.config.interpreter, self.affordance)
        return _Run(sentence, written, execution, seen)

    def _rule(self, run: _Run, scene: Scene, result: SkillResult | None, started: float) -> Decision:
        if run.execution is None:
            ruling = Ruling(Step('refuse'), run.written.complaint)
        else:
            ruling = run.execution.next_step(scene, result)
        can = judge(ruling.step, scene, self.affordance)
        p = run.written.probability
        option = OptionScore(
            ruling.step,
            say(ruling.step, scene.held).strip(' .'),
            run.written.logprob,
            p,
            can.value,
            p * can.value,
            can.reason,
        )
        line = find_line(run.written.program, run.execution.current) if run.execution and run.written.program else 0
        return Decision(option, (option,), ruling.reason, time.perf_counter() - started, ruling.question, line)
