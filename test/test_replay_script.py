"""A recording becomes a script in which the planner counts the same scenes, whatever clock it has heard of."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from std_msgs.msg import Header

from vlm_robot.datatypes import Scene
from vlm_robot.errors import PerceptionError
from vlm_robot.nodes import conversions
from vlm_robot.nodes.intake import Entry, key_of, Kind, read_entry
from vlm_robot.nodes.replay_comparison import Comparison
from vlm_robot.nodes.replay_script import Event, merge_turns

CAMERAS, LOOKS = ('front', 'top'), 2  # LOOKS: scenes that make a fresh one, as in LinkConfig


def entry(kind, seconds, camera=''):
    """Return an entry of a journal."""
    return Entry(kind, camera, key_of(conversions.to_stamp(seconds)))


def record(rng, motions=4):
    """
    Simulate a scene node and a planner with a lagging clock; return events, turns and what the planner counted.

    What it counted: after each turn the stamps of the scenes that are newer than it, at most LOOKS of them.
    """
    now, newest, heard, events, turns, counted = 1.0, 0.0, 0.0, [], [], []

    def look():
        nonlocal now, newest, heard
        now += rng.uniform(0.05, 0.4)
        seen = entry(Kind.LOOK, now - rng.uniform(0.0, 0.5), str(rng.choice(CAMERAS)))  # the picture is the older one
        newest = heard = max(newest, seen.seconds)
        events.append(Event(seen))
        if turns and newest > turns[-1].seconds and len(counted[-1]) < LOOKS:
            counted[-1].append(newest)

    def turn(kind):
        clock = now - rng.uniform(0.0, 0.3)
        turns.append(entry(kind, max(clock, heard)))
        counted.append([])

    for _ in range(3):
        look()
    turn(Kind.BEGIN)
    for _ in range(motions):
        while len(counted[-1]) < LOOKS or rng.random() < 0.5:
            look()
        for moving in (True, False):
            now += rng.uniform(0.0, 0.5)
            events.append(Event(entry(Kind.HAND, now), begins_motion=moving))
            if moving and rng.random() < 0.5:
                events.append(Event(entry(Kind.SKIP, now, 'front')))
        turn(Kind.MOVED)
    while len(counted[-1]) < LOOKS:
        look()
    return events, turns, counted


def count_again(script, rng):
    """Return what a planner counts that is given a script and hears of the clock whenever it likes."""
    newest, clock, fresh_from, counted = 0.0, 0.0, float('inf'), []
    for event in script:
        if event.entry.kind is Kind.LOOK:
            newest = max(newest, event.entry.seconds)
            if newest > fresh_from and len(counted[-1]) < LOOKS:
                counted[-1].append(newest)
        elif event.entry.kind in (Kind.BEGIN, Kind.MOVED):
            clock = event.entry.seconds if rng.random() < 0.5 else clock  # the message is still on its way
            fresh_from = max(clock, newest)
            counted.append([])
    return counted


@pytest.mark.parametrize('seed', range(40))
def test_the_same_scenes_count_whatever_clock_the_planner_has_heard_of(seed):
    rng = np.random.default_rng(seed)
    events, turns, counted = record(rng)
    script = merge_turns(events, turns)
    assert [e for e in script if e.entry.kind not in (Kind.BEGIN, Kind.MOVED)] == events  # the scene node's order
    assert [e.entry for e in script if e.entry.kind in (Kind.BEGIN, Kind.MOVED)] == turns
    assert np.allclose(np.array(count_again(script, rng)), np.array(counted), atol=1e-6)


def test_a_motion_comes_after_its_decision_and_before_its_end():
    for seed in range(20):
        events, turns, _ = record(np.random.default_rng(seed))
        balance = 0
        for event in merge_turns(events, turns):
            balance += event.begins_motion - (event.entry.kind is Kind.MOVED)
            assert balance in (0, 1)


def test_motions_that_no_task_asked_for_are_refused():
    events = [Event(entry(Kind.HAND, t), begins_motion=True) for t in (1.0, 2.0)]
    with pytest.raises(PerceptionError, match='2 motions and 0 ends'):
        merge_turns(events, [entry(Kind.BEGIN, 0.5)])


def test_what_another_version_wrote_is_no_entry():
    stamp = conversions.to_stamp(3.25)
    assert read_entry(Header(stamp=stamp, frame_id='look top')) == entry(Kind.LOOK, 3.25, 'top')
    assert read_entry(Header(stamp=stamp, frame_id='hand')) == entry(Kind.HAND, 3.25)
    assert read_entry(Header(stamp=stamp, frame_id='dance')) is None


def test_scenes_of_one_stamp_are_compared_one_by_one():
    def scene(seconds, text):
        message = conversions.to_scene(Scene(stamp=seconds), text)
        message.objects.append(conversions.msgs.SceneObject(name='red block'))
        return message

    told = [scene(1.0, 'a'), scene(1.0, 'b'), scene(2.0, 'c')]
    for live, same in ((told, 3), (told[:2], 2), (told[1:], 1), ([*told, scene(2.0, 'd')], 3), ([], 0)):
        comparison = Comparison(detections=1)
        comparison.add_scenes(told, live, 0.0, 9.0)
        assert (comparison.scenes, comparison.same_scenes) == (3, same)
        assert comparison.is_same == (live is told)
    outside = [scene(0.5, 'x'), scene(9.5, 'x')]  # before the first look that was shown, and after the last
    comparison.add_scenes(outside, [], 0.6, 9.0)
    assert comparison.scenes == 3
