"""
What was said and done before in one conversation: it lets "undo that" and "the same with the green one" be read.

A ``Dialogue`` keeps the last sentences with their programs, and how to bring back what the last of them moved.
A ``Listener`` stands between a person and a planner: it reads the sentence (``understanding.py``), hands the
dialogue to a planner that can use it, and remembers how the task ended. Places are those of the base frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vlm_robot.datatypes import Decision, Plan, Scene, SceneObject, Step, TaskResult
from vlm_robot.planning.program_prompt import Turn
from vlm_robot.planning.symbolic import relate
from vlm_robot.planning.understanding import ask_model, understand, Understood
from vlm_robot.vocabulary import format_spot

MAX_TURNS = 4  # sentences that are remembered; more would push worked examples out of a short context
OPPOSITE = {'open_drawer': 'close_drawer', 'close_drawer': 'open_drawer'}
WHICH = '; which one? '  # between a sentence and an answer, as ``conversation.take_answer`` writes it
KEEPS = ('pick', 'go_home', 'done', 'refuse')  # steps after which nothing lies elsewhere


@dataclass
class Dialogue:
    """
    A memory of bounded length; it belongs to one table and one person.

    :param turns: sentences as they were read, with the programs that answered them, oldest first.
    :param moves: steps that bring back what the last turn moved, in the order in which they can be done; a
        ``place_in``, ``place_on`` or ``place_at`` names the thing and stands for picking it up, too.
    """

    turns: tuple[Turn, ...] = ()
    moves: tuple[Step, ...] = ()

    def remember(self, sentence: str, before: Scene, plan: Plan, status: str, steps: Sequence[Step]) -> None:
        """
        Take in a turn that has ended; one that was refused leaves the memory as it is.

        :param sentence: as the planner read it.
        :param before: the scene in which the turn began.
        :param status: that of the task: ``done``, ``refused``, ``failed`` or ``cancelled``.
        :param steps: what was carried out with success.
        """
        moves = list_moves_back(before, steps)
        if plan.program and status != 'refused':
            self.turns = (*self.turns, Turn(sentence, plan.program))[-MAX_TURNS:]
        if moves or status == 'done':
            self.moves = moves

    def forget(self) -> None:
        """Forget everything: another table, another person."""
        self.turns, self.moves = (), ()


def list_moves_back(before: Scene, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps that bring back what successful steps moved, last moved first."""
    places, back = relate(before), []
    for step in reversed(steps):
        if step.skill in OPPOSITE:
            back.append(Step(OPPOSITE[step.skill], step.target))
        item = before.find(step.target)
        known = any(done.target == step.target for done in back)
        if item is None or step.skill in (*KEEPS, *OPPOSITE) or known:
            continue
        back.append(_place_back(item, places[item.name]))
    return tuple(back)


def _place_back(item: SceneObject, place: tuple[str, str]) -> Step:
    relation, what = place
    if relation in ('in', 'on'):
        return Step(f'place_{relation}', item.name, what)
    return Step('place_at', item.name, format_spot(*item.p_base[:2]))


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
        self._before: Scene | None = None
        self._sentence = ''  # of the present turn, as it was read
        self._told = 0  # successful steps of the turns before

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
            self.heard[sentence] = understand(sentence, scene, ask_model(model) if model else None)
        return self.heard[sentence]

    def plan(self, sentence: str, scene: Scene) -> Plan:
        """Return a whole plan; nothing moves."""
        return self.project(sentence, scene).plan

    def project(self, sentence: str, scene: Scene) -> Any:
        """Return a whole plan and its decisions; nothing moves."""
        self._sentence = self.read(sentence, scene)
        if self._before is None:
            self._before = scene
        if hasattr(self._planner, 'dialogue'):
            self._planner.dialogue = self.dialogue
        projection = self._planner.project(self._sentence, scene)
        reason = self.explain(projection.plan.reason)
        return replace(projection, plan=replace(projection.plan, reason=reason))

    def decide(self, sentence: str, scene: Scene, *rest: Any, **named: Any) -> Decision:
        """Return the chosen next step."""
        return self._planner.decide(self.read(sentence, scene), scene, *rest, **named)

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
            self.dialogue.remember(self._sentence, self._before, result.plan, result.status, result.steps[self._told :])
        self._before, self._told = None, len(result.steps)
        return replace(result, notes=self.notes)
