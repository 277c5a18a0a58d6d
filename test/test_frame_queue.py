"""Only whole frames come out, only the newest of each camera, each camera in its turn."""

from __future__ import annotations

from itertools import permutations

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from vlm_robot.nodes.frame_queue import FrameQueue, KEPT_STAMPS, PARTS, SET_BACK


def fill(queue, camera, stamp, parts=PARTS):
    """Put parts whose message says where they belong."""
    for part in parts:
        queue.put(camera, part, stamp, (camera, part, stamp))


@pytest.mark.parametrize('order', permutations(PARTS))
def test_the_order_of_arrival_does_not_matter(order):
    queue = FrameQueue(['front'])
    fill(queue, 'front', 1, order[:-1])
    assert queue.take(0) is None
    fill(queue, 'front', 1, order[-1:])
    assert queue.take(0) == ('front', tuple(('front', part, 1) for part in PARTS))
    assert queue.take(0) is None


def test_parts_of_different_stamps_never_mix():
    queue = FrameQueue(['front'])
    fill(queue, 'front', 1, PARTS[:2])
    fill(queue, 'front', 2, PARTS[2:])
    assert queue.take(0) is None


def test_the_newest_frame_replaces_the_one_that_waits():
    queue = FrameQueue(['front'])
    fill(queue, 'front', 1)
    fill(queue, 'front', 2)
    fill(queue, 'front', 1)
    assert queue.take(0)[1][0] == ('front', 'image', 2)
    assert queue.take(0) is None
    assert queue.dropped == 1


def test_cameras_take_turns():
    queue = FrameQueue(['front', 'top'])
    fill(queue, 'front', 1)
    fill(queue, 'top', 1)
    fill(queue, 'front', 2)
    assert [queue.take(0)[0] for _ in range(2)] == ['front', 'top']


def test_incomplete_frames_do_not_pile_up():
    queue = FrameQueue(['front'])
    for stamp in range(1000):
        fill(queue, 'front', stamp, PARTS[:1])
    assert len(queue._waiting['front']) == KEPT_STAMPS


def test_a_clock_that_was_set_back_counts_as_new_after_a_few_parts():
    queue = FrameQueue(['front'])
    fill(queue, 'front', 10_000)
    queue.take(0)
    taken = []
    for stamp in range(1, 2 + SET_BACK // len(PARTS)):
        fill(queue, 'front', stamp)
        taken.append(queue.take(0))
    assert taken[0] is None
    assert taken[-1] is not None


def test_a_frame_that_comes_again_and_again_stays_old():
    queue = FrameQueue(['front'])
    for _ in range(3 * SET_BACK):
        fill(queue, 'front', 5)
    assert queue.take(0) is not None
    fill(queue, 'front', 5)
    assert queue.take(0) is None


def test_late_parts_between_new_ones_stay_late():
    queue = FrameQueue(['front'])
    for stamp in range(10, 10 + 2 * SET_BACK):
        fill(queue, 'front', stamp)
        assert queue.take(0)[1][0] == ('front', 'image', stamp)
        fill(queue, 'front', 1)
        assert queue.take(0) is None
