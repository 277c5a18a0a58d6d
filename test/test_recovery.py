"""The closed loop in physics: what falls, is missed or moved is put right; a plan carried out blindly fails."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.agent import Agent, OracleEyes
from vlm_robot.datatypes import Decision, OptionScore, Plan, Step
from vlm_robot.goals import parse_goal
from vlm_robot.planning.closed_loop import ClosedLoopConfig
from vlm_robot.planning.domain import TABLE
from vlm_robot.planning.saycan import Projection
from vlm_robot.planning.symbolic import relate
from vlm_robot.robot.safety import SafeArm
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.disturbance import disturb_after, DisturbanceConfig, DisturbedArm
from vlm_robot.sim.world import Placement, World
from vlm_robot.skills.motions import SkillConfig

GOAL = parse_goal({'in': ['red block', 'green bowl']})
PICK, PLACE, DONE = Step('pick', 'red block'), Step('place_in', 'red block', 'green bowl'), Step('done')


class Wanter:
    """A planner that wants the red block in the green bowl and reads nothing but the scene."""

    domain = TABLE

    def project(self, sentence, scene):
        return Projection(Plan((PICK, PLACE, DONE)), tuple(map(_decide, (PICK, PLACE, DONE))))

    def decide(self, sentence, scene, history):
        if scene.held:
            return _decide(PLACE)
        return _decide(DONE if relate(scene)['red block'] == ('in', 'green bowl') else PICK)


def _decide(step: Step) -> Decision:
    option = OptionScore(step, step.skill, 0.0, 1.0, 1.0, 1.0)
    return Decision(option, (option,))


class Unlucky(DisturbedArm):
    """Loses the first thing it carries, and no other."""

    def _drop(self):
        super()._drop()
        self.config = CALM


CALM = DisturbanceConfig(pick_noise=0.0, drop_probability=0.0, move_after=None)
DROPS = DisturbanceConfig(pick_noise=0.0, drop_probability=1.0, move_after=None)
MOVES = DisturbanceConfig(pick_noise=0.0, drop_probability=0.0, move_after=1)
NOISE = DisturbanceConfig(pick_noise=0.006, drop_probability=0.0, move_after=None)


def run(config: DisturbanceConfig, seed: int, loop: ClosedLoopConfig):
    """Return how a task ended, whether its goal holds and what went wrong."""
    placements = (
        Placement('red block', 'red block', (0.45, -0.1, 0.02), 0.2),
        Placement('green bowl', 'green bowl', (0.55, 0.1, 0.0225)),
    )
    world, rng = World(placements), np.random.default_rng(seed)
    try:
        arm = Unlucky(BulletArm(world), world, rng, config)
        agent = Agent(OracleEyes(world), Wanter(), SafeArm(arm, SkillConfig().safety), loop=loop)
        agent.act = disturb_after(agent.act, world, rng, config, ('green bowl',), arm.events.append)
        world.settle(0.2)
        result = agent.run('put the red block in the green bowl')
        world.settle(0.3)
        return result, GOAL.holds(world.state()), arm.events
    finally:
        world.close()


@pytest.mark.parametrize(('config', 'seed'), [(DROPS, 0), (DROPS, 1), (MOVES, 0), (NOISE, 0)])
def test_closed_loop_reaches_the_goal_whatever_happens(config, seed):
    result, holds, events = run(config, seed, ClosedLoopConfig())
    assert (result.status, holds) == ('done', True)
    assert events
    if config is DROPS:
        assert any(not record.result.success for record in result.records)


@pytest.mark.parametrize('config', [CALM, DROPS])
def test_open_loop_reaches_it_only_when_nothing_goes_wrong(config):
    result, holds, events = run(config, 0, ClosedLoopConfig(open_loop=True))
    assert result.status == 'done'  # that is what it believes
    assert holds == (config is CALM)
    assert bool(events) == (config is DROPS)
