"""
The parts of plans as short programs, and every function that may stand in one.

Values are data: nothing here is ever executed. ``program.py`` reads and writes them, ``interpreter.py`` runs
them. Texts are checked where they are made, so that every program can be written down and read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from vlm_robot.errors import PlanError

MAX_TEXT = 200  # characters of one text or comment


@dataclass(frozen=True)
class Text:
    """Words between quotes: the name of a thing, a place, a direction."""

    value: str

    def __post_init__(self):
        """Check that the words can be written between quotes."""
        if not _is_plain(self.value) or {"'", '"'} <= set(self.value):
            raise PlanError(f'the text {self.value[:40]!r} is too long or holds signs that cannot stand in a program')


@dataclass(frozen=True)
class Number:
    """A whole number from 0 to 99."""

    value: int

    def __post_init__(self):
        """Check the range."""
        if not 0 <= self.value <= 99:
            raise PlanError(f'the number {self.value} is not between 0 and 99')


@dataclass(frozen=True)
class Variable:
    """What a loop runs through."""

    name: str


@dataclass(frozen=True)
class Listing:
    """Several values in order."""

    items: tuple[Value, ...]


@dataclass(frozen=True)
class Call:
    """A function of ``FUNCTIONS`` with its arguments; ``options`` are keyword and value, in order."""

    function: str
    args: tuple[Value, ...] = ()
    options: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True)
class Comparison:
    """``count(...)`` beside a number; ``sign`` is one of ``COMPARISONS``."""

    left: Call
    sign: str
    right: Number


@dataclass(frozen=True)
class Not:
    """The contrary of a condition."""

    part: Condition


@dataclass(frozen=True)
class Join:
    """Conditions that must all hold (``and``), or one of them (``or``)."""

    word: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Comment:
    """A line for people; it does nothing."""

    text: str

    def __post_init__(self):
        """Check that the words are one plain line."""
        if not _is_plain(self.text) or self.text != self.text.lstrip('# ').rstrip():
            raise PlanError(f'the comment {self.text[:40]!r} is too long or no plain line')


@dataclass(frozen=True)
class Do:
    """A skill."""

    call: Call


@dataclass(frozen=True)
class Assert:
    """If the condition does not hold, the recovery is done."""

    test: Condition
    recovery: Call


@dataclass(frozen=True)
class For:
    """One body for each value; two names run through two lists in step (``zip``)."""

    names: tuple[str, ...]
    values: tuple[Value, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class If:
    """One body or the other."""

    test: Condition
    body: tuple[Statement, ...]
    other: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Program:
    """Statements in order."""

    body: tuple[Statement, ...] = ()


Value: TypeAlias = Text | Number | Variable | Listing | Call
Condition: TypeAlias = Call | Comparison | Not | Join
Statement: TypeAlias = Comment | Do | Assert | For | If


@dataclass(frozen=True)
class Signature:
    """
    What a function is for and takes.

    :param kind: ``skill``, ``thing`` (selects one), ``things`` (selects several), ``condition`` or ``count``.
    :param args: per argument the kinds it may have, as letters: ``v`` a value of any kind, ``t`` text only,
        ``n`` a number.
    :param least: how many arguments must be given.
    """

    kind: str
    args: tuple[str, ...] = ()
    least: int = 0
    options: tuple[str, ...] = ()


SIDES = ('left', 'right', 'top', 'bottom')
RANKS = tuple(f'from_{side}' for side in SIDES)
FILTERS = (
    *('colour_of', 'not_colour_of', *RANKS, 'left_of', 'right_of', 'above', 'below', 'next_to'),
    *('closest_to', 'farthest_from', 'but', 'at', 'inside', 'on'),
)
SHAPES_OF_LINES = ('horizontal', 'vertical', 'diagonal')
COMPARISONS = ('>', '<', '>=', '<=', '==', '!=')
FUNCTIONS = MappingProxyType(
    {
        'put': Signature('skill', ('v', 'v'), 2),
        'pick': Signature('skill', ('v',), 1),
        'place': Signature('skill', ('v',), 1),
        'stack': Signature('skill', ('v', 'v'), 1),
        'unstack': Signature('skill', ('v',), 1),
        'swap': Signature('skill', ('v', 'v'), 2),
        'group': Signature('skill', ('v', 'v'), 1),
        'push': Signature('skill', ('v', 'v'), 2),
        'sweep': Signature('skill', ('v', 'v'), 2),
        'open': Signature('skill', ('v',), 1),
        'close': Signature('skill', ('v',), 1),
        'hand_over': Signature('skill', ('v',), 1),
        'go_home': Signature('skill'),
        'undo': Signature('skill'),
        'refuse': Signature('skill', ('t',), 1),
        'the': Signature('thing', ('t',), 1, FILTERS),
        'a': Signature('thing', ('t',), 1, FILTERS),
        'all': Signature('things', ('t',), 1, FILTERS),
        'some': Signature('things', ('t', 'n'), 2, FILTERS),
        'line': Signature('things', ('t',), 1),
        'clockwise': Signature('things', ('t',), 1),
        'counterclockwise': Signature('things', ('t',), 1),
        'beside': Signature('thing', ('v', 't'), 2),
        'between': Signature('thing', ('v', 'v'), 2),
        'is_in': Signature('condition', ('v', 'v'), 2),
        'is_on': Signature('condition', ('v', 'v'), 2),
        'is_at': Signature('condition', ('v', 'v'), 2),
        'is_clear': Signature('condition', ('v',), 1),
        'is_open': Signature('condition', ('v',), 1),
        'is_held': Signature('condition', ('v',), 1),
        'exists': Signature('condition', ('v',), 1),
        'count': Signature('count', ('v',), 1),
    }
)
SKILL_CALLS = tuple(name for name, signature in FUNCTIONS.items() if signature.kind == 'skill')
# Functions whose last text is one of few words.
WORDS = MappingProxyType(
    {
        'line': SHAPES_OF_LINES,
        'clockwise': ('corner', 'side'),
        'counterclockwise': ('corner', 'side'),
        'beside': SIDES,
    }
)


def _is_plain(text: str) -> bool:
    return len(text) <= MAX_TEXT and text.isprintable() and '\\' not in text
