"""
What words and patches should know on the way to an answer; trained along with it, and left out of the finished model.

A yes or a colour says little about why. So linear heads, which are thrown away afterwards, read from inner layers: from
a patch what it shows, from a noun how many things its phrase names, and of the only one where it is, its colour and
what carries it; from a question's first token how far its first thing is from its second, and where the thing is that
it is about. Auxiliary tasks: Caruana, Multitask Learning, 1997; deep supervision: Lee et al., arXiv 1409.5185.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from vlm_robot.training.owlvit_data import GRID
from vlm_robot.training.picture_phrases import matches
from vlm_robot.training.picture_questions import MOST, PictureQuestion, PLACES
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.referring import place_of
from vlm_robot.training.vilt_grounding import find_middle, list_nouns, LookTargets
from vlm_robot.vocabulary import COLOURS

NOTHING = -100  # what the loss passes over
HUES = {colour: i for i, colour in enumerate(COLOURS)}
STATES = ('bowl', *PLACES)  # a bowl, or where a block is
LEAST_SHOWN = 0.3  # of a patch, for it to show a thing
SIZES = {'number': MOST + 1, 'place': 2, 'colour': len(COLOURS), 'state': len(STATES)}


@dataclass(frozen=True, eq=False)
class Facts:
    """
    What is true of a batch.

    :param patches: (B, K, 2) colour and state of what each patch shows, counted from 1; 0 is nothing.
    :param nouns: (M, 3) picture, question and token; ``numbers`` (M,), ``places`` (M, 2) in -1..1 of the picture,
        ``labels`` (M, 2) colour and state; places and labels only where the number is 1, else NOTHING.
    :param pairs: (P, 2) picture and question of two things; ``steps`` (P, 2) from the second to the first.
    :param mentions: (R, 4) picture, question, token and number, 0 or 1, of the first two nouns of every question.
    :param subjects: (S, 2) picture and question; ``subject_places`` (S, 2); ``looks`` where its first token looks.
    """

    patches: torch.Tensor
    nouns: torch.Tensor
    numbers: torch.Tensor
    places: torch.Tensor
    labels: torch.Tensor
    pairs: torch.Tensor
    steps: torch.Tensor
    mentions: torch.Tensor
    subjects: torch.Tensor
    subject_places: torch.Tensor
    looks: LookTargets


class FactHeads(nn.Module):
    """Linear readers of inner states."""

    def __init__(self, width: int, noun_layers: Sequence[int], first_layers: Sequence[int]):
        """Build heads: patches and nouns are read after ``noun_layers``, first tokens after ``first_layers``."""
        super().__init__()
        self.patch = nn.ModuleDict({str(n): nn.Linear(width, len(COLOURS) + len(STATES) + 2) for n in noun_layers})
        self.noun = nn.ModuleDict({str(n): nn.Linear(width, sum(SIZES.values())) for n in noun_layers})
        self.first = nn.ModuleDict({str(n): nn.Linear(width, 4) for n in first_layers})

    @property
    def layers(self) -> tuple[int, ...]:
        """Return after which layers something is read."""
        return tuple(sorted({int(n) for n in (*self.noun, *self.first)}))

    def loss(self, states: Mapping[int, tuple[torch.Tensor, torch.Tensor]], facts: Facts) -> torch.Tensor:
        """Return the mean loss of all readers; ``states`` are picture (B, 1 + K, D) and text (B, Q, T, D) by layer."""
        losses = []
        for name in self.noun:
            picture, text = (functional.layer_norm(x, x.shape[-1:]) for x in states[int(name)])
            losses += _patch_losses(self.patch[name](picture[:, 1:]).float(), facts)
            if len(facts.nouns):
                losses += _noun_losses(self.noun[name](text[tuple(facts.nouns.T)]).float(), facts)
        for name in self.first:
            text = states[int(name)][1][:, :, 0]
            read = self.first[name](functional.layer_norm(text, text.shape[-1:])).float()
            for where, truth, part in (
                (facts.pairs, facts.steps, read[..., :2]), (facts.subjects, facts.subject_places, read[..., 2:]),
            ):  # fmt: skip
                if len(where):
                    losses.append(4 * functional.smooth_l1_loss(part[tuple(where.T)], truth, beta=0.1))
        return torch.stack(losses).sum() / len(self.layers)


def mention_loss(looks: Sequence[torch.Tensor], facts: Facts) -> torch.Tensor:
    """
    Return how little a question's first token looks at its first noun in one layer, at its second in the next; nats.

    :param looks: of both layers (B, Q, T, 1 + K + T).
    """
    losses = []
    for number, look in enumerate(looks):
        i, j, token, _ = facts.mentions[facts.mentions[:, 3] == number].T
        if len(i):
            own = look[i, j, 0, -look.shape[2] :].float()
            losses.append(-(own.gather(1, token[:, None]) + 1e-6).log().mean())
    return torch.stack(losses).mean() if losses else torch.zeros(())


def _patch_losses(read: torch.Tensor, facts: Facts) -> list[torch.Tensor]:
    parts = read.flatten(0, 1).split([len(COLOURS) + 1, len(STATES) + 1], -1)
    return [functional.cross_entropy(x, y) for x, y in zip(parts, facts.patches.flatten(0, 1).T, strict=True)]


def _noun_losses(read: torch.Tensor, facts: Facts) -> list[torch.Tensor]:
    number, place, colour, state = read.split(list(SIZES.values()), -1)
    losses = [3 * functional.cross_entropy(number, facts.numbers)]
    only = facts.numbers == 1
    if only.any():
        losses.append(4 * functional.smooth_l1_loss(place[only], facts.places[only], beta=0.1))
        losses += [
            0.5 * functional.cross_entropy(x[only], facts.labels[only, i]) for i, x in enumerate((colour, state))
        ]
    return losses


def gather_facts(
    pictures: Sequence[Picture], indices: Sequence[np.ndarray], questions: Sequence[Sequence[PictureQuestion]]
) -> Facts:
    """
    Return what is true of pictures and of the questions about them; nouns that may name what hardly shows are left out.

    :param pictures: at the model's size.
    :param indices: per picture (K,) which tokens of the grid are looked at.
    """
    nouns, pairs, mentions, subjects, shares, width = [], [], [], [], [], len(indices[0]) + 2
    for i, (picture, index) in enumerate(zip(pictures, indices, strict=True)):
        place_in = {int(token): place for place, token in enumerate(index)}
        for j, question in enumerate(questions[i]):
            found = [(token, find_named(picture, colour, shape)) for token, colour, shape in list_nouns(question.text)]
            nouns += [((i, j, token), *_describe(picture, named)) for token, named in found if named is not None]
            mentions += [(i, j, token, number) for number, (token, _) in enumerate(found[:2])]
            if len(found) == 2 and all(named and len(named) == 1 for _, named in found):
                first, second = (picture.things[named[0]] for _, named in found if named)
                pairs.append(((i, j), 2 * (place_of(first, picture) - place_of(second, picture))))
            subject = None if question.subject is None else picture.things[question.subject]
            middle = find_middle(picture, subject) if subject else None
            if subject and middle in place_in:
                subjects.append(((i, j), _locate(subject, picture)))
                shares.append(np.eye(1, width, 1 + place_in[middle], dtype=np.float32)[0])
    asking = _stack([where for where, _ in subjects], 2)
    return Facts(
        torch.from_numpy(np.stack([label_patches(p)[index] for p, index in zip(pictures, indices, strict=True)])),
        _stack([noun[0] for noun in nouns], 3), _stack([noun[1] for noun in nouns], 0),
        _stack([noun[2] for noun in nouns], 2, torch.float32), _stack([noun[3] for noun in nouns], 2),
        _stack([where for where, _ in pairs], 2), _stack([step for _, step in pairs], 2, torch.float32),
        _stack(mentions, 4), asking, _stack([place for _, place in subjects], 2, torch.float32),
        LookTargets(functional.pad(asking, (0, 1)), torch.from_numpy(np.array(shares, np.float32).reshape(-1, width))),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def find_named(picture: Picture, colour: str, shape: str) -> list[int] | None:
    """Return which things a phrase names; None where one of them hardly shows."""
    named = [i for i, thing in enumerate(picture.things) if matches(thing, colour, shape)]
    return named if all(picture.things[i].is_clear for i in named) else None


def label_patches(picture: Picture) -> np.ndarray:
    """Return (GRID**2, 2) int64, colour and state of what each patch shows, counted from 1; 0 is nothing."""
    labels = np.zeros((GRID * GRID, 2), np.int64)
    best = np.full(GRID * GRID, LEAST_SHOWN, np.float32)
    for thing in picture.things:
        shown = cv2.resize(thing.mask.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA).ravel()
        labels[shown > best] = 1 + HUES[thing.colour], 1 + _state_of(thing)
        best = np.maximum(best, shown)
    return labels


def _describe(picture: Picture, named: list[int]) -> tuple[int, np.ndarray, tuple[int, int]]:
    if len(named) != 1:
        return min(len(named), MOST), np.zeros(2), (NOTHING, NOTHING)
    thing = picture.things[named[0]]
    return 1, _locate(thing, picture), (HUES[thing.colour], _state_of(thing))


def _locate(thing: PictureThing, picture: Picture) -> np.ndarray:
    return 2 * place_of(thing, picture) - 1


def _state_of(thing: PictureThing) -> int:
    return 0 if thing.shape == 'bowl' else STATES.index(thing.place, 1)


def _stack(rows: Sequence, width: int, kind: torch.dtype = torch.long) -> torch.Tensor:
    return torch.from_numpy(np.array(rows)).to(kind).reshape(-1, *([width] if width else []))
