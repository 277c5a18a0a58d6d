"""
Continuations of one prompt as a trie of tokens, fed as one sequence under a tree-shaped attention mask.

As in SpecInfer, arXiv 2305.09781: each token sees the prompt, its ancestors and itself, so that what several
continuations share is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class TokenTrie:
    """
    Continuations as a trie of the tokens that must be fed, every parent before its children.

    :param tokens: token of each node; the last token of a continuation is a node only if another goes on
        from it.
    :param parents: index of the parent node, -1 for children of the prompt.
    :param paths: per continuation, (row, token) pairs: row 0 is the prompt's end, row i + 1 is node i.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    paths: tuple[tuple[tuple[int, int], ...], ...]


def build_trie(continuations: Sequence[Sequence[int]]) -> TokenTrie:
    """Return the trie of token sequences, none of which may be empty."""
    known: dict[tuple[int, ...], int] = {}
    tokens: list[int] = []
    parents: list[int] = []
    for ids in continuations:
        for length in range(1, len(ids)):
            head = tuple(ids[:length])
            if head not in known:
                known[head] = len(tokens)
                tokens.append(ids[length - 1])
                parents.append(known[head[:-1]] if length > 1 else -1)
    paths = tuple(
        tuple((known[tuple(ids[:i])] + 1 if i else 0, token) for i, token in enumerate(ids)) for ids in continuations
    )
    return TokenTrie(tuple(tokens), tuple(parents), paths)


def build_mask(keep: int, fresh: int, parents: Sequence[int], dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Return the additive mask (1, 1, N, keep + N) and positions (1, N) of fresh prompt tokens, then trie nodes.

    A prompt token sees all before it; a node sees the prompt, its ancestors and itself.
    """
    count = fresh + len(parents)
    sees = torch.zeros(count, keep + count, dtype=torch.bool)
    sees[:, :keep] = True
    sees[:fresh, keep : keep + fresh] = torch.ones(fresh, fresh, dtype=torch.bool).tril()
    positions = list(range(keep, keep + fresh))
    for node, parent in enumerate(parents):
        above = fresh - 1 if parent < 0 else fresh + parent
        sees[fresh + node] = sees[above]
        sees[fresh + node, keep + fresh + node] = True
        positions.append(positions[above] + 1)
    mask = torch.zeros(1, 1, count, keep + count, dtype=dtype).masked_fill(~sees, torch.finfo(dtype).min)
    return mask, torch.tensor([positions])


def pick_logprobs(logits: torch.Tensor, paths: Sequence[Sequence[tuple[int, int]]]) -> list[list[float]]:
    """Return the log-probability of every (row, token) of every path; of the vocabulary only the sum is needed."""
    rows, tokens = zip(*(pair for path in paths for pair in path))
    picked = iter((logits[list(rows), list(tokens)] - logits.logsumexp(dim=-1)[list(rows)]).tolist())
    return [[next(picked) for _ in path] for path in paths]
