"""
Measure PixelLLM on held-out pictures: referring, places of words, region captions, dense captions, absent things.

Pictures, wordings and pairs of colour and shape are kept apart from training by ``sight_separation``. Every figure
stands beside a baseline (``pixel_llm_baselines``). Shares are printed with how many they are of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
import json
from pathlib import Path
import time

import numpy as np
from rich.progress import track

from vlm_robot.console import console
from vlm_robot.datatypes import Box, Detection
from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.caption_metrics import DensePicture, is_exact, measure_cider, measure_dense_map
from vlm_robot.evaluation.detection_metrics import compute_iou
from vlm_robot.perception.owlvit import OwlVitDetector
from vlm_robot.perception.pixel_llm.grounder import PixelLlm, PixelLlmConfig
from vlm_robot.training.narration import list_word_targets, narrate
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture
from vlm_robot.training.pixel_llm_baselines import match_words, NearestCrop, RuleGrounder
from vlm_robot.training.pixel_llm_texts import sample_absent_text
from vlm_robot.training.referring import Referring, sample_referring
from vlm_robot.training.sight_separation import is_far, is_held_out, split_rng
from vlm_robot.vocabulary import list_labels, SHAPES

LEAST_OBJECT = 0.05  # what enters the precision-recall curve of dense captions
CROP_PICTURES = 400  # training pictures from which the nearest-crop baseline knows its crops


@dataclass(frozen=True)
class PixelMeasureConfig:
    """
    One measurement.

    :param model: ``shipped`` or a folder, as ``PixelLlmConfig.model``.
    :param store: folder of rendered pictures, which are made where they lack.
    :param crops: training views for the nearest-crop baseline; 0 leaves the baselines out.
    """

    store: Path
    model: str = 'shipped'
    pictures: int = 150
    split: str = 'test'
    crops: int = 400

    def __post_init__(self) -> None:
        """Refuse an empty measurement."""
        if self.pictures < 1 or self.crops < 0:
            raise ConfigError(f'pictures must be 1 or more, got {self.pictures}; crops 0 or more, got {self.crops}')


@dataclass
class Tally:
    """What was counted so far: shares by name, errors by name, captions, dense captions by system."""

    hits: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    said: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    dense: dict[str, list[DensePicture]] = field(default_factory=lambda: defaultdict(list))
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def time(self, name: str, call: Callable):
        """Return what a call returns and note how long it took."""
        begun = time.perf_counter()
        answer = call()
        self.seconds[name].append(time.perf_counter() - begun)
        return answer


@dataclass(frozen=True, eq=False)
class Rivals:
    """The systems that are compared; ``straight`` is the same model without regions, None are baselines left out."""

    model: PixelLlm
    straight: PixelLlm
    detector: OwlVitDetector | None
    rules: RuleGrounder | None
    crops: NearestCrop | None


@dataclass(frozen=True, eq=False)
class Seen:
    """A held-out picture, random numbers for what is asked about it, and what the detector finds in it."""

    picture: Picture
    split: str
    rng: np.random.Generator
    detected: list[Detection]


def measure(config: PixelMeasureConfig) -> dict:
    """Return the report of a checkpoint and its baselines."""
    rivals, tally = _gather(config), Tally()
    store = PictureStore(config.store, config.split, config.pictures)
    for index in track(range(config.pictures), 'measuring', console=console):
        picture = store.draw(index, np.random.default_rng(0))
        detected = rivals.rules.look(picture.rgb) if rivals.rules else []
        seen = Seen(picture, config.split, split_rng(config.split, 'pixel_llm', index), detected)
        for count in (count_referring, count_words, count_writing, count_regions, count_dense):
            count(tally, rivals, seen)
    store.close()
    return {'model': config.model, 'split': config.split, 'pictures': config.pictures} | summarise(tally)


def _gather(config: PixelMeasureConfig) -> Rivals:
    shape = PixelLlmConfig(model=config.model, object_score=LEAST_OBJECT)
    model = PixelLlm(shape)
    straight = PixelLlm(replace(shape, is_snapped=False))
    straight.model = model.model
    if not config.crops:
        return Rivals(model, straight, None, None, None)
    detector, crops, rng = OwlVitDetector(), NearestCrop(), np.random.default_rng(4)
    training = PictureStore(config.store, 'train', config.crops)
    for index in range(min(CROP_PICTURES, len(training))):
        crops.learn(training.draw(index, rng))
    return Rivals(model, straight, detector, RuleGrounder(detector), crops)


def count_referring(tally: Tally, rivals: Rivals, seen: Seen) -> None:
    """Ask for two things by their words, three by a relation, and for three that are not there."""
    picture, rng = seen.picture, seen.rng
    drawn = [sample_referring(picture, seen.split, rng, has_relation) for has_relation in (False,) * 2 + (True,) * 3]
    asked = [item for item in drawn if item is not None]
    missing = [sample_absent_text(picture, seen.split, rng) for _ in range(3)]
    texts = [*(item.text for item in asked), *missing]
    found = tally.time('ground eight phrases', lambda: rivals.model.ground_all(picture.rgb, texts))
    straight = rivals.straight.ground_all(picture.rgb, texts)
    for item, mine, other in zip(asked, found, straight, strict=False):
        truth = picture.things[item.index].box_xyxy_px
        kind = 'related' if item.has_relation else 'plain'
        for group in _list_groups(item, picture):
            tally.hits[group].append(_hits(mine[0].box_xyxy_px if mine else None, truth))
        tally.hits[f'{kind} named at all'].append(bool(mine))
        tally.hits[f'{kind} regressed'].append(_hits(other[0].box_xyxy_px if other else None, truth))
        if rivals.rules:
            tally.hits[f'{kind} by rules'].append(_hits(rivals.rules.ground(seen.detected, item.text), truth))
    for text, mine in zip(missing, found[len(asked) :], strict=True):
        tally.hits['absent refused'].append(not mine)
        if rivals.rules:
            tally.hits['absent refused by rules'].append(rivals.rules.ground(seen.detected, text) is None)


def _list_groups(asked: Referring, picture: Picture) -> list[str]:
    kind, thing = 'related' if asked.has_relation else 'plain', picture.things[asked.index]
    groups = [kind, f'{kind} {"new" if asked.is_new else "known"} wording']
    groups += [f'relation {asked.expression.relation}'] if asked.has_relation else []
    groups += [f'{kind} far camera'] if is_far(picture.camera) else []
    return groups + ([f'{kind} held-out pair'] if is_held_out(thing.colour, thing.shape) else [])


def count_words(tally: Tally, rivals: Rivals, seen: Seen) -> None:
    """Read a narrator's sentence and compare where each noun lies."""
    picture = seen.picture
    width, height = picture.size_px
    told = narrate(picture, seen.split, seen.rng)
    placed = rivals.model.locate_words(picture.rgb, told.text).words
    straight = rivals.straight.locate_words(picture.rgb, told.text).words
    targets = list_word_targets(told, picture)
    for i, target in enumerate(targets):
        tally.hits['word has a place'].append((placed[i].point_px is not None) == (target.thing is not None))
        if target.thing is None or (i + 1 < len(targets) and targets[i + 1].thing == target.thing):
            continue  # the noun is the last word of its thing
        thing, middle = picture.things[target.thing], (width / 2, height / 2)
        is_only = sum(other.label == thing.label for other in picture.things) == 1
        guesses = {'': placed[i].point_px, ' regressed': straight[i].point_px, ' at the middle': middle}
        if rivals.rules:
            guesses[' by string match'] = match_words(seen.detected, thing.label)
        for name, point in guesses.items():
            # Who says nothing is taken to say the middle.
            error = float(np.linalg.norm(np.subtract(point or middle, thing.centre_px))) / width
            for group in ('noun', *(('only noun',) if is_only else ())):
                tally.errors[f'{group}{name}'].append(error)
        tally.hits['noun in its box'].append(_holds(thing.box_xyxy_px, placed[i].point_px))


def count_writing(tally: Tally, rivals: Rivals, seen: Seen) -> None:
    """Write a sentence and see whether the things that it names are there, and where it says."""
    picture = seen.picture
    written = tally.time('caption', lambda: rivals.model.caption(picture.rgb))
    for before, word in pairwise(written.words):
        noun = word.word.strip('.,')
        if noun not in SHAPES or word.box_xyxy_px is None:
            continue
        true = [thing.box_xyxy_px for thing in picture.things if thing.label == f'{before.word} {noun}']
        tally.hits['written noun is there'].append(bool(true))
        tally.hits['written noun is there and at its pixels'].append(any(_hits(word.box_xyxy_px, b) for b in true))


def count_regions(tally: Tally, rivals: Rivals, seen: Seen) -> None:
    """Name every clear thing from its box and from a pixel of it."""
    picture = seen.picture
    things = [thing for thing in picture.things if thing.is_clear]
    boxes = [thing.box_xyxy_px for thing in things]
    captions = tally.time('caption boxes', lambda: rivals.model.caption_boxes(picture.rgb, boxes))
    points = rivals.model.caption_points(picture.rgb, [_find_pixel(thing.mask) for thing in things])
    for thing, caption, point in zip(things, captions, points, strict=True):
        side = 'held-out pair' if is_held_out(thing.colour, thing.shape) else 'trained pair'
        tally.said['region'].append((caption.text, thing.label))
        tally.said[f'region {side}'].append((caption.text, thing.label))
        tally.said['point'].append((point.text, thing.label))
        if rivals.crops:
            tally.said['nearest crop'].append((rivals.crops.name(picture.rgb, thing.box_xyxy_px), thing.label))


def count_dense(tally: Tally, rivals: Rivals, seen: Seen) -> None:
    """Name everything that is found."""
    picture = seen.picture
    found = tally.time('caption dense', lambda: rivals.model.caption_dense(picture.rgb))
    boxes = [item.box_xyxy_px or (0.0, 0.0, 0.0, 0.0) for item in found]
    tally.dense['dense'].append(_judge(picture, boxes, [c.confidence for c in found], [c.text for c in found]))
    if rivals.detector is None:
        return
    for name, asked in (('detector and region caption', SHAPES), ('detector asked for all 22 labels', list_labels())):
        seen_things = rivals.detector.detect(picture.rgb, asked, dict.fromkeys(asked, LEAST_OBJECT))
        boxes, texts = [d.box_xyxy_px for d in seen_things], [d.label for d in seen_things]
        if asked is SHAPES:
            texts = [caption.text for caption in rivals.model.caption_boxes(picture.rgb, boxes)]
        tally.dense[name].append(_judge(picture, boxes, [d.score for d in seen_things], texts))


def _judge(picture: Picture, boxes: Sequence[Box], scores: Sequence[float], texts: Sequence[str]) -> DensePicture:
    clear = [thing for thing in picture.things if thing.is_clear]
    unclear = [thing.box_xyxy_px for thing in picture.things if not thing.is_clear]
    shown, true, hidden = (
        np.array(items, float).reshape(-1, 4) for items in (boxes, [t.box_xyxy_px for t in clear], unclear)
    )
    return DensePicture(shown, np.array(scores, float), texts, true, [thing.label for thing in clear], hidden)


def summarise(tally: Tally) -> dict:
    """Return the figures of a tally."""
    errors = {
        name: {'n': len(values), 'median': round(float(np.median(values)), 4), 'mean': round(float(np.mean(values)), 4)}
        for name, values in sorted(tally.errors.items())
    }
    captions = {
        name: {
            'n': len(pairs),
            'exact': round(float(np.mean([is_exact(said, label) for said, label in pairs])), 4),
            'cider': round(measure_cider([said for said, _ in pairs], [[label] for _, label in pairs]), 3),
        }
        for name, pairs in sorted(tally.said.items())
    }
    dense = {
        name: {'map_exact_text': round(measure_dense_map(items, (1.0,)), 4), 'map': round(measure_dense_map(items), 4)}
        for name, items in tally.dense.items()
    }
    return {
        'shares': {name: _share(values) for name, values in sorted(tally.hits.items())},
        'errors_of_image_width': errors,
        'captions': captions,
        'dense': dense,
        'seconds': {name: round(float(np.median(values)), 4) for name, values in sorted(tally.seconds.items())},
    }


def write_report(report: dict, folder: Path) -> None:
    """Write ``metrics.json`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'metrics.json').write_text(json.dumps(report, indent=1) + '\n')


def _share(values: list[bool]) -> dict:
    return {'n': len(values), 'share': round(float(np.mean(values)), 4)}


def _hits(box: Box | None, truth: Box) -> bool:
    return box is not None and bool(compute_iou(np.array([box]), np.array([truth]))[0, 0] >= 0.5)


def _holds(box: Box, point: tuple[float, float] | None) -> bool:
    return point is not None and box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _find_pixel(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    middle = len(rows) // 2
    return float(columns[middle]) + 0.5, float(rows[middle]) + 0.5
