"""
Training pictures as layers, so that one rendering gives any number of colourings.

The software renderer multiplies an object's colour by its shading and adds nothing, and resizing is linear:
so a picture is ``rest + table shading * table colour + sum of object shading * object colour``. A rendering
in grey is cut into these layers, each is resized to the model's size as the processor would, and ``compose``
puts them together in colours drawn anew at every visit (largest difference from a direct rendering: 1 of 255
before resizing). Validation and test pictures are rendered directly in colour. Labels and boxes come from the
renderer's body ids: the visible part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
import os
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from vlm_robot.errors import ConfigError
from vlm_robot.sim.bullet_camera import CAMERAS, CameraSpec
from vlm_robot.training.owlvit_scenes import sample_view, TableDrawer
from vlm_robot.vocabulary import SHAPES

SIDE_PX, PATCH_PX = 320, 16
GRID = SIDE_PX // PATCH_PX
PAINT = 153  # grey of every body in a layered rendering: the brightest light does not saturate it
MIN_VISIBLE_PX = 40  # of 640x480; fewer pixels are neither present nor absent
GENERATOR_VERSION = 1  # raise it with every change of what is rendered: kept pictures are then refused, not reused
VERSION_FILE = 'generator_version.txt'  # beside the pictures; they are of version 1 where it lacks
PAD_PX = 6  # room for the resize kernel around an object, in pixels of the rendering


@dataclass(frozen=True, eq=False)
class Layers:
    """
    One rendering cut into layers at the model's size.

    :param rest: (3, S, S) uint8, robot and floor, black elsewhere.
    :param table: (S, S) int16, shading of the table where it shows.
    :param patches: per object the (h, w) int16 shading and its upper-left corner (x, y) in model pixels.
    :param shapes: (N,) index into SHAPES.
    :param boxes: (N, 4) float32, centre x, y, width, height, all 0..1 of the picture.
    :param coverage: (N, GRID * GRID) float16, share of each token that shows the object.
    :param visible_px: (N,) int32, pixels of the 640x480 rendering.
    :param camera: where it was rendered from; None in files of before it was kept.
    """

    rest: np.ndarray
    table: np.ndarray
    patches: tuple[tuple[int, int, np.ndarray], ...]
    shapes: np.ndarray
    boxes: np.ndarray
    coverage: np.ndarray
    visible_px: np.ndarray
    camera: CameraSpec | None = None


def resize_layer(layer: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (C, H, W) float32 to ``size`` (h, w) with the processor's bicubic kernel, not clipped."""
    tensor = torch.from_numpy(np.ascontiguousarray(layer, np.float32))[None]
    return interpolate(tensor, size, mode='bicubic', align_corners=False, antialias=True)[0].numpy()


def box_of_mask(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Return the box x0, y0, x1, y1 in pixels around the True pixels of a (H, W) mask; edges, not centres."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def render_layers(drawer: TableDrawer, split: str, seed: int) -> Layers:
    """Render view ``seed`` of a split in grey and cut it into layers."""
    view = sample_view(split, seed)
    picture, _, bodies = drawer.draw(view)
    on_table = picture.body == drawer.world.table
    is_object = np.isin(picture.body, bodies)
    rest = np.where((on_table | is_object)[None], 0, picture.rgb.transpose(2, 0, 1))
    grey = picture.rgb.mean(2)
    table = resize_layer((grey * on_table)[None], (SIDE_PX, SIDE_PX))[0]
    shown = [(t, picture.body == body) for t, body in zip(view.things, bodies, strict=True)]
    shown = [(thing, mask) for thing, mask in shown if mask.any()]
    height, width = grey.shape
    boxes: np.ndarray = np.array([box_of_mask(mask) for _, mask in shown], np.float32).reshape(-1, 4)
    boxes = boxes / np.array([width, height, width, height], np.float32)
    centred = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)
    return Layers(
        np.clip(np.rint(resize_layer(rest, (SIDE_PX, SIDE_PX))), 0, 255).astype(np.uint8),
        np.rint(table).astype(np.int16),
        tuple(_cut_patch(grey, mask) for _, mask in shown),
        np.array([SHAPES.index(thing.label.rsplit(' ', 1)[1]) for thing, _ in shown], np.int64),
        centred.astype(np.float32),
        np.array([measure_coverage(mask) for _, mask in shown], np.float16).reshape(-1, GRID * GRID),
        np.array([mask.sum() for _, mask in shown], np.int32),
        view.camera,
    )


def measure_coverage(mask: np.ndarray) -> np.ndarray:
    """Return (GRID * GRID,) float32, the share of each token of the squashed picture that the mask covers."""
    tensor = torch.from_numpy(mask.astype(np.float32))[None, None]
    return interpolate(tensor, (GRID, GRID), mode='area')[0, 0].numpy().ravel()


def _cut_patch(grey: np.ndarray, mask: np.ndarray) -> tuple[int, int, np.ndarray]:
    height, width = grey.shape
    step_x, step_y = width // np.gcd(width, SIDE_PX), height // np.gcd(height, SIDE_PX)
    x0, y0, x1, y1 = box_of_mask(mask)
    x0, y0 = max(0, int(x0) - PAD_PX) // step_x * step_x, max(0, int(y0) - PAD_PX) // step_y * step_y
    x1 = min(width, -(-(int(x1) + PAD_PX) // step_x) * step_x)
    y1 = min(height, -(-(int(y1) + PAD_PX) // step_y) * step_y)
    cut = (grey * mask)[y0:y1, x0:x1]
    size = ((y1 - y0) * SIDE_PX // height, (x1 - x0) * SIDE_PX // width)
    patch = np.rint(resize_layer(cut[None], size)[0]).astype(np.int16)
    return x0 * SIDE_PX // width, y0 * SIDE_PX // height, patch


def compose(layers: Layers, table_colour: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """
    Put a picture together.

    :param table_colour: (3,) 0..255.
    :param colours: (N, 3) 0..255, one per object.
    :return: (3, S, S) float32, 0..255 but not clipped.
    """
    picture = layers.rest.astype(np.float32)
    picture += layers.table.astype(np.float32)[None] * (table_colour / PAINT).astype(np.float32)[:, None, None]
    for (x, y, patch), colour in zip(layers.patches, colours, strict=True):
        h, w = patch.shape
        picture[:, y : y + h, x : x + w] += patch[None] * (colour / PAINT).astype(np.float32)[:, None, None]
    return picture


def save_shard(path: Path, layers: Sequence[Layers]) -> None:
    """Write renderings to one uncompressed .npz file."""
    patches = [(i, *patch) for i, item in enumerate(layers) for patch in item.patches]
    cameras = [_pack_camera(item.camera) for item in layers if item.camera]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    part = Path(path).with_suffix('.part.npz')
    np.savez(
        part,
        rest=np.stack([item.rest for item in layers]),
        table=np.stack([item.table for item in layers]),
        where=np.array([(i, x, y, *patch.shape) for i, x, y, patch in patches], np.int32).reshape(-1, 5),
        pixels=np.concatenate([patch.ravel() for *_, patch in patches] or [np.zeros(0, np.int16)]),
        shapes=np.concatenate([item.shapes for item in layers]),
        boxes=np.concatenate([item.boxes for item in layers]),
        coverage=np.concatenate([item.coverage for item in layers]),
        visible_px=np.concatenate([item.visible_px for item in layers]),
        cameras=np.stack(cameras) if len(cameras) == len(layers) > 0 else np.zeros((0, 7)),
    )
    part.rename(path)


def load_shard(path: Path) -> list[Layers]:
    """Read the renderings of one file."""
    with np.load(path) as file:
        return split_shard({key: file[key] for key in file.files})


def split_shard(data: Mapping[str, np.ndarray]) -> list[Layers]:
    """Return the renderings of the arrays of one file."""
    where, found = data['where'], []
    ends = np.cumsum(where[:, 3] * where[:, 4])
    patches = [
        (int(x), int(y), data['pixels'][end - h * w : end].reshape(h, w))
        for (_, x, y, h, w), end in zip(where, ends, strict=True)
    ]
    for i in range(len(data['rest'])):
        mine = np.flatnonzero(where[:, 0] == i)
        shapes, boxes, coverage, visible = (data[key][mine] for key in ('shapes', 'boxes', 'coverage', 'visible_px'))
        parts = tuple(patches[j] for j in mine)
        layers = Layers(data['rest'][i], data['table'][i], parts, shapes, boxes, coverage, visible)
        has_camera = len(data.get('cameras', ())) > i
        found.append(replace(layers, camera=_unpack_camera(data['cameras'][i])) if has_camera else layers)
    return found


def _pack_camera(camera: CameraSpec) -> np.ndarray:
    return np.array([list(CAMERAS).index(camera.name), *camera.eye, *camera.target])


def _unpack_camera(numbers: np.ndarray) -> CameraSpec:
    which, x, y, z, u, v, w = numbers.tolist()
    return replace(list(CAMERAS.values())[int(which)], eye=(x, y, z), target=(u, v, w))


def render_shard(path: Path, split: str, seeds: Sequence[int]) -> None:
    """Render the views of these seeds in grey and write them to one file."""
    drawer = TableDrawer(table_colour=(PAINT,) * 3, paint=(PAINT,) * 3)
    try:
        save_shard(path, [render_layers(drawer, split, seed) for seed in seeds])
    finally:
        drawer.close()


def check_generator(folder: Path) -> None:
    """
    Note in an empty folder which generator its pictures will be of.

    :raises ConfigError: it holds pictures of another version, which must not be taken for ours.
    """
    path = folder / VERSION_FILE
    try:
        version = path.read_text().strip() if path.exists() else '1'
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read '{path}': {error}") from error
    has_pictures = next(folder.glob('*_[0-9]*.npz'), None) is not None
    if has_pictures and version != str(GENERATOR_VERSION):
        raise ConfigError(
            f"the pictures in '{folder}' are of generator version {version[:20]!r}, this program renders version "
            f'{GENERATOR_VERSION}; give another folder, or delete its .npz files'
        )
    if not has_pictures:
        part = path.with_suffix(f'.{os.getpid()}.part')
        part.write_text(f'{GENERATOR_VERSION}\n')
        part.rename(path)
