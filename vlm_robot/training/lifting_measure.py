"""
Measure places from boxes against places from masks, on held-out tables seen by both cameras.

The same true detections are lifted twice, once by all depth in their box, once by the depth of their label's mask in
it. Errors of position are in space, to the centre of the body; errors of yaw are those of blocks that stand, modulo a
quarter turn. Rows "as unknown" hide from lifting what kind of thing it is, so that it is measured by its extent, as
things are of which no size is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from vlm_robot.datatypes import Detection, LiftedDetection
from vlm_robot.evaluation.detection_metrics import compute_iou
from vlm_robot.geometry import wrap_quarter_turn
from vlm_robot.perception.clipseg import ClipSegConfig, ClipSegSegmenter
from vlm_robot.perception.lifting import lift, lift_all, LiftingConfig
from vlm_robot.perception.owlvit import OwlVitDetector
from vlm_robot.training.owlvit_measure import draw_views
from vlm_robot.training.owlvit_pictures import LabelledPicture
from vlm_robot.training.owlvit_scenes import Thing
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_DIAMETER, BOWL_HEIGHT, list_labels, shape_of

SIZES = {'block': (BLOCK_SIZE,) * 3, 'bowl': (BOWL_DIAMETER, BOWL_DIAMETER, BOWL_HEIGHT)}  # metres
LOST = float('inf')  # the error of a detection that could not be lifted
Error = tuple[float, float, float]  # of the position in metres, of the yaw in radians, of the size in metres
Errors = dict[str, list[Error]]


def measure_lifting(model: str = 'shipped', scenes: int = 60, config: LiftingConfig | None = None) -> dict:
    """Return errors of position, yaw and size of the detector's true detections, by way (box, mask) and kind."""
    detector, segmenter = OwlVitDetector(), ClipSegSegmenter(ClipSegConfig(model=model))
    errors: dict[str, Errors] = {way: defaultdict(list) for way in ('box', 'mask')}
    for picture in draw_views('test', scenes):
        found = detector.detect(picture.image.rgb, list_labels())
        asked = list(dict.fromkeys(item.label for item in found))
        answers = segmenter.segment(picture.image.rgb, asked)
        masks = {answer.label: answer.mask for answer in answers}
        for way, given in (('box', None), ('mask', masks)):
            _count(errors[way], picture, found, given, config)
    return {way: {kind: _summarise(rows) for kind, rows in kinds.items()} for way, kinds in errors.items()}


def _count(
    errors: Errors,
    picture: LabelledPicture,
    found: list[Detection],
    masks: Mapping[str, np.ndarray] | None,
    config: LiftingConfig | None,
) -> None:
    places = {item.detection: item for item in lift_all(found, picture.image, config, masks)}
    for item in found:
        thing = _find_thing(item, picture)
        if thing is None:
            continue
        error = _compare(places.get(item), thing)
        for kind in ('all', f'{shape_of(thing.label)} ({thing.place})'):
            errors[kind].append(error)
        mask = None if masks is None else masks[item.label]
        blind = lift(replace(item, label='thing'), picture.image, config, mask)
        errors[f'{shape_of(thing.label)} as unknown'].append(
            _compare(blind if isinstance(blind, LiftedDetection) else None, thing)
        )


def _find_thing(found: Detection, picture: LabelledPicture) -> Thing | None:
    overlap = compute_iou(np.array([found.box_xyxy_px]), picture.boxes_px)[0]
    overlap = overlap * np.array([thing.label == found.label for thing in picture.things], bool)
    return picture.things[int(overlap.argmax())] if len(overlap) and overlap.max() >= 0.5 else None


def _compare(place: LiftedDetection | None, thing: Thing) -> Error:
    """Return how far off position, yaw and size are; the yaw is NaN where a thing has none to be right about."""
    has_yaw = shape_of(thing.label) == 'block' and max(abs(thing.turn[0]), abs(thing.turn[1])) < 0.05
    if place is None:
        return LOST, LOST if has_yaw else float('nan'), LOST
    turned = abs(wrap_quarter_turn(place.yaw - thing.turn[2])) if has_yaw else float('nan')
    missed = float(np.abs(np.subtract(place.size, SIZES[shape_of(thing.label)])).mean())
    return float(np.linalg.norm(np.subtract(place.p_base, thing.position))), turned, missed


def _summarise(rows: list[Error]) -> dict[str, float]:
    metres, turns, sizes = np.array(rows).T
    turns = turns[~np.isnan(turns)]
    figures = {
        'n': len(metres),
        'median_mm': round(1000 * float(np.median(metres)), 2),
        'p90_mm': round(1000 * float(np.quantile(metres, 0.9)), 2),
        'below_15mm': round(float((metres < 0.015).mean()), 4),
        'median_size_mm': round(1000 * float(np.median(sizes)), 2),
    }
    if len(turns):
        figures['median_yaw_deg'] = round(float(np.degrees(np.median(turns))), 2)
        figures['yaw_below_8deg'] = round(float((turns < np.radians(8)).mean()), 4)
    return figures


def write_table(report: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return the report as a table in Markdown: a row a kind of thing and way, the box (before) above the mask."""
    names = {
        'n': 'n', 'median_mm': 'position, median mm', 'p90_mm': '90 % below, mm', 'below_15mm': 'below 15 mm',
        'median_size_mm': 'size, median mm', 'median_yaw_deg': 'yaw, median deg', 'yaw_below_8deg': 'yaw below 8 deg',
    }  # fmt: skip
    lines = [f'| kind | by | {" | ".join(names.values())} |', '|---|---|' + '---|' * len(names)]
    for kind in report['box']:
        for way, kinds in report.items():
            figures = [f'{kinds[kind][name]:g}' if name in kinds[kind] else '' for name in names]
            lines.append(f'| {kind} | {way} | {" | ".join(figures)} |')
    return '\n'.join(lines) + '\n'
