"""
Keeps what was seen over frames and cameras as one scene with names that stay.

Positions are metres in the base frame. It knows no image and no model: only lifted detections come in.
Assignment by the Hungarian method (Kuhn 1955; Crouse 2016 as in scipy.optimize.linear_sum_assignment).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from vlm_robot.datatypes import LiftedDetection, Point, Scene
from vlm_robot.errors import ConfigError, name_nearest, PlanError
from vlm_robot.scene.relations import relations_of
from vlm_robot.scene.track import follow, Track
from vlm_robot.vocabulary import shape_of

A = TypeVar('A')
B = TypeVar('B')
FAR = 1e6  # a cost that is no match
OTHER_LABEL = 0.05  # metres of extra cost when a label does not fit: the right label wins where both are near


@dataclass(frozen=True)
class TrackerConfig:
    """How detections become objects."""

    gate: float = 0.06  # m, a detection this near to an object of the same label is that object
    merge_distance: float = 0.03  # m, two labels of one shape nearer than this are one object: blocks are 4 cm apart
    forget_after: int = 3  # looks in which an object should have been seen and was not
    confirm_after: int = 1  # looks in which a thing must have been seen before the scene holds it
    smoothing: float = 0.5  # 0..1, weight of the newest position while an object rests
    jump: float = 0.02  # m, an object that moved more than this is not averaged with its past
    best_camera: str = 'top'  # its positions win over other cameras', and only it may miss things
    hand_z: float = 0.20  # m, nothing rests this high: what is seen above is in the hand or no object

    def __post_init__(self):
        """Refuse numbers that cannot work."""
        for name in ('gate', 'merge_distance', 'jump', 'hand_z'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'scene.{name} is {getattr(self, name)} m; allowed: above 0')
        if not 0 < self.smoothing <= 1:
            raise ConfigError(f'scene.smoothing is {self.smoothing}; allowed: above 0, at most 1')
        for name in ('forget_after', 'confirm_after'):
            if getattr(self, name) < 1:
                raise ConfigError(f'scene.{name} is {getattr(self, name)}; allowed: 1 or more')


class SceneTracker:
    """The robot's memory of the table."""

    def __init__(self, config: TrackerConfig | None = None):
        """Start with an empty scene."""
        self.config = config or TrackerConfig()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._tracks: list[Track] = []
        self._stamp = 0.0
        self._hand_stamp = -np.inf
        self._cameras: set[str] = set()

    def set_back(self, stamp: float) -> None:
        """Keep what is known, but order what comes by a clock that was set back to ``stamp`` seconds."""
        self._stamp = min(self._stamp, stamp)
        self._hand_stamp = -np.inf

    @property
    def scene(self) -> Scene:
        """Return the scene as believed now, with relations."""
        tracks = [track for track in self._tracks if track.hits >= self.config.confirm_after]
        counts: dict[str, int] = {}
        for track in tracks:
            counts[track.label] = counts.get(track.label, 0) + 1
        names = {id(t): t.label if counts[t.label] == 1 else f'{t.label} {t.number}' for t in tracks}
        objects = tuple(track.to_object(names[id(track)]) for track in tracks)
        held = next((names[id(track)] for track in tracks if track.is_held), '')
        return Scene(objects, relations_of(objects, held), held, self._stamp)

    def update(self, lifted: Sequence[LiftedDetection], stamp: float, camera: str, queries: Sequence[str]) -> Scene:
        """
        Take in one look of one camera and return the new scene.

        :param lifted: what was found in this frame; may be empty.
        :param stamp: seconds, frames from before the last change of the hand are ignored.
        :param queries: the labels that were looked for: only objects of these labels can be missed.
        """
        if stamp < self._hand_stamp:
            return self.scene
        self._stamp = max(self._stamp, stamp)
        self._cameras.add(camera)
        seen = merge_labels(self._leave_out_hand(lifted), self.config.merge_distance)
        free = [track for track in self._tracks if not track.is_held]
        pairs = match(free, seen, self._cost_in_place)
        pairs += match(*_leave_out(free, seen, pairs), cost=_cost_moved)
        for track, item in pairs:
            self._take_in(track, item, stamp)
        missed, fresh = _leave_out(free, seen, pairs)
        for item in fresh:
            number = self._free_number(item.detection.label)
            self._tracks.append(follow(item, number, stamp, self._is_trusted(item.camera)))
        self._note_missed(missed, camera, queries)
        return self.scene

    def set_held(self, name: str, p_base: Point | None = None, stamp: float = 0.0) -> Scene:
        """
        Tell what the hand holds; it stays in the scene, at the hand, though no camera may see it.

        :param name: an object's name; empty when the hand let go; the object is then found again anywhere.
        :param p_base: metres, where the hand is, or where the object was let go when ``name`` is empty.
        :param stamp: seconds, when the hand changed; older frames are ignored from now on.
        :raises PlanError: no object has that name.
        """
        tracks = [track for track in self._tracks if track.hits >= self.config.confirm_after]
        by_name = dict(zip(self.scene.names, tracks, strict=True))
        if name and name not in by_name:
            raise PlanError(f"'{name}' cannot be held: it is not in the scene{name_nearest(name, by_name)}")
        for track in self._tracks:
            now_held = bool(name) and track is by_name[name]
            if p_base is not None and (now_held or track.is_held):
                track.p_base = np.array(p_base, float)
            track.is_held = now_held
        self._hand_stamp = max(self._hand_stamp, stamp)
        return self.scene

    def _leave_out_hand(self, lifted: Sequence[LiftedDetection]) -> list[LiftedDetection]:
        return [item for item in lifted if item.p_base[2] < self.config.hand_z]

    def _cost_in_place(self, track: Track, item: LiftedDetection) -> float:
        """Return metres between a track and a detection of the same place; FAR when they are not."""
        label = item.detection.label
        offset = track.p_base - item.p_base
        if shape_of(track.label) != shape_of(label) or abs(offset[2]) > self.config.merge_distance:
            return FAR
        distance = float(np.linalg.norm(offset))
        if label == track.label:
            return distance if distance <= self.config.gate else FAR
        return distance + OTHER_LABEL if distance <= self.config.merge_distance else FAR

    def _take_in(self, track: Track, item: LiftedDetection, stamp: float) -> None:
        track.see(item.detection.label, item.detection.score, stamp)
        if track.label != track.numbered_label:
            track.number, track.numbered_label = self._free_number(track.label, track), track.label
        trusted = self._is_trusted(item.camera)
        distance = float(np.linalg.norm(track.p_base - item.p_base))
        if trusted or not track.is_trusted or distance > self.config.gate:
            track.move(item, 1.0 if distance > self.config.jump else self.config.smoothing)
            track.is_trusted = trusted

    def _note_missed(self, missed: Sequence[Track], camera: str, queries: Collection[str]) -> None:
        if self.config.best_camera in self._cameras and camera != self.config.best_camera:
            return  # the other cameras look from the side: things hide behind others
        for track in missed:
            covered = any(track.is_under(other) for other in self._tracks)
            if track.label in queries and not covered:
                track.misses += 1
        self._tracks = [track for track in self._tracks if track.misses < self.config.forget_after]

    def _free_number(self, label: str, own: Track | None = None) -> int:
        taken = {track.number for track in self._tracks if track.label == label and track is not own}
        return next(number for number in range(1, len(taken) + 2) if number not in taken)

    def _is_trusted(self, camera: str) -> bool:
        return camera == self.config.best_camera


def merge_labels(lifted: Sequence[LiftedDetection], distance: float) -> list[LiftedDetection]:
    """
    Return one detection for each place: of one shape within ``distance`` metres the best score stays.

    The order of the answer does not depend on the order of the question.
    """
    kept: list[LiftedDetection] = []
    for item in sorted(lifted, key=lambda x: (-x.detection.score, x.detection.label, x.p_base)):
        shape = shape_of(item.detection.label)
        apart = [
            np.linalg.norm(np.subtract(item.p_base, o.p_base)) for o in kept if shape_of(o.detection.label) == shape
        ]
        if min(apart, default=np.inf) > distance:
            kept.append(item)
    return sorted(kept, key=lambda x: (x.detection.label, x.p_base[1], x.p_base[0], x.p_base[2]))


def match(some: Sequence[A], others: Sequence[B], cost: Callable[[A, B], float]) -> list[tuple[A, B]]:
    """Return the pairs of least total cost; pairs whose cost is FAR are left out."""
    if not some or not others:
        return []
    costs = np.array([[cost(one, other) for other in others] for one in some])
    rows, columns = linear_sum_assignment(costs)
    return [(some[r], others[c]) for r, c in zip(rows, columns, strict=True) if costs[r, c] < FAR]


def _cost_moved(track: Track, item: LiftedDetection) -> float:
    """Return metres from where a thing is gone to where a thing of its label appeared."""
    if track.label != item.detection.label:
        return FAR
    return float(np.linalg.norm(track.p_base - item.p_base))


def _leave_out(tracks, seen, pairs) -> tuple[list[Track], list[LiftedDetection]]:
    used_tracks, used_items = {id(track) for track, _ in pairs}, {id(item) for _, item in pairs}
    return (
        [track for track in tracks if id(track) not in used_tracks],
        [item for item in seen if id(item) not in used_items],
    )
