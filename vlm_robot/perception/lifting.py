"""
From a box or a mask to a place: depth and calibration turn a detection into a position in the base frame.

All depth pixels of the box are carried to the base frame and the table is taken away. A mask, where there is one, also
takes away what else is in the box; where it leaves too little it is not believed. A block is measured on
its top face (the level of many points around the middle of the box), a bowl on its rim (the circle that most
points agree on); other things by the extent of their points. Neighbours, holes in the depth and half-hidden
objects are expected; what cannot be measured is returned with the reason. It knows the sizes of blocks and
bowls and no model.

Sources: RANSAC (Fischler and Bolles 1981); smallest rectangle around points as in cv2.minAreaRect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage

from vlm_robot.datatypes import Detection, LiftedDetection, RgbdImage
from vlm_robot.errors import ConfigError, ImageError
from vlm_robot.geometry import deproject, invert, project, transform_points, wrap_quarter_turn
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_DIAMETER, BOWL_HEIGHT

NOUNS = {
    'block': 'block',
    'cube': 'block',
    'box': 'block',
    'brick': 'block',
    'bowl': 'bowl',
    'dish': 'bowl',
    'basin': 'bowl',
}
LEVEL = 0.006  # metres, points of one level face differ less
SAME_PLACE = 0.4  # of an edge: nearer than this two blocks would be one
RIM_WIDTH = 0.004  # metres, between the inner and the outer edge


@dataclass(frozen=True)
class LiftingConfig:
    """What is on the table, and what counts as depth."""

    table_z: float = 0.008  # m, points lower than this are the table
    ceiling_z: float = 0.60  # m, points higher than this are not on the table
    nearest: float = 0.10  # m, depth below this is no return
    farthest: float = 4.0  # m, depth beyond this is no return
    least_points: int = 12  # fewer cannot be measured
    block_size: float = BLOCK_SIZE  # m, edge
    bowl_diameter: float = BOWL_DIAMETER  # m, outer rim
    bowl_height: float = BOWL_HEIGHT  # m
    uses_masks: bool = False  # ask the segmenter which pixels are of the things that were found
    mask_reach_px: int = 2  # px, a mask is believed to end this much too early: faces keep their edges

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not self.table_z < self.ceiling_z:
            raise ConfigError(f'lifting.table_z {self.table_z} m must be below lifting.ceiling_z {self.ceiling_z} m')
        if not 0 <= self.nearest < self.farthest:
            raise ConfigError(f'lifting.nearest {self.nearest} m must be below lifting.farthest {self.farthest} m')
        if self.mask_reach_px < 0:
            raise ConfigError(f'lifting.mask_reach_px is {self.mask_reach_px}; allowed: 0 or more')
        for name in ('least_points', 'block_size', 'bowl_diameter', 'bowl_height'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'lifting.{name} is {getattr(self, name)}; allowed: above 0')


@dataclass(frozen=True)
class NotLifted:
    """A detection without a place, and why."""

    detection: Detection
    reason: str


def lift_all(
    detections: Iterable[Detection],
    image: RgbdImage,
    config: LiftingConfig | None = None,
    masks: Mapping[str, np.ndarray] | None = None,
) -> list[LiftedDetection]:
    """
    Return the detections that have a place, in their order; the others are left out.

    :param masks: by label, (H, W) bool, the pixels of all things of that label.

    Two blocks cannot share a place: of two that were measured on the same top face the one whose box
    fits worse is the lower one of a stack and is put below the other.
    """
    config = config or LiftingConfig()
    masks = masks or {}
    outcomes = (lift(detection, image, config, masks.get(detection.label)) for detection in detections)
    lifted = [outcome for outcome in outcomes if isinstance(outcome, LiftedDetection)]
    blocks = [i for i, item in enumerate(lifted) if kind_of(item.detection.label) == 'block']
    for index, i in enumerate(blocks):
        for j in blocks[index + 1 :]:
            if np.linalg.norm(np.subtract(lifted[i].p_base, lifted[j].p_base)) < SAME_PLACE * config.block_size:
                low = i if _misfit_px(lifted[i], image) > _misfit_px(lifted[j], image) else j
                lifted[low] = _put_below(lifted[low], config)
    return lifted


def _misfit_px(item: LiftedDetection, image: RgbdImage) -> float:
    """Return how far the box of the measured cube is from the detected box, summed over four sides."""
    half = item.size[0] / 2
    corners = np.stack(np.meshgrid(*[[-half, half]] * 3), -1).reshape(-1, 3)
    cosine, sine = np.cos(item.yaw), np.sin(item.yaw)
    corners = corners @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]) + item.p_base
    pixels = project(image.intrinsics, transform_points(invert(image.T_base_camera), corners))
    return float(np.abs(np.concatenate([pixels.min(0), pixels.max(0)]) - item.detection.box_xyxy_px).sum())


def _put_below(item: LiftedDetection, config: LiftingConfig) -> LiftedDetection:
    x, y, z = item.p_base
    return replace(item, p_base=(x, y, max(z - config.block_size, config.block_size / 2)))


def kind_of(label: str) -> str:
    """Return ``block``, ``bowl`` or, for everything else, an empty text."""
    noun = label.lower().split()[-1] if label.split() else ''
    return NOUNS.get(noun) or NOUNS.get(noun.removesuffix('s')) or NOUNS.get(noun.removesuffix('es')) or ''


def lift(
    detection: Detection, image: RgbdImage, config: LiftingConfig | None = None, mask: np.ndarray | None = None
) -> LiftedDetection | NotLifted:
    """
    Return where a detection is, in metres in the base frame, or why that cannot be told.

    :param mask: (H, W) bool, the pixels of all things of this label in the image.
    :raises ImageError: the mask has another size than the image.

    Blocks: the centre, which lies half an edge below the top face, and the yaw of that face. Bowls: the
    centre of the bounding box below the rim; yaw 0. Anything else: the middle of its points above the table,
    and the yaw of the smallest rectangle around them.
    """
    config = config or LiftingConfig()
    grid, is_thing = _points_in_box(detection, image, config)
    if mask is not None:
        is_thing = _keep_masked(is_thing, detection, image, mask, config)
    if grid.size == 0:
        return NotLifted(detection, 'the box holds no pixel')
    if is_thing.sum() < config.least_points:
        return NotLifted(
            detection, f'{int(is_thing.sum())} depth points above the table, {config.least_points} are needed'
        )
    kind = kind_of(detection.label)
    measure = {'block': _measure_block, 'bowl': _measure_bowl}.get(kind, _measure_extent)
    measured = measure(grid, is_thing, config)
    if measured is None:
        return NotLifted(detection, f'no {kind} could be fitted to {int(is_thing.sum())} depth points')
    centre, size, yaw = measured
    x, y, z = (float(value) for value in centre)
    length, width, height = (float(value) for value in size)
    return LiftedDetection(detection, (x, y, z), (length, width, height), yaw, image.camera)


def _points_in_box(detection: Detection, image: RgbdImage, config: LiftingConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return (h, w, 3) points of the box in base and (h, w) bool, which of them are on the table."""
    rows, columns = _window(detection, image)
    u, v = np.meshgrid(np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop))
    if not u.size:
        return np.zeros((0, 0, 3)), np.zeros((0, 0), bool)
    depth = image.depth[v, u].astype(float)
    is_return = np.isfinite(depth) & (depth > config.nearest) & (depth < config.farthest)
    depth = np.where(is_return, depth, 1.0)
    grid = transform_points(image.T_base_camera, deproject(image.intrinsics, np.stack([u, v], -1), depth))
    return grid, is_return & (grid[..., 2] > config.table_z) & (grid[..., 2] < config.ceiling_z)


def _window(detection: Detection, image: RgbdImage) -> tuple[slice, slice]:
    """Return the rows and columns of the pixels whose centres are in the box."""
    height, width = image.depth.shape
    x0, y0, x1, y1 = detection.box_xyxy_px
    left, right = max(0, int(np.ceil(x0 - 0.5))), min(width, int(np.floor(x1 - 0.5)) + 1)
    top, bottom = max(0, int(np.ceil(y0 - 0.5))), min(height, int(np.floor(y1 - 0.5)) + 1)
    return slice(top, max(top, bottom)), slice(left, max(left, right))


def _keep_masked(
    is_thing: np.ndarray, detection: Detection, image: RgbdImage, mask: np.ndarray, config: LiftingConfig
) -> np.ndarray:
    """Return which points of the box are of the thing and of its mask, or of the box where the mask leaves too few."""
    if mask.shape != image.depth.shape:
        raise ImageError(f'a mask must have the size of its image {image.depth.shape}, got {mask.shape}')
    inside = mask[_window(detection, image)].astype(np.uint8)
    if config.mask_reach_px and inside.size:
        inside = np.asarray(cv2.dilate(inside, np.ones((2 * config.mask_reach_px + 1,) * 2, np.uint8)), np.uint8)
    kept = is_thing & (inside > 0)
    return kept if kept.sum() >= config.least_points else is_thing


def _find_level(z: np.ndarray, weights: np.ndarray) -> float:
    """Return the height at which most weight lies within LEVEL."""
    edges = np.arange(z.min() - LEVEL, z.max() + 2 * LEVEL, LEVEL / 3)
    counts, _ = np.histogram(z, edges, weights=weights)
    summed = np.convolve(counts, np.ones(3), 'same')
    middle = edges[int(summed.argmax())] + LEVEL / 6
    near = np.abs(z - middle) <= LEVEL
    return float(np.median(z[near])) if near.any() else float(middle)


def _measure_block(grid: np.ndarray, is_thing: np.ndarray, config: LiftingConfig):
    rows, columns = np.indices(is_thing.shape)
    off = np.maximum(np.abs((rows + 0.5) / is_thing.shape[0] - 0.5), np.abs((columns + 0.5) / is_thing.shape[1] - 0.5))
    weights = np.where(off < 0.3, 1.0, 0.35)[is_thing]
    level = _find_level(grid[..., 2][is_thing], weights)
    face = _component(is_thing & (np.abs(grid[..., 2] - level) < LEVEL))
    if face.sum() < 4:
        return None
    points = grid[face]
    top = float(np.median(points[:, 2]))
    (x, y), (a, b), degrees = cv2.minAreaRect(points[:, :2].astype(np.float32))
    centre = np.array([x, y]) if max(a, b) < 1.4 * config.block_size else np.median(points[:, :2], axis=0)
    size = (config.block_size,) * 3
    return (*centre, top - config.block_size / 2), size, wrap_quarter_turn(np.radians(degrees))


def _component(mask: np.ndarray) -> np.ndarray:
    """Return the connected part of the mask with most pixels near the middle."""
    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count <= 1:
        return mask
    rows, columns = np.indices(mask.shape)
    off = np.hypot((rows + 0.5) / mask.shape[0] - 0.5, (columns + 0.5) / mask.shape[1] - 0.5)
    sizes = ndimage.sum_labels(np.exp(-4 * off**2) * mask, parts, np.arange(1, count + 1))
    return parts == 1 + int(np.argmax(sizes))


def _measure_bowl(grid: np.ndarray, is_thing: np.ndarray, config: LiftingConfig):
    points = grid[is_thing]
    band = points[np.abs(points[:, 2] - config.bowl_height) < 1.5 * LEVEL]
    if len(band) < config.least_points:
        band = points[points[:, 2] >= np.percentile(points[:, 2], 70)]
    radius = config.bowl_diameter / 2 - RIM_WIDTH / 2
    centre = _fit_circle(band[:, :2], radius)
    if centre is None:
        return None
    top = float(np.median(band[:, 2]))
    size = (config.bowl_diameter, config.bowl_diameter, config.bowl_height)
    return (*centre, top - config.bowl_height / 2), size, 0.0


def _fit_circle(points: np.ndarray, radius: float, tolerance: float = 0.004) -> np.ndarray | None:
    """Return the centre of the circle of known radius through most of (N, 2) points; None when few agree."""
    rng = np.random.default_rng(0)
    a, b = points[rng.integers(len(points), size=(2, 200))]
    half = (b - a) / 2
    reach = np.linalg.norm(half, axis=1)
    usable = (reach > 0.25 * radius) & (reach < radius)
    if not usable.any():
        return None
    a, half, reach = a[usable], half[usable], reach[usable]
    normal = np.stack([-half[:, 1], half[:, 0]], 1) / reach[:, None] * np.sqrt(radius**2 - reach**2)[:, None]
    centres = np.concatenate([a + half + normal, a + half - normal])
    distance = np.linalg.norm(points[None] - centres[:, None], axis=2)
    votes = (np.abs(distance - radius) < tolerance).sum(1)
    centre = centres[int(votes.argmax())]
    if votes.max() < max(8, 0.15 * len(points)):
        return None
    for _ in range(10):  # Gauss-Newton on the points that agree
        away = points - centre
        length = np.linalg.norm(away, axis=1)
        agree = np.abs(length - radius) < tolerance
        directions = away[agree] / length[agree, None]
        step = np.linalg.lstsq(directions, length[agree] - radius, rcond=None)[0]
        centre = centre + step
    return centre


def _measure_extent(grid: np.ndarray, is_thing: np.ndarray, config: LiftingConfig):
    points = grid[_component(is_thing)]
    low, high = np.percentile(points, 2, axis=0), np.percentile(points, 98, axis=0)
    low[2] = min(low[2], config.table_z) if low[2] < 3 * config.table_z else low[2]
    _, _, degrees = cv2.minAreaRect(points[:, :2].astype(np.float32))
    return (low + high) / 2, high - low, wrap_quarter_turn(np.radians(degrees))
