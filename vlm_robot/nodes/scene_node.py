"""
Keeps what was seen as one scene: detections and the state of the hand come in, the scene goes out, latched.

Positions are in the base frame. Every look of every camera gives one scene message, so that who waits for
fresh scenes can count looks. Pictures taken while a skill moves the arm do not count: what hangs in mid-air
lies nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
import threading
import time

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Header

from vlm_robot.datatypes import Scene
from vlm_robot.errors import VlmRobotError
from vlm_robot.nodes import conversions, lifespan, parameters
from vlm_robot.nodes.diagnostics import Health
from vlm_robot.nodes.intake import Journal, Kind, SCENE_JOURNAL
from vlm_robot.nodes.liveness import alive_qos, LifeSign, publish, reliable_qos
from vlm_robot.scene.association import SceneTracker, TrackerConfig
from vlm_robot.scene.description import describe
from vlm_robot_interfaces.msg import DetectionArray, HandState
from vlm_robot_interfaces.msg import Scene as SceneMessage
from vlm_robot_interfaces.srv import DescribeScene

SET_BACK = 1.0  # seconds; messages of one source come in order, so one that is older by more tells of another clock


@dataclass(frozen=True)
class SceneNodeConfig:
    """How detections become objects."""

    describe_timeout: float = 10.0  # wall-clock seconds that describe_scene waits for fresh images
    tracker: TrackerConfig = field(default_factory=TrackerConfig)


class SceneNode(Node):
    """The robot's memory of the table as a node."""

    def __init__(self):
        """Connect to detections and hand."""
        super().__init__('scene', **lifespan.NODE_OPTIONS)
        self.config = parameters.declare(self, SceneNodeConfig())
        self.tracker = SceneTracker(self.config.tracker)
        self._lock, self._held, self._begin = threading.RLock(), '', 0.0
        self._is_moving = False
        self._newest: dict[str, float] = {}  # camera or hand -> stamp of its newest message
        self._closing = threading.Event()
        group = ReentrantCallbackGroup()
        self._publisher = self.create_publisher(SceneMessage, 'scene', alive_qos(5, latched=True))
        self._journal = Journal(self, SCENE_JOURNAL)
        self._counts = {Kind.LOOK: 0, Kind.SKIP: 0}
        self._health = Health(self, 'memory of the table', self._list_figures)
        self._detections = LifeSign(self, DetectionArray, 'detections', self._on_detections)
        self._hand = LifeSign(self, HandState, 'hand_state', self._on_hand, latched=True)
        self.create_subscription(Header, 'world_changed', self._forget, reliable_qos(1, latched=True))
        self.create_service(DescribeScene, 'describe_scene', self._describe, callback_group=group)

    def close(self) -> None:
        """Let a waiting service return."""
        self._closing.set()

    def _on_detections(self, message: DetectionArray) -> None:
        stamp = conversions.to_seconds(message.header.stamp)
        with self._lock:
            self._follow_clock(message.camera, stamp)
            counts = not self._is_moving and stamp >= self._begin
            if counts:
                lifted = conversions.from_detections(message)
                self.tracker.update(lifted, stamp, message.camera, tuple(message.queries))
                self._publish()
            kind = Kind.LOOK if counts else Kind.SKIP
            self._counts[kind] += 1
            self._journal.note(kind, message.header.stamp, message.camera)

    def _on_hand(self, message: HandState) -> None:
        stamp = conversions.to_seconds(message.header.stamp)
        with self._lock:
            self._follow_clock('hand', stamp)
            if self._is_moving and not message.moving:
                self._begin = stamp
            self._is_moving = message.moving
            counts = message.held != self._held and stamp >= self._begin
            if counts:
                self._take_hand(message, stamp)
            self._journal.note(Kind.HELD if counts else Kind.HAND, message.header.stamp)

    def _follow_clock(self, source: str, stamp: float) -> None:
        """Order by the clock as it is now: one that was set back would make all that comes look old."""
        if stamp < self._newest.get(source, float('-inf')) - SET_BACK:
            self.get_logger().warning(f'the clock of {source} was set back to {stamp:.1f} s')
            self.tracker.set_back(stamp)
            self._begin = min(self._begin, stamp)
        self._newest[source] = stamp

    def _take_hand(self, message: HandState, stamp: float) -> None:
        self._held = message.held
        place = conversions.from_point(message.pose.position) if message.held else None
        try:
            self.tracker.set_held(message.held, place, stamp)
        except VlmRobotError as error:
            self.get_logger().warning(str(error))
        self._publish()

    def _forget(self, message: Header) -> None:
        """Start afresh: somebody has put another world before the robot."""
        with self._lock:
            self.tracker.reset()
            self._held, self._begin = '', conversions.to_seconds(message.stamp)
            self._publish()
            self._journal.note(Kind.WORLD, message.stamp)

    def _publish(self) -> None:
        scene = self.tracker.scene
        publish(self._publisher, conversions.to_scene(scene, describe(scene)))

    def _list_figures(self) -> dict[str, object]:
        with self._lock:
            scene, counts = self.tracker.scene, dict(self._counts)
        figures: dict[str, object] = {'looks': counts[Kind.LOOK], 'looks left out': counts[Kind.SKIP]}
        figures |= {'objects': len(scene.objects), 'held': scene.held or 'nothing'}
        if self._detections.was_alive and not self._detections.is_alive:
            figures['complaint'] = 'the detector stopped: nobody publishes detections any more'
        return figures

    def _describe(self, request, response):
        begin, deadline = self._now() - request.max_age, time.monotonic() + self.config.describe_timeout
        while request.max_age > 0 and self.tracker.scene.stamp < begin and not self._closing.is_set():
            if time.monotonic() > deadline:
                response.message = f'no image of the last {request.max_age:g} s came; is the detector running?'
                return response
            time.sleep(0.05)
        with self._lock:
            scene = select(self.tracker.scene, request.about)
        unknown = [name for name in request.about if not select(scene, [name]).objects]
        response.message = f'not in the scene: {unknown}; there are {list(self.tracker.scene.names)}' if unknown else ''
        response.success = not unknown
        response.scene = conversions.to_scene(scene, describe(scene, with_positions=True))
        return response

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9


def select(scene: Scene, about: list[str]) -> Scene:
    """Return the scene reduced to objects of these names or labels and their relations; no words mean all."""
    if not about:
        return scene
    objects = tuple(item for item in scene.objects if item.name in about or item.label in about)
    names = {item.name for item in objects}
    relations = tuple(r for r in scene.relations if r.subject in names or r.object in names)
    return replace(scene, objects=objects, relations=relations)


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(SceneNode, threads=3))


if __name__ == '__main__':
    main()
