"""
SayCan: what the words say times what the robot can (Ahn et al., arXiv 2204.01691).

Every option is scored by a language model as the continuation of the prompt ("say") and judged in the scene
("can"); the product chooses. Two things differ from the paper: the scene and the outcome of every skill
stand in the prompt, and when the words clearly want what cannot be done, the planner refuses with that
reason instead of doing the next best thing. Where several things may be meant it asks: when the model says so,
or when the calibrated set of options (``calibration.py``) holds several that lead to different ends. It knows a
language model and a scene; no camera, no arm, no ROS.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
import math
import time

from vlm_robot.datatypes import Decision, OptionScore, Plan, Question, Scene, Step, StepRecord
from vlm_robot.errors import ConfigError
from vlm_robot.language.language_model import ContinuationScore, LanguageModel
from vlm_robot.planning.affordance import AffordanceConfig
from vlm_robot.planning.asking import (
    leaves_choice,
    list_choices,
    list_rivals,
    merge_answer,
    name_of,
    write_question,
)
from vlm_robot.planning.calibration import load_calibration, predict_set
from vlm_robot.planning.conversation import WHICH
from vlm_robot.planning.domain import Domain, TABLE
from vlm_robot.planning.parsing import WHICH_ONE
from vlm_robot.planning.prompt import History
from vlm_robot.planning.symbolic import relate
from vlm_robot.planning.worked_examples import ExampleLibrary
from vlm_robot.vocabulary import shape_of

NORMALISATIONS = ('sum', 'mean', 'pmi')
MEMORY = 64  # decisions whose language scores are kept; the closed loop asks again what the projected plan asked


@dataclass(frozen=True)
class SayCanConfig:
    """How options are built, scored and refused."""

    normalisation: str = 'sum'  # of token log-probabilities: 'sum', 'mean' (favours long options), or 'pmi', the sum
    # less what the options score without the sentence (Holtzman et al., arXiv 2104.08315)
    calibration: str = 'planner'  # adapter whose calibrated set tells when to ask; '' for never
    only_fitting_hand: bool = True  # score no pick with a full hand and no place with an empty one
    impossible_share: float = 0.5  # 0..1, language on impossible options and refusals from which nothing is done
    coverage: float = (
        0.5  # 0..1, if all options together are less likely than this, the model is asked for its own words
    )
    max_steps: int = 100  # steps of a projected plan: a guard, no horizon; plans end by 'done' or in a circle
    worked_examples: int = 0  # 0 or more; nearest ones of the prompt library that stand before the task
    affordance: AffordanceConfig = field(default_factory=AffordanceConfig)

    def __post_init__(self):
        """Check ranges."""
        if self.normalisation not in NORMALISATIONS:
            raise ConfigError(f"normalisation '{self.normalisation}' is not known; allowed: {NORMALISATIONS}")
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

        ``decision.reason`` is set when the chosen step is a refusal, ``decision.question`` when it asks back.
        """
        started = time.perf_counter()
        sentence = merge_answer(sentence, scene)
        prompt = self._library.head(sentence) + self.domain.write_prompt(sentence, history or self.domain.begin(scene))
        steps = list(self.domain.options(scene, self.config.only_fitting_hand))
        scores = self._score(prompt, [self.domain.say(step, scene.held) for step in steps])
        if sum(math.exp(score.logprob) for score in scores) < self.config.coverage:
            proposal = self.domain.read_proposal(self.model.generate(prompt, 24, ('.', '\n')), scene.held, steps)
            if proposal:
                steps.append(proposal)
                scores = [*scores, *self._score(prompt, [self.domain.say(proposal, scene.held)])]
        options = self._combine(steps, scores, self._score_prior(steps, scene, history), scene)
        chosen, reason, asks = self.choose(options)
        question = write_question(list_choices(sentence, scene)) if asks else None
        if question:
            reason = f'several things fit; say which one: {", ".join(question.choices) or "nothing is in view"}'
        return Decision(chosen, options, reason, time.perf_counter() - started, question)

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return a whole plan by symbolic roll-out; it ends in ``done``, or in ``refuse`` with a reason."""
        return self.project(sentence, scene).plan

    def project(self, sentence: str, scene: Scene) -> Projection:
        """Return a whole plan and its decisions; nothing moves. It ends in a question where one is due."""
        return self._roll_out(sentence, scene, self.domain.begin(scene), asks=True)[0]

    def _roll_out(
        self, sentence: str, scene: Scene, history: History, first: Step | None = None, asks: bool = False
    ) -> tuple[Projection, Scene]:
        """Return a plan from here and the scene at its end; ``first`` is taken whatever the words say."""
        decisions: list[Decision] = []
        seen = [scene]
        for _ in range(self.config.max_steps):
            decision = self.decide(sentence, scene, history)
            if asks and decision.question is None:
                decision = self._doubt(sentence, scene, history, decision)
            if first is not None:
                decision = replace(decision, chosen=next(o for o in decision.options if o.step == first))
                first = None
            decisions.append(decision)
            step = decision.chosen.step
            if step.skill in ('done', 'refuse'):
                return _end(decisions, decision.reason, decision.question), scene
            after, result = self.domain.imagine(step, scene)  # may fail without affordances (kind `none`)
            history = history.add(StepRecord(decision, result, self.domain.observe(scene, after, step, result)))
            if sum(_is_same(old, after) for old in seen) > 1:
                return _end([*decisions, _refuse(decision)], 'the plan goes in circles'), after
            seen.append(after)
            scene = after
        return _end([*decisions, _refuse(decision)], f'the plan has no end after {self.config.max_steps} steps'), scene

    def _doubt(self, sentence: str, scene: Scene, history: History, decision: Decision) -> Decision:
        """Return the decision, or a question where the calibrated set holds things that lead to different ends."""
        calibration = load_calibration(self.config.calibration)
        if calibration is None or calibration.normalisation != self.config.normalisation or WHICH in sentence:
            return decision
        rivals = list_rivals(predict_set(decision.options, calibration.threshold))
        named = scene.find(name_of(rivals[0])) if rivals else None
        if len(rivals) < 2 or (named and leaves_choice(sentence, shape_of(named.label))):
            return decision
        ends: dict[frozenset, OptionScore] = {}
        for rival in rivals:
            projection, end = self._roll_out(sentence, scene, history, rival.step)
            if not projection.plan.reason:
                ends.setdefault(self._describe_end(end), rival)
        if len(ends) < 2:
            return decision
        question = write_question([name_of(rival) for rival in ends.values()])
        return replace(_refuse(decision), reason=question.text, question=question)

    def _describe_end(self, scene: Scene) -> frozenset:
        """Return what tells two ends of a task apart: where everything is, whatever the order."""
        if self.domain is TABLE:
            return frozenset(relate(scene).items())
        return frozenset((r.subject, r.predicate, r.object) for r in scene.relations)

    def _score_prior(self, steps: Sequence[Step], scene: Scene, history: History | None) -> list[float]:
        """Return how likely the words of each step are when no sentence asks for anything; zeros unless ``pmi``."""
        if self.config.normalisation != 'pmi':
            return [0.0] * len(steps)
        prompt = self.domain.write_prompt('', history or self.domain.begin(scene))
        return [score.logprob for score in self._score(prompt, [self.domain.say(step, scene.held) for step in steps])]

    def _score(self, prompt: str, texts: Sequence[str]) -> list[ContinuationScore]:
        key = (prompt, *texts)
        if key not in self._memory:
            self._memory[key] = self.model.score(prompt, texts)
            if len(self._memory) > MEMORY:
                self._memory.popitem(last=False)
        return self._memory[key]

    def _combine(
        self, steps: Sequence[Step], scores: Sequence[ContinuationScore], priors: Sequence[float], scene: Scene
    ) -> tuple[OptionScore, ...]:
        """Return the options with language normalised over all of them, best product first."""
        counts = [score.token_count if self.config.normalisation == 'mean' else 1 for score in scores]
        weights = [(s.logprob - prior) / n for s, prior, n in zip(scores, priors, counts, strict=True)]
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

    def choose(self, options: Sequence[OptionScore]) -> tuple[OptionScore, str, bool]:
        """Return the chosen option and, where that is a refusal, why, and whether it asks which one."""
        refusals = [option for option in options if option.step.skill == 'refuse']
        impossible = [option for option in options if option.affordance == 0 and option.step.skill != 'refuse']
        against = sum(option.language for option in (*refusals, *impossible))
        if against <= self.config.impossible_share and options[0].step.skill != 'refuse':
            return options[0], '', False
        refusal = max(refusals, key=lambda option: option.language)
        wish = max(impossible, key=lambda option: option.language, default=None)
        rivals = (o.language for o in options if o.affordance > 0 and o.step.target and o.step.skill != 'refuse')
        if wish and wish.language > max(0.02, 2 * max(rivals, default=0.0)):
            return refusal, wish.reason, False
        if refusal.step.target == WHICH_ONE:
            return refusal, '', True
        return refusal, self.domain.not_understood, False


def _is_same(old: Scene, new: Scene) -> bool:
    return old.held == new.held and old.relations == new.relations and old.objects == new.objects


def _refuse(decision: Decision) -> Decision:
    """Return the decision with its refusal chosen."""
    refusal = next(option for option in decision.options if option.step.skill == 'refuse')
    return replace(decision, chosen=refusal)


def _end(decisions: Sequence[Decision], reason: str, question: Question | None = None) -> Projection:
    plan = Plan(tuple(decision.chosen.step for decision in decisions), reason, question=question)
    return Projection(plan, tuple(decisions))
