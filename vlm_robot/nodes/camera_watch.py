"""
Looks through cameras on behalf of a node: the newest frames, one thread that works on them, no old pictures.

The callbacks only keep what came; the thread takes cameras in turn, at most ``rate`` looks a second, and only while
somebody wants the outcome. It knows topics and QoS, no model.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import threading
import time

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from vlm_robot.errors import ConfigError, PerceptionError, VlmRobotError
from vlm_robot.nodes.diagnostics import Meter
from vlm_robot.nodes.frame_queue import FrameQueue
from vlm_robot.nodes.liveness import subscribe_for_a_while

KINDS = {'image': Image, 'depth': Image, 'camera_info': CameraInfo, 'pose': PoseStamped}
RELIABILITIES = ('auto', 'reliable', 'best_effort')
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
    rate: float = 0.0  # Hz of the wall clock, most looks a second; 0: as many as the model can
    threads: int = 0  # CPU threads of the models; 0 leaves torch's choice

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.image_reliability not in RELIABILITIES:
            raise ConfigError(f"image_reliability is '{self.image_reliability}'; allowed: {list(RELIABILITIES)}")
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
        self._recent: dict[str, OrderedDict[tuple[int, int], Image]] = {}

    @property
    def is_active(self) -> bool:
        """Return whether it looks."""
        return self._active.is_set()

    def start(self) -> None:
        """Subscribe to the cameras and start to look."""
        self.frames = FrameQueue(self.config.cameras, self._parts)  # what was seen before counts no more
        self._active.set()
        for camera in self.config.cameras:
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

    def newest(self, camera: str = '') -> tuple[str, Image]:
        """Return the name and newest image of a camera, by default the first; raise PerceptionError without one."""
        camera = camera or self.config.cameras[0]
        if not self.is_active:
            raise PerceptionError('the node is not active, so it looks through no camera; activate it or send an image')
        if camera not in self.config.cameras:
            raise PerceptionError(f"no camera '{camera}'; known: {list(self.config.cameras)}")
        if camera not in self._recent:
            raise PerceptionError(f"no image of camera '{camera}' has come yet; does it publish '{camera}/image'?")
        return camera, next(reversed(self._recent[camera].values()))

    def find(self, camera: str, header: Header) -> Image | None:
        """Return the image of a camera with that stamp; None where it did not come or came too long ago."""
        return self._recent.get(camera, OrderedDict()).get(_key(header))

    def follow_publishers(self) -> None:
        """Subscribe best effort where a camera offers no more: reliable gets nothing from it; say so where told to."""
        for camera, subscriptions in list(self._subscriptions.items()) if self.is_active else ():
            offers = self.node.get_publishers_info_by_topic(f'{camera}/image')
            best_effort = any(o.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT for o in offers)
            is_best_effort = subscriptions[0].qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
            if not offers or best_effort == is_best_effort:
                continue
            if self.config.image_reliability == 'auto':
                self.node.get_logger().info(f"camera '{camera}': best effort is {best_effort}, as its publisher offers")
                self._subscribe(camera, best_effort)
            elif best_effort:
                self.node.get_logger().warning(
                    f"camera '{camera}' offers best effort only: set image_reliability to auto or best_effort",
                    throttle_duration_sec=10.0,
                )

    def _subscribe(self, camera: str, best_effort: bool) -> None:
        for subscription in self._subscriptions.pop(camera, ()):
            self.node.destroy_subscription(subscription)
        reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        self._subscriptions[camera] = [
            subscribe_for_a_while(
                self.node,
                KINDS[part],
                f'{camera}/{part}',
                lambda message, part=part: self._keep(camera, part, message),
                QoSProfile(depth=1, reliability=reliability),
                self._group,
            )
            for part in self._parts
        ]

    def _keep(self, camera: str, part: str, message) -> None:
        if part == 'image':
            recent = OrderedDict(self._recent.get(camera, ()))  # a copy: others may read the old one
            recent[_key(message.header)] = message
            while len(recent) > KEPT_IMAGES:
                recent.popitem(last=False)
            self._recent[camera] = recent
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
                begin = time.monotonic()
                self._look(*taken)
                self.meter.count(time.monotonic() - begin)
            except VlmRobotError as error:
                self.meter.fail(str(error))
                self.node.get_logger().warning(f'{taken[0]}: {error}', throttle_duration_sec=5.0)


def _key(header: Header) -> tuple[int, int]:
    return header.stamp.sec, header.stamp.nanosec
