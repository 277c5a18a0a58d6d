"""Tests for sim/scenario.py and the scenario files: every one goes through the same checks."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from vlm_robot.agent import OracleEyes
from vlm_robot.errors import ScenarioError
from vlm_robot.evaluation.expert import plan_for
from vlm_robot.evaluation.tasks import find_untruths
from vlm_robot.furniture import DRAWER
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.scenario import load_scenario, sample_episode
from vlm_robot.skills.execution import execute, held_after
from vlm_robot.vocabulary import SEEN_COLOURS, UNSEEN_COLOURS, ZONE_X, ZONE_Y

FOLDER = Path(__file__).resolve().parents[1] / 'sim' / 'scenarios'
ALL_TASKS = sorted(FOLDER.glob('*.yaml'))


@pytest.fixture(params=ALL_TASKS, ids=lambda path: path.stem)
def scenario(request):
    return load_scenario(request.param)


def test_the_same_seed_gives_the_same_episode(scenario):
    assert sample_episode(scenario, 3) == sample_episode(scenario, 3)


def test_other_seeds_give_other_episodes(scenario):
    assert len({repr(sample_episode(scenario, seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize('seed', range(4))
def test_tables_are_inside_the_zone_and_unsolved(scenario, seed):
    episode = sample_episode(scenario, seed)
    for placement in (placement for placement in episode.placements if placement.label != DRAWER):
        assert ZONE_X[0] <= placement.position[0] <= ZONE_X[1]
        assert ZONE_Y[0] <= placement.position[1] <= ZONE_Y[1]
    world = episode.build_world()
    state = world.state()
    for placement in episode.placements:
        drift = np.subtract(state.positions[placement.name], placement.position)
        assert np.linalg.norm(drift) < 0.005, f'{placement.name} does not rest where it was put'
    assert not episode.goal.holds(state)
    assert episode.goal.recall(state, state) == 0
    world.close()


def test_seen_and_unseen_families_share_no_colour():
    used = {}
    for name in ('A', 'A_unseen'):
        scenario = load_scenario(FOLDER / f'{name}.yaml')
        used[name] = {p.label.split()[0] for s in range(30) for p in sample_episode(scenario, s).placements}
    assert used['A'] == set(SEEN_COLOURS)
    assert used['A_unseen'] == set(UNSEEN_COLOURS)


FAULTS = [
    ({'objects': [{'label': 'red cat', 'position': [0.5, 0]}]}, 'red cat'),
    ({'objets': []}, "did you mean 'objects'"),
    ({'sampler': {'blocks': [2, 4], 'colours': 'seen'}, 'tasks': [{'text': 'put {thing}', 'goal': {}}]}, 'thing'),
    ({'sampler': {'blocks': [4, 2]}}, 'least, most'),
    ({'sampler': {'colours': ['mauve']}}, 'mauve'),
    ({}, "either 'objects' or a 'sampler'"),
    ([1, 2], 'must be a mapping'),
    ({'sampler': {'blocks': [9, 9]}}, '9 blocks asked of 5 colours'),
]  # fmt: skip


@pytest.mark.parametrize(('data', 'words'), FAULTS)
def test_faulty_files_name_the_fault(tmp_path, data, words):
    path = tmp_path / 'faulty.yaml'
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ScenarioError, match=words):
        sample_episode(load_scenario(path), 0)


def test_missing_and_unreadable_files_are_errors(tmp_path):
    with pytest.raises(ScenarioError, match='cannot read'):
        load_scenario(tmp_path / 'nothing.yaml')
    broken = tmp_path / 'broken.yaml'
    broken.write_text('a: [1, 2')
    with pytest.raises(ScenarioError, match='not YAML'):
        load_scenario(broken)


def test_negative_seeds_are_refused(scenario):
    with pytest.raises(ScenarioError, match='0 or more'):
        sample_episode(scenario, -1)


def test_a_scripted_expert_succeeds(scenario):
    episode = sample_episode(scenario, 1)
    world = episode.build_world()
    arm = BulletArm(world)
    arm.go_home()
    eyes = OracleEyes(world)
    for step in plan_for(episode.goal).steps:
        scene = eyes.look()
        result = execute(step, scene, arm, look=eyes.look)
        assert result.success, f'{step}: {result.reason}'
        eyes.set_held(held_after(step, scene.held, arm.gripper_width()), (0, 0, 0))
    world.settle(0.5)
    assert episode.goal.holds(world.state()), episode.sentence
    assert find_untruths(plan_for(episode.goal).steps, world.state()) == ''
    world.close()
