"""
A program and SayCan together: what the words say is told by both, what the robot can by the affordance.

``say(option) = p * [option is the program's next step] + (1 - p) * SayCan's language score``, where p is at
first the probability that the language model gave its program, and from step to step what Bayes' rule makes of it:
the voice that would not have taken the steps that were taken loses its weight, so the two do not pull a task apart.
A program that the model was sure of decides; where it was not, the options that SayCan scores one by one do.
Everything else, the affordance above all, is SayCan's (arXiv 2204.01691); the program is ProgPrompt's
(arXiv 2209.11302).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
import time

from vlm_robot.datatypes import Decision, OptionScore, Plan, Scene, StepRecord
from vlm_robot.errors import ConfigError
from vlm_robot.planning.dialogue import Dialogue
from vlm_robot.planning.progprompt import ProgPromptPlanner
from vlm_robot.planning.prompt import History
from vlm_robot.planning.saycan import Projection, SayCanPlanner

MOST_RETURNS = 3  # times a projected plan may come back to the same scene
MEMORY = 128  # heads of tasks whose likelihoods are kept
SLIP = 0.05  # likelihood, for either voice, of a step that it would not have taken itself


@dataclass(frozen=True)
class MixtureConfig:
    """How much a program counts beside SayCan's scores."""

    exponent: float = 0.3  # of the program's probability: many texts mean the same program, so one text's is too low
    sure: float = 1.0  # 0..1, weight of the program above which SayCan's options are not scored; 1 scores always

    def __post_init__(self):
        """Check ranges."""
        if not self.exponent > 0 or not 0 <= self.sure <= 1:
            raise ConfigError(f'mixture: exponent must be above 0 and sure in [0, 1], got {self}')


class MixturePlanner:
    """Chooses the next skill by the program and by SayCan's scores at once."""

    def __init__(self, program: ProgPromptPlanner, saycan: SayCanPlanner, config: MixtureConfig = MixtureConfig()):
        """Join two planners of one model."""
        self.program, self.saycan, self.config = program, saycan, config
        self.model, self.domain = saycan.model, saycan.domain
        self._likelihoods: OrderedDict[tuple, tuple[float, float]] = OrderedDict()

    @property
    def dialogue(self) -> Dialogue:
        """Return the earlier turns, which programs refer to."""
        return self.program.dialogue

    @dialogue.setter
    def dialogue(self, dialogue: Dialogue) -> None:
        self.program.dialogue = dialogue

    def decide(self, sentence: str, scene: Scene, history: History | None = None) -> Decision:
        """Return the chosen next step and every option with its scores, best first."""
        started = time.perf_counter()
        wish = self.program.decide(sentence, scene, history)
        prior = wish.chosen.language**self.config.exponent
        if prior > self.config.sure or prior >= 1:
            return wish
        rival = self.saycan.decide(sentence, scene, history)
        head = self._head(sentence, scene, history)
        by_program, by_saycan = self._likelihoods.get(head, (1.0, 1.0))
        weight = prior * by_program / (prior * by_program + (1 - prior) * by_saycan)
        options = _mix(wish.chosen, rival.options, weight)
        decision = self._choose(wish, rival, options)
        step = decision.chosen.step
        said = next((option.language for option in rival.options if option.step == step), 0.0)
        self._remember(
            (*head, step), by_program * (1.0 if step == wish.chosen.step else SLIP), by_saycan * max(said, SLIP)
        )
        line = wish.line if decision.chosen.step == wish.chosen.step else 0
        return replace(decision, seconds=time.perf_counter() - started, line=line)

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return a whole plan by symbolic roll-out; it ends in ``done``, or in ``refuse`` with a reason."""
        return self.foresee(sentence, scene).plan

    def project(self, sentence: str, scene: Scene) -> Projection:
        """Return a whole plan and its decisions, every option of each of them scored; nothing moves."""
        projection = self._roll_out(sentence, scene, self.decide)
        assert projection is not None  # ``decide`` always decides
        return projection

    def foresee(self, sentence: str, scene: Scene) -> Projection:
        """
        Return the plan of ``project``, for one question to the model where the program is sure enough.

        Where no score of SayCan's could change a choice, none is asked for, and the decisions hold the program's
        steps alone.
        """
        projection = self._roll_out(sentence, scene, self._settle)
        return self.project(sentence, scene) if projection is None or projection.plan.reason else projection

    def _roll_out(self, sentence: str, scene: Scene, decide: Callable[..., Decision | None]) -> Projection | None:
        """Return a plan and its decisions; None as soon as ``decide`` returns None."""
        history, decisions, seen = self.domain.begin(scene), [], [scene]
        reason, question = '', None
        while True:
            decision = decide(sentence, scene, history)
            if decision is None:
                return None
            decisions.append(decision)
            step = decision.chosen.step
            if step.skill in ('done', 'refuse'):
                reason, question = decision.reason, decision.question
                break
            after, result = self.domain.imagine(step, scene)
            if seen.count(after) > MOST_RETURNS or len(seen) > self.saycan.config.max_steps:
                reason = 'the plan goes in circles'
                break
            history = history.add(StepRecord(decision, result, self.domain.observe(scene, after, step, result)))
            seen.append(after)
            scene = after
        steps = tuple(decision.chosen.step for decision in decisions)
        plan = Plan(steps, reason, self.program.write(sentence, seen[0]).text, question)
        return Projection(plan, tuple(decisions))

    def _settle(self, sentence: str, scene: Scene, history: History) -> Decision | None:
        """
        Return the decision on the program's step if that is ``decide``'s whatever the options score, else None.

        As long as every step was the program's, its weight is never below what it was at first, so all other options
        together have at most the rest, and an affordance of at most 1.
        """
        wish = self.program.decide(sentence, scene, history)
        weight = wish.chosen.language**self.config.exponent
        if wish.chosen.step.skill == 'refuse' or 1 - weight > self.saycan.config.impossible_share:
            return None
        return wish if weight * wish.chosen.affordance > 1 - weight else None

    def _head(self, sentence: str, scene: Scene, history: History | None) -> tuple:
        """Return what tells one head of a task from another: the sentence, the first scene, the steps so far."""
        history = history or self.domain.begin(scene)
        return (sentence, history.opening, *(record.decision.chosen.step for record in history.records))

    def _remember(self, head: tuple, by_program: float, by_saycan: float) -> None:
        self._likelihoods[head] = by_program, by_saycan
        self._likelihoods.move_to_end(head)
        if len(self._likelihoods) > MEMORY:
            self._likelihoods.popitem(last=False)

    def _choose(self, wish: Decision, rival: Decision, options: tuple[OptionScore, ...]) -> Decision:
        """Return the decision on mixed options; a refusal speaks with the voice that refuses louder."""
        chosen, reason, _ = self.saycan.choose(options)
        if chosen.step.skill != 'refuse':
            return Decision(chosen, options)
        if wish.chosen.step.skill == 'refuse':
            chosen = next(option for option in options if option.step == wish.chosen.step)
            return Decision(chosen, options, wish.reason, question=wish.question)
        if rival.chosen.step.skill == 'refuse':
            return Decision(chosen, options, rival.reason, question=rival.question)
        return Decision(chosen, options, reason or self.domain.not_understood)


def _mix(wish: OptionScore, rivals: tuple[OptionScore, ...], weight: float) -> tuple[OptionScore, ...]:
    """Return all options with both scores mixed, best product first."""
    if not any(option.step == wish.step for option in rivals):
        rivals = (*rivals, replace(wish, language=0.0))
    mixed = []
    for option in rivals:
        language = weight * (option.step == wish.step) + (1 - weight) * option.language
        mixed.append(replace(option, language=language, product=language * option.affordance))
    return tuple(sorted(mixed, key=lambda option: (-option.product, -option.language)))
