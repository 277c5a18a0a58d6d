"""Calibrating SayCan's questions: right steps are known, levels hold, normalisations are told apart."""

from __future__ import annotations

import random

import numpy as np
import pytest

from vlm_robot.datatypes import OptionScore, Step
from vlm_robot.language.language_model import ContinuationScore
from vlm_robot.planning.saycan import SayCanConfig, SayCanPlanner
from vlm_robot.planning.symbolic import apply
from vlm_robot.training.planner_calibration import (
    ambiguous,
    calibrate,
    compare,
    DRAWS,
    find_right_steps,
    score_task,
    Scored,
)
from vlm_robot.training.planner_separation import is_suite_wording

GOALS = (('in', 'red block', 'green bowl'), ('on', 'blue block', 'yellow block'))


def test_any_unmet_goal_may_come_first(scene):
    assert set(find_right_steps(GOALS, scene)) == {Step('pick', 'red block'), Step('pick', 'blue block')}
    held = apply(Step('pick', 'blue block'), scene)
    assert find_right_steps(GOALS, held) == (Step('place_on', 'blue block', 'yellow block'),)
    half = apply(Step('place_on', 'blue block', 'yellow block'), held)
    assert find_right_steps(GOALS, half) == (Step('pick', 'red block'),)
    end = apply(Step('place_in', 'red block', 'green bowl'), apply(Step('pick', 'red block'), half))
    assert find_right_steps(GOALS, end) == (Step('done'),)


def test_no_sentence_of_the_suite_is_used():
    for seed in range(60):
        for draw in DRAWS:
            assert not is_suite_wording(draw(random.Random(seed)).sentence)


def test_ambiguous_sentences_name_no_block():
    for seed in range(30):
        sample = ambiguous(random.Random(seed))
        assert not any(name in sample.sentence.split(' the ')[1] for name in sample.scene.names if 'block' in name)
        assert len([name for name in sample.scene.names if 'block' in name]) >= 2


class Blind:
    """A model that finds everything equally likely."""

    name = 'blind'

    def score(self, prompt, continuations):
        return [ContinuationScore(text, -3.0, len(text.split())) for text in continuations]

    def generate(self, prompt, max_new_tokens=64, stop=()):
        return ''


def test_tasks_are_walked_to_their_end():
    planners = {'sum': SayCanPlanner(Blind(), SayCanConfig(calibration=''))}
    for number in range(4):
        scored = score_task(number, planners)
        assert 2 <= len(scored) <= 8
        assert all(one.right and one.options['sum'] for one in scored)
        assert scored[-1].right == (Step('done'),) or len(scored) == 8 or len(scored[-1].right) >= 1


def build(task: int, shares, right: int) -> Scored:
    steps = [Step('pick', f'block {number}') for number in range(len(shares))]
    options = tuple(OptionScore(s, s.target, 0.0, p, 1.0, p) for s, p in zip(steps, shares, strict=True))
    return Scored(task, (steps[right],), {'sum': tuple(sorted(options, key=lambda o: -o.product))})


@pytest.mark.parametrize('level', [0.05, 0.2])
def test_coverage_on_other_tasks_is_as_promised(level):
    rng = np.random.default_rng(1)
    scored = []
    for task in range(2000):
        shares = rng.dirichlet(np.full(5, 0.5))
        scored.append(build(task, shares, int(rng.choice(5, p=shares))))
    calibration = calibrate(scored, level)
    assert calibration.n + calibration.tested == 2000
    assert calibration.coverage == pytest.approx(1 - level, abs=0.04)
    assert calibration.set_size > 1


def test_comparison_counts_clear_decisions_only():
    scored = [build(task, (0.7, 0.3), 0 if task != 1 else 1) for task in range(8)]
    hits, n, trust = compare(scored)['sum']
    clear = [task for task in range(8) if DRAWS[task % len(DRAWS)] is not ambiguous]
    assert (n, hits) == (len(clear), len(clear) - 1)
    assert 0 < trust < 1
