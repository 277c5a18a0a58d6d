"""
Says what a node has taken in, in the order in which it did: one header for each message or turn.

Messages of several topics reach a node in an order that nobody else can know. A recording of these journals tells
it, and whoever replays one waits for the entry of each message before it sends the next: no order is left to the
speed of the machine. ``frame_id`` is the kind of the entry and, of looks, the camera; the stamp is that of the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from builtin_interfaces.msg import Time
from rclpy.node import Node
from std_msgs.msg import Header

from vlm_robot.nodes.liveness import reliable_qos

SCENE_JOURNAL, PLANNER_JOURNAL = 'scene_journal', 'planner_journal'
KEPT = 50  # entries that a late listener still gets


class Kind(Enum):
    """What was taken in; the scene node tells a scene after each of those in TELLING."""

    LOOK = 'look'  # detections that count
    SKIP = 'skip'  # detections of a picture that does not count: the arm moved
    HAND = 'hand'  # a state of the hand that changes nothing in the scene
    HELD = 'held'  # one that changes it
    WORLD = 'world'  # another world stands before the robot
    SCENE = 'scene'  # a scene has come
    BEGIN = 'begin'  # a task begins; only scenes newer than the stamp count
    MOVED = 'moved'  # a skill has ended; only scenes newer than the stamp count


TELLING = (Kind.LOOK, Kind.HELD, Kind.WORLD)


@dataclass(frozen=True)
class Entry:
    """One thing that was taken in; ``stamp``: seconds and nanoseconds."""

    kind: Kind
    camera: str
    stamp: tuple[int, int]

    @property
    def seconds(self) -> float:
        """Return the stamp as seconds."""
        return self.stamp[0] + self.stamp[1] * 1e-9


class Journal:
    """Publishes what a node takes in; to be used where the node holds the lock that orders it."""

    def __init__(self, node: Node, topic: str):
        """Offer the topic, latched."""
        self._publisher = node.create_publisher(Header, topic, reliable_qos(KEPT, latched=True))

    def note(self, kind: Kind, stamp: Time, camera: str = '') -> None:
        """Tell one entry."""
        self._publisher.publish(Header(stamp=stamp, frame_id=f'{kind.value} {camera}'.rstrip()))


def read_entry(message: Header) -> Entry | None:
    """Return what a message of a journal says; None where another version wrote it."""
    word, _, camera = message.frame_id.partition(' ')
    if word not in {kind.value for kind in Kind}:
        return None
    return Entry(Kind(word), camera, key_of(message.stamp))


def key_of(stamp: Time) -> tuple[int, int]:
    """Return a stamp as a pair that can be compared exactly."""
    return stamp.sec, stamp.nanosec
