"""
Batches for PixelLLM: pictures cut down to their busy tokens, several texts a picture in one row, places as targets.

A global row holds the narrations and the referring expressions of one picture, each seeing the picture and itself only.
Region rows hold one prompt (a box, moved a little, or a point) and its caption. In region captions the colour that the
language model reads is sometimes a wrong one: what shape follows must come from the picture, so that a pair of colour
and shape that training never showed can be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from vlm_robot.datatypes import Box
from vlm_robot.perception.pixel_llm.location_encoder import LocationPrompts
from vlm_robot.perception.pixel_llm.pixel_config import PixelLlmShape
from vlm_robot.perception.pixel_llm.pixel_text import TextCodec
from vlm_robot.training.pictures import Picture

IGNORED = -100
JITTER = 0.06  # of its sides, by which a region's box is moved
POINT_SHARE = 0.2  # of the region prompts are points
WRONG_COLOUR = 0.3  # of the region captions are read with a wrong colour


@dataclass(frozen=True)
class PlacedText:
    """
    A text about a picture.

    :param task: ``caption`` or ``refer``.
    :param boxes: per word the box, xyxy 0..1, that it names; None says none in a caption, "not known" in an expression.
    :param answer: what an expression means; None says that it means nothing that is there.
    """

    task: str
    text: str
    boxes: tuple[Box | None, ...]
    answer: Box | None = None


@dataclass(frozen=True)
class RegionText:
    """A prompt (box xyxy 0..1; a point where both corners are one) and what is there; ``box`` is the thing's own."""

    prompt: Box
    text: str
    box: Box

    @property
    def is_point(self) -> bool:
        """Return whether the prompt is a point."""
        return self.prompt[0] == self.prompt[2] and self.prompt[1] == self.prompt[3]


@dataclass(frozen=True, eq=False)
class Example:
    """
    One picture (S, S, 3) uint8 at the model's size with its texts.

    :param boxes: (N, 4) 0..1 of all things, ``is_clear`` (N,) bool, ``labels`` N texts such as ``red block``.
    """

    rgb: np.ndarray
    boxes: np.ndarray
    is_clear: np.ndarray
    labels: tuple[str, ...]
    texts: tuple[PlacedText, ...]
    regions: tuple[RegionText, ...]


@dataclass(frozen=True, eq=False)
class Rows:
    """
    Texts as tensors, R rows of T tokens.

    :param ids: (R, T), ``segments`` (R, T), ``positions`` (R, T) as ``PixelLlmModel.read`` takes them.
    :param labels: (R, T) the next token where it is to be learned, else IGNORED.
    :param is_judged: (R, T) bool, tokens whose presence is known; ``is_placed`` (R, T) those that have a place.
    :param boxes: (R, T, 4) float32, the places; ``is_answer`` (R, T) bool, ends of referring expressions.
    """

    ids: torch.Tensor
    segments: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    is_judged: torch.Tensor
    is_placed: torch.Tensor
    boxes: torch.Tensor
    is_answer: torch.Tensor


@dataclass(frozen=True, eq=False)
class PixelBatch:
    """
    B pictures, their global rows (B) and region rows (P, in order of the pictures, ``counts`` (B,) of each).

    :param names: per picture (N, 2) int64, the tokens of colour and shape of its things.
    """

    pixels: torch.Tensor
    kept: torch.Tensor | None
    boxes: list[torch.Tensor]
    is_clear: list[torch.Tensor]
    names: list[torch.Tensor]
    rows: Rows
    prompts: LocationPrompts
    counts: torch.Tensor
    region_rows: Rows


def draw_region(picture: Picture, index: int, rng: np.random.Generator) -> RegionText:
    """Return a prompt for thing ``index``: its box moved a little, or one of its pixels."""
    thing, (width, height) = picture.things[index], picture.size_px
    x0, y0, x1, y1 = thing.box_xyxy_px
    box = (x0 / width, y0 / height, x1 / width, y1 / height)
    if rng.random() < POINT_SHARE and thing.mask.any():
        rows, columns = np.nonzero(thing.mask)
        chosen = int(rng.integers(len(rows)))
        x, y = (float(columns[chosen]) + 0.5) / width, (float(rows[chosen]) + 0.5) / height
        return RegionText((x, y, x, y), thing.label, box)
    sides = np.array([box[2] - box[0], box[3] - box[1]] * 2)
    moved = np.clip(np.array(box) + rng.normal(0, JITTER, 4) * sides, 0, 1)
    return RegionText(tuple(moved.tolist()), thing.label, box)


def choose_tokens(example: Example, grid: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return (count,) tokens of the grid: all that a thing touches, then the busiest, with some luck."""
    small = example.rgb.reshape(grid, example.rgb.shape[0] // grid, grid, -1, 3).astype(np.float32)
    interest = small.std(axis=(1, 3)).mean(-1).ravel() / 64 + rng.uniform(0, 0.5, grid * grid)
    edges = np.arange(grid) / grid
    for x0, y0, x1, y1 in example.boxes:
        columns, rows = (edges < x1) & (edges + 1 / grid > x0), (edges < y1) & (edges + 1 / grid > y0)
        interest += 10 * (rows[:, None] & columns[None]).ravel()
    return np.sort(np.argpartition(-interest, count - 1)[:count])


def collate(
    examples: Sequence[Example], codec: TextCodec, shape: PixelLlmShape, tokens: int, rng: np.random.Generator
) -> PixelBatch:
    """Return the batch of some examples; ``tokens`` of each grid are looked at (0: all)."""
    grid = max(t.settings['image_size'] // t.settings['patch_size'] for t in (shape.semantic, shape.localiser) if t)
    rgb = torch.from_numpy(np.stack([item.rgb for item in examples])).permute(0, 3, 1, 2).float()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in (shape.image_mean, shape.image_std))
    kept = None
    if tokens and tokens < grid * grid:
        kept = torch.from_numpy(np.stack([choose_tokens(item, grid, tokens, rng) for item in examples]))
    regions = [region for item in examples for region in item.regions]
    prompts = torch.tensor([region.prompt for region in regions], dtype=torch.float32).view(-1, 4)
    spoken = [[PlacedText('region', r.text, (r.box,) * len(r.text.split()))] for r in regions]
    region_rows = build_rows(spoken, codec)
    return PixelBatch(
        (rgb - mean) / std,
        kept,
        [torch.from_numpy(item.boxes).float().view(-1, 4) for item in examples],
        [torch.from_numpy(item.is_clear) for item in examples],
        [torch.tensor([codec.name(label) for label in item.labels], dtype=torch.long).view(-1, 2) for item in examples],
        build_rows([item.texts for item in examples], codec),
        LocationPrompts(prompts, torch.tensor([region.is_point for region in regions], dtype=torch.bool)),
        torch.tensor([len(item.regions) for item in examples]),
        _confuse_colours(region_rows, codec, rng),
    )


def build_rows(texts: Sequence[Sequence[PlacedText]], codec: TextCodec) -> Rows:
    """Return the rows of some lists of texts, one row a list, padded at the end."""
    encoded = [[_encode(text, codec) for text in row] for row in texts]
    length = max((sum(len(item[0]) for item in row) for row in encoded), default=0) or 1
    shape = (len(texts), length)
    ids, segments, positions = np.zeros(shape, int), np.full(shape, -1), np.zeros(shape, int)
    labels, boxes = np.full(shape, IGNORED), np.zeros((*shape, 4), np.float32)
    judged, placed, answers = (np.zeros(shape, bool) for _ in range(3))
    for r, row in enumerate(encoded):
        start = 0
        for number, (tokens, wanted, places, is_refer) in enumerate(row):
            part = slice(start, start + len(tokens))
            ids[r, part], segments[r, part], positions[r, part] = tokens, number, np.arange(len(tokens))
            labels[r, part] = wanted
            for i, box in enumerate(places):
                judged[r, start + i] = box is not False
                if box:
                    placed[r, start + i], boxes[r, start + i] = True, box
            answers[r, part.stop - 1] = is_refer
            start = part.stop
    arrays = (ids, segments, positions, labels, judged, placed, boxes, answers)
    return Rows(*(torch.from_numpy(array) for array in arrays))


def _encode(text: PlacedText, codec: TextCodec):
    """
    Return ids without the end, what each should say next, and the place of each.

    A place is a box, None for a word without one, False where it is not known.
    """
    encoded = codec.encode(text.task, text.text)
    ids, owners = encoded.ids[:-1], encoded.words[:-1]
    if text.task == 'refer':
        known = [(text.boxes[owner] or False) if owner >= 0 else False for owner in owners[:-1]]
        return ids, [IGNORED] * len(ids), [*known, text.answer], True
    first = next(i for i, owner in enumerate(owners) if owner >= 0)
    wanted = [IGNORED] * (first - 1) + list(encoded.ids[first:])
    return ids, wanted, [text.boxes[owner] if owner >= 0 else False for owner in owners], False


def _confuse_colours(rows: Rows, codec: TextCodec, rng: np.random.Generator) -> Rows:
    """Return region rows of which some are read, not told, with a wrong first word."""
    first = len(codec.contexts['region'])
    ids = rows.ids.clone()
    known = ids[:, first : first + 1].flatten()
    for r in np.flatnonzero(rng.random(len(ids)) < WRONG_COLOUR):
        ids[r, first] = known[int(rng.integers(len(known)))]
    return replace(rows, ids=ids)
