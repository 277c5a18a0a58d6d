"""
Measure a segmenter on held-out pictures: overlap with what phrases name, pixels given to what is not there.

Asked of every picture: the 22 phrases of the vocabulary, phrases in other words, some of which training never says,
unknown nouns, and example pictures cut out of other test pictures. Overlap is intersection over union of everything
that a phrase names, averaged over picture and phrase (mIoU, as PhraseCut's, Wu et al., arXiv 2008.01187); a thing that
hardly shows is left out. Baseline: the detector's boxes, filled. Thresholds are chosen on the validation pictures only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
import json
from pathlib import Path
import time

import numpy as np

from vlm_robot.datatypes import Mask
from vlm_robot.errors import ConfigError
from vlm_robot.perception.clipseg import ClipSegConfig, ClipSegSegmenter, yield_to_rivals
from vlm_robot.perception.clipseg_loading import SETTINGS_FILE
from vlm_robot.perception.owlvit import OwlVitDetector
from vlm_robot.perception.visual_prompts import PicturePrompt
from vlm_robot.training.clipseg_batches import CROP_PX
from vlm_robot.training.clipseg_card import draw_curves, draw_examples, write_card
from vlm_robot.training.picture_phrases import canonical_phrase, PicturePhrase, sample_picture_phrases
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture
from vlm_robot.training.sight_separation import is_far, is_held_out, split_rng
from vlm_robot.vocabulary import list_labels

BINS = 200  # of probability, for the average precision of pixels
THRESHOLDS = tuple(round(0.1 * i, 1) for i in range(1, 10))
MOST_ALARMS = 0.01  # of absent phrases on the validation pictures, when thresholds are chosen
EXAMPLES = 6
TOGETHER = 'all 22 asked together'
PAINTED = 'all 22 asked together, without edges'


@dataclass(frozen=True)
class ClipSegMeasureConfig:
    """
    One measurement.

    :param model: checkpoint name or folder, as ``ClipSegConfig.model``.
    :param pictures: how many test pictures.
    :param data: where rendered pictures are kept.
    :param out: folder for report, card and pictures; the checkpoint's own folder renews its card.
    """

    model: str = 'shipped'
    pictures: int = 200
    data: Path = Path('runs/pictures')
    out: Path | None = None
    split: str = 'test'

    def __post_init__(self) -> None:
        """Refuse an empty measurement."""
        if self.pictures < 2:
            raise ConfigError(f'pictures must be 2 or more, got {self.pictures}')


@dataclass
class Row:
    """What was counted for one kind of prompts; ``shared`` and ``joined`` are sums of pixels over all prompts."""

    overlaps: list[float] = field(default_factory=list)
    alarms: list[bool] = field(default_factory=list)
    false_shares: list[float] = field(default_factory=list)
    shared: int = 0
    joined: int = 0

    def add(self, mask: np.ndarray, phrase: PicturePhrase) -> None:
        """Count one answer."""
        judged = ~phrase.ignore
        shared, joined = int((mask & phrase.mask & judged).sum()), int(((mask | phrase.mask) & judged).sum())
        self.shared, self.joined = self.shared + shared, self.joined + joined
        if phrase.is_present:
            self.overlaps.append(shared / joined)
        elif judged.all():  # nothing of the kind is there, not even a corner
            self.alarms.append(bool(mask.any()))
            self.false_shares.append(float(mask.mean()))

    def summarise(self) -> dict[str, float | int]:
        """Return the figures; a mean of nothing is left out."""
        figures: dict[str, float | int] = {'present': len(self.overlaps), 'absent': len(self.alarms)}
        if self.overlaps:
            found = np.array(self.overlaps)
            figures |= {'miou': round(float(found.mean()), 4), 'found': round(float((found > 0.5).mean()), 4)}
        if self.joined:
            figures['iou_fg'] = round(self.shared / self.joined, 4)
        if self.alarms:
            figures['alarms'] = round(float(np.mean(self.alarms)), 4)
            figures['false_share'] = round(float(np.mean(self.false_shares)), 6)
        return figures


@dataclass
class Tally:
    """What was counted so far; ``scores`` are presence scores and whether the thing was there."""

    rows: dict[str, Row] = field(default_factory=lambda: defaultdict(Row))
    inside: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    outside: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    curve: dict[float, list[float]] = field(default_factory=lambda: defaultdict(list))
    scores: list[tuple[float, bool]] = field(default_factory=list)


def measure(config: ClipSegMeasureConfig) -> dict:
    """Return the report of a segmenter; write report, card and pictures where ``out`` says."""
    segmenter, detector = ClipSegSegmenter(ClipSegConfig(model=config.model)), OwlVitDetector()
    store = PictureStore(config.data, config.split, config.pictures)
    tally, before = Tally(), None
    examples: list[tuple[Picture, list[Mask]]] = []
    for index, picture in enumerate(_draw_all(store)):
        masks = _count_words(tally, segmenter, picture)
        _count_wordings(tally, segmenter, picture, split_rng(config.split, 'segmenter', index))
        if before is not None:
            _count_examples(tally, segmenter, picture, before)
        _count_boxes(tally, detector, picture)
        before = picture
        if len(examples) < EXAMPLES and len(picture.things) >= 5:
            examples.append((picture, masks))
    store.close()
    report = {
        'model': config.model, 'split': config.split, 'pictures': config.pictures,
        'threshold': segmenter.threshold, 'presence': segmenter.presence,
        'rows': {name: row.summarise() for name, row in tally.rows.items()},
        'pixel_ap': round(_measure_precision(tally), 4),
        'miou_by_threshold': {str(t): round(float(np.mean(v)), 4) for t, v in tally.curve.items()},
        'presence_curve': _trace_presence(tally.scores),
        'seconds': time_prompts(segmenter, examples[0][0].rgb),
    }  # fmt: skip
    if config.out:
        config.out.mkdir(parents=True, exist_ok=True)
        (config.out / 'metrics.json').write_text(json.dumps(report, indent=1) + '\n')
        draw_curves(report, config.out / 'curves.png')
        draw_examples(examples, config.out / 'example.png')
        if (config.out / 'training.json').is_file():
            write_card(config.out, report)
    return report


def _draw_all(store: PictureStore) -> Iterator[Picture]:
    unused = np.random.default_rng(0)
    for index in range(len(store)):
        yield store.draw(index, unused)


def ask_all(picture: Picture) -> list[PicturePhrase]:
    """Return the phrases of the vocabulary for a picture, in its order."""
    return [canonical_phrase(picture, *label.split(' ')) for label in list_labels()]


def _count_words(tally: Tally, segmenter: ClipSegSegmenter, picture: Picture) -> list[Mask]:
    phrases = ask_all(picture)
    names = [item.text for item in phrases]
    logits = segmenter.score(picture.rgb, names)
    for mask, phrase in zip(segmenter.draw(logits, names, picture.rgb), phrases, strict=True):
        tally.rows['all 22, each asked alone'].add(mask.mask, phrase)
    logits = yield_to_rivals(logits, names)
    for mask, phrase in zip(_without_edges(segmenter).draw(logits, names, picture.rgb), phrases, strict=True):
        tally.rows[PAINTED].add(mask.mask, phrase)
    masks = segmenter.draw(logits, names, picture.rgb)
    for mask, phrase in zip(masks, phrases, strict=True):
        held_out = is_held_out(phrase.colour, phrase.shape)
        camera = 'far cameras' if is_far(picture.camera) else 'near cameras'
        for name in (TOGETHER, f'{phrase.shape}s', camera, 'held-out pairs' if held_out else 'trained pairs'):
            tally.rows[name].add(mask.mask, phrase)
        judged = ~phrase.ignore
        tally.inside += np.histogram(mask.probability[phrase.mask & judged], BINS, (0, 1))[0]
        tally.outside += np.histogram(mask.probability[~phrase.mask & judged], BINS, (0, 1))[0]
        if phrase.is_present or judged.all():
            tally.scores.append((mask.score, phrase.is_present))
        if phrase.is_present:
            for threshold in THRESHOLDS:
                row = Row()
                row.add((mask.probability >= threshold) & (mask.score >= segmenter.presence), phrase)
                tally.curve[threshold] += row.overlaps
    return masks


def _without_edges(segmenter: ClipSegSegmenter) -> ClipSegSegmenter:
    """Return the same model, whose masks are as it paints them."""
    plain = copy(segmenter)
    plain.config = replace(segmenter.config, edges=False)
    return plain


def _count_wordings(tally: Tally, segmenter: ClipSegSegmenter, picture: Picture, rng: np.random.Generator) -> None:
    phrases = sample_picture_phrases(picture, 'test', rng, present=4, absent=6)
    for mask, phrase in zip(segmenter.segment(picture.rgb, [item.text for item in phrases]), phrases, strict=True):
        is_noun = not (phrase.is_present or phrase.colour or phrase.shape)
        name = 'unknown nouns' if is_noun else 'wordings never trained' if phrase.is_new else 'trained wordings'
        tally.rows[name].add(mask.mask, phrase)


def _count_examples(tally: Tally, segmenter: ClipSegSegmenter, picture: Picture, other: Picture) -> None:
    """Ask by what another picture shows: by the crop alone, and by crop and name."""
    shown = {thing.label: thing for thing in other.things if thing.visible_px > CROP_PX}
    for way, text_share in (('example pictures', 0.0), ('example pictures and names', 0.5)):
        prompts = [
            PicturePrompt(other.rgb, thing.box_xyxy_px, thing.mask, label if text_share else '', text_share)
            for label, thing in shown.items()
        ]
        for mask, thing in zip(segmenter.segment(picture.rgb, prompts), shown.values(), strict=True):
            tally.rows[way].add(mask.mask, canonical_phrase(picture, thing.colour, thing.shape))


def _count_boxes(tally: Tally, detector: OwlVitDetector, picture: Picture) -> None:
    """Count the baseline: a phrase's mask is all boxes that the detector finds for it."""
    filled = {label: np.zeros(picture.rgb.shape[:2], bool) for label in list_labels()}
    for found in detector.detect(picture.rgb, list_labels()):
        x0, y0, x1, y1 = (round(value) for value in found.box_xyxy_px)
        filled[found.label][y0:y1, x0:x1] = True
    for phrase in ask_all(picture):
        tally.rows['baseline: boxes of the detector, filled'].add(filled[phrase.text], phrase)


def _measure_precision(tally: Tally) -> float:
    """Return the area under precision against recall of all pixels of all phrases."""
    inside, outside = tally.inside[::-1].cumsum(), tally.outside[::-1].cumsum()
    precision = inside / np.maximum(inside + outside, 1)
    recall = inside / max(1, inside[-1])
    return float((np.diff(recall, prepend=0) * precision).sum())


def _trace_presence(scores: list[tuple[float, bool]]) -> dict[str, list[float]]:
    """Return the shares of present and of absent phrases that are answered, by presence threshold."""
    values, there = np.array([s for s, _ in scores]), np.array([t for _, t in scores])
    limits = np.linspace(0, 1, 41)
    return {
        'limit': limits.round(3).tolist(),
        'present': [round(float((values[there] >= limit).mean()), 4) for limit in limits],
        'absent': [round(float((values[~there] >= limit).mean()), 4) for limit in limits],
    }


def time_prompts(segmenter: ClipSegSegmenter, rgb: np.ndarray, runs: int = 7) -> dict[str, float]:
    """Return the median seconds of one picture with 1 and with 5 prompts, and their ratio; texts are in the cache."""
    medians = {}
    for count in (1, 5):
        queries = list(list_labels()[:count])
        taken = []
        for _ in range(runs + 1):
            begun = time.perf_counter()
            segmenter.segment(rgb, queries)
            taken.append(time.perf_counter() - begun)
        medians[count] = float(np.median(taken[1:]))
    return {'1': round(medians[1], 4), '5': round(medians[5], 4), 'ratio': round(medians[5] / medians[1], 2)}


def choose_settings(folder: Path, data: Path, pictures: int = 80) -> dict[str, float]:
    """Choose presence and threshold of a checkpoint on validation pictures and write them beside its weights."""
    segmenter = ClipSegSegmenter(ClipSegConfig(model=str(folder), threshold=0.0, presence=0.0))
    store = PictureStore(data, 'validation', pictures)
    overlaps: dict[float, list[float]] = defaultdict(list)
    scores = []
    for picture in _draw_all(store):
        phrases = ask_all(picture)
        for mask, phrase in zip(segmenter.segment(picture.rgb, [p.text for p in phrases]), phrases, strict=True):
            if phrase.is_present:
                for threshold in THRESHOLDS:
                    row = Row()
                    row.add(mask.probability >= threshold, phrase)
                    overlaps[threshold] += row.overlaps
            elif not phrase.ignore.any():
                scores.append(mask.score)
    store.close()
    best = max(THRESHOLDS, key=lambda threshold: float(np.mean(overlaps[threshold])))
    presence = max(best, float(np.quantile(scores, 1 - MOST_ALARMS)))
    settings = {'threshold': best, 'presence': round(presence, 3)}
    (folder / SETTINGS_FILE).write_text(json.dumps(settings) + '\n')
    return settings
