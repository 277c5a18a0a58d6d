"""
Whether a task still gets anywhere: failures of one step, successes that change nothing.

There is no longest plan. A task is given up when the same step fails again and again, or when the same step
is taken again and again in the same state; states are compared coarsely, because eyes jitter.
"""

from __future__ import annotations

from collections import Counter

from vlm_robot.datatypes import Scene, SkillResult, Step

CELL = 0.05  # metres; things that moved less are where they were
TOLD = ('in', 'on', 'at', 'is', 'near')  # relations that belong to a state


class Progress:
    """Counts what was tried, and in which state."""

    def __init__(self, max_failures: int, max_repeats: int):
        """Begin a task."""
        self.max_failures, self.max_repeats = max_failures, max_repeats
        self._failures: Counter[Step] = Counter()
        self._repeats: Counter[tuple] = Counter()

    def note(self, step: Step, result: SkillResult, before: Scene, words: str) -> str:
        """
        Count one turn and return why the task should be given up; empty while it gets on.

        :param before: the scene in which the step was chosen.
        :param words: the step for people.
        """
        if not result.success:
            self._failures[step] += 1
            if self._failures[step] < self.max_failures:
                return ''
            return f"'{words}' failed {self._failures[step]} times: {result.reason or 'no reason given'}"
        self._failures[step] = 0
        state = (step, describe_state(before))
        self._repeats[state] += 1
        if self._repeats[state] <= self.max_repeats:
            return ''
        return f"going in circles: '{words}' was done {self._repeats[state]} times in the same state"


def describe_state(scene: Scene) -> tuple:
    """Return what tells states apart: the hand, coarse places, relations that skills change."""
    places = tuple(sorted((item.name, *(round(value / CELL) for value in item.p_base)) for item in scene.objects))
    facts = frozenset((r.subject, r.predicate, r.object) for r in scene.relations if r.predicate in TOLD)
    return scene.held, places, facts
