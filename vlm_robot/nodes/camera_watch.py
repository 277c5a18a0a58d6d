"""
Looks through cameras on behalf of a node: the newest frames, one thread that works on them, no old pictures.

The callbacks only keep what came; the thread takes cameras in turn, at most ``rate`` looks a second, and only while
somebody wants the outcome. It knows topics, QoS and compression (``<camera>/image/compressed``,
``<camera>/depth/compressedDepth``: pictures are unpacked by the thread, and only those that are looked at), no model.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import threading
import time
import traceback

from geometry_msgs.msg import PoseStamped
import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from vlm_robot.errors import ConfigError, PerceptionError, VlmRobotError
from vlm_robot.nodes import conversions, pixels
from vlm_robot.nodes.compressed import unpack
from vlm_robot.nodes.diagnostics import Meter
from vlm_robot.nodes.frame_queue import FrameQueue
from vlm_robot.nodes.liveness import subscribe_for_a_while

KINDS = {'image': Image, 'depth': Image, 'camera_info': CameraInfo, 'pose': PoseStamped}
PACKED = {'image': 'image/compressed', 'depth': 'depth/compressedDepth'}  # part -> its topic when it is compressed
RELIABILITIES = ('auto', 'reliable', 'best_effort')
TRANSPORTS = ('auto', 'raw', 'compressed')
KEPT_IMAGES = 10  # of each camera, so that what is said about one a little later finds it
WAIT = 0.2  # seconds between two questions whether to go on


@dataclass(frozen=True)
class WatchConfig:
    """What every node that looks through cameras can be told."""

    autostart: bool = True  # configure and activate without being told; false where a lifecycle manager does it
    cameras: tuple[str, ...] = (
        'front',
        'top',
    )  # names; the topics of each are <name>/image, depth, camera_info, pose
    image_reliability: str = 'auto'  # auto follows the publisher; or reliable, best_effort
    image_transport: str = 'auto'  # raw, compressed, or auto: compressed where a camera offers nothing else
    rate: float = 0.0  # Hz of the wall clock, most looks a second; 0: as many as the model can
    threads: int = 0  # CPU threads of the models; 0 leaves torch's choice

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.image_reliability not in RELIABILITIES:
            raise ConfigError(f"image_reliability is '{self.image_reliability}'; allowed: {list(RELIABILITIES)}")
        if self.image_transport not in TRANSPORTS:
            raise ConfigError(f"image_transport is '{self.image_transport}'; allowed: {list(TRANSPORTS)}")
        if self.threads < 0 or self.rate < 0:
            raise ConfigError(f'threads is {self.threads}, rate is {self.rate}; allowed: 0 or more')
        if not self.cameras:
            raise ConfigError('cameras is empty; name at least one')


class CameraWatch:
    """Frames of the cameras of one node."""

    def __init__(
        self,
        node: Node,
        config: WatchConfig,
        look: Callable[[str, tuple], None],
        is_wanted: Callable[[], bool],
        parts: Sequence[str] = ('image',),
    ):
        """
        Remember what to do; nothing is subscribed yet.

        :param look: called in the watch's own thread with the name of a camera and its newest messages.
        :param is_wanted: whether anybody would use the outcome of a look.
        :param parts: what belongs to a frame, keys of KINDS.
        """
        self.node, self.config, self.meter = node, config, Meter()
        self.frames = FrameQueue(config.cameras, parts)
        self._look, self._is_wanted, self._parts = look, is_wanted, tuple(parts)
        self._group = node.group
        self._active = threading.Event()
        self._worker: threading.Thread | None = None
        self._subscriptions: dict[str, list] = {}
        self._packed: dict[str, frozenset[str]] = {}  # camera -> parts that come compressed
        self._recent: dict[str, OrderedDict[tuple[int, int], Image | CompressedImage]] = {}
        self._infos: dict[str, CameraInfo] = {}

    @property
    def is_active(self) -> bool:
        """Return whether it looks."""
        return self._active.is_set()

    def start(self) -> None:
        """Subscribe to the cameras and start to look."""
        self.frames = FrameQueue(self.config.cameras, self._parts)  # what was seen before counts no more
        self._active.set()
        for camera in self.config.cameras:
            self._packed[camera] = self._find_packed(camera)
            self._subscribe(camera, self.config.image_reliability == 'best_effort')
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()

    def stop(self) -> None:
        """Stop looking, wait for the look that is under way, and unsubscribe."""
        self._active.clear()
        self.frames.clear()
        if self._worker is not None:
            self._worker.join()
            self._worker = None
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                self.node.destroy_subscription(subscription)
        self._subscriptions.clear()
        self._recent.clear()
        self._infos.clear()

    def newest(self, camera: str = '') -> tuple[str, Image]:
        """Return the name and newest image of a camera, by default the first; raise PerceptionError without one."""
        camera = camera or self.config.cameras[0]
        if not self.is_active:
            raise PerceptionError('the node is not active, so it looks through no camera; activate it or send an image')
        if camera not in self.config.cameras:
            raise PerceptionError(f"no camera '{camera}'; known: {list(self.config.cameras)}")
        if camera not in self._recent:
            raise PerceptionError(f"no image of camera '{camera}' has come yet; does it publish '{camera}/image'?")
        return camera, unpack(next(reversed(self._recent[camera].values())))

    def straighten(self, camera: str, image: Image) -> np.ndarray:
        """
        Return an image as a lens without distortion would have drawn it, (H, W, 3) uint8; as it is without calibration.

        :raises ImageError: the image makes no sense, or its calibration does not.
        """
        return conversions.straighten(pixels.from_colour(image), self._infos.get(camera))

    def find(self, camera: str, header: Header) -> Image | None:
        """Return the image of a camera with that stamp; None where it did not come or came too long ago."""
        image = self._recent.get(camera, OrderedDict()).get(_key(header))
        return None if image is None else unpack(image)

    def follow_publishers(self) -> None:
        """Subscribe to what a camera offers: best effort where it has no more, compressed where it has nothing else."""
        for camera, subscriptions in list(self._subscriptions.items()) if self.is_active else ():
            packed = self._find_packed(camera)
            changed, self._packed[camera] = packed != self._packed[camera], packed
            is_best_effort = subscriptions[0].qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
            best_effort = self._offers_best_effort(camera, is_best_effort)
            if changed or best_effort != is_best_effort:
                how = f'best effort is {best_effort}, compressed: {sorted(packed) or "nothing"}'
                self.node.get_logger().info(f"camera '{camera}': {how}, as its publishers offer")
                self._subscribe(camera, best_effort)

    def _offers_best_effort(self, camera: str, now: bool) -> bool:
        offers = self.node.get_publishers_info_by_topic(self._topic_of(camera, 'image'))
        best_effort = any(o.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT for o in offers)
        if offers and self.config.image_reliability == 'auto':
            return best_effort
        if best_effort and not now:
            self.node.get_logger().warning(
                f"camera '{camera}' offers best effort only: set image_reliability to auto or best_effort",
                throttle_duration_sec=10.0,
            )
        return now

    def _find_packed(self, camera: str) -> frozenset[str]:
        """Return the parts of a camera that are taken compressed; of depth only where nothing else is there."""
        known = self._packed.get(camera, frozenset())
        return frozenset(
            part for part in PACKED if part in self._parts and self._is_packed(camera, part, part in known)
        )

    def _is_packed(self, camera: str, part: str, now: bool) -> bool:
        if part == 'image' and self.config.image_transport != 'auto':
            return self.config.image_transport == 'compressed'
        if self.config.image_transport == 'raw':
            return False
        return comes_packed(self.node, camera, part, now)

    def _topic_of(self, camera: str, part: str) -> str:
        return f'{camera}/{PACKED[part] if part in self._packed[camera] else part}'

    def _subscribe(self, camera: str, best_effort: bool) -> None:
        for subscription in self._subscriptions.pop(camera, ()):
            self.node.destroy_subscription(subscription)
        reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        self._subscriptions[camera] = [
            subscribe_for_a_while(
                self.node,
                CompressedImage if part in self._packed[camera] else KINDS[part],
                self._topic_of(camera, part),
                lambda message, part=part: self._keep(camera, part, message),
                QoSProfile(depth=1, reliability=reliability),
                self._group,
            )
            for part in dict.fromkeys((*self._parts, 'camera_info'))  # the lens matters even where nothing is lifted
        ]

    def _keep(self, camera: str, part: str, message) -> None:
        if part == 'image':
            recent = OrderedDict(self._recent.get(camera, ()))  # a copy: others may read the old one
            recent[_key(message.header)] = message
            while len(recent) > KEPT_IMAGES:
                recent.popitem(last=False)
            self._recent[camera] = recent
        if part == 'camera_info':
            self._infos[camera] = message
        if part in self._parts:
            self.frames.put(camera, part, _key(message.header), message)

    def _work(self) -> None:
        due = time.monotonic()
        while self._active.is_set():
            if time.monotonic() < due or not self._is_wanted():
                time.sleep(min(WAIT, max(0.01, due - time.monotonic())))
                continue
            taken = self.frames.take(timeout=WAIT)
            if taken is None:
                continue
            if self.config.rate:
                due = time.monotonic() + 1 / self.config.rate
            try:
                self._look_at(*taken)
            except VlmRobotError as error:
                self.meter.fail(str(error))
                self.node.get_logger().warning(f'{taken[0]}: {error}', throttle_duration_sec=5.0)
            except Exception as error:  # of foreign code; one look that fails must not make the robot blind
                self.meter.fail(f'{type(error).__name__}: {error}')
                words = ''.join(traceback.format_exception(error))
                self.node.get_logger().error(f'{taken[0]}: a look failed: {words}', throttle_duration_sec=5.0)

    def _look_at(self, camera: str, messages: tuple) -> None:
        begin = time.monotonic()
        self._look(camera, tuple(unpack(message) for message in messages))
        now = self.node.get_clock().now().nanoseconds * 1e-9
        self.meter.count(time.monotonic() - begin, now - conversions.to_seconds(messages[0].header.stamp))


def comes_packed(node: Node, camera: str, part: str, now: bool) -> bool:
    """Return whether a camera offers a part compressed only; ``now``: what holds while it offers nothing."""
    raw, packed = (node.count_publishers(f'{camera}/{name}') > 0 for name in (part, PACKED[part]))
    return not raw and (packed or now)


def _key(header: Header) -> tuple[int, int]:
    return header.stamp.sec, header.stamp.nanosec
