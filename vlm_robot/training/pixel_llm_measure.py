"""
Measure PixelLLM on held-out pictures: referring, places of words, region captions, dense captions, absent things.

Pictures, wordings and pairs of colour and shape are kept apart from training by ``sight_separation``. Every figure
stands beside a baseline (``pixel_llm_baselines``). Shares are printed with how many they are of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
import json
from pathlib import Path
import time

import numpy as np
from rich.progress import track

from vlm_robot.console import console
from vlm_robot.datatypes import Box
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
from vlm_robot.training.referring import sample_referring
from vlm_robot.training.sight_separation import is_far, is_held_out, split_rng
from vlm_robot.vocabulary import list_labels

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


def measure(config: PixelMeasureConfig) -> dict:
    """Return the report of a checkpoint and its baselines."""
    rivals, tally = _gather(config), Tally()
    store = PictureStore(config.store, config.split, config.pictures)
    for index in track(range(config.pictures), 'measuring', console=console):
        picture = store.draw(index, np.random.default_rng(0))
        rng = split_rng(config.split, 'pixel_llm', index)
        count_referring(tally, rivals, picture, config.split, rng)
        count_words(tally, rivals, picture, config.split, rng)
        count_regions(tally, rivals, picture)
        count_dense(tally, rivals, picture)
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


def count_referring(tally: Tally, rivals: Rivals, picture: Picture, split: str, rng: np.random.Generator) -> None:
    """Ask for two things by their words, three by a relation, and for three that are not there."""
    for has_relation, count in ((False, 2), (True, 3)):
        for _ in range(count):
            asked = sample_referring(picture, split, rng, has_relation)
            if asked is None:
                continue
            truth = picture.things[asked.index].box_xyxy_px
            kind = 'related' if has_relation else 'plain'
            found = tally.time('ground', lambda asked=asked: rivals.model.ground(picture.rgb, asked.text))
            hit = _hits(found[0].box_xyxy_px if found else None, truth)
            groups = [kind, f'{kind} {"new" if asked.is_new else "known"} wording']
            groups += [f'relation {asked.expression.relation}'] if has_relation else []
            groups += [f'{kind} far camera'] if is_far(picture.camera) else []
            groups += [f'{kind} held-out pair'] if _names_held_out(picture, asked.index) else []
            for group in groups:
                tally.hits[f'{group}'].append(hit)
            tally.hits[f'{kind} named at all'].append(bool(found))
            straight = rivals.straight.ground(picture.rgb, asked.text)
            tally.hits[f'{kind} regressed'].append(_hits(straight[0].box_xyxy_px if straight else None, truth))
            if rivals.rules:
                tally.hits[f'{kind} by rules'].append(_hits(rivals.rules.ground(picture.rgb, asked.text), truth))
    for _ in range(3):
        text = sample_absent_text(picture, split, rng)
        tally.hits['absent refused'].append(not rivals.model.ground(picture.rgb, text))
        if rivals.rules:
            tally.hits['absent refused by rules'].append(rivals.rules.ground(picture.rgb, text) is None)


def count_words(tally: Tally, rivals: Rivals, picture: Picture, split: str, rng: np.random.Generator) -> None:
    """Read a narrator's sentence and compare where each noun lies; then write one and see whether it is true."""
    width, height = picture.size_px
    told = narrate(picture, split, rng)
    placed = rivals.model.locate_words(picture.rgb, told.text).words
    straight = rivals.straight.locate_words(picture.rgb, told.text).words
    targets = list_word_targets(told, picture)
    for i, target in enumerate(targets):
        tally.hits['word has a place'].append((placed[i].point_px is not None) == (target.thing is not None))
        if target.thing is None or (i + 1 < len(targets) and targets[i + 1].thing == target.thing):
            continue  # the noun is the last word of its thing
        thing = picture.things[target.thing]
        centre = np.array(thing.centre_px)
        is_only = sum(other.label == thing.label for other in picture.things) == 1
        middle = (width / 2, height / 2)
        guesses = {'': placed[i].point_px, ' regressed': straight[i].point_px, ' at the middle': middle}
        if rivals.detector:
            guesses[' by string match'] = match_words(rivals.detector, picture.rgb, thing.label)
        for name, point in guesses.items():
            # Who says nothing is taken to say the middle.
            error = float(np.linalg.norm(np.array(point or middle) - centre)) / width
            tally.errors[f'noun{name}'].append(error)
            if is_only:
                tally.errors[f'only noun{name}'].append(error)
        box = placed[i].box_xyxy_px
        tally.hits['noun in its box'].append(box is not None and _holds(thing.box_xyxy_px, placed[i].point_px))
    written = tally.time('caption', lambda: rivals.model.caption(picture.rgb))
    for i, word in enumerate(written.words):
        noun = word.word.strip('.,')
        if noun in ('block', 'bowl') and i and word.box_xyxy_px is not None:
            label = f'{written.words[i - 1].word} {noun}'
            true = [thing.box_xyxy_px for thing in picture.things if thing.label == label]
            tally.hits['written noun is there'].append(bool(true))
            best = compute_iou(np.array([word.box_xyxy_px]), np.array(true)).max() if true else 0.0
            tally.hits['written noun is there and at its pixels'].append(bool(best >= 0.5))


def count_regions(tally: Tally, rivals: Rivals, picture: Picture) -> None:
    """Name every clear thing from its box and from its middle."""
    things = [thing for thing in picture.things if thing.is_clear]
    boxes = [thing.box_xyxy_px for thing in things]
    captions = tally.time('caption boxes', lambda: rivals.model.caption_boxes(picture.rgb, boxes))
    for thing, caption in zip(things, captions, strict=True):
        tally.said['region'].append((caption.text, thing.label))
        side = 'held-out pair' if is_held_out(thing.colour, thing.shape) else 'trained pair'
        tally.said[f'region {side}'].append((caption.text, thing.label))
        rows, columns = np.nonzero(thing.mask)
        middle = len(rows) // 2
        point = (float(columns[middle]) + 0.5, float(rows[middle]) + 0.5)
        tally.said['point'].append((rivals.model.caption_point(picture.rgb, point).text, thing.label))
        if rivals.crops:
            tally.said['nearest crop'].append((rivals.crops.name(picture.rgb, thing.box_xyxy_px), thing.label))


def count_dense(tally: Tally, rivals: Rivals, picture: Picture) -> None:
    """Name everything that is found."""
    clear = [thing for thing in picture.things if thing.is_clear]
    unclear = [thing.box_xyxy_px for thing in picture.things if not thing.is_clear]

    def judge(name: str, boxes, scores, texts) -> None:
        tally.dense[name].append(
            DensePicture(
                np.array(boxes, float).reshape(-1, 4), np.array(scores, float), texts,
                np.array([thing.box_xyxy_px for thing in clear], float).reshape(-1, 4),
                [thing.label for thing in clear], np.array(unclear, float).reshape(-1, 4),
            )
        )  # fmt: skip

    found = tally.time('caption dense', lambda: rivals.model.caption_dense(picture.rgb))
    judge('dense', [c.box_xyxy_px for c in found], [c.confidence for c in found], [c.text for c in found])
    if rivals.detector:
        asked = ['block', 'bowl']
        seen = rivals.detector.detect(picture.rgb, asked, dict.fromkeys(asked, LEAST_OBJECT))
        boxes = [item.box_xyxy_px for item in seen]
        texts = [caption.text for caption in rivals.model.caption_boxes(picture.rgb, boxes)]
        judge('detector and region caption', boxes, [item.score for item in seen], texts)
        labels = list_labels()
        seen = rivals.detector.detect(picture.rgb, labels, dict.fromkeys(labels, LEAST_OBJECT))
        judge('detector asked for all 22 labels', *zip(*((d.box_xyxy_px, d.score, d.label) for d in seen), strict=True)
              if seen else ((), (), ()))  # fmt: skip


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


def _names_held_out(picture: Picture, index: int) -> bool:
    return is_held_out(picture.things[index].colour, picture.things[index].shape)
