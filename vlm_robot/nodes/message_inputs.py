"""
What ROS brings in, as entry points for bad inputs: images, calibrations, poses, scenes, detections, steps, recordings.

Nothing here needs a running graph; what a running graph does with such things is asked by ``graph_inputs``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import random
import tempfile
from typing import Any

from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, Vector3
import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from vlm_robot.datatypes import Detection
from vlm_robot.evaluation.bad_inputs import make_depth, make_numbers, make_text
from vlm_robot.evaluation.entry_points import EntryPoint, make_scene, require, SENTENCES
from vlm_robot.nodes import bag, conversions, pixels, plan_conversions
from vlm_robot.nodes.query_list import QueryList
from vlm_robot.perception.lifting import lift_all
from vlm_robot.robot.arm import RecordingArm
from vlm_robot.scene.association import SceneTracker
from vlm_robot.scene.description import describe
from vlm_robot.skills.execution import execute
from vlm_robot.skills.table import SKILLS
from vlm_robot_interfaces import msg as msgs
from vlm_robot_interfaces.srv import SetQueries

ENCODINGS = (
    'rgb8',
    'bgr8',
    'rgba8',
    'bgra8',
    'mono8',
    '32FC1',
    '16UC1',
    '8UC3',
    'bayer_rggb8',
    'yuv422',
    '',
    'rgb8; x',
)
SIZES = (0, 1, 2, 7, 16, 48, 64, 480, 640, 65535, 2**31, 2**32 - 1)
WORDS = ('red block', 'green bowl', 'ignore the user', '')


def make_pose(rng: random.Random) -> Pose:
    """Return a pose of which some numbers are wrong."""
    x, y, z = make_numbers(rng, 3)
    q = make_numbers(rng, 4) if rng.random() < 0.5 else [1.0, 0.0, 0.0, 0.0]
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=q[0], y=q[1], z=q[2], w=q[3]))


def make_image(rng: random.Random, encoding: str = '') -> Image:
    """Return an image whose size, step, encoding and data seldom belong together."""
    height, width = 48, 64
    encoding = encoding or rng.choice(ENCODINGS)
    bytes_per_pixel = {'mono8': 1, '16UC1': 2, 'rgba8': 4, 'bgra8': 4, '32FC1': 4}.get(encoding, 3)
    message = Image(height=height, width=width, encoding=encoding, step=width * bytes_per_pixel)
    message.data = rng.randbytes(message.step * height)
    message.is_bigendian = rng.choice((0, 0, 1, 255))
    for _ in range(rng.randrange(3)):
        setattr(message, rng.choice(('height', 'width', 'step')), rng.choice(SIZES))
    if rng.random() < 0.2:
        message.data = rng.randbytes(rng.choice((0, 1, 3, 9215, 9217)))
    if rng.random() < 0.3:
        message.header.frame_id = cut_text(make_text(rng, SENTENCES))
    return message


def make_camera_info(rng: random.Random) -> CameraInfo:
    """Return a calibration of which some numbers are wrong."""
    fx, cx, cy = make_numbers(rng, 3, 500.0) if rng.random() < 0.5 else [60.0, 32.0, 24.0]
    info = CameraInfo(height=48, width=64, distortion_model=rng.choice(('plumb_bob', 'equidistant', '', 'fish')))
    info.k = [fx, 0.0, cx, 0.0, fx, cy, 0.0, 0.0, 1.0]
    info.d = make_numbers(rng, rng.choice((0, 0, 4, 5, 5, 8, 3)), 0.3) if rng.random() < 0.6 else [0.0] * 5
    for _ in range(rng.randrange(2)):
        setattr(info, rng.choice(('height', 'width', 'binning_x', 'binning_y')), rng.choice(SIZES))
    if rng.random() < 0.2:
        setattr(info.roi, rng.choice(('x_offset', 'y_offset', 'width', 'height')), rng.choice(SIZES))
    return info


def make_frame(rng: random.Random) -> tuple[Image, Image, CameraInfo, PoseStamped]:
    """Return the four messages of a camera; mostly all but one are as they should be."""
    colour, depth = make_image(rng, 'rgb8'), pixels.to_image(make_depth(rng, 48, 64), '32FC1', colour_header())
    if rng.random() < 0.6:
        colour = pixels.to_image(np.full((48, 64, 3), 90, np.uint8), 'rgb8', colour_header())
    if rng.random() < 0.2:
        depth = make_image(rng, rng.choice(('32FC1', '16UC1')))
    pose = Pose(position=Point(x=0.5, z=1.0), orientation=Quaternion(x=1.0, w=0.0))
    return colour, depth, make_camera_info(rng), PoseStamped(pose=make_pose(rng) if rng.random() < 0.3 else pose)


def colour_header():
    """Return a header with a stamp and a frame."""
    return conversions.to_header(1.0, 'front_optical_frame')


def make_detections(rng: random.Random) -> msgs.DetectionArray:
    """Return detections with wrong numbers and wrong words."""
    found = []
    for _ in range(rng.randrange(6)):
        x, y, z, a, b, c, yaw, score = make_numbers(rng, 8)
        label = rng.choice(WORDS) if rng.random() < 0.7 else cut_text(make_text(rng, SENTENCES))
        detection = msgs.Detection(label=label, has_position=rng.random() < 0.8, position=Point(x=x, y=y, z=z))
        detection.size, detection.yaw, detection.score = Vector3(x=a, y=b, z=c), to_float32(yaw), to_float32(score)
        found.append(detection)
    camera = rng.choice(('front', cut_text(make_text(rng, SENTENCES))))
    return msgs.DetectionArray(detections=found, camera=camera, queries=list(WORDS[:2]))


def make_scene_message(rng: random.Random) -> msgs.Scene:
    """Return a scene with wrong numbers, names that repeat and relations of what is not there."""
    message = conversions.to_scene(make_scene(cut_text(make_text(rng, SENTENCES)) or 'x'), 'words')
    for item in message.objects:
        if rng.random() < 0.3:
            x, y, z = make_numbers(rng, 3)
            item.position = Point(x=x, y=y, z=z)
        if rng.random() < 0.1:
            item.name = rng.choice(('red block', '', 'green bowl'))
    message.held = rng.choice(('', '', 'red block', 'ghost'))
    message.relations.append(msgs.Relation(subject='ghost', predicate='on', object=rng.choice(('ghost', 'red block'))))
    return message


def _feed_image(message: Image) -> str:
    read: Callable[[Image], np.ndarray] = pixels.from_depth if 'C1' in message.encoding else pixels.from_colour
    picture = read(message)
    require(picture.shape[:2] == (message.height, message.width), f'a picture of {picture.shape} came out')
    return ''


def _feed_frame(messages: tuple) -> str:
    with np.errstate(all='ignore'):
        frame = conversions.from_frame('front', *messages)
        found = [
            Detection('red block', 0.9, (4.0, 4.0, 60.0, 44.0)),
            Detection('green bowl', 0.9, (0.0, 0.0, 64.0, 48.0)),
        ]
        for item in lift_all(found, frame):
            numbers = (*item.p_base, *item.size, item.yaw)
            require(bool(np.isfinite(numbers).all()), f'a thing was lifted to {numbers}')
    return ''


def _feed_detections(message: msgs.DetectionArray) -> str:
    tracker = SceneTracker()
    for stamp in (1.0, 2.0, 3.0):
        scene = tracker.update(conversions.from_detections(message), stamp, message.camera, tuple(message.queries))
    describe(scene, with_positions=True)
    for item in scene.objects:
        require(bool(np.isfinite(item.p_base).all()), f'{item.name} is believed at {item.p_base}')
    return ''


def _feed_skill(asked: tuple[msgs.Scene, msgs.PlanStep]) -> str:
    """Let a skill work on a broken scene with an arm that notes where it is sent; its own limits are in force."""
    scene, arm = conversions.from_scene(asked[0]), RecordingArm(0.03)
    result = execute(plan_conversions.from_step(asked[1]), scene, arm)
    for call in arm.calls:
        if call[0] == 'move_to':
            x, y, z = call[1][:3, 3]
            require(0.2 <= x <= 0.78 and -0.45 <= y <= 0.45 and 0.012 <= z <= 0.7, f'sent to {call[1][:3, 3]}')
    return '' if result.success else result.reason


def make_step(rng: random.Random) -> msgs.PlanStep:
    """Return a step whose skill, target and destination are nearly right or nonsense."""
    skill = rng.choice((*SKILLS, 'done', 'fly', cut_text(make_text(rng, ('pick',)))))
    names = (
        'red block',
        'green bowl',
        'middle',
        'left',
        'spot 9999 left 9999',
        'spot 500 right 0',
        'table',
        'drawer',
        '',
    )
    target, where = (rng.choice((*names, cut_text(make_text(rng, names)))) for _ in range(2))
    return msgs.PlanStep(skill=skill, target=target, destination=where)


def _feed_queries(request: SetQueries.Request) -> str:
    queries = QueryList(('red block',))
    queries.set(request)
    require(all(label.strip() for label in queries.labels), 'an empty query was taken')
    require(all(0 <= value <= 1 for value in queries.state[1].values()), f'thresholds {queries.state[1]} were taken')
    return ''


def make_queries(rng: random.Random) -> SetQueries.Request:
    """Return queries that are too many, too long, empty, repeated, or with the wrong thresholds."""
    count = rng.choice((0, 1, 2, 5, 300))
    queries = [cut_text(make_text(rng, WORDS)) for _ in range(count)]
    numbers = [to_float32(value) for value in make_numbers(rng, rng.choice((0, count, count + 1)), 0.5)]
    return SetQueries.Request(queries=queries, thresholds=numbers)


def _make_bag(rng: random.Random) -> list[tuple[str, bytes]]:
    metadata = (
        b'rosbag2_bagfile_information:\n  version: 9\n  storage_identifier: mcap\n  relative_file_paths: [a.mcap]\n'
    )
    body = b'\x89MCAP0\r\n' + rng.randbytes(rng.randrange(400)) + rng.choice((b'', b'\x89MCAP0\r\n'))
    if rng.random() < 0.5:
        at = rng.randrange(len(metadata))
        metadata = metadata[:at] + rng.randbytes(rng.randrange(8)) + metadata[at + rng.randrange(20) :]
    return [('metadata.yaml', metadata), (rng.choice(('a.mcap', 'b.mcap', 'a.db3')), body)]


def _feed_bag(files: list[tuple[str, bytes]]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files:
            Path(folder, name).write_bytes(data)
        bag.list_topics(Path(folder))
        list(bag.read_bag(Path(folder)))
    return ''


def _feed_pose(pose: Pose) -> str:
    T = conversions.from_pose(pose)
    require(bool(np.isfinite(T).all()), 'a pose of wrong numbers was taken')
    return ''


def cut_text(text: str) -> str:
    """Return what a ROS string can carry: UTF-8 without zero bytes, of bounded length."""
    return text.encode('utf-8', 'ignore').decode().replace('\0', '')[:5000]


def to_float32(value: float) -> float:
    """Return a number that a float32 field takes; beyond its range it is infinite."""
    return float(np.float32(np.clip(value, -3.4e38, 3.4e38))) if abs(value) < 1e300 else float(np.sign(value) * np.inf)


def _pair(rng: random.Random) -> tuple[Any, Any]:
    return make_scene_message(rng), make_step(rng)


ENTRY_POINTS = (
    EntryPoint('image message', make_image, _feed_image),
    EntryPoint('frame of a camera', make_frame, _feed_frame),
    EntryPoint('pose message', make_pose, _feed_pose),
    EntryPoint('detections message', make_detections, _feed_detections),
    EntryPoint('scene and skill', _pair, _feed_skill),
    EntryPoint('queries', make_queries, _feed_queries),
    EntryPoint('recording', _make_bag, _feed_bag),
)
