"""
Batches for the segmenter: pictures with several prompts each, by words, by a crop of another picture, or by both.

A prompt names all things that fit it; their union is the target. About half of the prompts name nothing in their
picture: the right colour of the wrong shape, the right shape in a colour that is not there, unknown nouns. Things that
are too hidden to judge weigh nothing.
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
from vlm_robot.training.owlvit_phrases import (
    COLOUR_NAMES,
    COLOUR_WORDS,
    GENERIC_WORDS,
    match_phrases,
    Phrase,
    sample_absent,
    SHAPE_WORDS,
)
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.sight_separation import list_colours, pick, Wordings
from vlm_robot.vocabulary import SHAPES

NAMINGS = Wordings(
    trained=('{}', '{}', '{}', 'the {}', 'a {}', 'an {}', 'photo of a {}', 'a photo of a {}', 'picture of a {}',
             'the {} on the table', 'my {}', 'small {}'),
    kept=('a photo of the {}', 'an image of a {}', 'a {} on a table', 'one {}', 'photo of the {}'),
)  # fmt: skip
RING = np.ones((3, 3), np.uint8)


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


def name_thing(colour: int, shape: int, split: str, rng: np.random.Generator) -> Phrase:
    """Return a phrase for a colour and a shape (indices, -1 for any) in the words that a split may use."""
    noun = pick(rng, GENERIC_WORDS) if shape < 0 else pick(rng, SHAPE_WORDS[SHAPES[shape]])
    words = noun if colour < 0 else f'{pick(rng, COLOUR_WORDS[COLOUR_NAMES[colour]])} {noun}'
    return Phrase(NAMINGS.pick(split, rng)[0].format(words), colour, shape)


def index_things(things: Sequence[PictureThing]) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) indices of the things' colours and of their shapes."""
    colours = np.array([COLOUR_NAMES.index(thing.colour) for thing in things], int)
    return colours, np.array([SHAPES.index(thing.shape) for thing in things], int)


def choose_phrases(picture: Picture, count: int, rng: np.random.Generator) -> list[Phrase]:
    """Return training prompts for a picture: half of what it shows, the rest wider, near misses and unknown nouns."""
    colours, shapes = index_things([thing for thing in picture.things if thing.is_clear])
    labels = list(dict.fromkeys(zip(colours.tolist(), shapes.tolist(), strict=True)))
    chosen = [name_thing(*labels[i], 'train', rng) for i in rng.permutation(len(labels))[: count // 2]]
    while len(chosen) < count:
        kind = rng.random()
        colour, shape = int(rng.integers(len(COLOUR_NAMES))), int(rng.integers(len(SHAPES)))
        if kind < 0.15:
            chosen.append(name_thing(-1, shape, 'train', rng))
            continue
        if kind < 0.3:
            chosen.append(name_thing(colour, -1, 'train', rng))
            continue
        if kind < 0.45:
            chosen.append(sample_absent(rng))
            continue
        if kind < 0.75 and len(colours):  # a colour that is there, in the shape that it may not have
            other = int(rng.integers(len(colours)))
            colour, shape = int(colours[other]), 1 - int(shapes[other])
        if COLOUR_NAMES[colour] in list_colours('train', SHAPES[shape]):
            chosen.append(name_thing(colour, shape, 'train', rng))
    return chosen


def draw_targets(picture: Picture, phrases: Sequence[Phrase]) -> tuple[np.ndarray, np.ndarray]:
    """Return (P, H, W) bool, what each phrase names, and (P, H, W) bool, where it can be judged."""
    height, width = picture.rgb.shape[:2]
    target = np.zeros((len(phrases), height, width), bool)
    judged = np.ones_like(target)
    fits = match_phrases(phrases, *index_things(picture.things))
    for thing, fitting in zip(picture.things, fits, strict=True):
        if thing.is_clear:
            target[fitting] |= thing.mask
        else:
            judged[fitting] &= ~thing.mask
    return target, judged


def select_tokens(picture: Picture, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return (K,) tokens of the grid: those of things and around them, then others at random."""
    shown = np.zeros((SIDE_PX, SIDE_PX), bool)
    for thing in picture.things:
        shown |= thing.mask
    tokens = shown.reshape(GRID, PATCH_PX, GRID, PATCH_PX).any((1, 3)).astype(np.uint8)
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


def _choose_crops(pictures: Sequence[Picture], prompts: list[list[Phrase]], count: int, rng: np.random.Generator):
    """Show ``count`` prompts, the last ones of their pictures, by things of other pictures; return crops and places."""
    shown = [(i, thing) for i, item in enumerate(pictures) for thing in item.things if thing.visible_px > 250]
    crops, places, shares = [], [], []
    for i in rng.permutation(len(pictures))[:count]:
        labels = {thing.label for thing in pictures[i].things if thing.is_clear}
        others = [(j, t) for j, t in shown if j != i and t.mask.any()]
        same = [item for item in others if item[1].label in labels]
        if not others:
            continue
        j, thing = pick(rng, same if same and rng.random() < 0.65 else others)
        colours, shapes = index_things([thing])
        prompts[i][-1] = name_thing(int(colours[0]), int(shapes[0]), 'train', rng)
        crops.append(make_crop(pictures[j], thing, rng))
        places.append((int(i), len(prompts[i]) - 1))
        shares.append(0.0 if rng.random() < 0.6 else float(rng.uniform()))
    return crops, places, shares


def make_batch(
    pictures: Sequence[Picture], prompts: int, tokens: int, crops: int, rng: np.random.Generator
) -> SegmentationBatch:
    """Return a batch of training pictures with prompts drawn for them."""
    phrases = [choose_phrases(picture, prompts, rng) for picture in pictures]
    shown, places, shares = _choose_crops(pictures, phrases, crops, rng)
    index = np.stack([select_tokens(picture, tokens, rng) for picture in pictures])
    targets, weights = [], []
    for picture, asked, kept in zip(pictures, phrases, index, strict=True):
        target, judged = (cut_mask_patches(masks)[:, kept] for masks in draw_targets(picture, asked))
        targets.append(target)
        weights.append(judged)
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
