"""
The planners that are compared in the kitchen: SayCan, and the ablations of its paper.

``saycan``: words times affordance. ``no_value``: every affordance is 1 (the paper's "No VF"). ``generative``: the
model writes a step, the nearest option is taken. ``affordance``: the words are ignored. ``expert``: looks at the
goal. All but the expert run the same planner and the same options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vlm_robot.datatypes import Decision, OptionScore, Scene, Step
from vlm_robot.errors import ConfigError, name_nearest, PlanError
from vlm_robot.language.language_loading import LanguageConfig
from vlm_robot.language.language_model import ContinuationScore, LanguageModel
from vlm_robot.language.sentence_embedder import Embedder, SentenceEmbedder
from vlm_robot.planning import kitchen
from vlm_robot.planning.domain import Domain
from vlm_robot.planning.kitchen_expert import choose_step, Goal, plan_kitchen
from vlm_robot.planning.kitchen_words import KITCHEN
from vlm_robot.planning.prompt import History
from vlm_robot.planning.saycan import Projection, SayCanConfig, SayCanPlanner

PLANNERS = ('saycan', 'no_value', 'generative', 'affordance', 'expert')


def apply_or_stay(step: Step, scene: Scene) -> Scene:
    """Return the kitchen after a step; a step that cannot be done changes nothing (grading counts it as illegal)."""
    try:
        return kitchen.apply(step, scene)
    except PlanError:
        return scene


WITHOUT_VALUE: Domain = replace(KITCHEN, judge=kitchen.judge_nothing, apply=apply_or_stay)


class NearestOption:
    """A language model that writes freely; the option nearest to what it wrote gets nearly all probability."""

    def __init__(self, model: LanguageModel, embedder: Embedder | None = None):
        """Keep the model that writes; sentences are compared by embeddings, as in the paper (MiniLM here)."""
        self.model = model
        self.embedder = embedder or SentenceEmbedder()
        self.name = f'nearest option to {model.name}'

    def score(self, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        """Return -0.01 for the option nearest to the generated text, -20 for all others."""
        written = self.generate(prompt, 24, ('.', '\n')).strip() or 'nothing'
        vectors = self.embedder.embed([written, *(text.strip(' .') for text in continuations)])
        best = int(np.argmax(vectors[1:] @ vectors[0]))
        return [ContinuationScore(text, -0.01 if i == best else -20.0, 1) for i, text in enumerate(continuations)]

    def generate(self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '') -> str:
        """Return what the model writes."""
        return self.model.generate(prompt, max_new_tokens, stop)


class Indifferent:
    """A language model to which every text is equally likely."""

    name = 'indifferent'

    def score(self, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        """Return the same for every text."""
        return [ContinuationScore(text, -1.0, 1) for text in continuations]

    def generate(self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '') -> str:
        """Return nothing."""
        return ''


def choose_language(config: LanguageConfig) -> LanguageConfig:
    """Return the settings with the kitchen's own adapter in the place of the table's; any other adapter stays."""
    return replace(config, adapter='kitchen') if config.adapter == LanguageConfig().adapter else config


class ExpertPlanner:
    """A planner that looks at the goals instead of the sentence: the ceiling of the executor."""

    domain = KITCHEN

    def __init__(self, goals: tuple[Goal, ...]):
        """Keep the goals; they are worked on in order."""
        self.goals, self.position = goals, 0

    def project(self, sentence: str, scene: Scene) -> Projection:
        """Return the whole plan; carrying it out begins with the first goal."""
        self.position = 0
        return Projection(plan_kitchen(scene, self.goals), ())

    def decide(self, sentence: str, scene: Scene, history: History | None = None) -> Decision:
        """Return the next step for the first goal that does not hold."""
        step, self.position = choose_step(self.goals, self.position, scene)
        option = OptionScore(step, KITCHEN.format_step(step), 0.0, 1.0, 1.0, 1.0)
        return Decision(option, (option,))


def build_kitchen_planner(name: str, model: LanguageModel, config: SayCanConfig = SayCanConfig()) -> SayCanPlanner:
    """
    Return a planner of PLANNERS but ``expert``.

    :raises ConfigError: there is none of that name.
    """
    config = replace(config, calibration='')  # its set is calibrated on the table
    if name == 'saycan':
        return SayCanPlanner(model, config, KITCHEN)
    ablated = replace(config, only_fitting_hand=False, impossible_share=1.0)
    if name == 'no_value':
        return SayCanPlanner(model, ablated, WITHOUT_VALUE)
    if name == 'generative':
        return SayCanPlanner(NearestOption(model), replace(ablated, coverage=0.0), WITHOUT_VALUE)
    if name == 'affordance':
        return SayCanPlanner(Indifferent(), replace(config, coverage=0.0, impossible_share=1.0), KITCHEN)
    raise ConfigError(f"no kitchen planner '{name}'{name_nearest(name, PLANNERS)}")
