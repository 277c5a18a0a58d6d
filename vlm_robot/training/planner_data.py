"""
Instruction-plan pairs as text: an expert acts on the symbolic table, every turn becomes a line.

The text is written by ``planning.prompt``, so training and use read the same; failures, dropped blocks and
retries are mixed in. Only the words of the steps are learned (``spans``), not the scene, the sentence or
the observations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
import random

from vlm_robot.datatypes import Decision, OptionScore, Plan, Scene, SkillResult, Step, StepRecord
from vlm_robot.planning import symbolic
from vlm_robot.planning.parsing import format_step, hold_after, WHICH_ONE
from vlm_robot.planning.prompt import begin, observe, write_prompt
from vlm_robot.training.planner_kinds import KINDS, sample_task
from vlm_robot.training.planner_separation import is_trainable
from vlm_robot.training.planner_tasks import Goal, Palette, TaskSample
from vlm_robot.vocabulary import LOCATIONS, shape_of

FAILURE_SHARE = 0.08  # of skills in training that fail
PICK_FAILURES = (
    'missed the grasp',
    'the fingers closed on nothing',
    'slipped',
    'no path to the target',
    'not grasped',
    '',
)
PLACE_FAILURES = ('dropped on the way', 'slipped', 'the place was not reached', 'not where it should be', '')


@dataclass(frozen=True)
class Example:
    """
    One training text.

    :param spans: (start, end) characters of the steps that are learned.
    """

    kind: str
    text: str
    spans: tuple[tuple[int, int], ...]


def is_true(goal: Goal, scene: Scene) -> bool:
    """Say whether a goal holds in the scene; ``home`` and refusals never do."""
    relation, name, where = goal
    place = symbolic.relate(scene).get(name)
    return place == ('held', '') if relation == 'hold' else place == (relation, where)


def choose_step(goals: tuple[Goal, ...], position: int, scene: Scene) -> tuple[Step, int]:
    """Return what the expert does next and the index of the goal it works on, which only grows."""
    while position < len(goals) and is_true(goals[position], scene):
        position += 1
    if position == len(goals):
        return Step('done'), position
    relation, name, where = goals[position]
    if relation in ('refuse', 'ask'):
        return Step('refuse', WHICH_ONE if relation == 'ask' else ''), position
    if relation == 'home':
        return Step('go_home'), position
    if scene.held == name and relation != 'hold':
        return Step(f'place_{relation}', name, where), position
    return Step('pick', name), position


def is_possible(step: Step, scene: Scene) -> bool:
    """Say whether the expert could go on after the step; if not, the text ends with its words."""
    if step.skill == 'pick':
        item = scene.find(step.target)
        return item is not None and shape_of(item.label) != 'bowl' and step.target not in symbolic.find_covers(scene)
    if step.skill in ('place_in', 'place_on'):
        return scene.find(step.destination) is not None and step.destination not in symbolic.find_covers(scene)
    return step.skill in ('place_at', 'go_home')


def write_example(sample: TaskSample, rng: random.Random, failure_share: float = FAILURE_SHARE) -> Example:
    """Return the text of a whole task, acted out by the expert."""
    scene, history, position = sample.scene, begin(sample.scene), 0
    spans = []
    held = scene.held
    for _ in range(16):
        prompt = write_prompt(sample.sentence, history)
        step, position = choose_step(sample.goals, position, scene)
        words = f' {format_step(step, held)}.'
        spans.append((len(prompt), len(prompt) + len(words)))
        if not is_possible(step, scene):
            return Example(sample.kind, prompt + words, tuple(spans))
        result, after = act_out(step, scene, rng, failure_share)
        history = history.add(record_step(step, result, observe(scene, after, step, result)))
        if result.success:
            held = hold_after(step, held)
            if step.skill == 'go_home':
                position += 1
        scene = after
    return Example(sample.kind, prompt + words, tuple(spans))


def build_plan(sample: TaskSample) -> Plan:
    """Return the expert's plan when nothing fails; its last step is ``done``, a refusal, or impossible."""
    scene, position, steps = sample.scene, 0, []
    for _ in range(16):
        step, position = choose_step(sample.goals, position, scene)
        steps.append(step)
        if not is_possible(step, scene):
            break
        scene = symbolic.apply(step, scene)
        position += step.skill == 'go_home'
    return Plan(tuple(steps))


def record_step(step: Step, result: SkillResult, observation: str) -> StepRecord:
    """Return a record of a step nobody scored."""
    return StepRecord(Decision(OptionScore(step, '', 0.0, 1.0, 1.0, 1.0), ()), result, observation)


def act_out(step: Step, scene: Scene, rng: random.Random, failure_share: float) -> tuple[SkillResult, Scene]:
    """Return the result of a step and the scene after it; now and then it fails."""
    if rng.random() >= failure_share or step.skill == 'go_home':
        return SkillResult(True), symbolic.apply(step, scene)
    if step.skill == 'pick':
        return SkillResult(False, rng.choice(PICK_FAILURES)), scene
    reason = rng.choice(PLACE_FAILURES)
    if rng.random() < 0.4:
        return SkillResult(False, reason), scene
    spot = rng.choice(list(LOCATIONS.values()))
    objects = tuple(
        replace(item, p_base=(spot[0] + 0.065, spot[1] + 0.065, 0.02)) if item.name == scene.held else item
        for item in scene.objects
    )
    return SkillResult(False, reason), replace(scene, objects=objects, held='')


def generate(seed: int, palette: Palette = Palette(), kinds=KINDS) -> Iterator[Example]:
    """Yield training examples without end; the rule of planner_separation.py holds for each of them."""
    rng = random.Random(seed)
    while True:
        sample = sample_task(rng, palette, kinds)
        example = write_example(sample, rng)
        if is_trainable(sample.sentence, example.text):
            yield example
