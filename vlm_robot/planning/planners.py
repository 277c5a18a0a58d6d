"""Planners: what the closed loop asks of one, and the one place that builds the kind that the settings name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from vlm_robot.datatypes import Decision, Plan, Scene
from vlm_robot.errors import ConfigError, name_nearest
from vlm_robot.language.language_loading import LanguageConfig
from vlm_robot.language.language_model import LanguageModel
from vlm_robot.planning.mixture import MixtureConfig, MixturePlanner
from vlm_robot.planning.progprompt import ProgPromptPlanner, ProgramConfig
from vlm_robot.planning.prompt import History
from vlm_robot.planning.saycan import Projection, SayCanConfig, SayCanPlanner

KINDS = ('both', 'saycan', 'program')
DESCRIPTIONS = ('auto', 'on', 'off')


@dataclass(frozen=True)
class PlannerConfig(SayCanConfig):
    """SayCan's settings, and beside them those of programs; ``kind`` says which plan."""

    kind: str = 'both'  # 'saycan' scores options, 'program' writes a program, 'both' mixes them
    description: str = 'auto'  # whether tags, attributes, captions and written words stand in the prompt: 'on', 'off',
    # or 'auto': not before an adapter, which was trained without them
    program: ProgramConfig = field(default_factory=ProgramConfig)
    mixture: MixtureConfig = field(default_factory=MixtureConfig)

    def __post_init__(self):
        """Check the kind and what SayCan checks."""
        super().__post_init__()
        if self.kind not in KINDS:
            raise ConfigError(f"there is no planner '{self.kind}'{name_nearest(self.kind, KINDS)}")
        if self.description not in DESCRIPTIONS:
            raise ConfigError(f"planner.description is '{self.description}'; allowed: {list(DESCRIPTIONS)}")


def reads_descriptions(config: PlannerConfig, language: LanguageConfig) -> bool:
    """Return whether the prompts of this planner show what a describer says."""
    has_adapter = language.backend == 'transformers' and bool(language.adapter)
    return config.description == 'on' or (config.description == 'auto' and not has_adapter)


class Planner(Protocol):
    """Turns a sentence and a scene into the next step, again and again."""

    def decide(self, sentence: str, scene: Scene, history: History | None = None) -> Decision:
        """Return the chosen next step and what was weighed."""
        ...

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return a whole plan; nothing moves."""
        ...

    def project(self, sentence: str, scene: Scene) -> Projection:
        """Return a whole plan and its decisions; nothing moves."""
        ...


def build_planner(
    model: LanguageModel, config: PlannerConfig = PlannerConfig()
) -> SayCanPlanner | ProgPromptPlanner | MixturePlanner:
    """Return the planner that the settings name; nothing is loaded."""
    saycan = SayCanPlanner(model, config)
    if config.kind == 'saycan':
        return saycan
    program = ProgPromptPlanner(model, config.program, config.affordance)
    return program if config.kind == 'program' else MixturePlanner(program, saycan, config.mixture)
