"""
Options scored by letters: multiple-choice questions to a model that gives no log-probabilities of given texts.

Models favour some positions of a list over others, whatever stands there (KnowNo's released notebooks warn of
it, arXiv 2307.01928; Zheng et al., arXiv 2309.03882), so every question is asked in several orders: an order,
its mirror, then both turned on, and the logarithms are averaged. More options than letters play in rounds: the
best of every group meet again, and the rest keep their distance to the best of their group.

It knows no server: somebody else asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
import math

import numpy as np

from vlm_robot.errors import ServerError

LETTERS = 'ABCDEFGHIJKLMNOPQRST'  # 20: servers list at most 20 tokens of a place


@dataclass(frozen=True)
class LetterAnswer:
    """
    How likely each letter is as the answer.

    :param logprobs: natural logs by letter, not necessarily normalised; empty when no letter came.
    :param floor: natural log, what a letter that is missing can have at most.
    """

    logprobs: Mapping[str, float] = field(default_factory=dict)
    floor: float = -20.0


Ask = Callable[[Sequence[Sequence[str]]], Sequence[LetterAnswer]]


def list_orders(count: int, orders: int) -> list[list[int]]:
    """Return ``orders`` arrangements of ``count`` things: turned on evenly, each followed by its mirror."""
    turns = (orders + 1) // 2
    found: list[list[int]] = []
    for number in range(turns):
        shift = number * count // turns
        turned = [(place + shift) % count for place in range(count)]
        found += [turned, turned[::-1]]
    return found[:orders]


def score_by_letters(options: Sequence[str], ask: Ask, orders: int = 4, group: int = 20) -> list[float]:
    """
    Return the natural log of the share of each option; the shares sum to 1.

    :param ask: gets lists of options, the first is letter A, and returns one answer for each list.
    :param orders: how many arrangements of each question are asked.
    :param group: most options in one question, at most ``len(LETTERS)``.
    :raises ServerError: no arrangement of a question was answered with a letter.
    """
    return _play(list(options), ask, orders, group).tolist()


def _play(options: list[str], ask: Ask, orders: int, group: int) -> np.ndarray:
    count = math.ceil(len(options) / group)
    members = [list(range(first, len(options), count)) for first in range(count)]  # like options in different groups
    shares = _ask_groups([[options[i] for i in ids] for ids in members], ask, orders)
    if count == 1:
        return shares[0]
    keep = max(1, group // count)
    best = [[ids[k] for k in np.argsort(-share, kind='stable')[:keep]] for ids, share in zip(members, shares)]
    finalists = [i for ids in best for i in ids]
    final = dict(zip(finalists, _play([options[i] for i in finalists], ask, orders, group)))
    scores = np.empty(len(options))
    for ids, share, winners in zip(members, shares, best):
        top = ids.index(winners[0])
        for place, i in enumerate(ids):
            scores[i] = final.get(i, final[winners[0]] + share[place] - share[top])
    return _normalise(scores)


def _ask_groups(groups: list[list[str]], ask: Ask, orders: int) -> list[np.ndarray]:
    """Return the averaged, normalised log-shares of every group; all questions are asked in one go."""
    arrangements = [list_orders(len(texts), orders) if len(texts) > 1 else [] for texts in groups]
    questions = [[texts[i] for i in order] for texts, some in zip(groups, arrangements) for order in some]
    answers = iter(ask(questions) if questions else [])
    shares = []
    for texts, some in zip(groups, arrangements):
        rows = [_read_row(order, next(answers)) for order in some]
        told = [row for row in rows if row is not None]
        if rows and not told:
            raise ServerError(
                'the language server did not answer a multiple-choice question with a letter; '
                'its model may write its thoughts first: use one that answers at once'
            )
        shares.append(_normalise(np.mean(told, axis=0)) if told else np.zeros(len(texts)))
    return shares


def _read_row(order: list[int], answer: LetterAnswer) -> np.ndarray | None:
    """Return the normalised log-shares by option, not by place; None when no letter came."""
    if not answer.logprobs:
        return None
    row = np.empty(len(order))
    for place, option in enumerate(order):
        row[option] = answer.logprobs.get(LETTERS[place], answer.floor)
    return _normalise(row)


def _normalise(logs: np.ndarray) -> np.ndarray:
    return logs - np.logaddexp.reduce(logs)
