"""
SayCan: what the words say times what the robot can (Ahn et al., arXiv 2204.01691).

Every option is scored by a language model as the continuation of the prompt ("say") and judged in the scene
("can"); the product chooses. Two things differ from the paper: the scene and the outcome of every skill
stand in the prompt, and when the words clearly want what cannot be done, the planner refuses with that
reason instead of doing the next best thing. It knows a language model and a scene; no camera, no arm, no ROS.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
import math
import time

from vlm_robot.datatypes import Decision, OptionScore, Plan, Scene, SkillResult, Step, StepRecord
from vlm_robot.errors import ConfigError
from vlm_robot.language.language_model import ContinuationScore, LanguageModel
from vlm_robot.planning.affordance import AffordanceConfig
from vlm_robot.planning.domain import Domain, TABLE
from vlm_robot.planning.parsing import WHICH_ONE
from vlm_robot.planning.prompt import History
from vlm_robot.planning.worked_examples import ExampleLibrary

MEMORY = 64  # decisions whose language scores are kept; the closed loop asks again what the projected plan asked


@dataclass(frozen=True)
class SayCanConfig:
    """How options are built, scored and refused."""

    normalisation: str = 'sum'  # 'sum' of token log-probabilities, or their 'mean' (favours long options)
    only_fitting_hand: bool = True  # score no pick with a full hand and no place with an empty one
    impossible_share: float = 0.5  # 0..1, language on impossible options and refusals from which nothing is done
    coverage: float = (
        0.5  # 0..1, if all options together are less likely than this, the model is asked for its own words
    )
    max_steps: int = 20  # steps of a projected plan
    worked_examples: int = 0  # 0 or more; nearest ones of the prompt library that stand before the task
    affordance: AffordanceConfig = field(default_factory=AffordanceConfig)

    def __post_init__(self):
        """Check ranges."""
        if self.normalisation not in ('sum', 'mean'):
            raise ConfigError(f"normalisation '{self.normalisation}' is not known; allowed: 'sum', 'mean'")
        if not (0 < self.impossible_share <= 1 and 0 <= self.coverage <= 1 and self.max_steps >= 1):
            raise ConfigError('impossible_share must be in (0, 1], coverage in [0, 1], max_steps at least 1')
        if self.worked_examples < 0:
            raise ConfigError(f'worked_examples is {self.worked_examples}; it must be 0 or more')


@dataclass(frozen=True)
class Projection:
    """A whole plan with the decision behind each of its steps."""

    plan: Plan
    decisions: tuple[Decision, ...]


class SayCanPlanner:
    """Chooses the next skill; ``domain.begin(scene)`` is the history of a task that starts now."""

    def __init__(self, model: LanguageModel, config: SayCanConfig = SayCanConfig(), domain: Domain = TABLE):
        """Keep the model and the world it plans for; nothing is loaded here."""
        self.model = model
        self.config = config
        self.domain = domain
        # The examples are of blocks and bowls; other worlds do without.
        self._library = ExampleLibrary(config.worked_examples if domain.name == TABLE.name else 0)
        self._memory: OrderedDict[tuple, list[ContinuationScore]] = OrderedDict()

    def decide(self, sentence: str, scene: Scene, history: History | None = None) -> Decision:
        """
        Return the chosen next step and every option with its scores, best first.

        ``decision.reason`` is set when the chosen step is a refusal.
        """
        started = time.perf_counter()
        prompt = self._library.head(sentence) + self.domain.write_prompt(sentence, history or self.domain.begin(scene))
        steps = list(self.domain.options(scene, self.config.only_fitting_hand))
        scores = self._score(prompt, [self.domain.say(step, scene.held) for step in steps])
        if sum(math.exp(score.logprob) for score in scores) < self.config.coverage:
            proposal = self.domain.read_proposal(self.model.generate(prompt, 24, ('.', '\n')), scene.held, steps)
            if proposal:
                steps.append(proposal)
                scores = [*scores, *self._score(prompt, [self.domain.say(proposal, scene.held)])]
        options = self._combine(steps, scores, scene)
        chosen, reason = self._choose(options, scene)
        return Decision(chosen, options, reason, time.perf_counter() - started)

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return a whole plan by symbolic roll-out; it ends in ``done``, or in ``refuse`` with a reason."""
        return self.project(sentence, scene).plan

    def project(self, sentence: str, scene: Scene) -> Projection:
        """Return a whole plan and its decisions; nothing moves."""
        history, decisions, seen = self.domain.begin(scene), [], [scene]
        for _ in range(self.config.max_steps):
            decision = self.decide(sentence, scene, history)
            decisions.append(decision)
            step = decision.chosen.step
            if step.skill in ('done', 'refuse'):
                return _end(decisions, decision.reason)
            after = self.domain.apply(step, scene)
            result = SkillResult(True)
            history = history.add(StepRecord(decision, result, self.domain.observe(scene, after, step, result)))
            if (
                sum(
                    old.held == after.held and old.relations == after.relations and old.objects == after.objects
                    for old in seen
                )
                > 1
            ):
                return _end([*decisions, _refuse(decision)], 'the plan goes in circles')
            seen.append(after)
            scene = after
        return _end([*decisions, _refuse(decision)], f'the plan has no end after {self.config.max_steps} steps')

    def _score(self, prompt: str, texts: Sequence[str]) -> list[ContinuationScore]:
        key = (prompt, *texts)
        if key not in self._memory:
            self._memory[key] = self.model.score(prompt, texts)
            if len(self._memory) > MEMORY:
                self._memory.popitem(last=False)
        return self._memory[key]

    def _combine(
        self, steps: Sequence[Step], scores: Sequence[ContinuationScore], scene: Scene
    ) -> tuple[OptionScore, ...]:
        """Return the options with language normalised over all of them, best product first."""
        weights = [s.logprob / (s.token_count if self.config.normalisation == 'mean' else 1) for s in scores]
        peak = max(weights)
        total = sum(math.exp(weight - peak) for weight in weights)
        options = []
        for step, score, weight in zip(steps, scores, weights):
            can = self.domain.judge(step, scene, self.config.affordance)
            language = math.exp(weight - peak) / total
            options.append(
                OptionScore(
                    step,
                    score.text.strip(' .'),
                    score.logprob,
                    language,
                    can.value,
                    language * can.value,
                    can.reason,
                )
            )
        return tuple(sorted(options, key=lambda option: (-option.product, -option.language)))

    def _choose(self, options: Sequence[OptionScore], scene: Scene) -> tuple[OptionScore, str]:
        """Return the chosen option and, where that is a refusal, why."""
        refusals = [option for option in options if option.step.skill == 'refuse']
        impossible = [option for option in options if option.affordance == 0 and option.step.skill != 'refuse']
        against = sum(option.language for option in (*refusals, *impossible))
        if against <= self.config.impossible_share and options[0].step.skill != 'refuse':
            return options[0], ''
        refusal = max(refusals, key=lambda option: option.language)
        return refusal, self._explain(refusal, impossible, options, scene)

    def _explain(
        self,
        refusal: OptionScore,
        impossible: Sequence[OptionScore],
        options: Sequence[OptionScore],
        scene: Scene,
    ) -> str:
        """Return why nothing is done: the impossible thing that the words want, or else what the model says."""
        wish = max(impossible, key=lambda option: option.language, default=None)
        rivals = (o.language for o in options if o.affordance > 0 and o.step.target and o.step.skill != 'refuse')
        if wish and wish.language > max(0.02, 2 * max(rivals, default=0.0)):
            return wish.reason
        if refusal.step.target == WHICH_ONE:
            return f'several things fit; say which one: {", ".join(scene.names) or "nothing is in view"}'
        return self.domain.not_understood


def _refuse(decision: Decision) -> Decision:
    """Return the decision with its refusal chosen."""
    refusal = next(option for option in decision.options if option.step.skill == 'refuse')
    return Decision(refusal, decision.options, decision.reason, decision.seconds)


def _end(decisions: Sequence[Decision], reason: str) -> Projection:
    return Projection(Plan(tuple(d.chosen.step for d in decisions), reason), tuple(decisions))
