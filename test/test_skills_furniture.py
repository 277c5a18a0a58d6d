"""Pushing, unstacking, sweeping, handing over and the drawer in real PyBullet, on random tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vlm_robot import furniture
from vlm_robot.agent import scene_of
from vlm_robot.datatypes import Scene, SceneObject, Step
from vlm_robot.goals import parse_goal
from vlm_robot.robot.arm import RecordingArm
from vlm_robot.robot.safety import SafetyConfig
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.placing import sample_free_points
from vlm_robot.sim.world import Placement, resting_height, World
from vlm_robot.skills.execution import check_step, execute, held_after
from vlm_robot.skills.grasping import point_down
from vlm_robot.vocabulary import LOCATIONS, ZONE_X, ZONE_Y

NOISE = 0.003  # metres, standard deviation of every position that a skill is told


class Bench:
    """A table with things at random places, an arm, and scenes with a little noise."""

    def __init__(self, labels, seed, keep=(), opening=0.0):
        self.rng = np.random.default_rng([55, seed])
        kinds = {'pile': 'bowl', 'drawer': ''}  # a pile takes the room of a bowl, the drawer has its own place
        loose = [label for label in labels if label != 'drawer']
        points = sample_free_points([kinds.get(label, label.split()[-1]) for label in loose], self.rng, keep)
        things = [
            Placement(label, label, (*point, resting_height(label)), float(self.rng.uniform(-3, 3)))
            for label, point in zip(loose, points, strict=True)
        ]
        if 'drawer' in labels:
            things.append(Placement('drawer', 'drawer', furniture.set_opening(opening)))
        self.world = World(things)
        self.arm = BulletArm(self.world, is_visible=False)
        self.world.settle(0.2)
        self.held = ''

    def look(self) -> Scene:
        items = []
        for item in scene_of(self.world).objects:
            place = np.add(item.p_base, self.rng.normal(0, NOISE, 3)).tolist()
            items.append(replace(item, p_base=tuple(place)))
        return Scene(tuple(items), held=self.held)

    def do(self, *words):
        step = Step(*words)
        result = execute(step, self.look(), self.arm, look=self.look)
        self.held = held_after(step, self.held, self.arm.gripper_width())
        self.world.settle(0.2)
        assert result.success, f'{words}: {result.reason}'
        assert np.linalg.norm(self.arm.tcp_pose()[:3, 3] - (0.30, 0.0, 0.42)) < 0.005, 'the arm is not at home'

    def holds(self, goal) -> bool:
        return parse_goal(goal).holds(self.world.state())


@pytest.mark.parametrize('opening', [0.0, 0.05])
def test_a_block_is_put_away_in_the_drawer_and_taken_out_again(opening):
    bench = Bench(['red block', 'blue block', 'drawer'], seed=1, opening=opening)
    bench.do('open_drawer', 'drawer')
    assert bench.holds({'open': ['drawer']})
    for name in ('red block', 'blue block'):
        bench.do('pick', name)
        bench.do('place_in', name, 'drawer')
        assert bench.holds({'in': [name, 'drawer']})
    bench.do('close_drawer', 'drawer')
    assert bench.holds({'all': [{'closed': ['drawer']}, {'in': ['red block', 'drawer']}]})
    bench.do('open_drawer', 'drawer')
    bench.do('pick', 'red block')
    bench.do('place_at', 'red block', 'middle')
    assert bench.holds({'all': [{'at': ['red block', 'middle']}, {'in': ['blue block', 'drawer']}]})
    bench.world.close()


@pytest.mark.parametrize(('seed', 'word'), enumerate(['left', 'right', 'bottom', 'middle']))
def test_a_pushed_block_goes_where_it_was_sent(seed, word):
    bench = Bench(['red block'], seed)
    start = bench.world.position('red block')
    bench.do('push', 'red block', word)
    end = furniture.aim_push(start, word, ZONE_X, ZONE_Y)
    assert np.linalg.norm(np.subtract(bench.world.position('red block')[:2], end)) < 0.025
    assert bench.world.position('red block')[2] < 0.03
    bench.world.close()


@pytest.mark.parametrize('target', ['red block', 'yellow block'])
def test_a_stack_is_taken_apart(target):
    names = ['red block', 'blue block', 'yellow block']
    bench = Bench([*names, 'green bowl'], seed=3)
    for upper, lower in (names[1::-1], names[:0:-1]):
        bench.do('pick', upper)
        bench.do('place_on', upper, lower)
    bench.do('unstack', target)
    heights = [bench.world.position(name)[2] for name in names]
    free = names if target == 'red block' else names[2:]  # what lies on it, or else it
    assert all(height < 0.03 for name, height in zip(names, heights, strict=True) if name in free)
    bench.world.close()


@pytest.mark.parametrize(('seed', 'place'), enumerate(['left side', 'bottom right corner']))
def test_a_pile_is_swept_to_its_place(seed, place):
    bench = Bench(['pile'], seed, keep=[LOCATIONS[place]])
    assert not bench.holds({'swept': ['pile', place]})
    bench.do('sweep', 'pile', place)
    assert bench.holds({'swept': ['pile', place]})
    bench.world.close()


def test_two_blocks_are_handed_over_side_by_side():
    bench = Bench(['red block', 'blue block'], seed=4)
    for name in ('red block', 'blue block'):
        bench.do('pick', name)
        bench.do('hand_over', name)
    assert bench.holds({'all': [{'handed': ['red block']}, {'handed': ['blue block']}]})
    bench.world.close()


def thing(name, x, y, z=0.02, **more):
    return SceneObject(name, name, (x, y, z), **more)


OPEN, SHUT = (SceneObject('drawer', 'drawer', furniture.set_opening(o)) for o in (furniture.DRAWER_STROKE, 0.0))
PILE = thing('pile', 0.5, 0.0, 0.006, size=(0.08, 0.08, 0.012))
RED, BLUE = thing('red block', 0.5, -0.2), thing('blue block', 0.5, -0.28)
SLOT = furniture.list_slots(OPEN.p_base)[0]


@pytest.mark.parametrize(
    ('step', 'things', 'held', 'reason'),
    [
        (Step('place_in', 'red block', 'drawer'), (RED, SHUT), 'red block', 'the drawer is closed; open it first'),
        (Step('pick', 'red block'), (thing('red block', *furniture.list_slots(SHUT.p_base)[0]), SHUT), '', 'not open'),
        (Step('pick', 'drawer'), (SHUT,), '', 'the drawer is no block'),
        (Step('open_drawer', 'red block'), (RED,), '', 'the red block is no drawer'),
        (Step('open_drawer', 'drawer'), (RED,), '', "no 'drawer' in the scene"),
        (Step('open_drawer', 'drawer'), (RED, SHUT), 'red block', 'already holds'),
        (Step('open_drawer', 'drawer'), (thing('blue block', 0.45, 0.36), SHUT), '', 'the blue block is in the way'),
        (Step('close_drawer', 'drawer'), (thing('red block', SLOT[0], SLOT[1], 0.072), OPEN), '', 'too high'),
        (Step('push', 'red block', 'left'), (RED, BLUE), '', 'the blue block is in the way'),
        (Step('push', 'red block', 'up'), (RED,), '', "there is no place 'up'"),
        (Step('push', 'blue block', 'left'), (BLUE,), '', 'no room to push'),
        (Step('push', 'red block', 'right'), (RED, thing('blue block', 0.5, -0.2, 0.06)), '', 'lies on the red block'),
        (Step('unstack', 'red block'), (RED,), '', 'nothing lies on the red block'),
        (Step('sweep', 'red block', 'middle'), (RED,), '', 'the red block is no pile'),
        (Step('sweep', 'pile', 'moon'), (PILE,), '', "there is no place 'moon'"),
        (Step('hand_over', 'red block'), (RED,), '', 'the hand is empty'),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason_and_moves_nothing(step, things, held, reason):
    arm = RecordingArm(grasped_width=0.04)
    result = execute(step, Scene(things, held=held), arm)
    assert not result.success
    assert reason in result.reason
    assert arm.calls == []


@pytest.mark.parametrize(
    ('step', 'things', 'width'),
    [
        (Step('open_drawer', 'drawer'), (SHUT,), furniture.HANDLE_WIDTH),
        (Step('close_drawer', 'drawer'), (OPEN,), furniture.HANDLE_WIDTH),
        (Step('push', 'red block', 'right'), (RED,), 0.0),
        (Step('sweep', 'pile', 'left side'), (PILE,), 0.0),
    ],
)
def test_every_motion_is_within_the_limits_and_ends_at_home(step, things, width):
    arm, limits = RecordingArm(grasped_width=width), SafetyConfig()
    arm.move_to(point_down((0.30, 0.0, 0.42), -np.pi / 2))
    arm.calls.clear()
    result = execute(step, Scene(things), arm)
    assert result.success, result.reason
    moves = [call for call in arm.calls if call[0] == 'move_to']
    assert len(moves) >= 3
    assert all(call[2] <= limits.max_speed and call[1][2, 3] >= limits.z_min for call in moves)
    assert arm.calls[-1] == ('go_home',)


def test_a_handle_that_is_missed_is_noticed():
    arm = RecordingArm(grasped_width=0.0)
    arm.move_to(point_down((0.30, 0.0, 0.42), -np.pi / 2))
    result = execute(Step('open_drawer', 'drawer'), Scene((SHUT,)), arm)
    assert not result.success and 'missed the handle' in result.reason


def test_a_drawer_that_is_open_needs_no_motion():
    arm = RecordingArm()
    assert execute(Step('open_drawer', 'drawer'), Scene((OPEN,)), arm).success
    assert arm.calls == []


def test_a_sweep_looks_after_every_round_and_gives_up_in_the_end():
    arm, looks = RecordingArm(), []
    arm.move_to(point_down((0.30, 0.0, 0.42), -np.pi / 2))

    def look():
        looks.append(1)
        return Scene((PILE,))  # the pile never moves

    result = execute(Step('sweep', 'pile', 'left side'), Scene((PILE,)), arm, look=look)
    assert not result.success and 'after 6 rounds' in result.reason
    assert len(looks) == 6


def test_an_area_is_a_destination_of_a_sweep_only():
    assert check_step(Step('sweep', 'pile', 'left area'), Scene((PILE,))) == ''
    assert 'no place' in check_step(Step('push', 'red block', 'left area'), Scene((RED,)))
