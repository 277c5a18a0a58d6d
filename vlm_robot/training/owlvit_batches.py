"""
Batches for the detector: renderings coloured anew, mirrored, lit, cut into patches, with targets.

Colours move a few per cent only, because several colours of the table differ by little more; there is no
change of hue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from vlm_robot.sim.world import TABLE_COLOUR
from vlm_robot.training.owlvit_data import compose, GRID, Layers, load_shard, PATCH_PX, SIDE_PX
from vlm_robot.training.owlvit_loss import assign_tokens, TokenTargets
from vlm_robot.training.owlvit_phrases import COLOUR_NAMES, match_phrases
from vlm_robot.vocabulary import COLOURS

PALETTE = np.array([COLOURS[name] for name in COLOUR_NAMES], np.float32)
MEAN, STD = np.array(OPENAI_CLIP_MEAN, np.float32) * 255, np.array(OPENAI_CLIP_STD, np.float32) * 255


@dataclass(frozen=True, eq=False)
class Sample:
    """
    One picture ready for the model.

    :param patches: (K, 3 * PATCH_PX**2) float32, normalised.
    :param index: (K,) which token of the grid each patch is; owner, quality and weight belong to these.
    :param boxes: (N, 4) of the objects, centre and size 0..1; ``colours`` and ``shapes`` (N,) are indices.
    """

    patches: np.ndarray
    index: np.ndarray
    owner: np.ndarray
    quality: np.ndarray
    weight: np.ndarray
    boxes: np.ndarray
    colours: np.ndarray
    shapes: np.ndarray


@dataclass(frozen=True, eq=False)
class Batch:
    """Tensors of some pictures; ``target`` is (B, K, P), ``owned`` selects the tokens that carry a box."""

    patches: torch.Tensor
    index: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor
    owned: torch.Tensor
    boxes: torch.Tensor
    quality: torch.Tensor


class LayerPool:
    """The training renderings in memory; new files in the folder join when ``refresh`` is called."""

    def __init__(self, folder: Path, seed: int):
        """Read every shard in ``folder``."""
        self.folder, self.rng = Path(folder), np.random.default_rng([881, seed])
        self.layers: list[Layers] = []
        self._read: set[str] = set()
        self._noise = self.rng.normal(0, 1, (4, 3, SIDE_PX, SIDE_PX)).astype(np.float32)
        self.refresh()

    def refresh(self) -> int:
        """Read shards that were not there before and return the number of renderings."""
        for path in sorted(self.folder.glob('train_*.npz')):
            if path.name not in self._read and '.part' not in path.name:
                self._read.add(path.name)
                self.layers += load_shard(path)
        return len(self.layers)

    def draw(self, tokens: int) -> Sample:
        """Return a random rendering, coloured anew, cut down to ``tokens`` tokens that keep every object."""
        rng = self.rng
        layers = self.layers[int(rng.integers(len(self.layers)))]
        colours = self._sample_colours(len(layers.shapes))
        paints = PALETTE[colours] * (1 + rng.normal(0, 0.015, (len(colours), 3)).astype(np.float32))
        table = np.array(TABLE_COLOUR) * rng.uniform(0.85, 1.15) * (1 + rng.normal(0, 0.03, 3))
        picture = compose(layers, table, np.clip(paints, 0, 255))
        picture *= (rng.uniform(0.95, 1.05) * (1 - rng.uniform(0, 0.07, 3)))[:, None, None].astype(np.float32)
        if rng.random() < 0.6:
            noise = self._noise[int(rng.integers(4))]
            picture += np.roll(noise, int(rng.integers(SIDE_PX)), 2) * np.float32(rng.uniform(0, 5))
        picture = (np.clip(picture, 0, 255) - MEAN[:, None, None]) / STD[:, None, None]
        boxes, coverage = layers.boxes, layers.coverage.astype(np.float32)
        if rng.random() < 0.5:
            picture = picture[:, :, ::-1]
            boxes = boxes * np.array([-1, 1, 1, 1], np.float32) + np.array([1, 0, 0, 0], np.float32)
            coverage = coverage.reshape(-1, GRID, GRID)[:, :, ::-1].reshape(-1, GRID * GRID)
        targets = assign_tokens(boxes, coverage, layers.visible_px)
        return self._select(cut_patches(picture), targets, coverage, tokens, (boxes, colours, layers.shapes))

    def _sample_colours(self, count: int) -> np.ndarray:
        colours = self.rng.integers(0, len(PALETTE), count)
        if count > 1 and self.rng.random() < 0.3:  # same colour, other shape: the hard negative
            colours[self.rng.integers(count)] = colours[self.rng.integers(count)]
        return colours

    def _select(self, patches, targets: TokenTargets, coverage, tokens: int, objects) -> Sample:
        if tokens >= GRID * GRID:
            keep = np.arange(GRID * GRID)
        else:
            interest = patches.std(1) + self.rng.uniform(0, 0.5, GRID * GRID) + 10 * (targets.owner >= 0)
            if len(coverage):
                interest += (coverage > 0.02).any(0)
            keep = np.argpartition(-interest, tokens)[:tokens]
        return Sample(patches[keep], keep, targets.owner[keep], targets.quality[keep], targets.weight[keep], *objects)


def cut_patches(picture: np.ndarray) -> np.ndarray:
    """Cut (3, S, S) into (GRID * GRID, 3 * PATCH_PX**2), row by row."""
    split = picture.reshape(3, GRID, PATCH_PX, GRID, PATCH_PX)
    return np.ascontiguousarray(split.transpose(1, 3, 0, 2, 4)).reshape(GRID * GRID, 3 * PATCH_PX**2)


def collate(samples: Sequence[Sample], phrases) -> Batch:
    """Stack samples and spell their targets out for these phrases."""
    target = np.zeros((len(samples), len(samples[0].index), len(phrases)), np.float32)
    boxes = np.zeros((len(samples), len(samples[0].index), 4), np.float32)
    for i, sample in enumerate(samples):
        fits = match_phrases(phrases, sample.colours, sample.shapes)
        owned = sample.owner >= 0
        target[i, owned] = fits[sample.owner[owned]] * sample.quality[owned, None]
        boxes[i, owned] = sample.boxes[sample.owner[owned]]
    quality = torch.from_numpy(np.stack([sample.quality for sample in samples]))
    owned = torch.from_numpy(np.stack([sample.owner >= 0 for sample in samples])) & (quality > 0.05)
    return Batch(
        torch.from_numpy(np.stack([sample.patches for sample in samples])).bfloat16(),
        torch.from_numpy(np.stack([sample.index for sample in samples])),
        torch.from_numpy(target),
        torch.from_numpy(np.stack([sample.weight for sample in samples])),
        owned,
        torch.from_numpy(boxes)[owned],
        quality[owned],
    )
