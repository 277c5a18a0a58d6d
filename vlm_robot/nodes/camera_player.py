"""
Plays one camera at a steady rate, without simulator: frames of a recording or of rendered tables, again and again.

Every frame is stamped with the wall clock in the moment in which it is sent. A frame that is late is not made up for:
a camera that was kept from its work does not send two frames at once either.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import json
from pathlib import Path
import signal
import sys
import time

from vlm_robot.errors import PerceptionError, VlmRobotError
from vlm_robot.nodes import conversions, lifespan
from vlm_robot.nodes.bag import read_bag
from vlm_robot.nodes.camera_watch import KINDS
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.participant import Participant
from vlm_robot.resources import find_scenario
from vlm_robot.sim.scenario import load_scenario, sample_episode

SCENARIO = 'A'
LISTEN_TIMEOUT = 300.0  # seconds that somebody has to listen; a detector loads its model first
SETTLE = 1.0  # seconds: the other direction of every match


def render_frames(camera: str, count: int, scenario: str = SCENARIO) -> Iterator[tuple]:
    """Yield the four messages of a frame, ``count`` tables of a scenario, 640x480."""
    family = load_scenario(find_scenario(scenario))
    for seed in range(count):
        episode = sample_episode(family, seed)
        world = episode.build_world()
        try:
            yield conversions.to_frame(episode.build_cameras(world)[camera].read())
        finally:
            world.close()


def read_frames(bag: Path, camera: str, count: int) -> Iterator[tuple]:
    """Yield the four messages of the first ``count`` whole frames of a camera of a recording."""
    waiting: dict[int, dict] = {}
    found = 0
    for record in read_bag(bag):
        owner, _, part = record.topic.rpartition('/')
        if part in KINDS and owner.rpartition('/')[2] == camera and found < count:
            message = record.message
            stamp = conversions.to_seconds(message.header.stamp)
            parts = waiting.setdefault(round(stamp * 1e6), {})
            parts[part] = message
            if len(parts) == len(KINDS):
                found += 1
                yield tuple(parts[name] for name in KINDS)
    if not found:
        raise PerceptionError(f"'{bag}' holds no whole frame of camera '{camera}': image, depth, camera_info, pose")


class Player:
    """Publishes the four topics of a camera."""

    def __init__(self, domain: int, camera: str, frames: list[tuple]):
        """Offer the topics; ``frames``: messages in the order of KINDS."""
        self.frames = frames
        self._participant = Participant('camera_player', domain, threads=1)
        node = self._participant.node
        self._publishers = [node.create_publisher(kind, f'{camera}/{part}', reliable_qos(2))
                            for part, kind in KINDS.items()]  # fmt: skip
        self.is_stopped = False

    def wait_for_listeners(self, parts: int) -> None:
        """Wait until the first ``parts`` topics have subscribers; raise PerceptionError when nobody comes."""
        deadline = time.monotonic() + LISTEN_TIMEOUT
        while not all(publisher.get_subscription_count() for publisher in self._publishers[:parts]):
            if self.is_stopped or time.monotonic() > deadline:
                raise PerceptionError(f'nobody listened to the camera within {LISTEN_TIMEOUT:g} s')
            time.sleep(0.05)
        time.sleep(SETTLE)

    def play(self, rate: float, seconds: float) -> dict[str, float]:
        """Send frames at ``rate`` Hz for so long; return how many, how many were late, and the processor's share."""
        begin, cpu, sent, late = time.monotonic(), time.process_time(), 0, 0
        while (due := begin + sent / rate) < begin + seconds and not self.is_stopped:
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            elif wait < -1 / rate:
                late += 1
                begin -= wait  # go on from here
            self._send(self.frames[sent % len(self.frames)])
            sent += 1
        wall = time.monotonic() - begin
        return {'sent': sent, 'late': late, 'cpu_share': (time.process_time() - cpu) / max(wall, 1e-9)}

    def close(self) -> None:
        """Leave the domain."""
        self._participant.close()

    def _send(self, messages: tuple) -> None:
        stamp = conversions.to_stamp(time.time())
        for publisher, message in zip(self._publishers, messages, strict=True):
            message.header.stamp = stamp
            publisher.publish(message)


def main() -> int:
    """Play, and print as JSON what was sent."""
    parser = argparse.ArgumentParser(prog='camera_player', description='Play one camera at a steady rate.')
    parser.add_argument('--domain', type=int, required=True, help='ROS domain')
    parser.add_argument('--camera', default='front', help='camera of the tables or of the recording')
    parser.add_argument('--name', default='', help='before its topics; empty: the name of the camera')
    parser.add_argument('--rate', type=float, default=10.0, help='frames a second')
    parser.add_argument('--seconds', type=float, default=60.0, help='how long')
    parser.add_argument('--frames', type=int, default=12, help='different frames')
    parser.add_argument('--bag', type=Path, help='folder of a recording; without it tables are rendered')
    parser.add_argument(
        '--listeners', type=int, default=4, help='topics that must have a subscriber, from the image on'
    )
    options = parser.parse_args()
    try:
        taken = read_frames(options.bag, options.camera, options.frames) if options.bag else \
            render_frames(options.camera, options.frames)  # fmt: skip
        player = Player(options.domain, options.name or options.camera, list(taken))
        signal.signal(signal.SIGINT, lambda *_: setattr(player, 'is_stopped', True))
        player.wait_for_listeners(options.listeners)
        print(json.dumps(player.play(options.rate, options.seconds)), flush=True)
        player.close()
    except VlmRobotError as error:
        print(f'camera_player: {error}', file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == '__main__':
    lifespan.leave(main())
