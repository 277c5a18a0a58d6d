"""
Batches for CLIP: whole pictures and cut-outs around their things, with the texts that are true or false of them.

A cut is square in the camera's pixels (a training picture is squashed from 4 to 3), as ``perception/crops`` cuts at
run time; its place and context waver a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from vlm_robot.perception.crops import CONTEXT, FILL
from vlm_robot.sim.bullet_camera import HEIGHT_PX, WIDTH_PX
from vlm_robot.training.clip_model import MEAN, SIDE_PX, STD
from vlm_robot.training.clip_texts import (
    Facts,
    facts_of_picture,
    facts_of_thing,
    judge_all,
    NOTHING,
    sample_attribute_texts,
    sample_phrase_texts,
    sample_picture_texts,
    sample_strangers,
    Text,
)
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture, PictureThing


@dataclass(frozen=True, eq=False)
class ClipBatch:
    """
    Images and texts of one step.

    :param pixels: (N, 3, S, S) float32, normalised; first the whole pictures, then the cuts.
    :param truth: (N, T) float32, 1 true, 0 false, NaN unknown or not asked.
    """

    pixels: torch.Tensor
    texts: tuple[str, ...]
    truth: torch.Tensor


def sample_batch(store: PictureStore, rng: np.random.Generator, pictures: int, cuts: int) -> ClipBatch:
    """Return a batch of whole pictures and of ``cuts`` cut-outs from each."""
    drawn = [store.sample(rng) for _ in range(pictures)]
    of_pictures = [facts_of_picture(picture) for picture in drawn]
    wholes = [cv2.resize(picture.rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA) for picture in drawn]
    pairs = [pair for picture in drawn for pair in _sample_cuts(picture, cuts, rng)]
    said = [text for p, f in zip(drawn, of_pictures, strict=True) for text in sample_picture_texts(p, f, 'train', rng)]
    strange = sample_strangers(rng)
    whole_texts = [*sample_phrase_texts(rng, True), *sample_attribute_texts(rng), *said, *strange]
    cut_texts = [*sample_phrase_texts(rng, False), *sample_attribute_texts(rng), *strange]
    truth = np.full((len(wholes) + len(pairs), len(whole_texts) + len(cut_texts)), np.nan, np.float32)
    truth[: len(wholes), : len(whole_texts)] = judge_all(of_pictures, whole_texts)
    truth[len(wholes) :, len(whole_texts) :] = judge_all([facts for _, facts in pairs], cut_texts)
    texts, truth = _join_equal([*whole_texts, *cut_texts], truth)
    return ClipBatch(normalise([*wholes, *(cut for cut, _ in pairs)]), texts, torch.from_numpy(truth))


def normalise(pictures: list[np.ndarray]) -> torch.Tensor:
    """Return (N, 3, S, S) float32 as CLIP's pre-processing makes it from (S, S, 3) uint8."""
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (stacked - mean) / std


def cut_squashed(picture: Picture, box_xyxy_px, context: float) -> np.ndarray:
    """Return the (S, S, 3) uint8 cut around a box that ``crops.cut_around`` gives at the camera's own shape."""
    width, height = picture.size_px
    sx, sy = width / WIDTH_PX, height / HEIGHT_PX
    x0, y0, x1, y1 = box_xyxy_px
    side = context * max((x1 - x0) / sx, (y1 - y0) / sy)
    left, top = (x0 + x1) / 2 - side * sx / 2, (y0 + y1) / 2 - side * sy / 2
    scale_x, scale_y = SIDE_PX / (side * sx), SIDE_PX / (side * sy)
    matrix = np.array([[scale_x, 0, -scale_x * left], [0, scale_y, -scale_y * top]], np.float32)
    return cv2.warpAffine(picture.rgb, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_CUBIC, borderValue=FILL)


def _sample_cuts(picture: Picture, count: int, rng: np.random.Generator) -> list[tuple[np.ndarray, Facts]]:
    clear = [thing for thing in picture.things if thing.is_clear]
    chosen = [clear[i] for i in rng.permutation(len(clear))[:count]]
    cuts = [
        (cut_squashed(picture, _waver(thing.box_xyxy_px, rng), _context(rng)), facts_of_thing(thing))
        for thing in chosen
    ]
    empty = _find_empty(picture, rng) if rng.random() < 0.4 or not cuts else None
    return [*cuts, (cut_squashed(picture, empty, 1.0), NOTHING)] if empty else cuts


def _waver(box, rng: np.random.Generator):
    size = np.array([box[2] - box[0], box[3] - box[1]] * 2)
    return tuple((np.array(box) + rng.normal(0, 0.04, 4) * size).tolist())


def _context(rng: np.random.Generator) -> float:
    return CONTEXT * float(rng.uniform(0.85, 1.15))


def _find_empty(picture: Picture, rng: np.random.Generator):
    """Return a box that touches no thing, or None after some tries."""
    width, height = picture.size_px
    for _ in range(10):
        side = rng.uniform(0.08, 0.25) * width
        x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
        box = (x, y, x + side, y + side * WIDTH_PX / HEIGHT_PX)
        if not any(_touches(box, thing) for thing in picture.things):
            return box
    return None


def _touches(box, thing: PictureThing) -> bool:
    x0, y0, x1, y1 = thing.box_xyxy_px
    return x0 < box[2] and x1 > box[0] and y0 < box[3] and y1 > box[1]


def _join_equal(texts: list[Text], truth: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Put the columns of texts that read the same into one, so that no text is its own rival."""
    names = list(dict.fromkeys(text.text for text in texts))
    joined = np.full((len(truth), len(names)), np.nan, np.float32)
    for column, text in enumerate(texts):
        place = names.index(text.text)
        joined[:, place] = np.where(np.isnan(joined[:, place]), truth[:, column], joined[:, place])
    return tuple(names), joined
