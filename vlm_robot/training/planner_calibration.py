"""
Calibrates when SayCan asks, and measures how to normalise its language scores, on validation decisions.

Sentences come from the validation wordings of ``planner_measure`` and from ambiguous ones whose meaning is
drawn at random; the right next steps are known. Every decision of the expert's way through a task is scored
once; the normalisations are compared on the same scores. Half of the tasks set the threshold, the other half
measures coverage and set size. The evaluation suite's sentences and seeds are not used.

    vlm-robot train calibration --tasks 96 --level 0.1   # writes calibration.json
    vlm-robot train calibration --compare                 # normalisations, writes nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
import random

import numpy as np
from tqdm import tqdm

from vlm_robot.datatypes import OptionScore, Scene, SkillResult, Step
from vlm_robot.language.language_model import ContinuationScore, LanguageModel
from vlm_robot.language.transformers_model import TransformersConfig, TransformersLanguageModel
from vlm_robot.planning.calibration import (
    Calibration,
    find_threshold,
    measure_surprise,
    predict_set,
    save_calibration,
    SHIPPED,
)
from vlm_robot.planning.prompt import begin, observe
from vlm_robot.planning.saycan import NORMALISATIONS, SayCanConfig, SayCanPlanner
from vlm_robot.planning.symbolic import apply
from vlm_robot.training.planner_data import is_possible, is_true, record_step
from vlm_robot.training.planner_measure import held_out, MIXED, two_clauses
from vlm_robot.training.planner_scenes import choose_goal, draw_scene, list_of
from vlm_robot.training.planner_tasks import Goal, Speaker, TaskSample

LEVELS = (0.02, 0.05, 0.1, 0.2)  # that are told beside the one that is written
SEED = 40_001  # tasks are drawn from random.Random(SEED + number)
AMBIGUOUS = ('stick the block {t}', 'plop the block {t}', 'relocate the cube {t}', 'deposit the block {t}, please')


@dataclass(frozen=True)
class Scored:
    """
    One decision whose right steps are known.

    :param options: by normalisation, best first.
    """

    task: int
    right: tuple[Step, ...]
    options: dict[str, tuple[OptionScore, ...]]


def ambiguous(rng: random.Random) -> TaskSample:
    """Draw ``the block`` on a table with several; what the speaker means is drawn at random."""
    scene = draw_scene(rng, MIXED, blocks=(2, 4), bowls=(1, 3), busy=0.0, duplicates=0.0)
    goal = choose_goal(rng, scene, rng.choice(list_of(scene, 'block')))
    return TaskSample('ambiguous', rng.choice(AMBIGUOUS).format(t=Speaker(rng).target(goal)), scene, (goal,))


DRAWS = (held_out, two_clauses, ambiguous, ambiguous)


def find_right_steps(goals: Sequence[Goal], scene: Scene) -> tuple[Step, ...]:
    """Return all steps that bring a task on: any unmet goal may come first."""
    unmet = [goal for goal in goals if not is_true(goal, scene)]
    if not unmet:
        return (Step('done'),)
    if scene.held:
        return tuple(Step(f'place_{goal[0]}', goal[1], goal[2]) for goal in unmet if goal[1] == scene.held)
    return tuple(Step('pick', goal[1]) for goal in unmet)


def score_task(number: int, planners: dict[str, SayCanPlanner]) -> list[Scored]:
    """Return the decisions along the expert's way through one task."""
    rng = random.Random(SEED + number)
    sample = DRAWS[number % len(DRAWS)](rng)
    scene, history, scored = sample.scene, begin(sample.scene), []
    for _ in range(8):
        right = find_right_steps(sample.goals, scene)
        options = {name: p.decide(sample.sentence, scene, history).options for name, p in planners.items()}
        scored.append(Scored(number, right, options))
        step = right[0] if right else Step('done')
        if step.skill == 'done' or not is_possible(step, scene):
            break
        after = apply(step, scene)
        result = SkillResult(True)
        history = history.add(record_step(step, result, observe(scene, after, step, result)))
        scene = after
    return scored


def build_planners(adapter: str, names: Sequence[str] = NORMALISATIONS) -> dict[str, SayCanPlanner]:
    """Return one planner per normalisation over one model; they share the scores of a prompt."""
    model = _Remembering(TransformersLanguageModel(TransformersConfig(adapter=adapter)))
    config = SayCanConfig(calibration='')
    return {name: SayCanPlanner(model, replace(config, normalisation=name)) for name in names}


class _Remembering:
    """A language model that scores the last few prompts only once."""

    def __init__(self, model: LanguageModel):
        self.name, self._model = model.name, model
        self._known: dict[tuple[str, ...], list[ContinuationScore]] = {}

    def score(self, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        key = (prompt, *continuations)
        if key not in self._known:
            self._known = dict(list(self._known.items())[-8:]) | {key: self._model.score(prompt, continuations)}
        return self._known[key]

    def generate(self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '') -> str:
        return self._model.generate(prompt, max_new_tokens, stop, grammar)


def calibrate(scored: Sequence[Scored], level: float, normalisation: str = 'sum') -> Calibration:
    """Return the threshold from tasks of even number, its coverage and set size on those of odd number."""
    fitted = [one for one in scored if (one.task // len(DRAWS)) % 2 == 0]
    tested = [one for one in scored if (one.task // len(DRAWS)) % 2 == 1]
    threshold = find_threshold([measure_surprise(one.options[normalisation], one.right) for one in fitted], level)
    sets = [predict_set(one.options[normalisation], threshold) for one in tested]
    covered = [any(o.step in one.right for o in chosen) for one, chosen in zip(tested, sets, strict=True)]
    coverage, size = (float(np.mean(covered)), float(np.mean([len(s) for s in sets]))) if tested else (0.0, 0.0)
    return Calibration(round(threshold, 6), level, len(fitted), coverage, size, len(tested), normalisation)


def compare(scored: Sequence[Scored]) -> dict[str, tuple[int, int, float]]:
    """Return for every normalisation: right first choices, decisions, mean confidence in the right step."""
    clear = [one for one in scored if DRAWS[one.task % len(DRAWS)] is not ambiguous]
    if not clear:
        return {}
    table = {}
    for name in clear[0].options:
        hits = sum(one.options[name][0].step in one.right for one in clear)
        trust = float(np.mean([1 - measure_surprise(one.options[name], one.right) for one in clear]))
        table[name] = (hits, len(clear), trust)
    return table


def run(adapter: str, tasks: int, level: float, compares: bool) -> str:
    """Score decisions; write the calibration, or only compare the normalisations; return what there is to tell."""
    planners = build_planners(adapter, NORMALISATIONS if compares else ('sum',))
    scored = [one for number in tqdm(range(tasks), desc='tasks') for one in score_task(number, planners)]
    if compares:
        return '\n'.join(
            f'{name:5} right first choice {hits} of {n} ({100 * hits / n:.1f} %), confidence in it {trust:.3f}'
            for name, (hits, n, trust) in compare(scored).items()
        )
    levels = {each: calibrate(scored, each) for each in sorted({*LEVELS, level})}
    save_calibration(levels[level], SHIPPED / adapter)
    return '\n'.join(
        f'level {each:.2f}: threshold {told.threshold:.4f} from {told.n} decisions; on {told.tested} others '
        f'coverage {told.coverage:.3f}, mean set {told.set_size:.2f}'
        for each, told in levels.items()
    )
