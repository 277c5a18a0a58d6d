"""
Detection by a tree prompt: wholes, their parts, and of which class each is.

Level by level: the labels of one level are looked for in all regions of that level together, one batch of pictures
for the model; texts are encoded once. A region is shown enlarged, with its surroundings, at most as much as the
checkpoint can bear (``most_zoom``); where that is the whole picture, its encoding is used again. A part counts when
most of its box lies in the box of its whole. Classes come from an image embedder (CLIP) or, without one, from the
detector's own scores. Boxes are pixels of the original picture throughout.

Source of the idea: NanoOWL (NVIDIA-AI-IOT/nanoowl), which encodes every region by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
import math

import numpy as np
import torch

from vlm_robot.datatypes import Box
from vlm_robot.perception.boxes import compute_iou
from vlm_robot.perception.images import check_rgb
from vlm_robot.perception.owlvit import ImageFeatures, OwlVitDetector
from vlm_robot.perception.owlvit_answers import choose, TokenScores
from vlm_robot.perception.sight import ImageEmbedder
from vlm_robot.perception.tree_prompts import Group, list_texts, parse_tree

Frame = tuple[int, int, int, int]  # left, top, right, bottom in whole pixels
SHARPNESS = 100.0  # the largest scale of cosines that CLIP was trained with; an embedder may bring its own `scale`
BATCH = 16  # regions that are encoded together
MARGIN = 1.2  # a region is its box times this, so that edges are seen from outside
MOST_REGIONS = 64  # per level: a prompt of depth d may otherwise find n^d things
LEAST_INSIDE = 0.6  # share of a part's box that must lie in its whole


@dataclass(frozen=True)
class TreeDetection:
    """
    One thing of a tree.

    :param number: 1, 2, ... in the order of finding; 0 is the picture itself.
    :param parent: number of the thing that it is a part of.
    :param score: 0..1 of its own; 1 for the picture.
    :param classes: (label, probability) of each class that was chosen for it.
    """

    number: int
    parent: int
    label: str
    score: float
    box_xyxy_px: Box
    classes: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class _Task:
    """Groups that remain to be asked about the thing ``number``."""

    number: int
    groups: tuple[Group, ...]


class TreeDetector:
    """Finds what a tree prompt names."""

    def __init__(self, detector: OwlVitDetector, embedder: ImageEmbedder | None = None):
        """Keep the models; without ``embedder`` classes are judged by the detector."""
        self.detector, self.embedder = detector, embedder
        self.name = detector.name

    def detect(
        self, rgb: np.ndarray, tree: str | tuple[Group, ...], thresholds: Mapping[str, float] | None = None
    ) -> list[TreeDetection]:
        """
        Return the picture as number 0 and all that was found in it, wholes before their parts.

        :param tree: a tree prompt or its groups.
        :param thresholds: least score of an answer by label, where it differs from the configured one.
        :raises SentenceError: the prompt is no tree or a label is too long for the model.
        """
        groups = parse_tree(tree) if isinstance(tree, str) else tree
        check_rgb(rgb)
        texts = list_texts(groups, 'detect') + (list_texts(groups, 'classify') if self.embedder is None else ())
        if texts:
            self.detector.embed_queries(texts)  # all at once, before any level
        walk = _Walk(self, rgb, thresholds or {})
        tasks = [_Task(0, groups)]
        while tasks:
            tasks = walk.take_level(tasks)[:MOST_REGIONS]
        return walk.found


class _Walk:
    """One picture on its way down the tree."""

    def __init__(self, owner: TreeDetector, rgb: np.ndarray, thresholds: Mapping[str, float]):
        self.detector, self.embedder, self.rgb, self.thresholds = owner.detector, owner.embedder, rgb, thresholds
        height, width = rgb.shape[:2]
        self.found = [TreeDetection(0, -1, 'image', 1.0, (0.0, 0.0, float(width), float(height)))]
        self.features: dict[Frame, ImageFeatures] = {}

    def take_level(self, tasks: Sequence[_Task]) -> list[_Task]:
        """Answer all groups of a level; return those of the next."""
        asked = [(task.number, group) for task in tasks for group in task.groups]
        by_detector = self.embedder is None
        self.encode([self.frame(n) for n, group in asked if group.kind == 'detect' or by_detector])
        following = []
        for number, group in asked:
            answer = self.find_parts if group.kind == 'detect' else self.choose_class
            following += answer(number, group)
        return following

    def frame(self, number: int) -> Frame:
        """Return the region in which the detector is shown a thing."""
        height, width = self.rgb.shape[:2]
        return frame_region(self.found[number].box_xyxy_px, width, height, self.detector.settings.most_zoom)

    def encode(self, frames: Sequence[Frame]) -> None:
        """Encode the regions that were not, in batches."""
        new = [frame for frame in dict.fromkeys(frames) if frame not in self.features]
        for begin in range(0, len(new), BATCH):
            some = new[begin : begin + BATCH]
            features = self.detector.encode(self.detector.preprocess([cut(self.rgb, frame) for frame in some]))
            self.features |= {frame: features.pick(i) for i, frame in enumerate(some)}

    def compare(self, number: int, group: Group) -> TokenScores:
        """Return what the tokens of a thing's region say about the labels of a group, boxes in the whole picture."""
        left, top, right, bottom = frame = self.frame(number)
        embeds = self.detector.embed_queries(group.labels)
        seen = self.detector.compare(self.features[frame], embeds, [(bottom - top, right - left)])[0]
        return replace(seen, boxes=seen.boxes + torch.tensor([left, top, left, top]), size=self.rgb.shape[:2])

    def find_parts(self, number: int, group: Group) -> list[_Task]:
        """Look for the labels of a group in a thing."""
        limits = torch.tensor([self.detector.limit(label, self.thresholds) for label in group.labels])
        inner = {branch.label: branch.groups for branch in group.branches}
        following = []
        for part in choose(self.compare(number, group), group.labels, limits, self.detector.rules):
            if measure_inside(part.box_xyxy_px, self.found[number].box_xyxy_px) < LEAST_INSIDE:
                continue
            self.found.append(TreeDetection(len(self.found), number, part.label, part.score, part.box_xyxy_px))
            if inner[part.label]:
                following.append(_Task(len(self.found) - 1, inner[part.label]))
        return following

    def choose_class(self, number: int, group: Group) -> list[_Task]:
        """Choose the label of a group that fits a thing best."""
        probabilities = (
            self.weigh_by_embedder(number, group) if self.embedder else self.weigh_by_detector(number, group)
        )
        best, thing = int(probabilities.argmax()), self.found[number]
        classes = (*thing.classes, (group.labels[best], float(probabilities[best])))
        self.found[number] = replace(thing, classes=classes)
        inner = group.branches[best].groups
        return [_Task(number, inner)] if inner else []

    def weigh_by_embedder(self, number: int, group: Group) -> torch.Tensor:
        """Return the probability of each label, (Q,), by the cosines of an image embedder."""
        assert self.embedder is not None
        height, width = self.rgb.shape[:2]
        picture = cut(self.rgb, frame_region(self.found[number].box_xyxy_px, width, height, math.inf))
        cosines = self.embedder.embed_images([picture]) @ self.embedder.embed_texts(list(group.labels)).T
        return torch.softmax(getattr(self.embedder, 'scale', SHARPNESS) * torch.from_numpy(cosines[0]), 0)

    def weigh_by_detector(self, number: int, group: Group) -> torch.Tensor:
        """Return the share of each label, (Q,), in what the tokens of the thing itself score."""
        seen = self.compare(number, group)
        overlap = compute_iou(seen.boxes, torch.tensor([self.found[number].box_xyxy_px]))[:, 0]
        scores = seen.scores[overlap >= 0.8 * overlap.max()].max(0).values
        return scores / scores.sum().clamp(min=1e-9)


def frame_region(box: Box, width_px: int, height_px: int, most_zoom: float) -> Frame:
    """
    Return the part of the picture in which a box is shown: square where the picture allows, in whole pixels.

    :param most_zoom: the region is at least as large as the picture's longer side divided by this.
    """
    left, top, right, bottom = box
    side = max(MARGIN * max(right - left, bottom - top), max(width_px, height_px) / most_zoom, 8.0)
    low_x, high_x = _fit((left + right) / 2, side, width_px)
    low_y, high_y = _fit((top + bottom) / 2, side, height_px)
    return low_x, low_y, high_x, high_y


def _fit(centre: float, side: float, most: int) -> tuple[int, int]:
    """Return both ends of a stretch of the wanted length around a centre, moved inside 0..most."""
    if side >= most:
        return 0, most
    low = min(max(centre - side / 2, 0.0), most - side)
    return math.floor(low), min(most, math.ceil(low + side))


def cut(rgb: np.ndarray, frame: Frame) -> np.ndarray:
    """Return the part of a picture in whole pixels left, top, right, bottom."""
    left, top, right, bottom = frame
    return rgb[top:bottom, left:right]


def measure_inside(part: Box, whole: Box) -> float:
    """Return the share 0..1 of the area of ``part`` that lies in ``whole``."""
    wide = min(part[2], whole[2]) - max(part[0], whole[0])
    high = min(part[3], whole[3]) - max(part[1], whole[1])
    area = (part[2] - part[0]) * (part[3] - part[1])
    return max(wide, 0.0) * max(high, 0.0) / area if area > 0 else 0.0
