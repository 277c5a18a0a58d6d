"""What is said to a running task: words wait until they are heard, the word stop can be seen at once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot.nodes.question_desk import QuestionConfig, QuestionDesk, UNASKED
from vlm_robot_interfaces.srv import AnswerQuestion

pytestmark = pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning')


@pytest.fixture
def desk():
    """Return a desk whose task has begun, with a function that says something to it."""
    services = []
    node = SimpleNamespace(create_service=lambda kind, name, answer, **_: services.append(answer))
    desk = QuestionDesk(node, None, QuestionConfig())
    desk.say = lambda words: services[0](
        AnswerQuestion.Request(question_id=UNASKED, answer=words), AnswerQuestion.Response()
    )
    desk.begin()
    return desk


@pytest.mark.parametrize('words', ['stop', 'STOP!', '  never mind. '])
def test_stop_is_seen_before_and_after_somebody_listens(desk, words):
    assert desk.say(words).success
    assert desk.halt == ' '.join(words.split())
    assert desk.listen() == words.strip()
    assert desk.halt


def test_stop_after_other_words_is_seen_though_they_are_read_as_one(desk):
    desk.say('the other bowl')
    assert not desk.halt
    desk.say('stop')
    assert desk.halt == 'stop'
    desk.say('please')
    assert desk.halt == 'stop'


def test_a_new_task_does_not_know_the_old_stop(desk):
    desk.say('stop')
    desk.end()
    assert not desk.say('stop').success  # no task runs
    desk.begin()
    assert not desk.halt
    assert desk.listen() == ''
