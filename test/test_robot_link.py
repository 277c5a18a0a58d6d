"""Which scenes count as fresh for a task, also when the robot's clock begins anew, and what is thought meanwhile."""

from __future__ import annotations

import os
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402

from vlm_robot import interruption  # noqa: E402
from vlm_robot.datatypes import Scene, SceneObject  # noqa: E402
from vlm_robot.errors import MotionCancelled, PerceptionError  # noqa: E402
from vlm_robot.nodes import conversions  # noqa: E402
from vlm_robot.nodes.robot_link import BEHIND, CLOCK_LAG, LinkConfig, RobotLink  # noqa: E402
from vlm_robot_interfaces.msg import Scene as SceneMessage  # noqa: E402


@pytest.fixture
def link(monkeypatch):
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=1 + os.getpid() % 100)
    node = rclpy.create_node('looker', context=context)
    link = RobotLink(node, ReentrantCallbackGroup(), LinkConfig(fresh_timeout=0.2))
    monkeypatch.setattr(link, '_await_signs', lambda check: None)  # nobody else is here
    monkeypatch.setattr(link, 'check_alive', lambda: None)
    link._fresh_from = 100.0  # as after a motion
    yield link
    node.destroy_node()
    context.try_shutdown()


def hear(link, *stamps):
    for stamp in stamps:
        message = SceneMessage()
        message.header.stamp = conversions.to_stamp(stamp)
        link._on_scene(message)


def look(link):
    return link.look(lambda: None).stamp


def test_only_what_is_newer_than_the_last_motion_counts(link):
    hear(link, 99.0, 99.9, 100.0)
    with pytest.raises(PerceptionError, match='0 of 2 fresh looks'):
        look(link)
    hear(link, 100.5, 101.0, 101.5)
    assert look(link) == 101.0  # the earliest that will do
    hear(link, 102.0, 102.5, 103.0)
    assert look(link) == 103.0  # nothing moved since: the newest


def test_a_clock_that_begins_anew_does_not_blind_the_planner(link):
    hear(link, *(0.5 * n for n in range(1, BEHIND)))
    with pytest.raises(PerceptionError, match='0 of 2 fresh looks'):
        look(link)
    hear(link, 0.5 * BEHIND, 5.0, 5.5)
    assert look(link) == 5.5


def test_a_few_old_scenes_and_delays_are_no_new_clock(link):
    hear(link, *[3.0, 99.0] * BEHIND, *[100.0 - CLOCK_LAG + 0.1] * (2 * BEHIND))
    with pytest.raises(PerceptionError, match='0 of 2 fresh looks'):
        look(link)
    hear(link, 100.5, 101.0)
    assert look(link) == 101.0


def test_a_task_waits_for_a_node_that_is_being_started_again_but_not_without_end(link):
    link.config = LinkConfig(return_timeout=0.3)
    sign, asked = link._signs['skill node'], []
    link.await_return(lambda: asked.append(1))
    assert not asked  # who has never been heard is not away
    sign.was_alive, sign.alive_count = True, 0

    def come_back():
        asked.append(1)
        if len(asked) == 3:
            sign.alive_count = 1

    link.await_return(come_back)
    assert len(asked) == 3
    sign.alive_count = 0
    begin = time.monotonic()
    link.await_return(lambda: None)
    assert 0.3 <= time.monotonic() - begin < 5
    with pytest.raises(PerceptionError, match="the skill node stopped: nobody publishes 'hand_state'"):
        RobotLink.check_alive(link)
    with pytest.raises(MotionCancelled):
        link.await_return(cancel)


def cancel():
    raise MotionCancelled('enough')


def hear_of(link, stamp, *names):
    objects = tuple(SceneObject(name, name, (0.5, 0.0, 0.02)) for name in names)
    link._on_scene(conversions.to_scene(Scene(objects, stamp=stamp), ''))


def test_while_it_waits_it_thinks_about_what_it_saw_last(link):
    thoughts = []

    def think(guess):
        thoughts.append(guess.names)
        hear_of(link, 100.5, 'red block')  # the table looks as it did
        interruption.check()
        hear_of(link, 101.0, 'red block')
        interruption.check()
        thoughts.append('done')

    hear_of(link, 99.0, 'red block')
    scene = link.look(lambda: None, think)
    assert scene.stamp == 101.0 and thoughts == [('red block',), 'done']


def test_a_thought_that_turns_out_wrong_ends_and_the_next_one_begins(link):
    thoughts = []

    def think(guess):
        thoughts.append(guess.names)
        hear_of(link, 100.0 + len(thoughts), 'blue block')
        interruption.check()
        thoughts.append('done')

    hear_of(link, 99.0, 'red block')
    assert link.look(lambda: None, think).names == ('blue block',)
    assert thoughts == [('red block',), ('blue block',), 'done']


def test_nothing_is_thought_about_a_table_that_was_never_seen_or_when_it_need_not_wait(link):
    thoughts = []
    with pytest.raises(PerceptionError, match='0 of 2 fresh looks'):
        link.look(lambda: None, thoughts.append)
    for stamp in (100.5, 101.0):
        hear_of(link, stamp, 'red block')
    assert link.look(lambda: None, thoughts.append).stamp == 101.0
    assert not thoughts


def test_a_cancel_ends_a_thought(link):
    hear_of(link, 99.0, 'red block')
    is_cancelled = []

    def check():
        if is_cancelled:
            raise MotionCancelled('enough')

    def think(guess):
        is_cancelled.append(True)
        interruption.check()
        pytest.fail('a cancel must end what is thought')

    with pytest.raises(MotionCancelled, match='enough'):
        link.look(check, think)
