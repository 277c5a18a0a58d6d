"""
Questions of a running task, put to whoever listens, and the service that takes the answers.

Feedback of an action can get lost, so a question is told again and again until it is answered. The service
``answer_question`` takes an answer by the number of its question (an empty one: nobody answers); number 0 takes
what a person says unasked, which the closed loop hears before its next step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import threading
import time

from rclpy.node import Node

from vlm_robot.datatypes import Question
from vlm_robot.errors import ConfigError
from vlm_robot.planning.conversation import flatten, says_halt
from vlm_robot_interfaces.srv import AnswerQuestion

UNASKED = 0  # number of words that answer nothing
MOST_WORDS = 2000  # letters that wait to be heard; the newest count
POLL = 0.05  # seconds between two looks whether the task was cancelled


@dataclass(frozen=True)
class QuestionConfig:
    """How long people are waited for; seconds of the wall clock."""

    timeout: float = 120.0  # s until a question counts as not answered; the task then ends as refused
    period: float = 1.0  # s between two tellings of the same question

    def __post_init__(self) -> None:
        """Refuse what cannot be waited for."""
        if not (self.timeout > 0 and self.period > 0):
            raise ConfigError(f'questions.timeout and questions.period must be above 0, got {self}')


class QuestionDesk:
    """One question is open at a time; words that nobody asked for wait until they are heard."""

    def __init__(self, node: Node, group, config: QuestionConfig):
        """Offer the service; ``group`` must be reentrant."""
        self.config = config
        self._news = threading.Condition()
        self._number, self._is_open, self._words = UNASKED, False, ''
        self.halt = ''  # words by which somebody told the running task to stop; nobody may have listened yet
        self._answer: str | None = None
        self._is_busy = False
        node.create_service(AnswerQuestion, 'answer_question', self._take, callback_group=group)

    def begin(self) -> None:
        """Forget what was said before; from now on a task listens."""
        with self._news:
            self._is_busy, self._is_open, self._words, self.halt = True, False, '', ''

    def end(self) -> None:
        """Close the desk: no task listens."""
        with self._news:
            self._is_busy, self._is_open = False, False

    def ask(self, question: Question, tell: Callable[[Question, int], None], check: Callable[[], None]) -> str:
        """
        Put a question and return the answer; empty when nobody answers, or not in time.

        :param tell: gets the question and its number once in a period.
        :param check: asked all the time; what it raises ends the asking.
        """
        with self._news:
            self._number += 1
            number, self._is_open, self._answer = self._number, True, None
        deadline, due = time.monotonic() + self.config.timeout, 0.0
        try:
            while time.monotonic() < deadline:
                check()
                if time.monotonic() >= due:
                    tell(question, number)
                    due = time.monotonic() + self.config.period
                with self._news:
                    if self._news.wait_for(lambda: self._answer is not None, POLL):
                        return self._answer or ''
            return ''
        finally:
            with self._news:
                self._is_open = False

    def listen(self) -> str:
        """Return what was said unasked since the last call; empty for nothing."""
        with self._news:
            words, self._words = self._words, ''
        return words

    def _take(self, request: AnswerQuestion.Request, response: AnswerQuestion.Response) -> AnswerQuestion.Response:
        with self._news:
            response.message = self._refuse(request.question_id, request.answer)
            response.success = not response.message
            if response.success and request.question_id == UNASKED:
                self._words = f'{self._words} {request.answer}'.strip()[-MOST_WORDS:]
                self.halt = flatten(request.answer) if says_halt(request.answer) else self.halt
            elif response.success:
                self._answer = request.answer
                self._news.notify_all()
        return response

    def _refuse(self, number: int, answer: str) -> str:
        """Return why an answer is not taken; empty when it is."""
        if number == UNASKED:
            return '' if self._is_busy else 'no task is running; send a sentence to the action execute_task'
        if not self._is_open or number != self._number:
            return f'question {number} is not open; {f"open: {self._number}" if self._is_open else "none is"}'
        return '' if self._answer is None else f'question {number} has been answered'
