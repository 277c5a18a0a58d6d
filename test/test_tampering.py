"""What the tamperer does to messages: only what it says, only to what it says, and never to the original."""

from __future__ import annotations

import copy

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rosgraph_msgs.msg import Clock

from vlm_robot.datatypes import Intrinsics, RgbdImage
from vlm_robot.errors import ImageError, MotionError
from vlm_robot.nodes import conversions, pixels, tampering
from vlm_robot.nodes.tampering import CAMERA_PARTS

NAN = float('nan')
TAMPERS = {
    'drop': lambda: tampering.drop(('depth',)),
    'fill_depth': lambda: tampering.fill_depth(NAN),
    'fill_colour': lambda: tampering.fill_colour(0),
    'scramble_colour': tampering.scramble_colour,
    'rename_encoding': lambda: tampering.rename_encoding('image', 'x'),
    'resize': lambda: tampering.resize('image', 0, 0),
    'cut': lambda: tampering.cut('image'),
    'calibrate': lambda: tampering.calibrate(NAN),
    'misplace': lambda: tampering.misplace(NAN),
    'swap_poses': tampering.swap_poses,
    'freeze': tampering.freeze,
    'shift_stamps': lambda: tampering.shift_stamps(3600.0),
    'zero_stamps': tampering.zero_stamps,
    'swing_clock': lambda: tampering.swing_clock(100.0),
}


def make_frame(camera='front', stamp=5.0, x=0.3, colour=7):
    T = np.eye(4)
    T[0, 3] = x
    rgb = np.full((6, 8, 3), colour, np.uint8)
    depth = np.full((6, 8), 0.5, np.float32)
    return RgbdImage(rgb, depth, Intrinsics(8, 6, 9.0, 9.0, 4.0, 3.0), T, stamp, camera)


def make_messages(**options):
    return dict(zip(CAMERA_PARTS, conversions.to_frame(make_frame(**options)), strict=True))


def read(camera, messages):
    return conversions.from_frame(camera, *messages.values())


@pytest.mark.parametrize('name', TAMPERS)
def test_the_message_that_came_stays_as_it_is(name):
    tamper, messages = TAMPERS[name](), make_messages()
    before = copy.deepcopy(messages)
    for part, message in messages.items():
        tamper('front', part, message)
        tamper('top', part, message)
    assert messages == before


@pytest.mark.parametrize('name', TAMPERS)
def test_what_it_is_not_about_passes_untouched(name):
    clock, tool = Clock(), make_messages()['pose']
    assert TAMPERS[name]()('', 'tcp_pose', tool) is tool
    if name != 'swing_clock':
        assert TAMPERS[name]()('', 'clock', clock) is clock


@pytest.mark.parametrize('value', [NAN, 0.0, float('inf'), 65.535, -1.0])
def test_filled_depth_reads_as_that_value(value):
    messages = make_messages()
    messages['depth'] = tampering.fill_depth(value)('front', 'depth', messages['depth'])
    assert np.array_equal(read('front', messages).depth, np.full((6, 8), value, np.float32), equal_nan=True)


@pytest.mark.parametrize(
    ('part', 'tamper'),
    [
        ('image', tampering.rename_encoding('image', 'x')),
        ('image', tampering.resize('image', 0, 0)),
        ('image', tampering.resize('image', 4000, 3000)),
        ('image', tampering.cut('image')),
        ('depth', tampering.resize('depth', 0, 0)),
        ('camera_info', tampering.calibrate(0.0)),
        ('camera_info', tampering.calibrate(NAN)),
        ('pose', tampering.misplace(NAN)),
    ],
)
def test_what_breaks_a_frame_is_refused_with_words_by_the_nodes_own_reading(part, tamper):
    messages = make_messages()
    assert read('front', messages).rgb.shape == (6, 8, 3)
    messages[part] = tamper('front', part, messages[part])
    with pytest.raises((ImageError, MotionError), match=r'\w'):
        read('front', messages)


def test_swapped_poses_come_from_the_other_camera_with_the_own_stamp():
    tamper = tampering.swap_poses()
    front, top = make_messages(x=0.1, stamp=1.0)['pose'], make_messages(camera='top', x=0.9, stamp=2.0)['pose']
    assert tamper('front', 'pose', front) is None  # nobody to swap with yet
    swapped = tamper('top', 'pose', top)
    assert swapped.pose.position.x == 0.1
    assert swapped.header == top.header
    assert tamper('front', 'pose', front).pose.position.x == 0.9


def test_a_frozen_camera_shows_its_first_picture_under_new_stamps():
    tamper = tampering.freeze()
    first, later = make_messages(colour=1)['image'], make_messages(colour=2, stamp=6.0)['image']
    assert tamper('front', 'image', first) == first
    shown = tamper('front', 'image', later)
    assert pixels.from_colour(shown).max() == 1
    assert shown.header == later.header


@pytest.mark.parametrize(('seconds', 'wanted'), [(3600.0, 3605.0), (-3.5, 1.5), (-3600.0, 0.0)])
def test_stamps_and_clocks_shift_and_never_below_zero(seconds, wanted):
    image = make_messages()['image']
    shifted = tampering.shift_stamps(seconds)('front', 'image', image)
    assert conversions.to_seconds(shifted.header.stamp) == wanted
    clock = Clock(clock=conversions.to_stamp(5.0))
    shifted = tampering.shift_stamps(seconds, ('clock',))('', 'clock', clock)
    assert conversions.to_seconds(shifted.clock) == wanted


def test_a_swinging_clock_jumps_ahead_and_back():
    tamper, clock = tampering.swing_clock(100.0), Clock(clock=conversions.to_stamp(5.0))
    times = [conversions.to_seconds(tamper('', 'clock', clock).clock) for _ in range(4)]
    assert times == [105.0, 5.0, 105.0, 5.0]


def test_noise_is_noise_and_the_same_for_the_same_seed():
    image = make_messages()['image']
    pictures = [pixels.from_colour(tampering.scramble_colour(seed)('front', 'image', image)) for seed in (0, 0, 1)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    assert pictures[0].std() > 30


def test_dropping_leaves_other_parts_and_other_cameras():
    tamper, messages = tampering.drop(('depth',), ('front',)), make_messages()
    assert tamper('front', 'depth', messages['depth']) is None
    assert tamper('top', 'depth', messages['depth']) is not None
    assert tamper('front', 'image', messages['image']) is not None
