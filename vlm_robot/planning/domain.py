"""
What a planner must know of a world: its options, its words, what is possible, what each step would change.

SayCan and the closed loop read worlds through this value alone, so that the table of blocks and the kitchen
run through the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.errors import PlanError
from vlm_robot.planning import affordance, options, parsing, prompt, symbolic, verification
from vlm_robot.planning.affordance import Affordance, AffordanceConfig
from vlm_robot.planning.prompt import History


@dataclass(frozen=True)
class Domain:
    """
    One world as functions; none of them moves anything.

    :param options: every step that can be said in a scene; the flag leaves out what needs another hand.
    :param judge: how likely a step would succeed here and now.
    :param apply: the scene after a step that succeeds; raises PlanError where the step makes no sense.
    :param begin: the history of a task that starts in a scene.
    :param write_prompt: sentence and history -> the text that the step is the continuation of.
    :param say: step and held name -> the words that are scored.
    :param observe: scene before, scene after, step, result -> what is written behind the step.
    :param read_proposal: generated text, held name, known steps -> a new step, or None.
    :param format_step: the words of a step for people.
    :param verify: step, scene before, scene after -> why its success is contradicted; empty where it is not.
    """

    name: str
    options: Callable[[Scene, bool], tuple[Step, ...]]
    judge: Callable[[Step, Scene, AffordanceConfig], Affordance]
    apply: Callable[[Step, Scene], Scene]
    begin: Callable[[Scene], History]
    write_prompt: Callable[[str, History], str]
    say: Callable[[Step, str], str]
    observe: Callable[[Scene, Scene, Step, SkillResult], str]
    read_proposal: Callable[[str, str, Sequence[Step]], Step | None]
    format_step: Callable[..., str]
    not_understood: str
    verify: Callable[[Step, Scene, Scene], str] = lambda step, before, after: ''

    def imagine(self, step: Step, scene: Scene) -> tuple[Scene, SkillResult]:
        """Return what a step would change; one that makes no sense changes nothing and fails with the reason."""
        try:
            return self.apply(step, scene), SkillResult(True)
        except PlanError as error:
            return scene, SkillResult(False, str(error))


def _table_options(scene: Scene, only_fitting_hand: bool) -> tuple[Step, ...]:
    return options.build_options(scene, only_fitting_hand=only_fitting_hand)


TABLE = Domain(
    name='table',
    options=_table_options,
    judge=affordance.judge,
    apply=symbolic.apply,
    begin=prompt.begin,
    write_prompt=prompt.write_prompt,
    say=options.say,
    observe=prompt.observe,
    read_proposal=options.read_proposal,
    format_step=parsing.format_step,
    not_understood='this is nothing that can be done with the blocks, bowls and places on this table',
    verify=verification.contradict,
)
