"""
Keeps what was seen over frames and cameras as one scene with names that stay.

Positions are metres in the base frame. It knows no image and no model: only lifted detections come in.
Assignment by the Hungarian method (Kuhn 1955; Crouse 2016 as in scipy.optimize.linear_sum_assignment).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vlm_robot.datatypes import LiftedDetection, Point, Scene
from vlm_robot.errors import ConfigError


@dataclass(frozen=True)
class TrackerConfig:
    """How detections become objects."""

    gate: float = 0.06  # m, a detection this near to an object of the same label is that object
    merge_distance: float = 0.025  # m, two labels of one shape nearer than this are one object
    forget_after: int = 3  # looks in which an object should have been seen and was not
    smoothing: float = 0.5  # 0..1, weight of the newest position while an object rests
    jump: float = 0.02  # m, an object that moved more than this is not averaged with its past
    best_camera: str = 'top'  # its x, y and yaw win over other cameras'
    hand_z: float = 0.20  # m, while something is held, a detection of its label above this is the held object

    def __post_init__(self):
        """Refuse numbers that cannot work."""
        for name in ('gate', 'merge_distance', 'jump', 'hand_z'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'scene.{name} is {getattr(self, name)} m; allowed: above 0')
        if not 0 < self.smoothing <= 1:
            raise ConfigError(f'scene.smoothing is {self.smoothing}; allowed: above 0, at most 1')
        if self.forget_after < 1:
            raise ConfigError(f'scene.forget_after is {self.forget_after}; allowed: 1 or more')


class SceneTracker:
    """The robot's memory of the table."""

    def __init__(self, config: TrackerConfig | None = None):
        """Start with an empty scene."""
        self.config = config or TrackerConfig()

    @property
    def scene(self) -> Scene:
        """Return the scene as believed now, with relations."""
        raise NotImplementedError

    def update(
        self, lifted: Sequence[LiftedDetection], stamp: float, camera: str, queries: Sequence[str]
    ) -> Scene:
        """
        Take in one look of one camera and return the new scene.

        :param lifted: what was found in this frame; may be empty.
        :param stamp: seconds, the time of the frame; a frame older than the last change of the hand is ignored.
        :param queries: the labels that were looked for: only objects of these labels can be missed.
        """
        raise NotImplementedError

    def set_held(self, name: str, p_base: Point | None = None, stamp: float = 0.0) -> Scene:
        """
        Tell what the hand holds; it stays in the scene, at the hand, though no camera may see it.

        :param name: an object's name; empty when the hand let go, after which the object is found again anywhere.
        :param p_base: metres, where the hand is, or where the object was let go when ``name`` is empty.
        :param stamp: seconds, when the hand changed; older frames are ignored from now on.
        :raises PlanError: no object has that name.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Forget everything."""
        raise NotImplementedError
