"""
Camera stamp to detection published: a camera of its own process, the real detector in another, ages told by stamps.

All processes are on one machine, so that one wall clock serves all. Frames that the detector passed over because newer
ones came are drops, not delays: newest-frame semantics. What the trip of the picture alone costs is measured first.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
from dataclasses import dataclass, field
import json
from pathlib import Path
import signal
import subprocess
import sys
import time
import uuid

from sensor_msgs.msg import Image

from vlm_robot.errors import PerceptionError
from vlm_robot.nodes import conversions
from vlm_robot.nodes.graph import Graph, GraphConfig
from vlm_robot.nodes.liveness import alive_qos, reliable_qos
from vlm_robot.nodes.participant import Participant
from vlm_robot_interfaces.msg import DetectionArray

CAMERA = f'bench_camera_{uuid.uuid4().hex[:6]}'  # no other camera of the domain is taken for it
RATE = 10.0  # Hz
WARM_UP = 10  # looks that are left out: the first one encodes the queries
TRANSPORT_SECONDS = 10.0
END_TIMEOUT = 20.0  # seconds for the last look


@dataclass
class Ages:
    """What was heard: per message seconds since the begin, its age in seconds, and what the sender says it took."""

    at: list[float] = field(default_factory=list)
    age: list[float] = field(default_factory=list)
    processing: list[float] = field(default_factory=list)
    player: dict[str, float] = field(default_factory=dict)  # what the camera says: sent, late, cpu_share
    cpu_share: float = 0.0  # of this process while it listened

    def hear(self, message, begin: float, processing: float = 0.0) -> None:
        """Note a message that has just come."""
        now = time.time()
        self.at.append(now - begin)
        self.age.append(now - conversions.to_seconds(message.header.stamp))
        self.processing.append(processing)

    def leave_out(self, count: int) -> Ages:
        """Return the same without the first messages."""
        cut = (self.at[count:], self.age[count:], self.processing[count:])
        return Ages(*cut, self.player, self.cpu_share)


@dataclass(frozen=True)
class SightTiming:
    """How long, and what is played."""

    domain: int
    logs: Path
    seconds: float = 90.0
    profile: str = 'cpu'
    bag: Path | None = None
    on_second: Callable[[], None] = lambda: None

    def measure_transport(self) -> Ages:
        """Return the ages of pictures at a subscriber that does nothing with them."""
        ages, begin = Ages(), time.time()
        with Participant('picture_listener', self.domain) as listener:
            node = listener.node
            node.create_subscription(Image, f'{CAMERA}/image', lambda m: ages.hear(m, begin), reliable_qos(1))
            cpu, wall = time.process_time(), time.monotonic()
            ages.player = self._play(TRANSPORT_SECONDS, listeners=1)
            ages.cpu_share = (time.process_time() - cpu) / (time.monotonic() - wall)
        return ages

    def measure_detection(self) -> Ages:
        """Return the ages of detections of the real detector node."""
        ages, begin = Ages(), time.time()
        own = {'detector': {'cameras': [CAMERA], 'use_sim_time': False}}
        graph = Graph(GraphConfig(self.logs, ('detector',), self.profile, own, self.domain))
        with graph, Participant('detection_listener', self.domain) as listener:
            listener.node.create_subscription(
                DetectionArray,
                'detections',
                lambda m: ages.hear(m, begin, m.processing_s) if m.camera == CAMERA else None,
                alive_qos(),
            )
            ages.player = self._play(self.seconds, listeners=4, check=graph.check)
            sent, deadline = ages.player['sent'], time.monotonic() + END_TIMEOUT
            while not ages.age and time.monotonic() < deadline:
                graph.check()
                time.sleep(0.1)
        if not ages.age:
            raise PerceptionError(
                f'{sent:.0f} frames were sent and no detections came; log: {graph.log_of("detector")}'
            )
        return ages.leave_out(min(WARM_UP, len(ages.age) - 1))

    def _play(self, seconds: float, listeners: int, check: Callable[[], None] = lambda: None) -> dict[str, float]:
        command = [sys.executable, '-m', 'vlm_robot.nodes.camera_player', '--domain', str(self.domain),
                   '--name', CAMERA, '--rate', str(RATE), '--seconds', str(seconds),
                   '--listeners', str(listeners), *(['--bag', str(self.bag)] if self.bag else [])]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    told, complaint = process.communicate(timeout=1.0)
                    break
                check()
                self.on_second()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait()
        if process.returncode:
            raise PerceptionError(f'the camera stopped: {complaint.strip()[-300:]}')
        return json.loads(told.strip().splitlines()[-1])
