"""
Batches for the segmenter: pictures with several prompts each, by words, by a crop of another picture, or by both.

A prompt names all things that fit it; their union is the target. Half of the prompts name nothing in their picture,
most of them a near miss: the right colour of the wrong shape, the right shape in a colour that is not there. Things
that are too hidden to judge weigh nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from vlm_robot.perception.visual_prompts import cut_prompt
from vlm_robot.training.owlvit_batches import cut_patches, MEAN, STD
from vlm_robot.training.owlvit_data import GRID, PATCH_PX, SIDE_PX
from vlm_robot.training.picture_phrases import canonical_phrase, PicturePhrase, sample_picture_phrases
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.sight_separation import pick

RING = np.ones((3, 3), np.uint8)
CROP_PX = 250  # visible pixels of a thing that is clear enough to be shown as a prompt


@dataclass(frozen=True, eq=False)
class SegmentationBatch:
    """
    B pictures, P prompts each, on K tokens each.

    :param patches: (B, K, 3 * PATCH_PX**2) float32; ``index`` (B, K) which token of the grid each is.
    :param phrases: the texts; ``text`` (B, P) says which one is each prompt's.
    :param crops: (V, GRID**2, 3 * PATCH_PX**2) float32, pictures used as prompts.
    :param crop: (V, 2) picture and prompt of each crop; ``share`` (V,) how much of that prompt is text.
    :param target: (B, P, K, PATCH_PX**2) float32 0 or 1; ``weight`` likewise.
    """

    patches: torch.Tensor
    index: torch.Tensor
    phrases: tuple[str, ...]
    text: torch.Tensor
    crops: torch.Tensor
    crop: torch.Tensor
    share: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor


def select_tokens(picture: Picture, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return (K,) tokens of the grid: those of things and around them, then others at random."""
    shown = np.zeros((SIDE_PX, SIDE_PX), bool)
    for thing in picture.things:
        shown |= thing.mask
    tokens = np.asarray(shown.reshape(GRID, PATCH_PX, GRID, PATCH_PX).any((1, 3)), np.uint8)
    interest = 2.0 * tokens + cv2.dilate(tokens, RING) + rng.uniform(0, 1.5, (GRID, GRID))
    return np.sort(np.argsort(-interest.ravel())[:count])


def normalise(rgb: np.ndarray) -> np.ndarray:
    """Return a (S, S, 3) uint8 picture as (GRID**2, 3 * PATCH_PX**2) float32 patches."""
    return cut_patches(((rgb.astype(np.float32) - MEAN) / STD).transpose(2, 0, 1))


def make_crop(picture: Picture, thing: PictureThing, rng: np.random.Generator) -> np.ndarray:
    """Return the patches of a picture prompt that shows a thing, by its mask or by its box."""
    by_mask = rng.random() < 0.5
    crop = cut_prompt(picture.rgb, None if by_mask else thing.box_xyxy_px, thing.mask if by_mask else None)
    return normalise(cv2.resize(crop, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC))


def _choose_crops(
    pictures: Sequence[Picture], prompts: list[list[PicturePhrase]], count: int, rng: np.random.Generator
):
    """Show ``count`` prompts, the last ones of their pictures, by things of other pictures; return crops and places."""
    shown = [(i, t) for i, item in enumerate(pictures) for t in item.things if t.visible_px > CROP_PX and t.mask.any()]
    crops, places, shares = [], [], []
    for i in rng.permutation(len(pictures))[:count]:
        labels = {thing.label for thing in pictures[i].things if thing.is_clear}
        others = [(j, thing) for j, thing in shown if j != i]
        same = [item for item in others if item[1].label in labels]
        if not others:
            continue
        j, thing = pick(rng, same if same and rng.random() < 0.65 else others)
        prompts[i][-1] = canonical_phrase(pictures[i], thing.colour, thing.shape)
        crops.append(make_crop(pictures[j], thing, rng))
        places.append((int(i), len(prompts[i]) - 1))
        shares.append(0.0 if rng.random() < 0.6 else float(rng.uniform()))
    return crops, places, shares


def choose_prompts(picture: Picture, split: str, count: int, rng: np.random.Generator) -> list[PicturePhrase]:
    """Return ``count`` different phrases: up to half of them name something, the rest nothing."""
    drawn = sample_picture_phrases(picture, split, rng, present=count, absent=2 * count)
    present = list({item.mask.tobytes(): item for item in drawn if item.is_present}.values())[: count // 2]
    absent = [item for item in drawn if not item.is_present]
    return [*present, *absent[: count - len(present)]]


def make_batch(
    pictures: Sequence[Picture], prompts: int, tokens: int, crops: int, rng: np.random.Generator
) -> SegmentationBatch:
    """Return a batch of training pictures with prompts drawn for them."""
    phrases = [choose_prompts(picture, 'train', prompts, rng) for picture in pictures]
    shown, places, shares = _choose_crops(pictures, phrases, crops, rng)
    index = np.stack([select_tokens(picture, tokens, rng) for picture in pictures])
    targets, weights = [], []
    for asked, kept in zip(phrases, index, strict=True):
        targets.append(cut_mask_patches(np.stack([item.mask for item in asked]))[:, kept])
        weights.append(~cut_mask_patches(np.stack([item.ignore for item in asked]))[:, kept])
    texts = list(dict.fromkeys(item.text for asked in phrases for item in asked))
    return SegmentationBatch(
        torch.from_numpy(np.stack([normalise(p.rgb)[kept] for p, kept in zip(pictures, index, strict=True)])),
        torch.from_numpy(index),
        tuple(texts),
        torch.tensor([[texts.index(item.text) for item in asked] for asked in phrases]),
        torch.from_numpy(np.stack(shown) if shown else np.zeros((0, GRID**2, 3 * PATCH_PX**2), np.float32)),
        torch.tensor(places, dtype=torch.long).reshape(-1, 2),
        torch.tensor(shares, dtype=torch.float32),
        torch.from_numpy(np.stack(targets)).float(),
        torch.from_numpy(np.stack(weights)).float(),
    )


def cut_mask_patches(masks: np.ndarray) -> np.ndarray:
    """Cut (P, S, S) masks into (P, GRID**2, PATCH_PX**2), row by row."""
    split = masks.reshape(-1, GRID, PATCH_PX, GRID, PATCH_PX).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(split).reshape(-1, GRID**2, PATCH_PX**2)
