"""
One episode at one tier: the table, the sentence, what was planned and done, and whether it is true now.

Tiers: T0 plans from the true scene, T1 from the seen scene; T2 acts in physics on true poses, T3 on what the
cameras see. Plans are graded on a symbolic table that starts as the true one, executions on the simulator's
positions, both by the same goal. Goal condition recall and executability follow ProgPrompt (arXiv
2209.11302).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vlm_robot.agent import Agent, CameraEyes, Eyes, OracleEyes, scene_of
from vlm_robot.config import AgentConfig
from vlm_robot.datatypes import Plan, Scene, StepRecord, TaskResult
from vlm_robot.errors import ConfigError, PlanError
from vlm_robot.goals import Goal
from vlm_robot.language.language_model import LanguageModel
from vlm_robot.perception.detector import Detector
from vlm_robot.planning.parsing import format_step
from vlm_robot.planning.saycan import SayCanPlanner
from vlm_robot.planning.symbolic import apply, to_state
from vlm_robot.robot.safety import SafeArm
from vlm_robot.scene.association import SceneTracker
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.scenario import Episode
from vlm_robot.sim.world import World

TIERS = ('T0', 'T1', 'T2', 'T3')


@dataclass(frozen=True)
class PlanGrade:
    """How good a plan is on paper."""

    success: bool
    executability: float  # 0..1, steps that the symbolic table accepts
    recall: float  # 0..1, goal condition recall


@dataclass(frozen=True)
class EpisodeResult:
    """What one episode gave; the fields of ``episodes[]`` in the JSON of ``vlm-robot evaluate``."""

    seed: int
    sentence: str
    objects: tuple[str, ...]
    status: str
    reason: str
    plan: tuple[str, ...]
    plan_success: bool
    execution_success: bool | None  # None at T0 and T1, where nothing moves
    goal_condition_recall: float
    executability: float
    steps: tuple[dict, ...] = ()
    seconds: float = 0.0
    failed_room: str = ''


@dataclass
class Stack:
    """The loaded models that episodes share; every episode gets its own eyes and arm."""

    config: AgentConfig
    model: LanguageModel
    planner: SayCanPlanner
    detector: Detector | None = None

    def build_agent(self, world: World, episode: Episode, sees: bool) -> Agent:
        """Return an agent in a world, with cameras or with the simulator's truth for eyes."""
        arm = SafeArm(BulletArm(world), self.config.skills.safety)
        arm.go_home()
        eyes: Eyes = OracleEyes(world)
        if sees:
            if self.detector is None:
                raise ConfigError('this run needs cameras, but no detector was loaded: load_stack(config, sees=True)')
            tracker = SceneTracker(self.config.scene)
            eyes = CameraEyes(
                episode.build_cameras(world), self.detector, tracker, self.config.queries, self.config.lifting
            )
        return Agent(eyes, self.planner, arm, self.config.skills, self.config.loop)


def grade_plan(plan: Plan, start: Scene, goal: Goal) -> PlanGrade:
    """Run a plan on a symbolic table from the true scene and check the goal; an unfinished plan fails."""
    scene, accepted, moving = start, 0, [s for s in plan.steps if s.skill not in ('done', 'refuse')]
    for step in moving:
        try:
            scene = apply(step, scene)
            accepted += 1
        except PlanError:
            break
    end = to_state(scene)
    finished = bool(plan.steps) and plan.steps[-1].skill == 'done' and accepted == len(moving)
    executability = accepted / len(moving) if moving else 0.0
    return PlanGrade(finished and goal.holds(end), executability, goal.recall(to_state(start), end))


def run_episode(
    episode: Episode, tier: str, stack: Stack, on_record: Callable[[StepRecord], None] = lambda record: None
) -> EpisodeResult:
    """Run one episode with a goal at a tier; raise ConfigError on an unknown tier or a scenario without a task."""
    if tier not in TIERS:
        raise ConfigError(f"no tier '{tier}'; allowed: {list(TIERS)}")
    goal = episode.goal
    if goal is None:
        raise ConfigError(f"scenario '{episode.scenario}' has no tasks, so there is nothing to evaluate")
    world = episode.build_world()
    try:
        agent = stack.build_agent(world, episode, sees=tier in ('T1', 'T3'))
        truth = scene_of(world)
        if tier in ('T0', 'T1'):
            return _plan_only(episode, goal, stack, truth, truth if tier == 'T0' else agent.look())
        start = world.state()
        result = agent.run(episode.sentence, on_record)
        world.settle(0.5)
        end = world.state()
        graded = _summarise(episode, result, grade_plan(result.plan, truth, goal))
        return replace(
            graded,
            execution_success=result.status == 'done' and goal.holds(end),
            goal_condition_recall=goal.recall(start, end),
        )
    finally:
        world.close()


def _plan_only(episode: Episode, goal: Goal, stack: Stack, truth: Scene, seen: Scene) -> EpisodeResult:
    plan = stack.planner.plan(episode.sentence, seen)
    status = 'refused' if plan.reason else 'done'
    result = TaskResult(episode.sentence, status, plan.reason, plan=plan)
    return _summarise(episode, result, grade_plan(plan, truth, goal))


def _summarise(episode: Episode, result: TaskResult, grade: PlanGrade) -> EpisodeResult:
    return EpisodeResult(
        seed=episode.seed,
        sentence=episode.sentence,
        objects=tuple(p.name for p in episode.placements),
        status=result.status,
        reason=result.reason,
        plan=tuple(format_step(step) for step in result.plan.steps),
        plan_success=grade.success,
        execution_success=None,
        goal_condition_recall=grade.recall,
        executability=grade.executability,
        steps=tuple(describe_record(record) for record in result.records),
        seconds=round(result.seconds, 3),
    )


def describe_record(record: StepRecord, top: int = 5) -> dict:
    """Return a turn as plain data: what was chosen, the best options with both scores, and what came of it."""
    return {
        'step': record.decision.chosen.text.strip(),
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
        'success': record.result.success,
        'reason': record.result.reason or record.decision.reason,
        'scene': record.scene_text,
        'seconds': round(record.seconds, 3),
        'language_seconds': round(record.decision.seconds, 3),
    }
