"""
Plans, steps, records and results as messages and back.

Numbers are float32 on the way; nothing else is lost.
"""

from __future__ import annotations

import numpy as np

from vlm_robot.datatypes import (
    Decision,
    OptionScore,
    Plan,
    Question,
    SkillResult,
    Step,
    StepRecord,
    TaskResult,
)
from vlm_robot.nodes.conversions import to_header
from vlm_robot_interfaces import msg as msgs
from vlm_robot_interfaces.action import ExecuteSkill, ExecuteTask


def to_step(step: Step) -> msgs.PlanStep:
    """Return a step as a message."""
    return msgs.PlanStep(skill=step.skill, target=step.target, destination=step.destination)


def from_step(message: msgs.PlanStep) -> Step:
    """Return the step of a message."""
    return Step(message.skill, message.target, message.destination)


def to_option(option: OptionScore) -> msgs.SkillScore:
    """Return one weighed option as a message."""
    return msgs.SkillScore(
        step=to_step(option.step),
        text=option.text,
        language_logprob=_clip(option.language_logprob),
        language=float(option.language),
        affordance=float(option.affordance),
        product=float(option.product),
        reason=option.reason,
    )


def from_option(m: msgs.SkillScore) -> OptionScore:
    """Return the weighed option of a message."""
    return OptionScore(from_step(m.step), m.text, m.language_logprob, m.language, m.affordance, m.product, m.reason)


def to_record(record: StepRecord) -> msgs.StepRecord:
    """Return one turn of the closed loop as a message."""
    decision, result = record.decision, record.result
    options = decision.options
    if decision.chosen not in options:
        options = (decision.chosen, *options)
    return msgs.StepRecord(
        chosen=to_step(decision.chosen.step),
        options=[to_option(option) for option in options],
        decision_reason=decision.reason,
        program_line=decision.line,
        success=result.success,
        cancelled=result.cancelled,
        reason=result.reason,
        scene_text=record.scene_text,
        decision_s=float(decision.seconds),
        seconds=float(record.seconds),
    )


def from_record(message: msgs.StepRecord) -> StepRecord:
    """Return one turn of the closed loop."""
    options = tuple(from_option(option) for option in message.options)
    step = from_step(message.chosen)
    chosen = next((o for o in options if o.step == step), OptionScore(step, '', 0.0, 0.0, 0.0, 0.0))
    decision = Decision(chosen, options, message.decision_reason, message.decision_s, line=message.program_line)
    result = SkillResult(message.success, message.reason, message.cancelled)
    return StepRecord(decision, result, message.scene_text, message.seconds)


def to_plan(sentence: str, plan: Plan, status: str = '', reason: str = '', stamp: float = 0.0) -> msgs.Plan:
    """Return the steps of a task, or a whole plan, as a message."""
    return msgs.Plan(
        header=to_header(stamp, ''),
        sentence=sentence,
        steps=[to_step(step) for step in plan.steps],
        status=status,
        reason=reason,
        program=plan.program,
        question=plan.question.text if plan.question else '',
        answers=list(plan.question.choices) if plan.question else [],
    )


def from_plan(message: msgs.Plan) -> Plan:
    """Return a plan; what stands in the message besides concerns its task."""
    question = Question(message.question, tuple(message.answers)) if message.question else None
    return Plan(tuple(from_step(step) for step in message.steps), message.reason, message.program, question)


def to_task_result(result: TaskResult) -> ExecuteTask.Result:
    """Return the end of a task as an action result."""
    return ExecuteTask.Result(
        status=result.status,
        reason=result.reason,
        plan=to_plan(result.sentence, result.plan, result.status, result.plan.reason),
        records=[to_record(record) for record in result.records],
        notes=list(result.notes),
        seconds=float(result.seconds),
    )


def from_task_result(sentence: str, message: ExecuteTask.Result) -> TaskResult:
    """Return the end of a task."""
    records = tuple(from_record(record) for record in message.records)
    plan, notes = from_plan(message.plan), tuple(message.notes)
    return TaskResult(sentence, message.status, message.reason, records, message.seconds, plan, notes)


def to_skill_result(result: SkillResult, seconds: float) -> ExecuteSkill.Result:
    """Return the outcome of a skill as an action result."""
    return ExecuteSkill.Result(
        success=result.success, cancelled=result.cancelled, reason=result.reason, seconds=float(seconds)
    )


def from_skill_result(message: ExecuteSkill.Result) -> SkillResult:
    """Return the outcome of a skill."""
    return SkillResult(message.success, message.reason, message.cancelled)


def _clip(value: float) -> float:
    return float(np.clip(value, -3.0e38, 3.0e38))
