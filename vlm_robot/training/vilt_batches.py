"""
Batches for the answerer: pictures cut into patches, each with several questions and their answers.

Most of a table is empty and teaches little, so early in training only the busiest patches of a picture are looked
at, always with all of those that show a thing; OWLv2 (arXiv 2306.09683) drops tokens likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import re

import cv2
import numpy as np
import torch

from vlm_robot.training.owlvit_batches import cut_patches, MEAN, STD
from vlm_robot.training.owlvit_data import GRID, PATCH_PX, SIDE_PX
from vlm_robot.training.owlvit_phrases import COLOUR_WORDS
from vlm_robot.training.picture_phrases import NOUN_WORDS, pluralise
from vlm_robot.training.picture_questions import ask, ASKED, PictureQuestion, SAID
from vlm_robot.training.pictures import Picture
from vlm_robot.training.question_wordings import list_further_words
from vlm_robot.training.referring_wordings import ORDINALS, WORDINGS

NO_ANSWER = -100  # what the loss passes over


@dataclass(frozen=True, eq=False)
class QuestionBatch:
    """
    Pictures and questions about them.

    :param patches: (B, K, 3 * PATCH_PX**2) bfloat16, normalised; ``index`` (B, K) which token of the grid each is.
    :param ids: (B, Q, T) tokens, padded.
    :param answers: (B, Q) which answer is right, NO_ANSWER where there is no question.
    """

    patches: torch.Tensor
    index: torch.Tensor
    ids: torch.Tensor
    answers: torch.Tensor


def sample_questions(
    picture: Picture, split: str, rng: np.random.Generator, count: int, shares: Mapping[str, float] | None = None
) -> list[PictureQuestion]:
    """
    Return ``count`` questions about a picture; fewer where it allows none.

    :param shares: how often each kind is asked for, which sum to 1; None asks for all equally often.
    """
    names, chances = (list(shares), list(shares.values())) if shares else ([], [])
    kinds = rng.choice(names, count, p=chances).tolist() if shares else [None] * count
    asked = (ask(picture, split, rng, kind) for kind in kinds)
    return [question for question in asked if question is not None]


def loosen(text: str, rng: np.random.Generator) -> str:
    """Return a question as people also type it: at times in American spelling, at times without its mark."""
    if rng.random() < 0.3:
        text = text.replace('colour', 'color')
    return text.rstrip('?') if rng.random() < 0.2 else text


def list_question_words() -> tuple[str, ...]:
    """Return every word that training asks with, sorted; kept wordings bring none of their own."""
    wordings = [*ASKED.values(), *WORDINGS.values()]
    templates = [template for wording in wordings for template in wording.trained]
    names = [word for words in (*NOUN_WORDS.values(), *COLOUR_WORDS.values()) for word in words]
    texts = [*templates, *names, *map(pluralise, names), *ORDINALS, *SAID.values(), 'an', 'color', 'colored']
    known = {word for text in texts for word in re.findall(r'[a-z]+', re.sub(r'{\w+}', ' ', text))}
    return tuple(sorted(known | list_further_words()))


def cut_picture(picture: Picture, tokens: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (K, 3 * PATCH_PX**2) float32 normalised patches and (K,) their tokens, the busiest and all of things."""
    rgb = picture.rgb
    if rgb.shape[:2] != (SIDE_PX, SIDE_PX):
        rgb = cv2.resize(rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    patches = cut_patches((rgb.transpose(2, 0, 1).astype(np.float32) - MEAN[:, None, None]) / STD[:, None, None])
    if tokens >= GRID * GRID:
        return patches, np.arange(GRID * GRID)
    interest = patches.std(1) + rng.uniform(0, 0.5, GRID * GRID)
    for thing in picture.things:
        mask = thing.mask.reshape(GRID, PATCH_PX, GRID, PATCH_PX)
        interest[mask.any((1, 3)).ravel()] += 10
    keep = np.argpartition(-interest, tokens)[:tokens]
    return patches[keep], keep


def collate(
    pictures: Sequence[tuple[np.ndarray, np.ndarray]],
    questions: Sequence[Sequence[PictureQuestion]],
    tokenizer,
    answers: Mapping[str, int],
) -> QuestionBatch:
    """Stack pictures and their questions; a picture with fewer questions than others is filled up with empty ones."""
    count = max(1, *(len(items) for items in questions))
    texts = [item.text for items in questions for item in items] + ['']
    encoded = tokenizer(texts, padding=True, truncation=True, return_tensors='pt')['input_ids']
    ids = encoded[-1].repeat(len(questions), count, 1)
    right = torch.full((len(questions), count), NO_ANSWER)
    start = 0
    for i, items in enumerate(questions):
        ids[i, : len(items)] = encoded[start : start + len(items)]
        right[i, : len(items)] = torch.tensor([answers[item.answer] for item in items], dtype=torch.long)
        start += len(items)
    return QuestionBatch(
        torch.from_numpy(np.stack([patches for patches, _ in pictures])).bfloat16(),
        torch.from_numpy(np.stack([index for _, index in pictures])),
        ids,
        right,
    )
