"""
Pictures of the table with everything that is true of them, from which every eye of the robot learns.

A training picture is a layered rendering (``owlvit_data``) in colours drawn anew at every visit, 320x320, squashed
as the processors squash it; a validation or test picture is rendered directly at the camera's 640x480. The mask of
a thing is its visible part. Left, right, above and below are those of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import cv2
import numpy as np

from vlm_robot.datatypes import Box
from vlm_robot.geometry import intrinsics_of, invert, look_at, project, transform_points
from vlm_robot.sim.bullet_camera import CAMERAS, CameraSpec, HEIGHT_PX, WIDTH_PX
from vlm_robot.sim.world import TABLE_COLOUR
from vlm_robot.training.owlvit_data import box_of_mask, compose, Layers, SIDE_PX
from vlm_robot.training.owlvit_scenes import sample_view, TableDrawer, TableView, Thing
from vlm_robot.training.sight_separation import FAR_EVERY, FAR_RANGE_M, list_colours, pick, split_rng
from vlm_robot.vocabulary import COLOURS, shape_of

NOBODY = 255
CLEAR_PX = {'block': 100, 'bowl': 300}  # of 640x480: about a tenth of one that nothing hides
STRAY_M = 0.035  # the most by which a thing's centre is beside that of what carries it
NOISE = tuple(np.random.default_rng(881).normal(0, 1, (2, 3, SIDE_PX, SIDE_PX)).astype(np.float32))


@dataclass(frozen=True, eq=False)
class PictureThing:
    """
    A thing that shows at least one pixel.

    :param mask: (H, W) bool, its visible part; may be empty in a training picture where only an edge shows.
    :param visible_px: pixels of a 640x480 rendering that show it.
    :param place: ``table``, ``bowl``, ``stack`` (on a block) or ``hand``.
    :param host: which thing of the picture carries it; None on the table, in the hand, or where the host is hidden.
    :param p_base: metres in the base frame, its centre; of the table before any mirroring of the picture.
    """

    colour: str
    shape: str
    box_xyxy_px: Box
    mask: np.ndarray
    visible_px: int
    place: str = 'table'
    host: int | None = None
    p_base: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def label(self) -> str:
        """Return colour and shape, for example ``red block``."""
        return f'{self.colour} {self.shape}'

    @cached_property
    def is_clear(self) -> bool:
        """Return whether enough of it shows to call it present; a less visible thing is neither there nor absent."""
        return self.visible_px >= CLEAR_PX[self.shape] and bool(self.mask.any())

    @property
    def centre_px(self) -> tuple[float, float]:
        """Return the middle of its box, column and row."""
        x0, y0, x1, y1 = self.box_xyxy_px
        return (x0 + x1) / 2, (y0 + y1) / 2


@dataclass(frozen=True, eq=False)
class Picture:
    """
    One picture and what is true of it.

    :param rgb: (H, W, 3) uint8.
    :param camera: where it was taken from, before any mirroring.
    """

    rgb: np.ndarray
    things: tuple[PictureThing, ...]
    camera: CameraSpec

    @property
    def size_px(self) -> tuple[int, int]:
        """Return width and height."""
        return self.rgb.shape[1], self.rgb.shape[0]


def paint_things(things: Sequence[Thing], split: str, rng: np.random.Generator) -> list[Thing]:
    """Return things in random colours, often most of them of two or three only so that equals and rivals meet."""
    few = rng.permutation(list(COLOURS))[: int(rng.integers(2, 4))].tolist()
    freedom, painted = pick(rng, (1.0, 0.0, 0.25)), []
    for thing in things:
        shape = shape_of(thing.label)
        known = list_colours(split, shape)
        chosen = pick(rng, known if rng.random() < freedom else [c for c in known if c in few] or known)
        painted.append(replace(thing, label=f'{chosen} {shape}'))
    return painted


def compose_picture(layers: Layers, view: TableView, rng: np.random.Generator) -> Picture:
    """
    Return a training picture: a layered rendering coloured, lit, mirrored and made noisy at random.

    :param layers: the rendering of ``view``.
    :return: 320x320; no held-out pair of colour and shape is in it.
    """
    things = paint_things(find_shown(view, layers), 'train', rng)
    plain = np.array([COLOURS[thing.label.split(' ')[0]] for thing in things], np.float64).reshape(-1, 3)
    paints = plain * (1 + rng.normal(0, 0.015, plain.shape))
    table = np.array(TABLE_COLOUR) * rng.uniform(0.85, 1.15) * (1 + rng.normal(0, 0.03, 3))
    picture = compose(layers, table, np.clip(paints, 0, 255))
    picture *= (rng.uniform(0.95, 1.05) * (1 - rng.uniform(0, 0.07, 3)))[:, None, None].astype(np.float32)
    if rng.random() < 0.5:
        picture += np.roll(pick(rng, NOISE), int(rng.integers(SIDE_PX)), 2) * np.float32(rng.uniform(0, 5))
    rgb = np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8).transpose(1, 2, 0))
    middle, half = layers.boxes[:, :2], layers.boxes[:, 2:] / 2
    boxes = np.concatenate([middle - half, middle + half], 1)
    made = Picture(rgb, _describe(things, boxes * SIDE_PX, cut_masks(layers), layers.visible_px), view.camera)
    return mirror(made) if rng.random() < 0.5 else made


def render_picture(drawer: TableDrawer, split: str, seed: int) -> Picture:
    """
    Return picture ``seed`` of a split as the camera sees it, 640x480.

    Every second picture of validation and test has few colours, every fourth is seen from further off than any
    training picture. Same arguments, same picture.
    """
    view = sample_sight(split, seed)
    return label_picture(view, *render_owners(drawer, view))


def render_owners(drawer: TableDrawer, view: TableView) -> tuple[np.ndarray, np.ndarray]:
    """Return a view's (H, W, 3) uint8 picture and (H, W) uint8, which of its things each pixel shows or NOBODY."""
    picture, _, bodies = drawer.draw(view)
    owner = np.full(picture.body.shape, NOBODY, np.uint8)
    for i, body in enumerate(bodies):
        owner[picture.body == body] = i
    return picture.rgb, owner


def label_picture(view: TableView, rgb: np.ndarray, owner: np.ndarray) -> Picture:
    """Return what ``render_owners`` gave as a picture of the things that show."""
    masks = [owner == i for i in range(len(view.things))]
    shown = [i for i, mask in enumerate(masks) if mask.any()]
    things = [view.things[i] for i in shown]
    boxes = np.array([box_of_mask(masks[i]) for i in shown]).reshape(-1, 4)
    visible = np.array([masks[i].sum() for i in shown], int)
    return Picture(rgb, _describe(things, boxes, [masks[i] for i in shown], visible), view.camera)


def sample_sight(split: str, seed: int) -> TableView:
    """Return view ``seed`` of a split in the colours and from the camera that the rule of separation gives it."""
    view = sample_view(split, seed)
    rng = split_rng(split, 'sight', seed)
    if split == 'train' or seed % 2:
        view = replace(view, things=tuple(paint_things(view.things, split, rng)))
    if split != 'train' and seed // 2 % FAR_EVERY == FAR_EVERY - 1:
        step = rng.normal(0, 1, 3)
        step *= rng.uniform(*FAR_RANGE_M) / np.linalg.norm(step)
        eye = tuple((np.array(CAMERAS[view.camera.name].eye) + step).tolist())
        view = replace(view, camera=replace(view.camera, eye=eye))
    return view


def mirror(picture: Picture) -> Picture:
    """Return the picture with left and right exchanged."""
    width = picture.size_px[0]
    things = []
    for thing in picture.things:
        x0, y0, x1, y1 = thing.box_xyxy_px
        things.append(replace(thing, mask=thing.mask[:, ::-1], box_xyxy_px=(width - x1, y0, width - x0, y1)))
    return replace(picture, rgb=np.ascontiguousarray(picture.rgb[:, ::-1]), things=tuple(things))


def resize_picture(picture: Picture, size_px: tuple[int, int]) -> Picture:
    """Return the picture, its masks and boxes at another width and height, squashed where the shape differs."""
    scale = np.array(size_px * 2) / np.array(picture.size_px * 2)
    things = tuple(
        replace(
            thing,
            mask=cv2.resize(thing.mask.astype(np.uint8), size_px, interpolation=cv2.INTER_NEAREST_EXACT).astype(bool),
            box_xyxy_px=tuple((np.array(thing.box_xyxy_px) * scale).tolist()),
        )
        for thing in picture.things
    )
    return replace(picture, rgb=cv2.resize(picture.rgb, size_px, interpolation=cv2.INTER_AREA), things=things)


def find_shown(view: TableView, layers: Layers) -> list[Thing]:
    """Return which things of a view the layers show, in order: those whose projections are nearest to the boxes."""
    count = len(layers.shapes)
    if count == len(view.things):
        return list(view.things)
    intrinsics = intrinsics_of(WIDTH_PX, HEIGHT_PX, view.camera.vertical_fov_deg)
    T_camera_base = invert(look_at(view.camera.eye, view.camera.target, view.camera.up))
    points = transform_points(T_camera_base, np.array([thing.position for thing in view.things]))
    pixels = project(intrinsics, points) / (WIDTH_PX, HEIGHT_PX)
    is_block = np.array([shape_of(thing.label) == 'block' for thing in view.things])
    best, chosen = np.inf, tuple(range(count))
    for subset in map(list, combinations(range(len(view.things)), count)):
        if (is_block[subset] == (layers.shapes == 0)).all():
            distance = float(np.linalg.norm(pixels[subset] - layers.boxes[:, :2], axis=1).sum())
            best, chosen = min((best, chosen), (distance, tuple(subset)))
    return [view.things[i] for i in chosen]


def cut_masks(layers: Layers) -> list[np.ndarray]:
    """
    Return the (S, S) bool visible part of each thing of a layered rendering.

    A pixel belongs to a thing when its shading is more than half of the brightest around it; the dark seams that
    this leaves between a bright and a dark face are closed.
    """
    kernel = np.ones((3, 3), np.uint8)
    masks = []
    for x, y, patch in layers.patches:
        shading = patch.astype(np.float32)
        around = cv2.dilate(shading, kernel)
        inside = ((shading > 0.5 * around) & (shading > 12)).astype(np.uint8)
        closed = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, kernel).astype(bool) & (shading > 12)
        mask = np.zeros((SIDE_PX, SIDE_PX), bool)
        mask[y : y + patch.shape[0], x : x + patch.shape[1]] = closed
        masks.append(mask)
    return masks


def _describe(things, boxes, masks, visible) -> tuple[PictureThing, ...]:
    made = []
    for i, thing in enumerate(things):
        colour, shape = thing.label.split(' ')
        x0, y0, x1, y1 = boxes[i].tolist()
        host = _find_host(thing, things)
        made.append(
            PictureThing(colour, shape, (x0, y0, x1, y1), masks[i], int(visible[i]), thing.place, host, thing.position)
        )
    return tuple(made)


def _find_host(thing: Thing, things: list[Thing]) -> int | None:
    wanted = {'bowl': 'bowl', 'stack': 'block'}.get(thing.place)
    near = [
        (float(np.hypot(thing.position[0] - other.position[0], thing.position[1] - other.position[1])), i)
        for i, other in enumerate(things)
        if other.place == 'table' and shape_of(other.label) == wanted
    ]
    return min(near)[1] if near and min(near)[0] < STRAY_M else None
