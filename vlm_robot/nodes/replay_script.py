"""
Reads out of a recording what happened in which order: the script of a replay.

The order is that of the scene node, which its journal tells, not that in which the recorder heard of things. Turns
of the planner (a task begins, a skill has ended) stand in it by what the planner counted as seen afterwards: a scene
newer than the stamp of the turn counts, an older one does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlm_robot.errors import PerceptionError
from vlm_robot.nodes.bag import read_bag
from vlm_robot.nodes.intake import Entry, key_of, Kind, PLANNER_JOURNAL, read_entry, SCENE_JOURNAL

ENDS = ('done', 'refused', 'failed', 'cancelled')
SAME_TIME = 1e-6  # seconds; stamps nearer than this are one
LOOKS, HANDS, TURNS = (Kind.LOOK, Kind.SKIP), (Kind.HAND, Kind.HELD), (Kind.BEGIN, Kind.MOVED)
SOURCES = {'detections': LOOKS, 'hand_state': HANDS, 'world_changed': (Kind.WORLD,)}  # topic -> what it leads to


@dataclass(frozen=True)
class Event:
    """
    One thing that happened, with the message that caused it; turns of the planner have none.

    :param nanoseconds: wall clock of the recorder when the message came.
    :param begins_motion: a state of the hand from which on a skill moves the arm.
    """

    entry: Entry
    message: Any = None
    nanoseconds: int = 0
    begins_motion: bool = False


@dataclass
class Script:
    """A recording without its pictures."""

    events: deque[Event] = field(default_factory=deque)
    scenes: list[Any] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)
    tasks: list[Any] = field(default_factory=list)  # the last plan of each task
    lost: int = 0  # messages of which the scene node knows, and the recording does not


def read_script(bag: Path, prefix: str) -> Script:
    """
    Return the script of a recording.

    :param prefix: namespace of the topics, with a slash at its end.
    :raises PerceptionError: it cannot be read, or it was made before there were journals.
    """
    kept: dict[str, list] = {name: [] for name in (*SOURCES, SCENE_JOURNAL, PLANNER_JOURNAL)}
    script = Script()
    plans: list[Any] = []
    others = {'scene': script.scenes, 'step_records': script.records, 'plan': plans}
    for record in read_bag(bag, tuple(prefix + name for name in (*kept, *others))):
        name, message = record.topic.removeprefix(prefix), record.message
        if name in kept:
            kept[name].append((message, record.nanoseconds))
        else:
            others[name].append(message)
    journals = [_read_journal(kept[topic]) for topic in (SCENE_JOURNAL, PLANNER_JOURNAL)]
    if not journals[0] or not any(entry.kind in LOOKS for entry in journals[0]):
        raise PerceptionError(
            f"'{bag}' holds no look in '{prefix}{SCENE_JOURNAL}': an older recorder made it; record it again"
        )
    events, script.lost = _join_messages(journals[0], kept)
    script.events = merge_turns(events, [entry for entry in journals[1] if entry.kind in TURNS])
    script.tasks = _list_tasks(plans, sum(entry.kind is Kind.BEGIN for entry in journals[1]))
    return script


def _read_journal(kept: Sequence[tuple[Any, int]]) -> list[Entry]:
    return [entry for entry in (read_entry(message) for message, _ in kept) if entry is not None]


def _join_messages(entries: Sequence[Entry], kept: dict[str, list]) -> tuple[list[Event], int]:
    """Return what the scene node took in with the messages, and how many of these are lost."""
    waiting: dict[tuple, deque] = {}
    for topic, kinds in SOURCES.items():
        for message, nanoseconds in kept[topic]:
            key = (
                kinds,
                getattr(message, 'camera', ''),
                key_of(message.header.stamp if topic != 'world_changed' else message.stamp),
            )
            waiting.setdefault(key, deque()).append((message, nanoseconds))
    events: list[Event] = []
    lost, was_moving = 0, False
    for entry in entries:
        kinds = next(kinds for kinds in SOURCES.values() if entry.kind in kinds)
        found = waiting.get((kinds, entry.camera, entry.stamp))
        if not found:
            lost += bool(events)  # before the first the recorder did not listen yet
            continue
        message, nanoseconds = found.popleft()
        moving = message.moving if entry.kind in HANDS else was_moving
        events.append(Event(entry, message, nanoseconds, begins_motion=moving and not was_moving))
        was_moving = moving
    return events, lost


def merge_turns(events: Sequence[Event], turns: Sequence[Entry]) -> deque[Event]:
    """
    Return the events of the scene node with the turns of the planner among them.

    A turn stands before the first look that makes the scene newer than it, a beginning before the first motion of its
    task, and the end of a skill after its motion. The last motion may lack its end.

    :raises PerceptionError: somebody else than the planner moved the arm, so that nobody knows which motion is whose.
    """
    motions = sum(event.begins_motion for event in events)
    ends = sum(turn.kind is Kind.MOVED for turn in turns)
    if not ends <= motions <= ends + 1:
        raise PerceptionError(
            f'the recording holds {motions} motions and {ends} ends of skills of tasks; only tasks can be replayed'
        )
    merged: deque[Event] = deque()
    left, newest, begun, ended = deque(turns), 0.0, 0, 0
    for event in events:
        if event.entry.kind is Kind.WORLD:
            newest = 0.0
        if event.entry.kind is Kind.LOOK:
            newest = max(newest, event.entry.seconds)
        begun += event.begins_motion
        while left:
            turn = left[0]
            is_end = turn.kind is Kind.MOVED
            is_due = newest > turn.seconds + SAME_TIME and not (is_end and ended >= begun)
            if not is_due and not (event.begins_motion and ended + is_end < begun):
                break
            ended += is_end
            merged.append(Event(left.popleft()))
        merged.append(event)
    merged.extend(Event(turn) for turn in left)
    return merged


def _list_tasks(plans: Sequence[Any], begun: int) -> list[Any]:
    """Return the last plan of each task that began; that of a task without an end is what there was so far."""
    ends = [plan for plan in plans if plan.status in ENDS]
    if len(ends) < begun and plans and plans[-1].status not in ENDS:
        ends.append(plans[-1])
    return ends
