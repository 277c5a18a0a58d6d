"""
Where a word of a question should look: the things that it names.

The answer alone teaches slowly what "red block" has to do with the picture, so one attention head of two layers is
shown it: from a noun it should look at the middle of every thing that its phrase names, once each, and once at its own
question. So n things leave 1 / (n + 1) of the look with the words, from which the later layers read whether there is
one, and how many. Supervised attention: Liu et al., arXiv 1609.04186; for questions about pictures Qiao et al., arXiv
1709.06308. Nothing of it is left in the finished model but the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import re

import cv2
import numpy as np
import torch

from vlm_robot.training.owlvit_data import GRID
from vlm_robot.training.owlvit_phrases import COLOUR_WORDS
from vlm_robot.training.picture_phrases import matches, NOUN_WORDS, pluralise
from vlm_robot.training.pictures import Picture, PictureThing

COLOUR_OF = {word: colour for colour, words in COLOUR_WORDS.items() for word in words}
SHAPE_OF = {form: shape for shape, words in NOUN_WORDS.items() for word in words for form in (word, pluralise(word))}
LEAST_COVERAGE = 0.15  # of the token in the middle of a thing's box; else its fullest token is its middle


@dataclass(frozen=True, eq=False)
class LookTargets:
    """
    Where nouns should look.

    :param where: (M, 3) picture, question and token of each noun.
    :param shares: (M, 1 + K + 1) float32, rows sum to 1: on the picture's class token, its patches, the own question.
    """

    where: torch.Tensor
    shares: torch.Tensor


def list_nouns(text: str) -> list[tuple[int, str, str]]:
    """Return (token, colour, shape) of each noun of a question; the class token is token 0; empty words fit all."""
    words = re.findall(r'[a-z]+|[^a-z\s]', text.lower())
    before = ['', *words]
    return [(i, COLOUR_OF.get(last, ''), SHAPE_OF[word]) for i, (last, word) in enumerate(zip(before, words), 1)
            if word in SHAPE_OF]  # fmt: skip


def find_middle(picture: Picture, thing: PictureThing) -> int:
    """Return the token of the grid that stands for a thing."""
    mask = cv2.resize(thing.mask.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    column, row = (np.array(thing.centre_px) / picture.size_px * GRID).astype(int).clip(0, GRID - 1)
    return int(row) * GRID + int(column) if mask[row, column] >= LEAST_COVERAGE else int(mask.argmax())


def aim(pictures: Sequence[Picture], indices: Sequence[np.ndarray], texts: Sequence[Sequence[str]]) -> LookTargets:
    """
    Return where the nouns of all questions should look; nouns that may name what hardly shows are left out.

    :param pictures: at the model's size.
    :param indices: per picture (K,) which tokens of the grid are looked at.
    :param texts: per picture its questions.
    """
    where, shares = [], []
    for i, (picture, index) in enumerate(zip(pictures, indices, strict=True)):
        place_of = {int(token): place for place, token in enumerate(index)}
        middles = [place_of.get(find_middle(picture, thing)) if thing.is_clear else None for thing in picture.things]
        for j, text in enumerate(texts[i]):
            for token, colour, shape in list_nouns(text):
                named = [middle for thing, middle in zip(picture.things, middles, strict=True)
                         if matches(thing, colour, shape)]  # fmt: skip
                if None not in named:
                    share = np.zeros(len(index) + 2, np.float32)
                    np.add.at(share, [1 + middle for middle in named if middle is not None], 1)
                    share[-1] = 1
                    where.append((i, j, token))
                    shares.append(share / share.sum())
    width = len(indices[0]) + 2
    return LookTargets(
        torch.tensor(where, dtype=torch.long).reshape(-1, 3), torch.from_numpy(np.array(shares).reshape(-1, width))
    )


def look_loss(looks: Sequence[torch.Tensor], targets: LookTargets) -> torch.Tensor:
    """
    Return how far the looks of nouns are from where they should be: a mean Kullback-Leibler divergence, nats.

    :param looks: of each watched layer (B, Q, T, 1 + K + T).
    """
    if not len(targets.where):
        return torch.zeros(())
    count = targets.shares.shape[1] - 1
    entropy = -(targets.shares * (targets.shares + 1e-9).log()).sum(1).mean()
    losses = []
    for look in looks:
        rows = look[tuple(targets.where.T)].float()
        rows = torch.cat([rows[:, :count], rows[:, count:].sum(1, keepdim=True)], 1)
        losses.append(-(targets.shares * (rows + 1e-6).log()).sum(1).mean() - entropy)
    return torch.stack(losses).mean()
