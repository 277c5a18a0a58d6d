"""
What was said and done before in one conversation: it lets "undo that" and "the same with the green one" be read.

A ``Dialogue`` keeps the last sentences with their programs, and how to bring back what the last of them moved.
A ``Listener`` stands between a person and a planner: it reads the sentence (``understanding.py``), hands the
dialogue to a planner that can use it, and remembers how the task ended. Places are those of the base frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from vlm_robot.datatypes import Decision, OptionScore, Plan, Scene, Step, TaskResult
from vlm_robot.planning.anaphora import recall_places
from vlm_robot.planning.binding import find_moves, Move
from vlm_robot.planning.conversation import WHICH
from vlm_robot.planning.foresight import foresee
from vlm_robot.planning.program_prompt import Turn
from vlm_robot.planning.prompt import History
from vlm_robot.planning.saycan import Projection
from vlm_robot.planning.selectors import explain_none
from vlm_robot.planning.understanding import ask_model, understand, Understood
from vlm_robot.planning.unknown_things import find_misread, find_unknown_solid

MAX_TURNS = 4  # sentences that are remembered; more would push worked examples out of a short context


@dataclass
class Dialogue:
    """
    A memory of bounded length; it belongs to one table and one person.

    :param turns: sentences as they were read, with the programs that answered them, oldest first.
    :param moves: where the things lay that the last turn moved.
    """

    turns: tuple[Turn, ...] = ()
    moves: tuple[Move, ...] = ()

    def remember(self, sentence: str, plan: Plan, status: str, before: Scene, after: Scene) -> None:
        """
        Take in a turn that has ended; one that was refused leaves the memory as it is.

        :param sentence: as the planner read it.
        :param status: that of the task: ``done``, ``refused``, ``failed`` or ``cancelled``.
        :param before: the scene in which the turn began.
        :param after: the last scene that was seen in it.
        """
        if status == 'refused':
            return
        moves = find_moves(before, after)
        if plan.program:
            self.turns = (*self.turns, Turn(sentence, plan.program))[-MAX_TURNS:]
        if moves or status == 'done':
            self.moves = moves

    def forget(self) -> None:
        """Forget everything: another table, another person."""
        self.turns, self.moves = (), ()


class Listener:
    """
    A planner that is asked in the words of people; what it does not do itself, the planner behind it does.

    Every ``end`` closes one turn: a person who says something new during a task begins another one.
    """

    def __init__(self, planner: Any, dialogue: Dialogue | None = None):
        """
        Listen for one task.

        :param planner: where it has an attribute ``dialogue``, that is set before every plan.
        """
        self._planner = planner
        self.dialogue = dialogue if dialogue is not None else Dialogue()
        self.heard: dict[str, Understood] = {}
        self._sentence = ''  # of the present turn, as it was read
        self._before: Scene | None = None  # when the present turn began
        self._after = Scene()  # as it was seen last

    def __getattr__(self, name: str) -> Any:
        """Return what the planner has under that name."""
        return getattr(self.__dict__['_planner'], name)

    def read(self, sentence: str, scene: Scene) -> str:
        """Return the sentence as it was understood when it was first heard; an answer behind it is read by itself."""
        asked, mark, answer = sentence.rpartition(WHICH)
        if mark:
            return f'{self.read(asked, scene)}{mark}{self._understand(answer, scene).text}'
        return self._understand(sentence, scene).text

    def _understand(self, sentence: str, scene: Scene) -> Understood:
        if sentence not in self.heard:
            model = getattr(self._planner, 'model', None)
            found = understand(sentence, scene, ask_model(model) if model else None)
            text, notes = recall_places(found.text, self.dialogue.turns)
            self.heard[sentence] = replace(found, text=text, notes=(*found.notes, *notes))
        return self.heard[sentence]

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return a whole plan; nothing moves."""
        return self.foresee(sentence, scene).plan

    def project(self, sentence: str, scene: Scene) -> Projection:
        """Return a whole plan and its decisions; nothing moves."""
        return self._plan_with(self._planner.project, sentence, scene)

    def foresee(self, sentence: str, scene: Scene) -> Projection:
        """Return the plan of ``project`` by the shorter way, where the planner has one."""
        return self._plan_with(partial(foresee, self._planner), sentence, scene)

    def _plan_with(self, plan: Callable[[str, Scene], Projection], sentence: str, scene: Scene) -> Projection:
        self._sentence = self.read(sentence, scene)
        self._before, self._after = self._before or scene, scene
        if hasattr(self._planner, 'dialogue'):
            self._planner.dialogue = self.dialogue
        absent = find_unknown_solid(self._sentence, scene)
        if absent:
            return _refuse(explain_none(absent, scene))
        projection = plan(self._sentence, scene)
        question = projection.plan.question
        absent = find_misread(self._sentence, scene, question) if question else ''
        if absent:
            return _refuse(explain_none(absent, scene))
        reason = self.explain(projection.plan.reason)
        return replace(projection, plan=replace(projection.plan, reason=reason))

    def decide(self, sentence: str, scene: Scene, history: History | None = None) -> Decision:
        """Return the chosen next step."""
        self._after = scene
        return self._planner.decide(self.read(sentence, scene), scene, history)

    def explain(self, reason: str) -> str:
        """Return why nothing is done, with the words that are in no dictionary."""
        unknown = [word for read in self.heard.values() for word in read.unknown if word not in reason]
        words = ', '.join(f"'{word}'" for word in dict.fromkeys(unknown))
        return f'{reason}; words that nobody knows here: {words}' if reason and words else reason

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was read otherwise than it was written."""
        return tuple(dict.fromkeys(note for read in self.heard.values() for note in read.notes))

    def end(self, result: TaskResult) -> TaskResult:
        """Remember how the turn ended; return the result with the notes on how it was read."""
        if self._before is not None:
            self.dialogue.remember(self._sentence, result.plan, result.status, self._before, self._after)
        self._before = None
        return replace(result, notes=self.notes)


def _refuse(reason: str) -> Projection:
    """Return a plan that refuses without asking a model."""
    option = OptionScore(Step('refuse'), 'refuse', 0.0, 1.0, 1.0, 1.0)
    return Projection(Plan((Step('refuse'),), reason), (Decision(option, (option,), reason),))
