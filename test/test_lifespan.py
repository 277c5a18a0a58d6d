"""What a node says of messages that it cannot use, over a real topic."""

from __future__ import annotations

import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.parameter import Parameter  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from std_msgs.msg import Int32  # noqa: E402

from vlm_robot.errors import MotionError  # noqa: E402
from vlm_robot.nodes import lifespan  # noqa: E402
from vlm_robot.nodes.participant import Participant  # noqa: E402

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(60)]


class Stage(Participant):
    """A node that is spun as nodes are, turn by turn, and what it logged."""

    def __init__(self, monkeypatch):
        super().__init__('listener', 94)
        self.said = []
        logger = self.node.get_logger()
        monkeypatch.setattr(logger, 'error', lambda text, **_: self.said.append(text))
        monkeypatch.setattr(self.node, 'get_logger', lambda: logger)

    def hear(self, kind, topic, message, callback=None):
        """Send the message until something is said of it."""
        publisher = self.node.create_publisher(kind, topic, 10)
        if callback:
            self.node.create_subscription(kind, topic, callback, 10)
        deadline = time.monotonic() + 20.0
        while not self.said and time.monotonic() < deadline:
            publisher.publish(message)
            lifespan._spin_once(self._executor, self.node)
        assert self.said
        return self.said[0]


@pytest.fixture
def stage(monkeypatch):
    """Give a stage, and end it."""
    made = Stage(monkeypatch)
    yield made
    made.close()


def test_a_clock_before_the_beginning_of_time_is_told_in_a_line(stage):
    stage.node.set_parameters([Parameter('use_sim_time', value=True)])
    clock = Clock()
    clock.clock.sec = -5
    said = stage.hear(Clock, '/clock', clock)
    assert said == 'a message could not be used: ValueError: Seconds value must not be negative'


def test_what_our_own_errors_say_is_told_in_a_line(stage):
    def refuse(_):
        raise MotionError('a pose has position (nan, 0, 0)')

    said = stage.hear(Int32, 'numbers', Int32(), refuse)
    assert said == 'a message could not be used: MotionError: a pose has position (nan, 0, 0)'


def test_a_mistake_of_our_own_is_told_with_its_traceback(stage):
    said = stage.hear(Int32, 'numbers', Int32(), lambda _: lifespan.tell_name(None))
    assert said.startswith('a callback failed: Traceback')
    assert 'tell_name' in said
