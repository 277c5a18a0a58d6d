"""The whole path on real models and real physics, without ROS: a sentence goes in, the simulator judges."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from vlm_robot.agent import scene_of
from vlm_robot.config import AgentConfig
from vlm_robot.datatypes import Plan, Scene, SceneObject, Step
from vlm_robot.errors import ConfigError, SentenceError
from vlm_robot.evaluation.episodes import run_episode
from vlm_robot.evaluation.grading import grade_plan, match_names, rename
from vlm_robot.evaluation.journal import to_plain
from vlm_robot.evaluation.loading import load_stack
from vlm_robot.evaluation.runs import RunSpec
from vlm_robot.evaluation.suite import evaluate, summarise, write_csv
from vlm_robot.goals import parse_goal
from vlm_robot.sim.scenario import load_scenario, sample_episode

SCENARIOS = Path(__file__).resolve().parents[1] / 'sim' / 'scenarios'
TABLE = load_scenario(SCENARIOS / 'blocks_and_bowls.yaml')


@pytest.fixture(scope='module')
def stack():
    """Return all models, loaded once."""
    return load_stack(AgentConfig())


@pytest.fixture
def table(stack):
    """Return the demo's table with an agent that sees it."""
    episode = sample_episode(TABLE, 11)
    world = episode.build_world()
    yield world, stack.build_agent(world, episode, sees=True)
    world.close()


def test_a_sentence_moves_a_block(table):
    world, agent = table
    records = []
    result = agent.run('put the yellow block in the blue bowl', records.append)
    world.settle(0.5)
    assert result.status == 'done', result.reason
    block, bowl = world.position('yellow block'), world.position('blue bowl')
    assert np.hypot(block[0] - bowl[0], block[1] - bowl[1]) < 0.05
    assert [step.skill for step in result.steps if step.skill != 'done'] == ['pick', 'place_in']
    assert records == list(result.records)
    for record in records:
        for option in record.decision.options:
            assert option.product == pytest.approx(option.language * option.affordance, abs=1e-6)


@pytest.mark.parametrize('sentence', ['put the purple block in the green bowl', 'put the banana in the green bowl'])
def test_what_is_not_there_is_refused_and_nothing_moves(table, sentence):
    world, agent = table
    before = world.state().positions
    result = agent.run(sentence)
    assert result.status == 'refused' and result.reason
    assert result.steps == ()
    for name, position in world.state().positions.items():
        assert np.allclose(position, before[name], atol=1e-3)


@pytest.mark.parametrize('sentence', ['', '   ', 'a' * 5000, '12 34 !?'])
def test_what_is_no_sentence_is_an_error(table, sentence):
    with pytest.raises(SentenceError):
        table[1].run(sentence)


def test_a_cancelled_task_ends_as_cancelled(table):
    _, agent = table
    result = agent.run('put the red block in the green bowl', is_cancelled=lambda: True)
    assert result.status == 'cancelled'
    assert result.steps == ()


def test_cancelling_in_mid_motion_halts_the_arm(table):
    world, agent = table
    start = world.time
    # 1.5 simulated seconds are in the middle of the first pick, whatever the machine's speed.
    result = agent.run('put the red block in the green bowl', is_cancelled=lambda: world.time > start + 1.5)
    assert result.status == 'cancelled' and result.steps == ()
    before = agent.arm.tcp_pose()[:3, 3]
    world.settle(0.5)
    assert np.linalg.norm(agent.arm.tcp_pose()[:3, 3] - before) < 0.005


def test_seen_positions_are_near_the_true_ones(table):
    world, agent = table
    scene = agent.look()
    assert sorted(scene.names) == sorted(world.bodies)
    for item in scene.objects:
        error = np.subtract(item.p_base[:2], world.position(item.name)[:2])
        assert np.linalg.norm(error) < 0.015, item.name


def test_a_suite_reports_rates_intervals_and_every_episode(tmp_path):
    report = evaluate(RunSpec('A', 'T0', baseline='regex'), [3, 4])
    assert report['n'] == 2 and len(report['episodes']) == 2
    assert report['execution_success'] is None
    low, high = report['intervals']['plan_success']
    assert low <= report['plan_success'] <= high
    assert sum(report['error_split'].values()) == 2 - sum(e['plan_success'] for e in report['episodes'])
    write_csv(report, tmp_path / 'episodes.csv')
    assert len((tmp_path / 'episodes.csv').read_text().splitlines()) == 3


def test_plans_are_graded_on_the_true_table():
    episode = sample_episode(TABLE, 0)
    world = episode.build_world()
    truth = scene_of(world)
    world.close()
    red = replace(episode, goal=parse_goal({'in': ['red block', 'green bowl']}))
    pick, place = Step('pick', 'red block'), Step('place_in', 'red block', 'green bowl')
    good = grade_plan(Plan((pick, place, Step('done'))), truth, red)
    assert (good.success, good.executability, good.recall) == (True, 1.0, 1.0)
    assert not grade_plan(Plan((pick, place)), truth, red).success  # ends too early
    assert not grade_plan(Plan((Step('done'),)), truth, red).success
    wrong = grade_plan(Plan((pick, Step('place_in', 'red block', 'pink bowl'), Step('done'))), truth, red)
    assert (wrong.success, wrong.executability, wrong.recall) == (False, 0.5, 0.0)


def test_names_of_the_cameras_become_true_names_by_place():
    def bowl(number, x, y=0.0):
        return SceneObject(f'gray bowl {number}', 'gray bowl', (x, y, 0.0))

    truth = Scene((bowl(1, 0.3), bowl(2, 0.6)))
    block = SceneObject('red block', 'red block', (0.6, 0.0, 0.0))
    seen = Scene((bowl(1, 0.61, 0.01), bowl(2, 0.3, 0.02), bowl(3, 0.3, 0.3), block))
    names = match_names(seen, truth)
    assert names == {'gray bowl 1': 'gray bowl 2', 'gray bowl 2': 'gray bowl 1'}
    plan = rename(Plan((Step('pick', 'gray bowl 1'), Step('place_at', 'gray bowl 1', 'top left corner'))), names)
    assert plan.steps == (Step('pick', 'gray bowl 2'), Step('place_at', 'gray bowl 2', 'top left corner'))
    assert match_names(Scene(), truth) == match_names(seen, Scene()) == {}


def test_what_cannot_be_told_is_left_out_of_the_rates(stack):
    plain = to_plain(asdict(run_episode(sample_episode(TABLE, 0), 'T0', stack)))
    rows = [plain | {'plan_success': told} for told in (None, True, False, None)]
    assert summarise(RunSpec('A', 'T0'), rows)['plan_success'] == 0.5
    assert summarise(RunSpec('A', 'T0'), rows[:1])['plan_success'] is None


def test_unknown_tiers_are_refused(stack):
    with pytest.raises(ConfigError, match='T9'):
        run_episode(sample_episode(TABLE, 0), 'T9', stack)


def test_nothing_tried_is_no_success():
    assert summarise(RunSpec('A', 'T2'), [])['plan_success'] == 0.0
