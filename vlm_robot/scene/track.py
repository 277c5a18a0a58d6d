"""
One thing that is followed over frames: where it was seen, under which labels, how often not.

Metres in the base frame; it knows nothing of other things except when one covers it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vlm_robot.datatypes import LiftedDetection, SceneObject
from vlm_robot.geometry import wrap_quarter_turn
from vlm_robot.vocabulary import BLOCK_SIZE

LABEL_MEMORY = 0.5  # 0..1, weight of the newest look in the score of each label
LABEL_LEAD = 1.2  # another label must score this many times more to take over


@dataclass(eq=False)
class Track:
    """
    One thing.

    :param p_base: (3,) metres, its centre.
    :param number: tells things of one label apart; ``numbered_label`` is the label it was given for.
    :param is_trusted: its position came from the best camera.
    """

    label: str
    p_base: np.ndarray
    size: np.ndarray
    yaw: float
    number: int
    stamp: float
    score: float
    is_trusted: bool
    numbered_label: str = ''
    hits: int = 1
    misses: int = 0
    is_held: bool = False
    label_scores: dict[str, float] = field(default_factory=dict)

    def see(self, label: str, score: float, stamp: float) -> None:
        """Count a look that found it; the label with the best recent scores names it, with some inertia."""
        self.hits, self.misses, self.stamp = self.hits + 1, 0, max(self.stamp, stamp)
        for known in {*self.label_scores, label}:
            new = score if known == label else 0.0
            self.label_scores[known] = (1 - LABEL_MEMORY) * self.label_scores.get(known, 0.0) + LABEL_MEMORY * new
        best = max(self.label_scores, key=lambda known: (self.label_scores[known], known))
        if self.label_scores[best] > LABEL_LEAD * self.label_scores.get(self.label, 0.0):
            self.label = best
        if label == self.label:
            self.score = score

    def move(self, item: LiftedDetection, weight: float) -> None:
        """Take over a measured place, turn and size with a weight of 0..1."""
        self.p_base = (1 - weight) * self.p_base + weight * np.array(item.p_base)
        self.size = (1 - weight) * self.size + weight * np.array(item.size)
        self.yaw = wrap_quarter_turn(self.yaw + weight * wrap_quarter_turn(item.yaw - self.yaw))

    def is_under(self, other: Track) -> bool:
        """Return whether another thing stands on it and hides it from above."""
        offset = other.p_base - self.p_base
        return offset[2] > BLOCK_SIZE / 2 and float(np.hypot(*offset[:2])) < BLOCK_SIZE

    def to_object(self, name: str) -> SceneObject:
        """Return it as a value of the scene."""
        x, y, z = (float(value) for value in self.p_base)
        size = tuple(float(value) for value in self.size)
        return SceneObject(name, self.label, (x, y, z), (size[0], size[1], size[2]), self.yaw, self.score, self.stamp)


def follow(item: LiftedDetection, number: int, stamp: float, is_trusted: bool) -> Track:
    """Begin to follow a thing that was seen for the first time."""
    label, score = item.detection.label, item.detection.score
    return Track(
        label,
        np.array(item.p_base, float),
        np.array(item.size, float),
        item.yaw,
        number,
        stamp,
        score,
        is_trusted,
        numbered_label=label,
        label_scores={label: score},
    )
