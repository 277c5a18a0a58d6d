"""
The closed loop: check the sentence, project a whole plan, then look, decide, act and look again until it is true.

It knows a planner and three callables; it knows no camera, no arm and no ROS, so ``agent.py`` and the ROS planner node
run the same function. Feeding what was seen back after every skill follows Inner Monologue (arXiv 2207.05608).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vlm_robot.datatypes import Scene, SkillResult, Step, StepRecord, TaskResult
from vlm_robot.planning.saycan import SayCanPlanner


@dataclass(frozen=True)
class ClosedLoopConfig:
    """How long the loop goes on."""

    max_steps: int = 20  # skills started in one task, failed ones included
    max_failures: int = 3  # failures of the same step before the task is given up
    max_repeats: int = 2  # successes of the same step before the loop is called going in circles
    max_sentence_chars: int = 500


def run_task(
    sentence: str,
    planner: SayCanPlanner,
    look: Callable[[], Scene],
    act: Callable[[Step], SkillResult],
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
    on_record: Callable[[StepRecord], None] = lambda record: None,
    config: ClosedLoopConfig = ClosedLoopConfig(),
) -> TaskResult:
    """
    Carry out a sentence: plan as a whole first, then look, decide and act until done.

    :param look: returns the scene as it is now; may raise PerceptionError, which ends the task as ``failed``.
    :param act: carries out one step (never ``done`` or ``refuse``) and blocks until it ends.
    :param is_cancelled: asked before every step; True ends the task as ``cancelled``.
    :param on_record: called with every record as it comes, the final ``done`` or ``refuse`` included.
    :raises SentenceError: the sentence is empty, too long or has no letters.
    """
    raise NotImplementedError
