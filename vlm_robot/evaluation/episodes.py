"""
One episode at one tier: the table, the sentence, what was planned and done, and whether it is true now.

Tiers: T0 plans from the true scene, T1 from the seen scene; T2 acts in physics on true poses, T3 on what the
cameras see, T4 like T3 while things go wrong on purpose. Plans are graded on a symbolic table that starts as
the true one, executions on the simulator's positions, both by the same goal. A question is answered with the
episode's scripted answer, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vlm_robot.agent import Agent, CameraEyes, Eyes, OracleEyes, scene_of
from vlm_robot.config import AgentConfig
from vlm_robot.datatypes import (
    Decision,
    Plan,
    Question,
    Scene,
    SceneObject,
    SkillResult,
    StepRecord,
    TaskResult,
    WorldState,
)
from vlm_robot.errors import ConfigError, PlanError
from vlm_robot.evaluation.grading import grade_plan, is_right, match_names, PlanGrade, recall_of, rename, share_kept
from vlm_robot.goals import Goal
from vlm_robot.language.language_model import LanguageModel
from vlm_robot.perception.describer import LensDescriber
from vlm_robot.perception.detector import Detector
from vlm_robot.perception.sight import Segmenter
from vlm_robot.planning.conversation import take_answer
from vlm_robot.planning.dialogue import Listener
from vlm_robot.planning.parsing import format_step
from vlm_robot.planning.planners import Planner
from vlm_robot.planning.symbolic import to_state
from vlm_robot.robot.safety import SafeArm
from vlm_robot.scene.association import SceneTracker
from vlm_robot.scene.memory import SceneMemory
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.disturbance import disturb_after, DISTURBANCE_STREAM, DisturbanceConfig, DisturbedArm
from vlm_robot.sim.scenario import Episode
from vlm_robot.sim.world import World

TOP_OPTIONS = 10  # of each decision that reports keep


@dataclass(frozen=True)
class Tier:
    """
    How an episode is run.

    :param sees: perceived scenes, not the simulator's truth.
    :param moves: physics, not plans on paper.
    :param disturbed: things go wrong on purpose.
    """

    name: str
    sees: bool
    moves: bool
    disturbed: bool = False


TIERS = {
    tier.name: tier
    for tier in (
        Tier('T0', False, False),
        Tier('T1', True, False),
        Tier('T2', False, True),
        Tier('T3', True, True),
        Tier('T4', True, True, True),
    )
}


def find_tier(name: str) -> Tier:
    """Return the tier of that name; raise ConfigError listing them."""
    if name not in TIERS:
        raise ConfigError(f"no tier '{name}'; allowed: {list(TIERS)}")
    return TIERS[name]


@dataclass(frozen=True)
class EpisodeResult:
    """
    What one episode gave; the fields of ``episodes[]`` in the JSON of ``vlm-robot evaluate``.

    :param outcome: ``act``, ``refuse`` or ``ask``; ``ask`` also where it acted after the answer.
    :param kept: 0..1, side-effect precision.
    :param early: it said ``done`` while the goal did not hold.
    :param events: what went wrong on purpose.
    :param conditions: every goal condition with its truth before and after.
    """

    seed: int
    sentence: str
    objects: tuple[str, ...]
    status: str
    reason: str
    plan: tuple[str, ...]
    plan_success: bool | None  # None where the plan names a thing that only the cameras know, T3 and T4
    execution_success: bool | None  # None at T0 and T1, where nothing moves
    goal_condition_recall: float
    executability: float
    steps: tuple[dict, ...] = ()
    seconds: float = 0.0
    failed_room: str = ''
    task: str = ''
    expected: str = 'act'
    outcome: str = 'act'
    question: str = ''
    kept: float = 1.0
    early: bool = False
    program: str = ''
    events: tuple[str, ...] = ()
    conditions: tuple[dict, ...] = ()
    skills_tried: int = 0
    skills_done: int = 0
    language_calls: int = 0
    language_seconds: float = 0.0


@dataclass
class Stack:
    """The loaded models that episodes share; every episode gets its own eyes and arm."""

    config: AgentConfig
    model: LanguageModel
    planner: Planner
    detector: Detector | None = None
    memory: SceneMemory | None = None
    segmenter: Segmenter | None = None
    describer: LensDescriber | None = None

    def build_agent(self, world: World, episode: Episode, sees: bool, arm: Any = None) -> Agent:
        """Return an agent in a world, with cameras or with the simulator's truth for eyes."""
        safe = SafeArm(arm or BulletArm(world), self.config.skills.safety)
        safe.go_home()
        eyes: Eyes = OracleEyes(world)
        if sees:
            if self.detector is None:
                raise ConfigError('this run needs cameras, but no detector was loaded: load_stack(config, sees=True)')
            tracker = SceneTracker(self.config.scene)
            cameras = episode.build_cameras(world)
            eyes = CameraEyes(cameras, self.detector, tracker, self.config.queries, self.config.lifting)
            eyes.memory, eyes.segmenter, eyes.describer = self.memory, self.segmenter, self.describer
        return Agent(eyes, self.planner, safe, self.config.skills, self.config.loop)


@dataclass
class _Play:
    """What happened so far in one episode."""

    states: list[WorldState] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    question: str = ''
    seen: dict[str, SceneObject] = field(default_factory=dict)  # name -> as the cameras first saw it


def run_episode(
    episode: Episode,
    tier: Tier | str,
    stack: Stack,
    on_record: Callable[[StepRecord], None] = lambda record: None,
    on_world: Callable[[World, Episode], None] = lambda world, episode: None,
) -> EpisodeResult:
    """
    Run one episode with a goal at a tier.

    :param on_world: called with the world before anything moves and again at the end, for pictures.
    :raises ConfigError: an unknown tier, or a scenario without a task.
    """
    tier = find_tier(tier) if isinstance(tier, str) else tier
    if episode.goal is None:
        raise ConfigError(f"scenario '{episode.scenario}' has no tasks, so there is nothing to evaluate")
    world = episode.build_world()
    try:
        if tier.moves:
            return _execute(episode, tier, stack, world, on_record, on_world)
        truth = scene_of(world)
        seen = stack.build_agent(world, episode, sees=True).look() if tier.sees else truth
        on_world(world, episode)
        return _plan_only(episode, stack, truth, seen)
    finally:
        world.close()


def _execute(episode: Episode, tier: Tier, stack: Stack, world: World, on_record, on_world) -> EpisodeResult:
    play, rng = _Play(), np.random.default_rng([DISTURBANCE_STREAM, episode.seed])
    mishaps = DisturbanceConfig()
    arm = DisturbedArm(BulletArm(world), world, rng, mishaps) if tier.disturbed else None
    agent = stack.build_agent(world, episode, tier.sees, arm)
    if arm is not None:
        act = disturb_after(agent.act, world, rng, mishaps, on_event=play.events.append)
        agent.act = act  # type: ignore[method-assign, assignment]
    truth = scene_of(world)
    play.states.append(world.state())
    on_world(world, episode)

    def note(record: StepRecord) -> None:
        play.states.append(world.state())
        on_record(record)

    def answer(question: Question) -> str:
        play.question = play.question or question.text
        return episode.answer

    if tier.sees:
        agent.look = _remember(agent.look, play)  # type: ignore[method-assign]
    result = agent.run(episode.sentence, note, ask=answer)
    world.settle(0.5)
    play.states.append(world.state())
    on_world(world, episode)
    play.events += arm.events if arm is not None else []
    return _summarise(episode, result, _grade(result.plan, truth, episode, play), play, moves=True)


def _remember(look: Callable[[], Scene], play: _Play) -> Callable[[], Scene]:
    """Return the same look, which notes every thing as it is first seen."""

    def look_and_note() -> Scene:
        scene = look()
        play.seen = {item.name: item for item in scene.objects} | play.seen
        return scene

    return look_and_note


def _grade(plan: Plan, truth: Scene, episode: Episode, play: _Play) -> PlanGrade:
    """Grade a plan on the true table; no success is told where it names what only the cameras know."""
    names = match_names(Scene(tuple(play.seen.values())), truth)
    grade = grade_plan(rename(plan, names), truth, episode)
    used = {name for step in plan.steps for name in (step.target, step.destination)}
    return replace(grade, success=None) if used & (play.seen.keys() - names.keys()) else grade


def _plan_only(episode: Episode, stack: Stack, truth: Scene, seen: Scene) -> EpisodeResult:
    play = _Play([to_state(truth)])
    listener = Listener(stack.planner)
    projection = listener.project(episode.sentence, seen)
    decisions: Sequence[Decision] = projection.decisions
    plan = projection.plan
    if plan.question is not None:
        play.question = plan.question.text
        if episode.answer:
            projection = listener.project(take_answer(episode.sentence, plan.question, episode.answer), seen)
            plan, decisions = projection.plan, (*decisions, *projection.decisions)
    status = 'refused' if plan.reason else 'done'
    records = tuple(StepRecord(decision, SkillResult(True)) for decision in decisions)
    seconds = sum(decision.seconds for decision in decisions)
    result = TaskResult(episode.sentence, status, plan.reason, records, seconds, plan)
    names = match_names(seen, truth) if seen is not truth else {}
    return _summarise(episode, result, grade_plan(rename(plan, names), truth, episode), play, moves=False)


def _summarise(episode: Episode, result: TaskResult, grade: PlanGrade, play: _Play, moves: bool) -> EpisodeResult:
    goal, right = episode.goal or Goal('all'), _asked_as_expected(episode, play)
    tried = [record for record in result.records if record.decision.chosen.step.skill not in ('done', 'refuse')]
    plain = EpisodeResult(
        seed=episode.seed,
        sentence=episode.sentence,
        objects=tuple(p.name for p in episode.placements),
        status=result.status,
        reason=result.reason,
        plan=tuple(_say(step) for step in result.plan.steps),
        plan_success=None if grade.success is None else grade.success and right,
        execution_success=None,
        goal_condition_recall=grade.recall,
        executability=grade.executability,
        steps=tuple(describe_record(record, TOP_OPTIONS) for record in result.records),
        seconds=round(result.seconds, 3),
        task=episode.task,
        expected=episode.expected,
        outcome='ask' if play.question else grade.outcome,
        question=play.question,
        kept=grade.kept,
        early=grade.early,
        program=result.plan.program,
        conditions=_describe_goal(goal, play.states),
        skills_tried=len(tried),
        skills_done=sum(record.result.success for record in tried),
    )
    if not moves:
        return plain
    final = 'refuse' if result.status == 'refused' else 'act'
    success = right and is_right(episode, final, result.status == 'done', play.states)
    return replace(
        plain,
        outcome='ask' if play.question else final,
        execution_success=success,
        goal_condition_recall=recall_of(goal, play.states),
        kept=share_kept(goal, play.states, _find_moved(play)),
        early=result.status == 'done' and not goal.holds(*play.states),
        events=tuple(play.events),
    )


def _find_moved(play: _Play) -> list[str]:
    """Return the things that the disturbances themselves moved."""
    return [name for name in play.states[0].positions if any(event.endswith(f'the {name}') for event in play.events)]


def _asked_as_expected(episode: Episode, play: _Play) -> bool:
    return bool(play.question) == (episode.expected == 'ask')


def _say(step) -> str:
    try:
        return format_step(step)
    except PlanError:
        return f'{step.skill} {step.target} {step.destination}'.strip()


def _describe_goal(goal: Goal, states: Sequence[WorldState]) -> tuple[dict, ...]:
    rows = []
    for condition in dict.fromkeys(goal.conditions()):
        leaf = Goal('is', condition=condition)
        words = f'{condition.predicate}({", ".join(map(str, condition.arguments))})'
        rows.append({'condition': words, 'before': leaf.holds(states[0]), 'after': leaf.holds(states[-1])})
    return tuple(rows)


def describe_record(record: StepRecord, top: int = 5) -> dict:
    """Return a turn as plain data: what was chosen, the best options with both scores, and what came of it."""
    return {
        'step': record.decision.chosen.text.strip(),
        'line': record.decision.line,
        'options': [
            {
                'text': option.text.strip(),
                'language': round(option.language, 6),
                'affordance': round(option.affordance, 4),
                'product': round(option.product, 6),
                'reason': option.reason,
            }
            for option in record.decision.options[:top]
        ],
        'option_count': len(record.decision.options),
        'success': record.result.success,
        'reason': record.result.reason or record.decision.reason,
        'scene': record.scene_text,
        'seconds': round(record.seconds, 3),
        'language_seconds': round(record.decision.seconds, 3),
    }
