"""
The kitchen suite: 101 instructions at T0 (plans) or T2 (plans carried out in the simulated kitchen).

``evaluate_kitchen`` is what ``vlm-robot evaluate kitchen`` runs. Its report has the shape of every other suite's
report (suite, tier, seed, n, plan_success, execution_success, goal_condition_recall, executability, intervals,
episodes) and in addition ``families``: per family n, successes, Wilson interval and the published value.
Published values are SayCan's own (its real mock kitchen, rated by people); ours are simulated and graded by a
program: comparable in form only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
import time

from vlm_robot.config import AgentConfig
from vlm_robot.datatypes import Plan
from vlm_robot.errors import ConfigError, PlanError
from vlm_robot.evaluation.kitchen_goals import explain_state, state_of
from vlm_robot.evaluation.kitchen_instructions import (
    FAMILIES,
    Instruction,
    load_instructions,
    plan_by_expert,
    PUBLISHED,
    PUBLISHED_PLANS,
)
from vlm_robot.evaluation.kitchen_planners import build_kitchen_planner, choose_language, PLANNERS
from vlm_robot.evaluation.kitchen_results import KitchenGrade, KitchenResult
from vlm_robot.evaluation.metrics import mean, wilson_interval
from vlm_robot.planning.kitchen import apply
from vlm_robot.planning.kitchen_listening import KitchenListener
from vlm_robot.planning.kitchen_words import format_step
from vlm_robot.planning.saycan import SayCanPlanner

TIERS = ('T0', 'T2')


def grade_kitchen_plan(plan: Plan, instruction: Instruction) -> KitchenGrade:
    """Run a plan on the symbolic kitchen and check the goal; illegal steps, side effects and no ``done`` fail."""
    scene, start = instruction.scene, state_of(instruction.scene)
    moving = [step for step in plan.steps if step.skill not in ('done', 'refuse')]
    accepted, reason = 0, ''
    for step in moving:
        try:
            scene = apply(step, scene)
        except PlanError as error:
            reason = str(error)
            break
        accepted += 1
    end = state_of(scene)
    if not plan.steps or plan.steps[-1].skill != 'done':
        reason = reason or plan.reason or 'the plan does not end in done'
    reason = reason or explain_state(instruction.goal, start, end)
    executability = accepted / len(moving) if moving else 0.0
    return KitchenGrade(not reason, executability, instruction.goal.recall(start, end), reason)


def plan_only(instruction: Instruction, planner: KitchenListener | SayCanPlanner | None) -> KitchenResult:
    """Return the result of one instruction at T0; no planner means the expert."""
    begun = time.perf_counter()
    plan = planner.plan(instruction.sentence, instruction.scene) if planner else plan_by_expert(instruction)
    seconds = time.perf_counter() - begun
    grade = grade_kitchen_plan(plan, instruction)
    return KitchenResult(
        seed=instruction.number,
        family=instruction.family,
        sentence=instruction.sentence,
        status='refused' if plan.reason else 'done',
        reason=grade.reason,
        plan=tuple(format_step(step) for step in plan.steps),
        plan_success=grade.success,
        execution_success=None,
        goal_condition_recall=grade.recall,
        executability=grade.executability,
        seconds=round(seconds, 3),
        failed_room='' if grade.success else 'language',
    )


def evaluate_kitchen(
    config: AgentConfig,
    tier: str = 'T0',
    planner: str = 'saycan',
    numbers: Sequence[int] | None = None,
    on_result: Callable[[KitchenResult], None] = lambda result: None,
) -> dict:
    """
    Run instructions of the kitchen and return the report.

    :param tier: ``T0`` grades plans, ``T2`` also carries them out in the simulated kitchen.
    :param planner: one of ``kitchen_planners.PLANNERS``.
    :param numbers: which instructions, counted from 0; all 101 by default.
    :param on_result: called with every result as it comes.
    :raises ConfigError: an unknown tier, planner or number.
    """
    run_one = build_runner(config, tier, planner)
    results = []
    for instruction in _select(numbers):
        results.append(run_one(instruction))
        on_result(results[-1])
    return summarise_kitchen(tier, planner, results)


def _select(numbers: Sequence[int] | None) -> list[Instruction]:
    instructions = load_instructions()
    wrong = [number for number in numbers or () if not 0 <= number < len(instructions)]
    if wrong:
        raise ConfigError(f'no kitchen instruction {wrong[0]}; allowed: 0 to {len(instructions) - 1}')
    return list(instructions) if numbers is None else [instructions[number] for number in numbers]


def build_runner(config: AgentConfig, tier: str, name: str) -> Callable[[Instruction], KitchenResult]:
    """Return what runs one instruction, with its models loaded; raise ConfigError on an unknown tier or planner."""
    if tier not in TIERS or name not in PLANNERS:
        raise ConfigError(f"kitchen at '{tier}' with '{name}': allowed are {TIERS} with {PLANNERS}")
    planner = None
    if name != 'expert':
        from vlm_robot.language.language_loading import load_language_model

        model = load_language_model(choose_language(config.language))
        planner = KitchenListener(build_kitchen_planner(name, model, config.planner))
    if tier == 'T0':
        return lambda instruction: plan_only(instruction, planner)
    from vlm_robot.evaluation.kitchen_episode import carry_out

    return lambda instruction: carry_out(instruction, planner, plan_only(instruction, planner), config.loop)


def summarise_kitchen(tier: str, planner: str, results: Sequence[KitchenResult]) -> dict:
    """Return rates with Wilson intervals, per family and in total, beside the published ones."""
    total = _rate(results, tier)
    families = {name: _rate([r for r in results if r.family == name], tier) for name in FAMILIES}
    for name, row in (*families.items(), ('total', total)):
        row['published_plan'], row['published_execution'] = PUBLISHED[name]
    if planner in PUBLISHED_PLANS:
        total['published_plan'], total['published_execution'] = PUBLISHED_PLANS[planner], None
    keys = ('plan_success', 'execution_success')
    return {
        'suite': 'kitchen',
        'tier': tier,
        'planner': planner,
        'seed': 0,
        'n': len(results),
        **{key: total[key] for key in keys},
        'goal_condition_recall': mean([r.goal_condition_recall for r in results]),
        'executability': mean([r.executability for r in results]),
        'intervals': {key: total[f'{key}_interval'] for key in keys if total[key] is not None},
        'families': families | {'total': total},
        'published': 'SayCan (arXiv 2204.01691): real mock kitchen, rated by people; ours simulated, graded by program',
        'episodes': [asdict(result) for result in results],
    }


def _rate(results: Sequence[KitchenResult], tier: str) -> dict:
    n = len(results)
    planned = sum(result.plan_success for result in results)
    executed = sum(bool(result.execution_success) for result in results)
    row = {'n': n, 'plan_success': planned / n if n else 0.0, 'plan_success_interval': wilson_interval(planned, n)}
    if tier == 'T0' or not n:
        return row | {'execution_success': None, 'execution_success_interval': None}
    return row | {'execution_success': executed / n, 'execution_success_interval': wilson_interval(executed, n)}


def tabulate_kitchen(report: dict) -> str:
    """Return the report's families as plain text, ours beside the published."""
    lines = [f'kitchen at {report["tier"]}, planner {report["planner"]}, n = {report["n"]}']
    lines.append(
        f'{"family":12} {"n":>4} {"plan":>6} {"95 %":>9} {"paper":>6} {"execution":>10} {"95 %":>9} {"paper":>6}'
    )
    for name, row in report['families'].items():
        cells = [f'{name:12} {row["n"]:4d}']
        for key, width in (('plan', 6), ('execution', 10)):
            low_high = row[f'{key}_success_interval']
            rate = f'{100 * row[f"{key}_success"]:.0f} %' if low_high else '-'
            span = f'{100 * low_high[0]:.0f}-{100 * low_high[1]:.0f}' if low_high else '-'
            paper = row[f'published_{key}']
            cells.append(f'{rate:>{width}} {span:>9} {"-" if paper is None else f"{100 * paper:.0f} %":>6}')
        lines.append(' '.join(cells))
    return '\n'.join([*lines, report['published']])
