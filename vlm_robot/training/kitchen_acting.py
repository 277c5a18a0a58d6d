"""A kitchen task acted out by the expert and written down as training text; now and then a skill fails."""

from __future__ import annotations

import random
from typing import Protocol

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.errors import PlanError
from vlm_robot.kitchen_vocabulary import DRAWER, SHELVES
from vlm_robot.planning import kitchen
from vlm_robot.planning.kitchen import find_obstacle
from vlm_robot.planning.kitchen_expert import choose_step, Goal, LONGEST
from vlm_robot.planning.kitchen_words import begin, format_step, observe, write_prompt
from vlm_robot.training.planner_data import Example, record_step

FAILURE_SHARE = 0.04
SLIP_SHARE = 0.025  # of the steps before which the robot does something else, unlearned, so that ways back are learned
FAILURES = {
    'pick': ('missed the grasp', 'the fingers closed on nothing', 'slipped', 'not reached', ''),
    'put_down': ('no room', 'it tipped over', ''),
    'open_drawer': ('the handle slipped', ''),
    'close_drawer': ('it is stuck', ''),
}


class Task(Protocol):
    """What must be known of a task to act it out."""

    @property
    def kind(self) -> str:
        """Return what kind of wish it is."""
        ...

    @property
    def sentence(self) -> str:
        """Return what is asked."""
        ...

    @property
    def scene(self) -> Scene:
        """Return the kitchen at the start."""
        ...

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Return what must be true, in order."""
        ...


def write_kitchen_example(task: Task, rng: random.Random, failure_share: float = FAILURE_SHARE) -> Example:
    """Return the text of a whole task; only the words of the steps are learned."""
    scene, history, position, spans = task.scene, begin(task.scene), 0, []
    slip_share = SLIP_SHARE if task.goals[0][0] in ('at', 'open') else 0.0
    for _ in range(LONGEST):
        if rng.random() < slip_share:
            slip = _draw_slip(scene, rng)
            after = kitchen.apply(slip, scene)
            history = history.add(record_step(slip, SkillResult(True), observe(scene, after, slip, SkillResult(True))))
            scene = after
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


def _draw_slip(scene: Scene, rng: random.Random) -> Step:
    """Return a possible step that nobody asked for: go somewhere or look for another thing."""
    if scene.held:
        return Step('go_to', scene.held, rng.choice(SHELVES))
    if rng.random() < 0.3:
        return Step('go_to', '', rng.choice((*SHELVES, DRAWER)))
    near = [name for name in scene.names if not find_obstacle(Step('pick', name), scene)]
    if near and rng.random() < 0.5:
        return Step('pick', rng.choice(near))
    return Step('find', rng.choice(scene.names))


def _act_out(step: Step, scene: Scene, rng: random.Random, failure_share: float) -> tuple[SkillResult, Scene]:
    if step.skill in FAILURES and rng.random() < failure_share:
        return SkillResult(False, rng.choice(FAILURES[step.skill])), scene
    return SkillResult(True), kitchen.apply(step, scene)
