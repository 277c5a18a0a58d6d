"""The executor with many threads, while all of its threads are busy and a message waits for one of them."""

from __future__ import annotations

import threading
import time

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')

from std_msgs.msg import Int32  # noqa: E402

from vlm_robot.nodes.participant import Participant  # noqa: E402
from vlm_robot.nodes.witness import wait_until  # noqa: E402

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(60)]
MOST_TURNS = 600  # of the executor in BUSY seconds; rclpy's own makes 10,000
BUSY = 1.0


class Crowd(Participant):
    """A node that hears numbers with two threads, and how often its executor hands out work and turns."""

    def __init__(self, monkeypatch):
        super().__init__('crowd', 95)
        self.executor = self._executor
        self.heard, self.handed, self.turns = [], [], 0
        self.node.create_subscription(Int32, 'numbers', lambda message: self.heard.append(message.data), 10)
        self.numbers = self.node.create_publisher(Int32, 'numbers', 10)
        submit, get_nodes = self.executor._executor.submit, self.executor.get_nodes
        monkeypatch.setattr(self.executor._executor, 'submit', lambda task: self.handed.append(task) or submit(task))
        monkeypatch.setattr(self.executor, 'get_nodes', lambda: self.count() or get_nodes())

    def count(self):
        self.turns += 1


@pytest.fixture
def still(monkeypatch):
    """Give a crowd that does not spin yet, and end it."""
    made = Crowd(monkeypatch)
    yield made
    made.close()


@pytest.fixture
def crowd(still):
    """Give a crowd that spins."""
    still.start()
    return still


def test_a_message_that_waits_for_a_thread_is_handed_out_once_and_the_executor_rests(crowd):
    assert wait_until(lambda: crowd.numbers.get_subscription_count() == 1, 20)
    begun, free = threading.Semaphore(0), threading.Event()

    def be_busy():
        begun.release()
        free.wait(20.0)

    for _ in range(2):
        crowd.executor.create_task(be_busy)
    assert begun.acquire(timeout=10) and begun.acquire(timeout=10)
    crowd.handed.clear()
    crowd.numbers.publish(Int32(data=7))
    assert wait_until(lambda: crowd.handed, 20)
    before = crowd.turns
    time.sleep(BUSY)
    turns = crowd.turns - before
    assert not crowd.heard
    assert len(crowd.handed) == len(set(map(id, crowd.handed)))
    assert 0 < turns < MOST_TURNS
    free.set()
    assert wait_until(lambda: crowd.heard == [7], 20)


def test_nothing_is_lost_when_many_messages_and_tasks_come_at_once(crowd):
    assert wait_until(lambda: crowd.numbers.get_subscription_count() == 1, 20)
    done = []
    for number in range(200):
        crowd.executor.create_task(done.append, number)
        crowd.numbers.publish(Int32(data=number))
        assert wait_until(lambda number=number: number in crowd.heard, 20)
    assert wait_until(lambda: sorted(done) == list(range(200)), 20)
    assert crowd.heard == list(range(200))


def test_a_callback_that_fails_is_told_to_whoever_spins(still):
    def fail():
        raise ValueError('of a callback')

    still.executor.create_task(fail)
    deadline = time.monotonic() + 20.0
    with pytest.raises(ValueError, match='of a callback'):
        while time.monotonic() < deadline:
            still.executor.create_task(time.sleep, 0.001)
            still.executor.spin_once(timeout_sec=0.05)


def test_all_threads_begin_at_once(still):
    assert len(still.executor._executor._threads) == 2
