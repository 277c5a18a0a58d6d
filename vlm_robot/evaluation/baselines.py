"""
What the planner is compared with, on the same seeds: a perfect plan, templates, and SayCan's own ablations.

``oracle`` is the ceiling of arm and skills; ``regex`` shows what of a suite is mere templates; ``llm-only``
(SayCan's "No VF"), ``affordance-only``, ``generative`` (free words, then the nearest option) and ``socratic``
(scene text in the prompt, free plan, no scoring) follow the ablations of SayCan (arXiv 2204.01691) and the
second demo of its notebook; ``open-loop`` carries our own plan out without looking again; ``always-act`` and
``always-ask`` are the two ends that refusals are measured against.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vlm_robot.datatypes import Decision, OptionScore, Plan, Question, Scene, Step
from vlm_robot.errors import ConfigError, name_nearest, PlanError
from vlm_robot.evaluation.expert import plan_for
from vlm_robot.evaluation.kitchen_planners import Indifferent, NearestOption
from vlm_robot.planning.affordance import Affordance
from vlm_robot.planning.conversation import WHICH
from vlm_robot.planning.domain import Domain, TABLE
from vlm_robot.planning.parsing import format_step
from vlm_robot.planning.prompt import History
from vlm_robot.planning.saycan import Projection, SayCanConfig, SayCanPlanner
from vlm_robot.planning.symbolic import apply
from vlm_robot.planning.template_parser import parse_sentence
from vlm_robot.sim.scenario import Episode

SAYCAN_STEPS = 10  # steps after which an ablation that cannot stop is stopped
BASELINES = (
    'oracle', 'regex', 'llm-only', 'affordance-only', 'generative', 'socratic', 'open-loop', 'always-act', 'always-ask',
)  # fmt: skip


class PlanFollower:
    """
    A planner that plans once and then does the steps in order, whatever comes of them.

    :param retry: do a step again that failed, and pick up again what was lost on the way.
    """

    def __init__(self, make_plan: Callable[[str, Scene], Plan], retry: bool = False, domain: Domain = TABLE):
        """Keep the function that plans."""
        self._make_plan, self._retry, self.domain = make_plan, retry, domain
        self._plan = Plan()

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return the plan and remember it for ``decide``."""
        self._plan = self._make_plan(sentence, scene)
        return self._plan

    def project(self, sentence: str, scene: Scene) -> Projection:
        """Return the plan with a decision of one option for each step."""
        plan = self.plan(sentence, scene)
        return Projection(plan, tuple(_decide_on(step, plan) for step in plan.steps))

    def decide(self, sentence: str, scene: Scene, history: History | None = None) -> Decision:
        """Return the next step of the plan."""
        records = history.records if history else ()
        done = sum(record.result.success for record in records) if self._retry else len(records)
        steps = self._plan.steps or (Step('done'),)
        step = steps[min(done, len(steps) - 1)]
        lost = self._retry and step.skill.startswith('place') and step.target != scene.held
        return _decide_on(Step('pick', step.target) if lost else step, self._plan)


def _decide_on(step: Step, plan: Plan) -> Decision:
    try:
        words = format_step(step)
    except PlanError:
        words = f'{step.skill} {step.target} {step.destination}'.strip()
    only = OptionScore(step, words, 0.0, 1.0, 1.0, 1.0)
    refuses = step.skill == 'refuse'
    return Decision(only, (only,), plan.reason if refuses else '', question=plan.question if refuses else None)


class OracleFollower(PlanFollower):
    """The reference plan of one episode; a block that was lost is picked up again."""

    def __init__(self, episode: Episode):
        """Take the episode's own plan, or one made from its goal."""
        reference = Plan(episode.reference) if episode.reference or not episode.goal else plan_for(episode.goal)
        reason = 'the sentence names what is not there' if episode.expected == 'refuse' else ''
        question = Question('Which one?') if episode.expected == 'ask' else None
        super().__init__(lambda sentence, scene: replace(reference, reason=reason), retry=True)
        self._question = question

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return the reference plan; where the right answer is a question, that question first."""
        if self._question is not None and WHICH not in sentence:
            self._plan = Plan((Step('refuse'),), 'several things fit', question=self._question)
            return self._plan
        return super().plan(sentence, scene)


def allow_everything(domain: Domain = TABLE) -> Domain:
    """Return the world without affordances: every option can be done."""
    return replace(domain, judge=lambda step, scene, config: Affordance(1.0))


def write_freely(model: Any, max_steps: int = SAYCAN_STEPS) -> Callable[[str, Scene], Plan]:
    """Return a function that lets the model write a whole plan; the first line that is no step ends it."""

    def make_plan(sentence: str, scene: Scene) -> Plan:
        prompt, held = TABLE.write_prompt(sentence, TABLE.begin(scene)), scene.held
        steps: list[Step] = []
        for number in range(2, max_steps + 2):
            words = model.generate(prompt, 24, ('.', '\n')).strip()
            step = TABLE.read_proposal(words, held, ())
            if step is None or step.skill == 'refuse':
                return Plan((*steps, Step('refuse')), f"'{words}' is no step")
            steps.append(step)
            if step.skill == 'done':
                return Plan(tuple(steps))
            try:
                scene = apply(step, scene)
                held = scene.held
            except PlanError:
                return Plan((*steps, Step('done')))  # it says so without looking, and is graded on it
            prompt += f' {words}. ok.\n{number}.'
        return Plan((*steps, Step('refuse')), f'the plan has no end after {max_steps} steps')

    return make_plan


def answer_always(status: str, scene_plan: Callable[[str, Scene], Plan]) -> Callable[[str, Scene], Plan]:
    """Return a planner that always asks first, or never asks and never refuses."""

    def make_plan(sentence: str, scene: Scene) -> Plan:
        if status == 'ask' and WHICH not in sentence:
            return Plan((Step('refuse'),), 'asks always', question=Question('Is that what you mean?'))
        plan = scene_plan(sentence, scene)
        if status == 'act' and (plan.reason or plan.question):
            return Plan((*(step for step in plan.steps if step.skill != 'refuse'), Step('done')))
        return plan

    return make_plan


def check_baseline(name: str) -> str:
    """Return the name of a baseline; raise ConfigError where there is none of it."""
    if name not in BASELINES:
        raise ConfigError(f"no baseline '{name}'{name_nearest(name, BASELINES)}; allowed: {list(BASELINES)}")
    return name


def build_baseline(name: str, planner: Any, config: SayCanConfig) -> Callable[[Episode], Any]:
    """
    Return what makes a planner for an episode.

    :param planner: the planner under test, with its ``model``; some baselines are made of it.
    :raises ConfigError: there is no such baseline.
    """
    if check_baseline(name) == 'oracle':
        return OracleFollower
    short = replace(config, max_steps=SAYCAN_STEPS, coverage=0.0)
    model: Any = getattr(planner, 'model', None)
    makers: dict[str, Callable[[], Any]] = {
        'regex': lambda: PlanFollower(parse_sentence),
        'llm-only': lambda: SayCanPlanner(model, replace(short, impossible_share=1.0), allow_everything()),
        'affordance-only': lambda: SayCanPlanner(Indifferent(), replace(short, impossible_share=1.0)),
        'generative': lambda: SayCanPlanner(NearestOption(model), short, allow_everything()),
        'socratic': lambda: PlanFollower(write_freely(model)),
        'open-loop': lambda: planner,  # the loop is what is open (``runs.RunSpec``)
        'always-act': lambda: PlanFollower(answer_always('act', planner.plan)),
        'always-ask': lambda: PlanFollower(answer_always('ask', planner.plan)),
    }
    made = makers[name]()
    return lambda episode: made
