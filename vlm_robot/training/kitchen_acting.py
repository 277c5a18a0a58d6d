"""A kitchen task acted out by the expert and written down as training text; now and then a skill fails."""

from __future__ import annotations

import random
from typing import Protocol

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.errors import PlanError
from vlm_robot.planning import kitchen
from vlm_robot.planning.kitchen import find_obstacle
from vlm_robot.planning.kitchen_expert import choose_step, Goal, LONGEST
from vlm_robot.planning.kitchen_words import begin, format_step, observe, write_prompt
from vlm_robot.training.planner_data import Example, record_step

FAILURE_SHARE = 0.04
FAILURES = {
    'pick': ('missed the grasp', 'the fingers closed on nothing', 'slipped', 'not reached', ''),
    'put_down': ('no room', 'it tipped over', ''),
    'open_drawer': ('the handle slipped', ''),
    'close_drawer': ('it is stuck', ''),
}


class Task(Protocol):
    """What must be known of a task to act it out."""

    kind: str
    sentence: str
    scene: Scene
    goals: tuple[Goal, ...]


def write_kitchen_example(task: Task, rng: random.Random, failure_share: float = FAILURE_SHARE) -> Example:
    """Return the text of a whole task; only the words of the steps are learned."""
    scene, history, position, spans = task.scene, begin(task.scene), 0, []
    for _ in range(LONGEST):
        prompt = write_prompt(task.sentence, history)
        step, position = choose_step(task.goals, position, scene)
        text = f'{prompt} {format_step(step)}.'
        spans.append((len(prompt), len(text)))
        if step.skill in ('done', 'refuse') or find_obstacle(step, scene):
            break
        result, after = _act_out(step, scene, rng, failure_share)
        history = history.add(record_step(step, result, observe(scene, after, step, result)))
        scene = after
    else:
        raise PlanError(f"the expert finds no end for '{task.sentence}' with goals {task.goals}")
    return Example(task.kind, text, tuple(spans))


def _act_out(step: Step, scene: Scene, rng: random.Random, failure_share: float) -> tuple[SkillResult, Scene]:
    if step.skill in FAILURES and rng.random() < failure_share:
        return SkillResult(False, rng.choice(FAILURES[step.skill])), scene
    return SkillResult(True), kitchen.apply(step, scene)
