"""
How good a plan or an end of a task is: success, goal condition recall, executability, side effects.

Plans are graded on a symbolic table that starts as the true one, executions on the simulator's positions, both
by the same goal. The formulas of success rate, recall (GCR), executability and of conditions that are kept
follow ProgPrompt (arXiv 2209.11302); a goal here is a set of acceptable states, so a second good solution
counts. Positions in metres in the base frame.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
import math

from vlm_robot.datatypes import Plan, Scene, SceneObject, WorldState
from vlm_robot.errors import PlanError
from vlm_robot.goals import Goal, TOLERANCE
from vlm_robot.planning.symbolic import apply, to_state
from vlm_robot.scene.association import FAR, match
from vlm_robot.sim.scenario import Episode

NEAR = 0.06  # metres between where a camera sees a thing and where it is
MOVED = TOLERANCE  # metres in the plane from which on a thing that nobody asked for counts as moved


@dataclass(frozen=True)
class PlanGrade:
    """
    How good a plan is on paper.

    :param success: None where it cannot be told, because the plan's names are not the true table's.
    :param outcome: ``act``, ``refuse`` or ``ask``: what the plan comes to.
    :param early: whether it says ``done`` while the goal does not hold.
    """

    success: bool | None
    executability: float  # 0..1, steps that the symbolic table accepts
    recall: float  # 0..1, goal condition recall
    kept: float  # 0..1, side-effect precision
    outcome: str
    early: bool


def grade_plan(plan: Plan, start: Scene, episode: Episode) -> PlanGrade:
    """Run a plan on a symbolic table from the true scene and check the episode's goal; an unfinished plan fails."""
    assert episode.goal is not None
    scene, accepted, moving = start, 0, [s for s in plan.steps if s.skill not in ('done', 'refuse')]
    states = [to_state(start)]
    for step in moving:
        try:
            scene = apply(step, scene)
        except PlanError:
            break
        accepted += 1
        states.append(to_state(scene))
    outcome = outcome_of(plan)
    finished = outcome == 'act' and bool(plan.steps) and plan.steps[-1].skill == 'done' and accepted == len(moving)
    good = is_right(episode, outcome, finished, states)
    return PlanGrade(
        good,
        accepted / len(moving) if moving else float(outcome == episode.expected != 'act'),
        recall_of(episode.goal, states),
        share_kept(episode.goal, states),
        outcome,
        finished and not good,
    )


def match_names(seen: Scene, truth: Scene) -> dict[str, str]:
    """
    Return the true name of everything that was seen, by label and place; what matches nothing is left out.

    Both number what repeats ("gray bowl 2"), each in its own order.
    """

    def measure_gap(one: SceneObject, other: SceneObject) -> float:
        return math.dist(one.p_base[:2], other.p_base[:2]) if one.label == other.label else FAR

    pairs = match(seen.objects, truth.objects, measure_gap)
    return {one.name: other.name for one, other in pairs if measure_gap(one, other) <= NEAR}


def rename(plan: Plan, names: dict[str, str]) -> Plan:
    """Return a plan with other names for its things; places and what has no other name stay as they are."""
    parts = ('target', 'destination')
    steps = (
        replace(step, **{part: names.get(name := getattr(step, part), name) for part in parts}) for step in plan.steps
    )
    return replace(plan, steps=tuple(steps))


def outcome_of(plan: Plan) -> str:
    """Return what a plan comes to: ``act``, ``refuse`` or ``ask``."""
    if plan.question is not None:
        return 'ask'
    return 'refuse' if plan.reason or any(step.skill == 'refuse' for step in plan.steps) else 'act'


def is_right(episode: Episode, outcome: str, finished: bool, states: Sequence[WorldState]) -> bool:
    """
    Return whether what was done is what the sentence wanted.

    :param outcome: what it came to in the end, after any answer.
    :param states: from the start to the end.
    """
    assert episode.goal is not None
    if episode.expected == 'refuse':
        return outcome == 'refuse' and episode.goal.holds(*states)
    return outcome == 'act' and finished and episode.goal.holds(*states)


def recall_of(goal: Goal, states: Sequence[WorldState]) -> float:
    """Return goal condition recall, 0..1, over states from the start to the end."""
    return goal.recall(states[0], *states)


def share_kept(goal: Goal, states: Sequence[WorldState], moved_by_others: Collection[str] = ()) -> float:
    """
    Return side-effect precision: of what was right and of what nobody asked to move, the share left alone.

    Things that the goal does not name must lie within 5 cm of where they lay; parts of the goal that held at
    the start must hold at the end. 1 where there is nothing to spoil.
    """
    start, end = states[0], states[-1]
    named = {name for condition in goal.conditions() for name in condition.names}
    others = [name for name in start.positions if name not in named and name not in moved_by_others]
    still = [math.dist(start.positions[n][:2], end.positions.get(n, (9, 9))[:2]) <= MOVED for n in others]
    held = [part for part in (goal.parts if goal.kind == 'all' else ()) if part.holds(start)]
    kept = [*still, *(part.holds(end) for part in held)]
    return sum(kept) / len(kept) if kept else 1.0
