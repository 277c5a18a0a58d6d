"""Cameras as they come: raw or compressed, bent or straight, broken for a while; over DDS, without models."""

from __future__ import annotations

import threading
import time

import cv2
import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402

from vlm_robot.errors import ConfigError, PerceptionError  # noqa: E402
from vlm_robot.nodes import conversions, pixels  # noqa: E402
from vlm_robot.nodes.camera_watch import CameraWatch, WatchConfig  # noqa: E402
from vlm_robot.nodes.pool_executor import MultiThreadedExecutor  # noqa: E402

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(300)]
PICTURE = cv2.GaussianBlur(np.random.default_rng(4).integers(0, 256, (48, 64, 3), dtype=np.uint8), (0, 0), 5)
TOPICS = {'image': Image, 'image/compressed': CompressedImage, 'depth': Image, 'depth/compressedDepth': CompressedImage}


class Scene:
    """A camera and a watch in one process."""

    def __init__(self):
        self.node = rclpy.create_node('watcher')
        self.node.group = ReentrantCallbackGroup()
        self.driver = rclpy.create_node('driver')
        self.executor = MultiThreadedExecutor(3)
        self.executor.add_node(self.node)
        self.stamp, self.seen = 0.0, []
        self._closing = threading.Event()
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()

    def _spin(self):
        while not self._closing.is_set():
            self.executor.spin_once(timeout_sec=0.05)

    def close(self):
        self._closing.set()
        self.thread.join(30.0)
        self.driver.destroy_node()
        self.node.destroy_node()

    def watch(self, parts=('image',), **config):
        self.seen.clear()
        config = WatchConfig(cameras=('side',), **config)
        watch = CameraWatch(self.node, config, lambda *taken: self.seen.append(taken), lambda: True, parts)
        watch.start()
        return watch

    def show_until(self, is_true, watch, messages, timeout=120.0):
        """Publish the messages by topic again and again, as a camera does, until a condition holds."""
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        publishers = {
            topic: self.driver.create_publisher(type(message), f'side/{topic}', best_effort)
            for topic, message in messages.items()
        }
        deadline = time.monotonic() + timeout
        try:
            while not is_true():
                self.stamp += 1.0
                for topic, message in messages.items():
                    message.header.stamp = conversions.to_stamp(self.stamp)
                    publishers[topic].publish(message)
                watch.follow_publishers()
                time.sleep(0.05)
                if time.monotonic() > deadline:
                    return False
            return True
        finally:
            for publisher in publishers.values():
                self.driver.destroy_publisher(publisher)


@pytest.fixture(scope='module')
def scene():
    """Start the camera and the node once."""
    rclpy.init()
    scene = Scene()
    yield scene
    scene.close()
    rclpy.try_shutdown()


def raw(picture, encoding='rgb8'):
    return pixels.to_image(picture, encoding, conversions.to_header(0.0, 'side'))


def pack(picture, name='rgb8; png compressed bgr8', head=b''):
    return CompressedImage(format=name, data=head + cv2.imencode('.png', picture)[1].tobytes())


def test_a_camera_is_followed_from_raw_to_compressed_and_back(scene):
    watch = scene.watch()
    try:
        for topic, message in (
            ('image', raw(PICTURE)),
            ('image/compressed', pack(PICTURE[..., ::-1])),
            ('image', raw(PICTURE)),
        ):
            scene.seen.clear()
            assert scene.show_until(lambda: scene.seen, watch, {topic: message})
            camera, (image,) = scene.seen[-1]
            assert camera == 'side' and np.array_equal(pixels.from_colour(image), PICTURE)
            assert np.array_equal(pixels.from_colour(watch.newest()[1]), PICTURE)
    finally:
        watch.stop()


def test_compressed_depth_belongs_to_its_picture(scene):
    depth = np.full((48, 64), 1500, np.uint16)
    watch = scene.watch(('image', 'depth'))
    messages = {
        'image/compressed': pack(PICTURE),
        'depth/compressedDepth': pack(depth, '16UC1; compressedDepth png', bytes(12)),
    }
    try:
        assert scene.show_until(lambda: scene.seen, watch, messages)
        image, metres = scene.seen[-1][1]
        assert image.header.stamp == metres.header.stamp and np.allclose(pixels.from_depth(metres), 1.5)
    finally:
        watch.stop()


@pytest.mark.parametrize('error', [RuntimeError('a bug'), PerceptionError('nothing to see')])
def test_a_look_that_fails_does_not_end_looking(scene, error):
    watch = scene.watch()
    seen, failures = watch._look, [error]

    def look(*taken):
        if failures:
            raise failures.pop()
        seen(*taken)

    watch._look = look
    try:
        assert scene.show_until(lambda: scene.seen, watch, {'image': raw(PICTURE)})
        assert watch.meter.failures == 1 and str(error) in watch.meter.report('x', {}, True).status[0].message
    finally:
        watch.stop()


def test_a_bent_lens_is_straightened_where_its_calibration_has_come(scene):
    info = CameraInfo(width=64, height=48, distortion_model='plumb_bob', d=[-0.4, 0.0, 0.0, 0.0, 0.0])
    info.k = [60.0, 0.0, 32.0, 0.0, 60.0, 24.0, 0.0, 0.0, 1.0]
    watch = scene.watch()
    try:
        straight = conversions.straighten(PICTURE, info)
        seen = lambda: scene.seen and np.array_equal(watch.straighten('side', scene.seen[-1][1][0]), straight)  # noqa: E731
        assert scene.show_until(seen, watch, {'camera_info': info, 'image': raw(PICTURE)})
    finally:
        watch.stop()


def test_broken_pictures_are_reported_and_the_next_whole_one_is_seen(scene):
    watch = scene.watch()
    broken = pack(PICTURE)
    broken.data = broken.data[:40]
    report = lambda: watch.meter.report('watcher', {}, True).status[0]  # noqa: E731
    try:
        assert scene.show_until(lambda: 'compressed image' in report().message, watch, {'image/compressed': broken})
        assert not scene.seen
        assert scene.show_until(lambda: scene.seen, watch, {'image/compressed': pack(PICTURE)})
    finally:
        watch.stop()


def test_a_transport_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match='compressed'):
        WatchConfig(image_transport='theora')
