"""
Training texts as rows of tokens: several texts share a row, programs share the constant head of their prompt.

Every program's prompt begins with the same line, so a row holds that line once and the programs as branches
behind it: a token sees the head and its own branch, at the positions it would have alone (the tree mask of
SpecInfer, arXiv 2305.09781, used for training). Other texts stand in the row beside them, unseen by them. A
step then computes no token twice and almost no padding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
import itertools
import random

import torch

from vlm_robot.planning.program_prompt import HEAD
from vlm_robot.training.planner_data import Example
from vlm_robot.training.program_data import ProgramExample

IGNORED = -100
POOL = 192  # examples that are packed together


@dataclass(frozen=True, eq=False)
class Batch:
    """
    Rows of tokens, ready for the model.

    :param ids: (B, T) int64.
    :param labels: (B, T) int64, the token itself where it is learned, else -100.
    :param positions: (B, T) int64.
    :param mask: (B, 1, T, T) additive, 0 where the second token is seen by the first.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class Coded:
    """Token ids and labels of one text; ``branch`` says that the head of programs stands before it."""

    ids: list[int]
    labels: list[int]
    branch: bool


@dataclass
class Row:
    """Texts in one row: per token its id, label, position, text and branch."""

    width: int
    ids: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    trunk: int = -1  # number of the text that is the head of programs

    def fits(self, coded: Coded, head: list[int]) -> bool:
        """Say whether the text has room, the head included where it is missing."""
        extra = len(head) if coded.branch and self.trunk < 0 else 0
        return len(self.ids) + len(coded.ids) + extra <= self.width

    def add(self, coded: Coded, head: list[int]) -> None:
        """Append a text."""
        number = max(self.texts, default=-1) + 1
        if coded.branch:
            if self.trunk < 0:
                self.trunk, number = number, number + 1
                self._append(head, [IGNORED] * len(head), 0, self.trunk, 0)
            self._append(coded.ids, coded.labels, len(head), self.trunk, max(self.branches) + 1)
        else:
            self._append(coded.ids, coded.labels, 0, number, 0)

    def _append(self, ids: list[int], labels: list[int], start: int, text: int, branch: int) -> None:
        self.ids += ids
        self.labels += labels
        self.positions += range(start, start + len(ids))
        self.texts += [text] * len(ids)
        self.branches += [branch] * len(ids)


class Encoder:
    """Turns examples into tokens as the model will read them in use."""

    def __init__(self, tokenizer):
        """Keep the tokenizer and the tokens of the head."""
        self.tokenizer = tokenizer
        one, two = tokenizer([HEAD + 'objects', HEAD + '# '])['input_ids']
        self.head: list[int] = [a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, two))]

    def encode(self, example: Example | ProgramExample) -> Coded:
        """Return the tokens of a text; only the steps or the body of a program are labelled."""
        if isinstance(example, ProgramExample):
            prompt = self.tokenizer(example.prompt)['input_ids'][len(self.head) :]
            body = self.tokenizer(example.completion)['input_ids']
            return Coded(prompt + body, [IGNORED] * len(prompt) + body, True)
        coded = self.tokenizer(example.text, return_offsets_mapping=True)
        inside = [any(start <= a and b <= end for start, end in example.spans) for a, b in coded['offset_mapping']]
        ids = coded['input_ids']
        return Coded(ids, [token if yes else IGNORED for token, yes in zip(ids, inside)], False)


def pack(coded: list[Coded], head: list[int], width: int) -> list[Row]:
    """Return rows that hold the texts, longest first where there is room; what no row holds is left out."""
    rows: list[Row] = []
    for item in sorted(coded, key=lambda item: -len(item.ids)):
        row = next((row for row in rows if row.fits(item, head)), None)
        if row is None:
            row = Row(width)
            if not row.fits(item, head):
                continue
            rows.append(row)
        row.add(item, head)
    return rows


def stack_rows(rows: list[Row], dtype: torch.dtype = torch.bfloat16) -> Batch:
    """Return rows as tensors, padded on the right."""
    width = max(len(row.ids) for row in rows)

    def table(name: str, filler: int) -> torch.Tensor:
        return torch.tensor([getattr(row, name) + [filler] * (width - len(row.ids)) for row in rows])

    texts, branches = table('texts', -1), table('branches', 0)
    sees = torch.ones(width, width, dtype=torch.bool).tril()[None]
    sees = sees & (texts[:, :, None] == texts[:, None, :])
    sees = sees & ((branches[:, None, :] == 0) | (branches[:, :, None] == branches[:, None, :]))
    mask = torch.zeros(sees.shape, dtype=dtype).masked_fill(~sees, torch.finfo(dtype).min)
    return Batch(table('ids', 0), table('labels', IGNORED), table('positions', 0), mask[:, None])


def stream_batches(
    encoder: Encoder, examples: Iterator[Example | ProgramExample], batch_tokens: int, width: int, seed: int = 0
) -> Iterator[Batch]:
    """Yield batches of ``batch_tokens`` tokens in rows of ``width``, without end."""
    rng = random.Random(seed)
    waiting: list[Row] = []
    count = max(1, batch_tokens // width)
    while True:
        pool = [encoder.encode(example) for example in itertools.islice(examples, POOL)]
        waiting += pack(pool, encoder.head, width)
        rng.shuffle(waiting)
        while len(waiting) >= 2 * count:
            yield stack_rows([waiting.pop() for _ in range(count)])


def mix(streams: list[tuple[Iterator, float]], seed: int) -> Iterator:
    """Yield from several endless streams, each as often as its weight says."""
    rng = random.Random(seed)
    sources, weights = [stream for stream, _ in streams], [weight for _, weight in streams]
    while True:
        yield next(rng.choices(sources, weights)[0])
