"""The scene over time: names that stay, two cameras, labels that waver, the hand, forgetting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vlm_robot.datatypes import Detection, LiftedDetection
from vlm_robot.errors import ConfigError, PlanError
from vlm_robot.scene.association import merge_labels, SceneTracker, TrackerConfig

QUERIES = ('red block', 'blue block', 'orange block', 'green bowl', 'red bowl')


def seen(label: str, x: float, y: float, z: float = 0.02, **rest) -> LiftedDetection:
    camera, score, yaw = rest.get('camera', 'top'), rest.get('score', 0.9), rest.get('yaw', 0.0)
    return LiftedDetection(Detection(label, score, (0, 0, 1, 1)), (x, y, z), (0.04,) * 3, yaw, camera)


class Clock:
    """Feed looks to a tracker, one second apart."""

    def __init__(self, **config):
        self.tracker = SceneTracker(TrackerConfig(**config))
        self.now = 0.0

    def look(self, *lifted, camera='top', queries=QUERIES):
        self.now += 1.0
        return self.tracker.update(lifted, self.now, camera, queries)


TABLE = (
    seen('red block', 0.40, -0.1),
    seen('blue block', 0.60, 0.2),
    seen('green bowl', 0.50, 0.1, 0.0225),
    seen('red block', 0.55, -0.25),
)


def test_the_order_of_detections_plays_no_part():
    scenes = [Clock().look(*order) for order in itertools.permutations(TABLE)]
    assert all(scene == scenes[0] for scene in scenes)
    assert scenes[0].names == ('blue block', 'green bowl', 'red block 1', 'red block 2')


@pytest.mark.parametrize('seed', range(10))
def test_noise_does_not_change_names_or_double_objects(seed):
    rng = np.random.default_rng(seed)
    clock = Clock()
    first = clock.look(*TABLE)
    for turn in range(12):
        camera = ('top', 'front')[turn % 2]
        noise = 0.004 if camera == 'top' else 0.012
        looks = []
        for item in TABLE:
            x, y, z = item.p_base + rng.normal(0, noise, 3)
            looks.append(seen(item.detection.label, x, y, z, camera=camera))
        scene = clock.look(*(looks[i] for i in rng.permutation(len(looks))), camera=camera)
        assert scene.names == first.names
        for name in scene.names:
            assert np.linalg.norm(np.subtract(scene.find(name).p_base, first.find(name).p_base)) < 0.025


def test_the_best_camera_decides_where_things_are():
    clock = Clock()
    clock.look(seen('red block', 0.50, 0.0))
    scene = clock.look(seen('red block', 0.53, 0.02, camera='front'), camera='front')
    assert scene.find('red block').p_base == (0.50, 0.0, 0.02)
    assert scene.find('red block').stamp == 2.0


def test_another_camera_alone_is_enough():
    clock = Clock()
    scene = clock.look(seen('red block', 0.50, 0.0, camera='front'), camera='front')
    assert scene.names == ('red block',)
    scene = clock.look(seen('red block', 0.52, 0.0), camera='top')
    assert scene.find('red block').p_base[0] >= 0.51


def test_two_labels_in_one_place_are_one_object_and_the_better_wins():
    both = [seen('orange block', 0.5, 0.0, score=0.4), seen('red block', 0.505, 0.0, score=0.8)]
    assert [item.detection.label for item in merge_labels(both, 0.03)] == ['red block']
    assert Clock().look(*both).names == ('red block',)


def test_a_block_in_a_bowl_is_not_merged_with_it():
    scene = Clock().look(seen('red block', 0.5, 0.0, 0.026), seen('red bowl', 0.5, 0.0, 0.0225))
    assert scene.names == ('red block', 'red bowl')


def test_a_stack_is_two_blocks():
    scene = Clock().look(seen('red block', 0.5, 0.0, 0.02), seen('blue block', 0.5, 0.0, 0.06))
    assert len(scene.objects) == 2


def test_one_wrong_label_does_not_flicker_and_many_win():
    clock = Clock()
    for _ in range(3):
        clock.look(seen('red block', 0.5, 0.0, score=0.8))
    assert clock.look(seen('orange block', 0.5, 0.0, score=0.5)).names == ('red block',)
    for _ in range(4):
        scene = clock.look(seen('orange block', 0.5, 0.0, score=0.9))
    assert scene.names == ('orange block',)


def test_what_moved_keeps_its_identity():
    clock = Clock()
    clock.look(*TABLE)
    scene = clock.look(*TABLE[1:], seen('red block', 0.62, 0.0))
    assert scene.names == ('blue block', 'green bowl', 'red block 1', 'red block 2')
    assert scene.find('red block 2').p_base == pytest.approx((0.62, 0.0, 0.02))
    assert scene.find('red block 1').p_base == pytest.approx((0.55, -0.25, 0.02))


def test_gone_is_forgotten_after_enough_looks_of_the_best_camera():
    clock = Clock(forget_after=2)
    clock.look(*TABLE)
    assert 'blue block' in clock.look(TABLE[0], TABLE[2], TABLE[3]).names
    assert 'blue block' in clock.look(camera='front').names  # the front camera may be blocked
    assert 'blue block' in clock.look(TABLE[0], queries=('red block',)).names  # nobody looked for it
    assert 'blue block' not in clock.look(TABLE[0], TABLE[2], TABLE[3]).names


def test_what_a_block_stands_on_is_not_forgotten():
    clock = Clock(forget_after=1)
    clock.look(seen('red block', 0.5, 0.0))
    for _ in range(4):
        scene = clock.look(seen('blue block', 0.5, 0.0, 0.06))
    assert scene.names == ('red block', 'blue block')
    assert any(r.predicate == 'on' and r.object == 'red block' for r in scene.relations)


def test_names_return_to_the_plain_label_when_one_is_left():
    clock = Clock(forget_after=1)
    clock.look(*TABLE)
    assert clock.look(*TABLE[1:]).names == ('blue block', 'green bowl', 'red block')


def test_a_glimpse_is_not_believed_where_more_looks_are_asked():
    clock = Clock(confirm_after=2)
    assert clock.look(seen('red block', 0.5, 0.0)).names == ()
    assert clock.look(seen('red block', 0.5, 0.0)).names == ('red block',)


def test_what_is_held_stays_though_nobody_sees_it_and_is_found_again():
    clock = Clock(forget_after=1)
    clock.look(*TABLE)
    clock.tracker.set_held('red block 2', (0.30, 0.0, 0.42), clock.now)
    rest = [item for item in TABLE if item.p_base[0] != 0.40]
    for _ in range(3):
        scene = clock.look(*rest)
    assert scene.held == 'red block 2'
    assert scene.find('red block 2').p_base == (0.30, 0.0, 0.42)
    clock.tracker.set_held('', (0.30, 0.0, 0.42), clock.now)
    scene = clock.look(*rest, seen('red block', 0.505, 0.1, 0.026))
    assert scene.held == ''
    assert scene.find('red block 2').p_base == pytest.approx((0.505, 0.1, 0.026))
    assert any(r.subject == 'red block 2' and r.predicate == 'in' for r in scene.relations)


def test_the_block_in_the_hand_is_not_taken_for_a_second_one():
    clock = Clock()
    clock.look(seen('red block', 0.5, 0.0))
    clock.tracker.set_held('red block', (0.30, 0.0, 0.42), clock.now)
    assert clock.look(seen('red block', 0.31, 0.0, 0.40, camera='front'), camera='front').names == ('red block',)


def test_a_frame_from_before_the_grasp_is_ignored():
    clock = Clock()
    clock.look(seen('red block', 0.5, 0.0))
    clock.tracker.set_held('red block', (0.30, 0.0, 0.42), stamp=10.0)
    scene = clock.tracker.update([seen('red block', 0.5, 0.0)], 9.0, 'top', QUERIES)
    assert scene.names == ('red block',) and scene.stamp == 1.0


def test_holding_the_unknown_is_refused():
    clock = Clock()
    clock.look(*TABLE)
    with pytest.raises(PlanError, match="did you mean 'blue block'"):
        clock.tracker.set_held('blu block')


def test_smoothing_follows_and_jumps():
    clock = Clock(smoothing=0.25, jump=0.02)
    clock.look(seen('red block', 0.50, 0.0))
    assert clock.look(seen('red block', 0.508, 0.0)).find('red block').p_base[0] == pytest.approx(0.502)
    assert clock.look(seen('red block', 0.54, 0.0)).find('red block').p_base[0] == pytest.approx(0.54)


def test_reset_forgets():
    clock = Clock()
    clock.look(*TABLE)
    clock.tracker.reset()
    assert clock.tracker.scene.objects == ()


@pytest.mark.parametrize(
    'wrong', [{'gate': 0.0}, {'smoothing': 0.0}, {'smoothing': 1.5}, {'forget_after': 0}, {'jump': -1.0}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TrackerConfig(**wrong)


def test_after_a_clock_was_set_back_looks_count_again_and_nothing_is_forgotten():
    clock = Clock()
    clock.look(*TABLE)
    clock.tracker.set_held('', stamp=3600.0)  # the hand's clock was an hour ahead
    before = clock.tracker.scene
    clock.tracker.set_back(2.0)
    assert clock.tracker.scene.names == before.names
    scene = clock.tracker.update([seen('red block', 0.5, 0.1)], 3.0, 'top', QUERIES)
    assert scene.stamp == 3.0
