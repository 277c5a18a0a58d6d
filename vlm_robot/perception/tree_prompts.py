r"""
Tree prompts: ``[a face [a nose, an eye] (happy, sad)]`` looks for faces, their noses and eyes, and names their mood.

Square brackets detect, round ones classify; a label may be followed by groups about what it found; groups may stand
beside each other: ``[a bowl] (a tidy table, a messy table)``. A backslash takes a sign literally: ``\,`` ``\[`` ``\(``
``\\``. Prompts are data: they are parsed here, by hand, and nothing of them is ever run.

Source of the notation: NanoOWL (NVIDIA-AI-IOT/nanoowl); escapes, limits and errors are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn

from vlm_robot.errors import SentenceError

Kind = Literal['detect', 'classify']
OPENING: dict[str, Kind] = {'[': 'detect', '(': 'classify'}
CLOSING = {'detect': ']', 'classify': ')'}
SIGNS = '[](),\\'
MOST_CHARACTERS = 2000
MOST_DEPTH = 8
EXAMPLE = "'[a face [a nose, an eye] (happy, sad)]'"


@dataclass(frozen=True)
class Branch:
    """A label, and the groups that are asked about each thing that it names."""

    label: str
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True)
class Group:
    """Labels that are asked together: all that are there (``detect``), or the one that fits best (``classify``)."""

    kind: Kind
    branches: tuple[Branch, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels in order."""
        return tuple(branch.label for branch in self.branches)


def parse_tree(text: str) -> tuple[Group, ...]:
    """
    Return the groups of a tree prompt.

    :raises SentenceError: it is no tree; the message shows where.
    """
    if not isinstance(text, str) or not text.strip():
        raise SentenceError(f'a tree prompt must be text such as {EXAMPLE}, got {text!r}')
    if len(text) > MOST_CHARACTERS:
        raise SentenceError(f'a tree prompt has at most {MOST_CHARACTERS} characters, got {len(text)}')
    reader = _Reader(text)
    groups = reader.read_groups(1)
    if reader.peek():
        reader.fail(f"'{reader.peek()}' stands outside of brackets; begin with [ to detect or ( to classify")
    return groups


def format_tree(groups: tuple[Group, ...]) -> str:
    """Return the prompt of a tree: ``parse_tree(format_tree(groups)) == groups``."""
    return ' '.join(_format_group(group) for group in groups)


def list_texts(groups: tuple[Group, ...], kind: Kind) -> tuple[str, ...]:
    """Return every label of groups of a kind, at any depth, each once."""
    found: list[str] = []
    for group in groups:
        found += group.labels if group.kind == kind else ()
        for branch in group.branches:
            found += list_texts(branch.groups, kind)
    return tuple(dict.fromkeys(found))


def _format_group(group: Group) -> str:
    words = [' '.join([_escape(b.label), *map(_format_group, b.groups)]) for b in group.branches]
    opening = '[' if group.kind == 'detect' else '('
    return f'{opening}{", ".join(words)}{CLOSING[group.kind]}'


def _escape(label: str) -> str:
    return ''.join(f'\\{sign}' if sign in SIGNS else sign for sign in label)


class _Reader:
    """Goes through the text once, from left to right."""

    def __init__(self, text: str):
        self.text, self.at = text, 0

    def peek(self) -> str:
        """Return the next sign that is no space, empty at the end."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def fail(self, why: str, at: int | None = None) -> NoReturn:
        place = self.at if at is None else at
        near = self.text[max(0, place - 20) : place] + '>>>' + self.text[place : place + 20]
        raise SentenceError(f"tree prompt, character {place + 1} ('{near}'): {why}; for example {EXAMPLE}")

    def read_groups(self, depth: int) -> tuple[Group, ...]:
        groups = []
        while self.peek() in ('[', '('):
            groups.append(self.read_group(depth))
        return tuple(groups)

    def read_group(self, depth: int) -> Group:
        begin, kind = self.at, OPENING[self.peek()]
        if depth > MOST_DEPTH:
            self.fail(f'more than {MOST_DEPTH} brackets inside each other')
        self.at += 1
        branches: list[Branch] = []
        while True:
            label = self.read_label()
            if label in [branch.label for branch in branches]:
                self.fail(f"'{label}' stands twice in one group")
            branches.append(Branch(label, self.read_groups(depth + 1)))
            sign = self.peek()
            if sign == ',':
                self.at += 1
            elif sign == CLOSING[kind]:
                self.at += 1
                return self.check(Group(kind, tuple(branches)), begin)
            elif not sign:
                self.fail(f"this '{self.text[begin]}' is never closed by '{CLOSING[kind]}'", begin)
            else:
                self.fail(f"expected ',' or '{CLOSING[kind]}' here")

    def read_label(self) -> str:
        self.peek()
        begin, signs = self.at, []
        while self.at < len(self.text) and self.text[self.at] not in '[](),':
            if self.text[self.at] == '\\':
                self.at += 1
                if self.text[self.at : self.at + 1] not in tuple(SIGNS):
                    self.fail(r'after a backslash one of [ ] ( ) , \ must follow', self.at - 1)
            signs.append(self.text[self.at])
            self.at += 1
        label = ' '.join(''.join(signs).split())
        if not label:
            self.fail('a label is missing here', begin)
        return label

    def check(self, group: Group, begin: int) -> Group:
        if group.kind == 'classify' and len(group.branches) < 2:
            self.fail('round brackets choose between at least two labels', begin)
        return group
