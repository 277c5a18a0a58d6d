"""
What the robot is told to do while things break: sentences, the programs that fit them, their truth, how they ended.

The sentences are plain; what a language model would write for them stands here too, so that a scripted server can
answer in no time.
"""

from __future__ import annotations

from dataclasses import dataclass
import threading

from vlm_robot.datatypes import TaskResult
from vlm_robot.errors import MotionCancelled, VlmRobotError
from vlm_robot.goals import parse_goal
from vlm_robot.nodes.task_client import TaskClient

COLOURS = ('red', 'blue', 'yellow'), ('green', 'blue', 'yellow')  # of the blocks and of the bowls


class PhaseMissed(VlmRobotError):
    """A task that ended before the phase in which something should have been broken."""


@dataclass(frozen=True)
class Errand:
    """A sentence, what must be true after it, and the program that a scripted server answers."""

    block: str
    bowl: str

    @property
    def sentence(self) -> str:
        """Return the words."""
        return f'put the {self.block} in the {self.bowl}'

    @property
    def program(self) -> str:
        """Return what a language model writes for them."""
        return f"put(the('{self.block}'), the('{self.bowl}'))"

    def holds(self, client: TaskClient) -> bool:
        """Return whether the simulator's truth says that it is so."""
        return parse_goal({'in': [self.block, self.bowl]}).holds(client.world_state())


ERRANDS = tuple(Errand(f'{block} block', f'{bowl} bowl') for block in COLOURS[0] for bowl in COLOURS[1])
FIRST, SECOND, UNHEARD = ERRANDS[0], ERRANDS[4], (*ERRANDS[1:4], *ERRANDS[5:])


@dataclass(frozen=True)
class Outcome:
    """How a task ended, or why it could not even be given; ``hung`` when it did not end at all."""

    status: str
    reason: str


class Pending:
    """A sentence that is being carried out, given from a thread of its own."""

    def __init__(self, client: TaskClient, errand: Errand):
        """Send it."""
        self.client, self.errand = client, errand
        self._outcome: Outcome | None = None
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Return whether it has ended."""
        return not self._thread.is_alive()

    def wait(self, timeout: float) -> Outcome:
        """Return how it ended, ``hung`` after the timeout."""
        self._thread.join(timeout)
        return self._outcome or Outcome('hung', f'no end within {timeout:g} s')

    def _send(self) -> None:
        try:
            result: TaskResult = self.client.send(self.errand.sentence)
            self._outcome = Outcome(result.status, result.reason)
        except MotionCancelled as error:  # the end of the task came too late to be told
            self._outcome = Outcome('cancelled', str(error))
        except VlmRobotError as error:
            self._outcome = Outcome('failed', str(error))
        except Exception as error:  # anything else that reaches a user is a fault of ours, and a row must say so
            self._outcome = Outcome('crashed', f'{type(error).__name__}: {error}')
