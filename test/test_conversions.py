"""Whatever goes into a message comes out as it was; messages that make no sense are refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces', reason='vlm_robot_interfaces is not built')

from sensor_msgs.msg import Image

from vlm_robot import datatypes as d
from vlm_robot.errors import ImageError, MotionError
from vlm_robot.geometry import build_transform, intrinsics_of
from vlm_robot.nodes import conversions as c
from vlm_robot.nodes import pixels
from vlm_robot.nodes import plan_conversions as plans
from vlm_robot_interfaces import msg as msgs

RNG = np.random.default_rng(5)
HEADER = c.to_header(12.5, 'front_optical_frame')
SHAPES = [(1, 1), (3, 5), (480, 640)]


def f32(value):
    """Return what a float32 field makes of a number."""
    return float(np.float32(value))


def message_of(pixels, encoding, padding=0, big=False):
    """Build an image message by hand, with padded rows."""
    height, width = pixels.shape[:2]
    rows = np.frombuffer(pixels.tobytes(), np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    message = Image(height=height, width=width, encoding=encoding, step=rows.shape[1], is_bigendian=big)
    message.data = rows.tobytes()
    return message


@pytest.mark.parametrize('shape', SHAPES)
def test_colour_comes_back(shape):
    rgb = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    message = pixels.to_image(rgb, 'rgb8', HEADER)
    assert np.array_equal(pixels.from_colour(message), rgb)
    assert (message.header, message.step) == (HEADER, 3 * shape[1])


def test_views_that_are_not_contiguous_are_sent_right():
    rgb = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    assert np.array_equal(pixels.from_colour(pixels.to_image(rgb[::2, ::-1], 'rgb8', HEADER)), rgb[::2, ::-1])


@pytest.mark.parametrize('shape', SHAPES)
def test_depth_in_metres_comes_back_with_its_holes(shape):
    depth = RNG.random(shape, dtype=np.float32)
    depth[0, 0] = np.nan
    assert np.array_equal(pixels.from_depth(pixels.to_image(depth, '32FC1', HEADER)), depth, equal_nan=True)


def test_depth_in_millimetres_becomes_metres():
    depth = RNG.integers(0, 5000, (4, 6), dtype=np.uint16)
    assert np.allclose(pixels.from_depth(pixels.to_image(depth, '16UC1', HEADER)), depth / 1000)


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8'])
@pytest.mark.parametrize('padding', [0, 7])
def test_every_encoding_shows_the_same_picture(encoding, padding):
    rgb = RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    alpha = np.full((4, 5, 1), 9, np.uint8)
    if encoding == 'mono8':
        rgb = np.repeat(rgb[..., :1], 3, axis=2)
        raw = rgb[..., 0]
    else:
        raw = rgb if encoding.startswith('rgb') else rgb[..., ::-1]
        raw = np.concatenate([raw, alpha], axis=2) if 'a' in encoding else raw
    assert np.array_equal(pixels.from_colour(message_of(raw, encoding, padding)), rgb)


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize(('kind', 'encoding', 'metres'), [('f4', '32FC1', 1.0), ('u2', '16UC1', 0.001)])
def test_byte_order_and_step_are_honoured(big, kind, encoding, metres):
    raw = (RNG.random((3, 5)) * 1000).astype(('>' if big else '<') + kind)
    read = pixels.from_depth(message_of(raw, encoding, padding=4, big=big))
    assert np.allclose(read, raw.astype(float) * metres)
    assert read.dtype == np.float32


@pytest.mark.parametrize(
    'change',
    [{'width': 0}, {'height': 0}, {'height': 4}, {'step': 3}, {'encoding': 'yuv422'}, {'data': b''}],
)
def test_images_that_make_no_sense_are_refused(change):
    message = pixels.to_image(np.zeros((3, 5, 3), np.uint8), 'rgb8', HEADER)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ImageError):
        pixels.from_colour(message)


def test_a_wrong_encoding_is_noticed_by_rows_of_twice_the_length():
    depth = pixels.to_image(np.ones((3, 64), np.float32), '32FC1', HEADER)
    depth.encoding = '16UC1'
    with pytest.raises(ImageError, match='is the encoding right'):
        pixels.from_depth(depth)
    colour = pixels.to_image(np.zeros((3, 64, 3), np.uint8), 'rgb8', HEADER)
    colour.encoding = 'mono8'
    with pytest.raises(ImageError, match='is the encoding right'):
        pixels.from_colour(colour)


def test_rows_of_narrow_pictures_may_be_padded_to_an_alignment():
    assert pixels.from_colour(message_of(np.full((3, 5), 8, np.uint8), 'mono8', padding=59)).shape == (3, 5, 3)


def test_empty_and_mistyped_arrays_are_refused():
    with pytest.raises(ImageError, match='float64'):
        pixels.to_image(np.zeros((3, 5)), '32FC1', HEADER)
    with pytest.raises(ImageError, match='empty'):
        pixels.from_depth(pixels.to_image(np.zeros((0, 0), np.float32), '32FC1', HEADER))


def test_calibration_comes_back():
    intrinsics = intrinsics_of(640, 480, 40.0)
    assert c.from_camera_info(c.to_camera_info(intrinsics, HEADER)).fit(640, 480) == intrinsics


def test_lens_binning_and_crop_of_a_camera_are_heard():
    info = c.to_camera_info(intrinsics_of(640, 480, 40.0), HEADER)
    info.d, info.binning_x, info.binning_y = [0.1, 0.0, 0.0, 0.0, 0.0], 2, 2
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 20, 10, 400, 300
    found = c.from_camera_info(info)
    assert found.is_bent and found.crop_px == (20, 10, 400, 300) and found.binning == (2, 2)
    assert found.fit(200, 150).fx_px == pytest.approx(info.k[0] / 2)


def test_a_camera_without_calibration_is_refused():
    info = c.to_camera_info(intrinsics_of(640, 480, 40.0), HEADER)
    info.k = [0.0] * 9
    with pytest.raises(ImageError, match='calibrate'):
        c.from_camera_info(info)


def test_poses_come_back():
    for _ in range(20):
        q = RNG.normal(size=4)
        T = build_transform(RNG.normal(size=3), q / np.linalg.norm(q))
        assert np.allclose(c.from_pose(c.to_pose(T)), T)


@pytest.mark.parametrize('bad', [0.0, float('nan'), 2.0])
def test_poses_that_are_no_turn_are_refused(bad):
    pose = c.to_pose(np.eye(4))
    pose.orientation.w = bad
    with pytest.raises(MotionError, match='quaternion'):
        c.from_pose(pose)


def test_stamps_come_back_to_the_nanosecond():
    for seconds in (0.0, 0.1, 1e-9, 1234.999999999, 86400.5):
        assert c.to_seconds(c.to_stamp(seconds)) == pytest.approx(seconds, abs=1e-9)


def test_detections_come_back():
    seen = d.Detection('red block', f32(0.7), (1.0, 2.0, 3.5, 4.25))
    lifted = d.LiftedDetection(seen, (0.5, -0.1, 0.02), (0.04, 0.05, 0.04), f32(0.3), 'top')
    array = msgs.DetectionArray(camera='top', detections=[c.to_detection(lifted), c.to_detection(seen)])
    assert c.from_detections(array) == [lifted]
    assert [c.from_detection(m) for m in array.detections] == [seen, seen]


def test_rgbd_images_come_back():
    frame = d.RgbdImage(
        RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8),
        RNG.random((4, 6), dtype=np.float32),
        intrinsics_of(6, 4, 40.0),
        build_transform((1.0, 2.0, 3.0), (0.0, 0.6, 0.0, 0.8)),
        7.25,
        'top',
    )
    back = c.from_frame('top', *c.to_frame(frame))
    assert np.array_equal(back.rgb, frame.rgb) and np.array_equal(back.depth, frame.depth)
    assert np.allclose(back.T_base_camera, frame.T_base_camera)
    assert (back.intrinsics, back.stamp, back.camera) == (frame.intrinsics, frame.stamp, frame.camera)


def frame_with(rgb_size, depth_size):
    return d.RgbdImage(
        np.zeros((*rgb_size, 3), np.uint8), np.ones(depth_size, np.float32), intrinsics_of(6, 4, 40.0), np.eye(4), 0.0
    )


def test_depth_that_does_not_belong_to_the_picture_is_refused():
    with pytest.raises(ImageError, match='depth'):
        c.from_frame('top', *c.to_frame(frame_with((4, 6), (3, 3))))


def test_smaller_depth_is_brought_to_the_picture():
    assert c.from_frame('top', *c.to_frame(frame_with((4, 6), (2, 3)))).depth.shape == (4, 6)


def test_a_bent_picture_comes_straight():
    colour, depth, info, pose = c.to_frame(frame_with((4, 6), (4, 6)))
    info.d = [0.9, 0.0, 0.0, 0.0, 0.0]
    frame = c.from_frame('top', colour, depth, info, pose)
    assert (frame.depth == 0).any() and frame.intrinsics == intrinsics_of(6, 4, 40.0)


def test_scenes_come_back():
    objects = (
        d.SceneObject('red block 1', 'red block', (0.5, 0.1, 0.02), (0.04, 0.04, 0.04), f32(0.2), f32(0.9), 3.5),
        d.SceneObject('green bowl', 'green bowl', (0.6, 0.0, 0.02), (0.12, 0.12, 0.045), 0.0, 1.0, 4.0),
    )
    scene = d.Scene(objects, (d.Relation('red block 1', 'in', 'green bowl'),), 'red block 1', 4.0)
    message = c.to_scene(scene, 'words')
    assert c.from_scene(message) == scene
    assert (message.text, message.header.frame_id) == ('words', 'base')


def option(skill, logprob=-1.0):
    """Return an option whose numbers survive float32."""
    return d.OptionScore(d.Step(skill, 'red block', 'green bowl'), skill, logprob, 0.5, 0.25, 0.125, 'because')


def test_task_results_come_back():
    first = d.Decision(option('pick'), (option('pick'), option('go_home', -7.0)), '', 0.5)
    last = d.Decision(option('done'), (option('pick'), option('done')), 'why', 0.25)
    records = (
        d.StepRecord(first, d.SkillResult(False, 'slipped', True), 'scene', 1.5),
        d.StepRecord(last, d.SkillResult(True), 'scene', 2.5),
    )
    result = d.TaskResult('do it', 'done', 'it is so', records, 8.0, d.Plan((d.Step('pick', 'red block'),), 'no'))
    assert plans.from_task_result('do it', plans.to_task_result(result)) == result


def test_an_option_that_was_chosen_but_not_weighed_is_not_lost():
    record = d.StepRecord(d.Decision(option('refuse'), (), 'nothing'), d.SkillResult(True))
    assert plans.from_record(plans.to_record(record)).decision.chosen == option('refuse')


def test_impossible_options_have_a_finite_logprob():
    assert np.isfinite(plans.to_option(option('pick', -np.inf)).language_logprob)


def test_skill_results_come_back():
    for result in (d.SkillResult(True), d.SkillResult(False, 'why', True)):
        assert plans.from_skill_result(plans.to_skill_result(result, 1.0)) == result
