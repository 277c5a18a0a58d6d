"""Skills in real PyBullet: blocks go where they should, failures have reasons, a cancel stops the arm."""

from __future__ import annotations

import numpy as np
import pytest

from vlm_robot.datatypes import Scene, SceneObject, Step
from vlm_robot.errors import ConfigError, PlanError
from vlm_robot.robot.arm import RecordingArm
from vlm_robot.robot.safety import SafetyConfig
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.world import Placement, resting_height, World
from vlm_robot.skills.execution import check_step, execute, held_after
from vlm_robot.skills.grasping import point_down
from vlm_robot.skills.motions import SkillConfig
from vlm_robot.skills.table import SKILLS
from vlm_robot.vocabulary import LOCATIONS

TABLE = {
    'red block': (0.48, -0.10, 0.3),
    'blue block': (0.60, 0.12, -0.5),
    'pink block': (0.42, 0.20, 1.0),
    'green bowl': (0.58, -0.22, 0.0),
}


class Workbench:
    """A world with an arm, and scenes read from it with a little noise."""

    def __init__(self, table, noise=0.003):
        self.world = World(
            [Placement(name, name, (x, y, resting_height(name)), yaw) for name, (x, y, yaw) in table.items()]
        )
        self.arm = BulletArm(self.world)
        self.world.settle(0.2)
        self.rng, self.noise, self.held = np.random.default_rng(7), noise, ''

    def scene(self, **moved) -> Scene:
        items = []
        for name, label in self.world.labels.items():
            place = np.array(self.world.position(name)) + self.rng.normal(0, self.noise, 3)
            place = moved.get(name.replace(' ', '_'), tuple(place))
            items.append(SceneObject(name, label, place, yaw=self.world.yaw(name)))
        return Scene(tuple(items), held=self.held)

    def do(self, *words, scene=None, **options):
        step = Step(*words)
        result = execute(step, scene or self.scene(), self.arm, **options)
        self.held = held_after(step, self.held, self.arm.gripper_width())
        self.world.settle(0.3)
        return result

    def carry(self, target, skill, destination):
        picked = self.do('pick', target)
        assert picked.success, picked.reason
        assert self.held == target == self.world.state().held
        placed = self.do(skill, target, destination)
        assert placed.success, placed.reason
        assert self.held == '' == self.world.state().held
        assert self.is_home()

    def is_home(self):
        return np.linalg.norm(self.arm.tcp_pose()[:3, 3] - (0.30, 0.0, 0.42)) < 0.005

    def offset(self, name, other):
        return np.subtract(self.world.position(name), self.world.position(other))


@pytest.fixture
def bench():
    bench = Workbench(TABLE)
    yield bench
    bench.world.close()


def test_a_stack_of_three_stands(bench):
    bench.carry('red block', 'place_on', 'blue block')
    bench.carry('pink block', 'place_on', 'red block')
    for upper, lower in (('red block', 'blue block'), ('pink block', 'red block')):
        offset = bench.offset(upper, lower)
        assert np.hypot(*offset[:2]) < 0.015
        assert abs(offset[2] - 0.04) < 0.003


def test_two_blocks_share_a_bowl_and_come_out_again(bench):
    for name in ('red block', 'blue block'):
        bench.carry(name, 'place_in', 'green bowl')
    for name in ('red block', 'blue block'):
        offset = bench.offset(name, 'green bowl')
        assert np.hypot(*offset[:2]) < 0.045
        assert offset[2] < 0.06
    assert np.linalg.norm(np.subtract(bench.world.position('green bowl')[:2], TABLE['green bowl'][:2])) < 0.01
    bench.carry('blue block', 'place_at', 'middle')
    off = np.subtract(bench.world.position('blue block')[:2], LOCATIONS['middle'])
    assert np.linalg.norm(off) < 0.03  # a leaning block is taken beside its middle


@pytest.mark.parametrize('place', ['top left corner', 'bottom right corner'])
def test_corners_are_reached(place):
    bench = Workbench({'red block': (0.5, 0.0, 0.7)})
    bench.carry('red block', 'place_at', place)
    assert np.linalg.norm(np.subtract(bench.world.position('red block')[:2], LOCATIONS[place])) < 0.01
    assert abs(bench.world.position('red block')[2] - 0.02) < 0.002
    bench.world.close()


def test_a_taken_location_gets_a_neighbour_without_a_push():
    bench = Workbench({'red block': (0.45, -0.2, 0.2), 'blue block': (*LOCATIONS['middle'], 0.0)}, noise=0.0)
    before = bench.world.position('blue block')
    bench.carry('red block', 'place_at', 'middle')
    assert np.linalg.norm(np.subtract(bench.world.position('red block')[:2], LOCATIONS['middle'])) < 0.052
    assert np.linalg.norm(np.subtract(bench.world.position('blue block'), before)) < 0.005
    bench.world.close()


def test_a_block_that_is_not_where_it_was_seen_is_missed_with_a_reason(bench):
    result = bench.do('pick', 'red block', scene=bench.scene(red_block=(0.45, 0.05, 0.02)))
    assert not result.success
    assert 'missed the red block' in result.reason
    assert bench.held == '' and bench.is_home()


def test_coming_down_on_a_block_is_noticed(bench):
    x, y, z = bench.world.position('red block')
    beside = (x + 0.04 * np.sin(0.3), y - 0.04 * np.cos(0.3), z)  # one finger comes down on the block
    scene = Scene((SceneObject('red block', 'red block', beside, yaw=0.3),))
    result = bench.do('pick', 'red block', scene=scene)
    assert not result.success
    assert 'ran against something' in result.reason
    assert bench.is_home()


def test_a_block_lost_on_the_way_is_noticed(bench):
    assert bench.do('pick', 'red block').success
    bench.arm.set_gripper(0.08)  # somebody knocks it out of the hand
    assert held_after(Step('go_home'), 'red block', bench.arm.gripper_width()) == ''
    result = bench.do('place_on', 'red block', 'blue block', scene=bench.scene())
    assert not result.success
    bench.held = 'red block'
    result = bench.do('place_on', 'red block', 'blue block')
    assert 'no longer holds the red block' in result.reason


def test_cancelling_in_mid_motion_stops_the_arm(bench):
    result = bench.do('pick', 'red block', is_cancelled=lambda: bench.world.time > 0.8)
    assert result.cancelled and not result.success
    assert 'cancelled' in result.reason
    here = bench.arm.tcp_pose()[:3, 3]
    assert not bench.is_home()
    bench.world.settle(0.5)
    assert np.linalg.norm(bench.arm.tcp_pose()[:3, 3] - here) < 1e-3
    assert bench.do('go_home').success
    assert bench.is_home()


def test_cancelled_before_it_began_nothing_moves():
    arm = RecordingArm()
    scene = Scene((SceneObject('red block', 'red block', (0.5, 0, 0.02)),))
    result = execute(Step('pick', 'red block'), scene, arm, is_cancelled=lambda: True)
    assert result.cancelled and arm.calls == []


RED = SceneObject('red block', 'red block', (0.5, 0.0, 0.02))
BLUE = SceneObject('blue block', 'blue block', (0.5, 0.1, 0.02))
ON_BLUE = SceneObject('pink block', 'pink block', (0.5, 0.1, 0.06))
BOWL = SceneObject('green bowl', 'green bowl', (0.6, -0.2, 0.0225))


@pytest.mark.parametrize(
    ('step', 'held', 'reason'),
    [
        (Step('pick', 'purple block'), '', "no 'purple block' in the scene"),
        (Step('pick', 'green bowl'), '', 'the green bowl is no block'),
        (Step('pick', 'blue block'), '', 'the pink block lies on the blue block'),
        (Step('pick', 'red block'), 'pink block', 'already holds the pink block'),
        (Step('place_on', 'red block', 'pink block'), '', 'the hand is empty'),
        (
            Step('place_on', 'red block', 'pink block'),
            'blue block',
            'holds the blue block, not the red block',
        ),
        (
            Step('place_on', 'red block', 'blue block'),
            'red block',
            'the pink block already lies on the blue block',
        ),
        (Step('place_on', 'red block', 'red block'), 'red block', 'in the hand'),
        (Step('place_on', 'red block', 'green bowl'), 'red block', 'the green bowl is no block'),
        (Step('place_in', 'red block', 'pink block'), 'red block', 'the pink block is no bowl'),
        (Step('place_in', 'red block', 'white bowl'), 'red block', "no 'white bowl' in the scene"),
        (Step('place_at', 'red block', 'top lft corner'), 'red block', "did you mean 'top left corner'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason_and_moves_nothing(step, held, reason):
    arm = RecordingArm(grasped_width=0.04)
    result = execute(step, Scene((RED, BLUE, ON_BLUE, BOWL), held=held), arm)
    assert not result.success and not result.cancelled
    assert reason in result.reason
    assert arm.calls == []


def test_an_unknown_skill_is_an_error_with_a_hint():
    with pytest.raises(PlanError, match="did you mean 'place_on'"):
        check_step(Step('place_onn', 'red block', 'blue block'), Scene())


@pytest.mark.parametrize('word', ['done', 'refuse'])
def test_decisions_move_nothing(word):
    arm = RecordingArm()
    assert execute(Step(word), Scene(), arm).success
    assert arm.calls == []


def arm_at_home() -> RecordingArm:
    arm = RecordingArm(grasped_width=0.04)
    arm.move_to(point_down((0.30, 0.0, 0.42), -np.pi / 2))
    arm.calls.clear()
    return arm


def test_limits_are_obeyed_and_told():
    arm = arm_at_home()
    far = SceneObject('red block', 'red block', (0.9, 0.0, 0.02))
    result = execute(Step('pick', 'red block'), Scene((far,)), arm)
    assert not result.success
    assert 'x = 0.900 m; the workspace allows' in result.reason
    assert not [call for call in arm.calls if call[0] == 'move_to' and call[1][0, 3] > 0.78]


def test_every_motion_of_a_pick_is_within_speed_and_workspace():
    arm, limits = arm_at_home(), SafetyConfig()
    assert execute(Step('pick', 'red block'), Scene((RED,)), arm).success
    moves = [call for call in arm.calls if call[0] == 'move_to']
    assert len(moves) >= 3
    assert all(call[2] <= limits.max_speed and call[1][2, 3] >= limits.z_min for call in moves)
    assert arm.calls[-1] == ('go_home',)


def test_held_after_believes_the_fingers():
    pick, place = Step('pick', 'red block'), Step('place_on', 'red block', 'blue block')
    assert held_after(pick, '', 0.04) == 'red block'
    assert held_after(pick, '', 0.0) == held_after(pick, '', 0.08) == ''
    assert held_after(place, 'red block', 0.05) == ''
    assert held_after(place, 'red block', 0.04) == 'red block'


def test_the_table_names_itself():
    assert all(spec.name == name for name, spec in SKILLS.items())
    assert all(spec.target for spec in SKILLS.values() if spec.hand != 'any')


@pytest.mark.parametrize(
    'wrong', [{'travel_speed': 0.7}, {'approach_speed': 0.0}, {'travel_z': 0.8}, {'missed_width': 0.06}]
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigError):
        SkillConfig(**wrong)
