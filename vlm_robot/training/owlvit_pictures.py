"""Validation and test pictures: rendered in colour as the robot's cameras see them, with the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from vlm_robot.datatypes import RgbdImage
from vlm_robot.training.owlvit_data import box_of_mask, MIN_VISIBLE_PX
from vlm_robot.training.owlvit_scenes import sample_view, TableDrawer, TableView, Thing


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """
    One frame and what is in it.

    :param things: the objects that show at least one pixel.
    :param boxes_px: (N, 4) xyxy around their visible part.
    :param visible_px: (N,) how many pixels show them.
    """

    image: RgbdImage
    things: tuple[Thing, ...]
    boxes_px: np.ndarray
    visible_px: np.ndarray

    def split(self, label: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes of objects of that label: those to judge, and those that are too hidden."""
        mine = np.array([thing.label == label for thing in self.things], bool)
        clear = self.visible_px >= MIN_VISIBLE_PX
        return self.boxes_px[mine & clear], self.boxes_px[mine & ~clear]


def draw_picture(drawer: TableDrawer, view: TableView) -> LabelledPicture:
    """Render a view and find the visible part of every object."""
    picture, camera, bodies = drawer.draw(view)
    image = RgbdImage(picture.rgb, picture.depth, camera.intrinsics, camera.T_base_camera, 0.0, camera.name)
    shown = [(t, picture.body == body) for t, body in zip(view.things, bodies, strict=True)]
    shown = [(thing, mask) for thing, mask in shown if mask.any()]
    return LabelledPicture(
        image,
        tuple(thing for thing, _ in shown),
        np.array([box_of_mask(mask) for _, mask in shown]).reshape(-1, 4),
        np.array([mask.sum() for _, mask in shown], int),
    )


def draw_pictures(split: str, seeds: Iterable[int]) -> Iterator[LabelledPicture]:
    """Render the views of these seeds of a split, one after the other."""
    drawer = TableDrawer()
    try:
        for seed in seeds:
            yield draw_picture(drawer, sample_view(split, seed))
    finally:
        drawer.close()
