"""
The text that the language model reads: the scene when the task began, the sentence, and what happened so far.

The text only grows from step to step, so a model's key-value cache stays valid: after every skill one line
is completed with the step that was taken and with what was seen afterwards. The same functions write the
training data. Example::

    See: red block, blue block, green bowl.
    Now: blue block in green bowl.
    Task: put the red block in the green bowl
    1. pick up the red block. ok, holding red block.
    2.

It knows nothing of models or cameras. Text that comes from outside is flattened to one line: it is data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vlm_robot.datatypes import DescriptionLine, Scene, SkillResult, Step, StepRecord
from vlm_robot.planning.parsing import format_step, hold_after, is_name
from vlm_robot.planning.sight_notes import write_notes
from vlm_robot.planning.symbolic import relate

MAX_REASON_CHARS = 60  # of a skill's reason in the prompt


@dataclass(frozen=True)
class History:
    """
    What happened since the task began.

    :param opening: the two lines that describe the scene as it was at the start.
    :param held: what the hand held at the start.
    :param records: the turns so far; the ``scene_text`` of each is its observation.
    :param described: what a describer said of the scene at the start (``sight_notes.py``).
    """

    opening: str
    held: str = ''
    records: tuple[StepRecord, ...] = ()
    described: tuple[DescriptionLine, ...] = ()

    def add(self, record: StepRecord) -> History:
        """Return the history with one more turn."""
        return replace(self, records=(*self.records, record))


def begin(scene: Scene) -> History:
    """Return the history of a task that starts in this scene."""
    return History(describe(scene), scene.held, described=scene.described)


def describe(scene: Scene) -> str:
    """Return ``See: ...`` with every name and ``Now: ...`` with every fact beyond lying on the table."""
    names = [name for name in scene.names if is_name(name)]
    if scene.held and scene.held not in names:
        names.append(scene.held)
    places = {
        name: place for name, place in relate(scene).items() if is_name(name) and (not place[1] or is_name(place[1]))
    }
    facts = [say_place(name, place) for name, place in places.items() if place[0] != 'table']
    return f'See: {", ".join(names) or "nothing"}.\nNow: {", ".join(facts) or "all on the table"}.'


def say_place(name: str, place: tuple[str, str]) -> str:
    """Return a fact in words, for example ``red block in green bowl``."""
    relation, what = place
    if relation == 'held':
        return f'holding {name}'
    return f'{name} on the table' if relation == 'table' else f'{name} {relation} {what}'


def observe(before: Scene, after: Scene, step: Step, result: SkillResult) -> str:
    """
    Return what is written behind a step: ``ok`` or ``failed`` with the reason, then what changed.

    The place of the step's own target is always told; other objects only where ``in``, ``on`` or the hand
    changed.
    """
    old, new = relate(before), relate(after)
    target = step.target or before.held
    told = [say_place(target, new[target])] if target in new else ([f'{target} is gone'] if target else [])
    for name, place in new.items():
        change = {old.get(name, place), place}
        if name != target and is_name(name) and len(change) > 1 and any(p[0] in ('in', 'on', 'held') for p in change):
            told.append(say_place(name, place))
    reason = ' '.join(result.reason.split())[:MAX_REASON_CHARS].rstrip('. ')
    head = 'ok' if result.success else f'failed: {reason}' if reason else 'failed'
    return ', '.join([head, *told])


def write_prompt(sentence: str, history: History) -> str:
    """Return the prompt up to the number of the step that must be chosen now; it ends without a space."""
    notes = write_notes(history.described, sentence)
    opening = f'{history.opening}\nAlso: {notes}.' if notes else history.opening
    text = f'{opening}\nTask: {" ".join(sentence.split())}\n1.'
    held = history.held
    for number, record in enumerate(history.records, 2):
        step = record.decision.chosen.step
        text += f' {format_step(step, held)}. {record.scene_text}.\n{number}.'
        if record.result.success:
            held = hold_after(step, held)
    return text
