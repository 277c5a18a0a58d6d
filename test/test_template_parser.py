from __future__ import annotations

import random

import pytest

from vlm_robot.planning.symbolic import apply
from vlm_robot.planning.template_parser import parse_sentence
from vlm_robot.training.planner_data import is_true
from vlm_robot.training.planner_measure import FAMILIES


@pytest.mark.parametrize('family', ['A', 'A unseen colours', 'all blocks'])
@pytest.mark.parametrize('seed', range(25))
def test_baseline_solves_the_templates_it_is_made_of(family, seed):
    sample = FAMILIES[family](random.Random(seed))
    scene = sample.scene
    plan = parse_sentence(sample.sentence, scene)
    assert plan.reason == ''
    for step in plan.steps:
        scene = apply(step, scene)
    assert all(is_true(goal, scene) for goal in sample.goals)


def test_baseline_knows_nothing_else(scene):
    assert parse_sentence('pop the red cube into the green dish', scene).reason == 'no template fits'
    assert 'no pink block' in parse_sentence('put the pink block in the green bowl', scene).reason
