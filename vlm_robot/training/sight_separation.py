"""
The fixed rule that keeps validation and test of every eye (masks, words, questions) out of its training.

Four fences, each tested:

* random numbers: every split draws from its own streams, tables as in ``owlvit_scenes``, the rest from here;
* colour and shape: three pairs are never shown nor named while training;
* cameras: training drops renderings from further than ``CAMERA_RANGE_M`` from where the camera belongs, and every
  fourth table of validation and test is seen from outside of it;
* words: a family of wordings is either trained or kept for the test, whole.

What the fences do not fence: the towers that the models start from are those of the detector, which has seen every
pair and wider cameras. What is held out is the pairs of everything learnt on top of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import zlib

import numpy as np

from vlm_robot.errors import ConfigError
from vlm_robot.sim.bullet_camera import CAMERAS, CameraSpec
from vlm_robot.vocabulary import COLOURS

SIGHT_STREAMS = {'train': 8111, 'validation': 8222, 'test': 8333}
HELD_OUT_PAIRS = (('cyan', 'bowl'), ('orange', 'block'), ('pink', 'block'))
CAMERA_RANGE_M = 0.05  # how far an eye may stand from its camera's place in a training picture
FAR_RANGE_M = (0.06, 0.10)
FAR_EVERY = 4  # of validation and test tables, one in so many is seen from far off the camera's place


def split_rng(split: str, purpose: str, seed: int) -> np.random.Generator:
    """Return the stream of random numbers of one purpose and seed of one split; raise ConfigError on a wrong split."""
    check_split(split)
    return np.random.default_rng([SIGHT_STREAMS[split], zlib.crc32(purpose.encode()), seed])


def check_split(split: str) -> None:
    """Raise ConfigError on an unknown split."""
    if split not in SIGHT_STREAMS:
        raise ConfigError(f"no split '{split}'; known: {sorted(SIGHT_STREAMS)}")


def is_held_out(colour: str, shape: str) -> bool:
    """Return whether training neither shows nor names things of this colour and shape."""
    return (colour, shape) in HELD_OUT_PAIRS


def list_colours(split: str, shape: str) -> tuple[str, ...]:
    """Return the colours in which a split may show a shape."""
    check_split(split)
    return tuple(c for c in COLOURS if split != 'train' or not is_held_out(c, shape))


def measure_offset(camera: CameraSpec) -> float:
    """Return how many metres a camera's eye is from where that camera belongs."""
    return float(np.linalg.norm(np.subtract(camera.eye, CAMERAS[camera.name].eye)))


def is_far(camera: CameraSpec) -> bool:
    """Return whether a camera stands where no camera of a training picture stands."""
    return measure_offset(camera) > CAMERA_RANGE_M


@dataclass(frozen=True)
class Wordings:
    """
    Templates that say one kind of thing.

    :param trained: what every split may say.
    :param kept: what only the test says; none of it is ever trained or used to choose between models.
    """

    trained: tuple[str, ...]
    kept: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a template on both sides of the fence."""
        both = set(self.trained) & set(self.kept)
        if both or not self.trained:
            raise ConfigError(f'wordings need at least one trained template and none on both sides, got {sorted(both)}')

    def pick(self, split: str, rng: np.random.Generator) -> tuple[str, bool]:
        """Return a template and whether it is a kept one; the test says kept ones half of the time."""
        check_split(split)
        is_kept = bool(split == 'test' and self.kept and rng.random() < 0.5)
        return pick(rng, self.kept if is_kept else self.trained), is_kept


def pick(rng: np.random.Generator, items: Sequence):
    """Return one of the items."""
    return items[int(rng.integers(len(items)))]
