"""A goal whose server dies ends with a reason, also when the next server is there before anybody noticed."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.action', reason='vlm_robot_interfaces is not built')

from rclpy.action import ActionServer, CancelResponse, GoalResponse

from vlm_robot.errors import MotionCancelled, MotionError
from vlm_robot.nodes import action_calls
from vlm_robot.nodes.action_calls import call_action, ServerWatch
from vlm_robot.nodes.action_client import ActionClient, MANY
from vlm_robot.nodes.participant import Participant
from vlm_robot.nodes.witness import wait_until
from vlm_robot_interfaces.action import MoveGripper

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(300)]
DOMAIN = 101 + os.getpid() % 100


class Driver(Participant):
    """An action server whose goals end when they are cancelled or let go, and answer only while it is not hung."""

    def __init__(self, name):
        super().__init__('driver', DOMAIN, threads=3)
        self.asked, self.accepted, self.ended, self.let_go = (threading.Event() for _ in range(4))
        self.hesitation = 0.0  # seconds until it takes a goal
        self.server = ActionServer(
            self.node,
            MoveGripper,
            name,
            self.execute,
            callback_group=self.group,
            goal_callback=self.take,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
            **MANY,
        )
        self.start()

    def take(self, goal):
        self.asked.set()
        time.sleep(self.hesitation)
        return GoalResponse.ACCEPT

    def execute(self, handle):
        self.accepted.set()
        while not (self.let_go.wait(0.01) or handle.is_cancel_requested):
            pass
        self.ended.set()
        if handle.is_cancel_requested:
            handle.canceled()
            return MoveGripper.Result(cancelled=True, reason='stopped')
        handle.succeed()
        return MoveGripper.Result(success=True, width=handle.request.width)


@pytest.fixture
def name(request):
    """Return an action of the test's own: DDS keeps the servers of earlier tests in its books for a while."""
    return f'gripper_{abs(hash(request.node.name))}'


@pytest.fixture
def client(name):
    """Yield an action client of a spinning node; its domain is this process's own."""
    participant = Participant('caller', DOMAIN)
    client = ActionClient(participant.node, MoveGripper, name, callback_group=participant.group)
    participant.start()
    yield client
    participant.close()


@pytest.fixture
def drivers(name):
    """Yield a list of drivers that are let go and closed at the end."""
    found = [Driver(name)]
    yield found
    for driver in found:
        driver.let_go.set()
        driver.close()


def call(client, check=lambda: None):
    """Call from a thread; return the thread and what came: a result or an error."""
    came = []

    def work():
        try:
            came.append(call_action(client, MoveGripper.Goal(width=0.02), check, server_timeout=60.0))
        except MotionError as error:
            came.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, came


def object_after(event):
    """Return a check that cancels once the event has come."""

    def check():
        if event.is_set():
            raise MotionCancelled('enough')

    return check


def test_a_goal_that_ends_gives_its_result(client, drivers):
    drivers[0].let_go.set()
    thread, came = call(client)
    thread.join(120.0)
    assert came[0].success


def test_a_check_that_objects_cancels_the_goal(client, drivers):
    thread, came = call(client, object_after(drivers[0].accepted))
    thread.join(120.0)
    assert isinstance(came[0], MotionCancelled)


def test_a_goal_that_is_taken_after_its_caller_has_given_up_is_over_when_the_call_is(client, drivers):
    drivers[0].hesitation = 0.3
    thread, came = call(client, object_after(drivers[0].asked))
    thread.join(120.0)
    assert isinstance(came[0], MotionCancelled)
    assert drivers[0].ended.is_set()


def test_a_second_server_under_the_same_name_means_that_the_goal_is_lost(client, drivers, name, monkeypatch):
    watched = threading.Event()

    class Watch(ServerWatch):
        def __init__(self, client):
            super().__init__(client)
            watched.set()

    monkeypatch.setattr(action_calls, 'ServerWatch', Watch)
    thread, came = call(client)
    assert watched.wait(120.0)  # whoever comes before the goal was taken may be the one that took it
    drivers.append(Driver(name))  # the first is still in the books, as one that was killed is
    thread.join(120.0)
    assert 'started again' in str(came[0])


def test_a_hundred_goals_at_once_all_get_an_answer(client, drivers):
    assert client.wait_for_server(120.0)
    accepted = [client.send_goal_async(MoveGripper.Goal(width=0.01)) for _ in range(100)]
    drivers[0].let_go.set()
    assert wait_until(lambda: all(future.done() for future in accepted), 120)
    results = [future.result().get_result_async() for future in accepted]
    assert wait_until(lambda: all(future.done() for future in results), 120)
    assert all(future.result().result.success for future in results)


class Books:
    """A client and its node in one: the writers of the status topic that DDS has in its books."""

    def __init__(self, *writers):
        self._action_name, self._node, self.writers = 'gripper', self, writers

    def get_publishers_info_by_topic(self, topic):
        assert topic == 'gripper/_action/status'
        return [SimpleNamespace(endpoint_gid=[writer]) for writer in self.writers]


@pytest.mark.parametrize(
    ('before', 'after', 'words'),
    [
        ([1], [1], ''),
        ([1, 2], [2], ''),  # one of them was dead already when the other took the goal
        ([1], [1, 2], 'started again'),
        ([1], [2], 'started again'),
        ([1, 2], [], 'gone'),
        ([], [], ''),  # a middleware that tells nothing
    ],
)
def test_the_writers_of_the_status_tell_who_is_gone(monkeypatch, before, after, words):
    monkeypatch.setattr(action_calls, 'LOOK_PERIOD', 0.0)
    books = Books(*before)
    watch = ServerWatch(books)
    watch.check()
    books.writers = after
    if words:
        with pytest.raises(MotionError, match=words):
            watch.check()
    else:
        watch.check()
