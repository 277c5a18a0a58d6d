"""Kitchen instructions carried out in physics: driving, grasping, the drawer, what goes wrong."""

import math

import numpy as np
import pytest

from vlm_robot.datatypes import Step
from vlm_robot.errors import MotionError, ScenarioError
from vlm_robot.evaluation.kitchen_episode import carry_out, KitchenAgent
from vlm_robot.evaluation.kitchen_goals import state_of
from vlm_robot.evaluation.kitchen_instructions import load_instructions
from vlm_robot.evaluation.kitchen_suite import plan_only
from vlm_robot.kitchen_vocabulary import DOCKS, PLACES, THINGS
from vlm_robot.planning.kitchen import build_kitchen, place_of
from vlm_robot.robot.base import BaseConfig
from vlm_robot.sim.bullet_base import spread_turn
from vlm_robot.sim.kitchen_world import KitchenWorld


@pytest.fixture
def agent():
    agent = KitchenAgent(build_kitchen({'apple': 'table', 'coke can': 'drawer', 'sponge': 'far counter'}))
    yield agent
    agent.close()


def test_the_simulated_kitchen_begins_as_the_symbolic_one():
    for held, drawer_open in (('', False), ('rice chips', True)):
        scene = build_kitchen({'apple': 'table', 'tea bottle': 'drawer', 'sponge': 'trash'}, 'table', held, drawer_open)
        agent = KitchenAgent(scene)
        assert agent.state() == state_of(scene)
        assert {(r.subject, r.predicate, r.object) for r in agent.look().relations} == {
            (r.subject, r.predicate, r.object) for r in scene.relations
        }
        agent.close()


def test_the_base_drives_to_every_dock_within_its_limits(agent):
    base, limits = agent.robot.base, BaseConfig()
    poses = [base.pose()]
    agent.world.add_ticker(lambda: poses.append(base.pose()))
    for place in PLACES:
        base.go_to(DOCKS[place])
        x, y, yaw = base.pose()
        assert math.dist((x, y), DOCKS[place][:2]) < 0.01
        assert abs(math.remainder(yaw - DOCKS[place][2], math.tau)) < 0.01
    speeds = np.linalg.norm(np.diff(np.array(poses)[:, :2], axis=0), axis=1) * 240
    assert speeds.max() < 1.05 * limits.max_speed


def test_forbidden_and_blocked_goals_move_nothing(agent):
    before = agent.robot.base.pose()
    for goal in ((9.0, 0.0, 0.0), (0.0, -0.1, 0.0), (float('nan'), 0.0, 0.0)):
        with pytest.raises(MotionError):
            agent.robot.base.go_to(goal)
    assert agent.robot.base.pose() == pytest.approx(before, abs=1e-6)


def test_a_drive_is_cancelled_on_request(agent):
    agent.is_cancelled = lambda: agent.world.time > 1.0
    result = agent.act(Step('go_to', '', 'far counter'))
    assert result.cancelled and not result.success
    here = agent.robot.base.pose()
    agent.world.settle(0.5)
    assert math.dist(agent.robot.base.pose()[:2], here[:2]) < 0.05


def test_the_drawer_is_pulled_and_pushed_by_its_knob(agent):
    for step, travel in ((Step('open_drawer'), 0.32), (Step('close_drawer'), 0.0)):
        agent.act(Step('go_to', '', 'drawer'))
        assert agent.act(step).success
        assert agent.world.drawer_travel() == pytest.approx(travel, abs=0.02)
    assert place_of('coke can', agent.look()) == 'drawer'


@pytest.mark.parametrize('name', sorted(THINGS))
def test_every_thing_can_be_taken_carried_and_put_down(name):
    agent = KitchenAgent(build_kitchen({name: 'table'}, 'table'))
    assert agent.act(Step('pick', name)).success and agent.look().held == name
    assert agent.act(Step('bring', name, 'user')).success and agent.look().held == name
    assert agent.act(Step('put_down', name)).success
    agent.world.settle(1.0)
    assert agent.state().places[name] == 'user'
    agent.close()


@pytest.mark.parametrize('number', [5, 57, 96])  # dropped in the bin, out of the drawer, two cans into the bin
def test_the_expert_carries_instructions_out(number):
    item = load_instructions()[number]
    result = carry_out(item, None, plan_only(item, None))
    assert result.execution_success, (item.sentence, result.reason, result.steps)


def test_a_step_that_is_impossible_is_a_result_with_a_reason(agent):
    assert 'no pile' in agent.act(Step('pick', 'pile')).reason
    assert agent.act(Step('put_down', 'apple')).reason == 'the hand is empty'


def test_unknown_things_and_full_places_are_refused():
    with pytest.raises(ScenarioError, match='no thing'):
        KitchenWorld({'dragon': 'table'})
    with pytest.raises(ScenarioError, match='full'):
        KitchenWorld({f'apple {i}': 'drawer' for i in range(2, 9)})


def test_turns_are_spread_over_the_way_the_short_way_round():
    poses = spread_turn([(0, 0), (1, 0), (3, 0)], 3.0, -3.0)
    assert [p[:2] for p in poses] == [(1, 0), (3, 0)]
    assert poses[0][2] == pytest.approx(3.0 + (math.tau - 6.0) / 3) and poses[1][2] == pytest.approx(math.tau - 3.0)
