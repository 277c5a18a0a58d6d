"""
Measure a detector on held-out tables: average precision, false alarms, recall by wording, position errors.

Every test table is seen by every camera. The 22 phrases of the vocabulary are asked of every picture; a false
alarm is an answer to a phrase for something that is not in the picture, counted when all phrases are asked
together and when each is asked alone. The threshold that a checkpoint ships with is chosen on the validation
tables only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
import json
from pathlib import Path
import time

import matplotlib as mpl
import numpy as np

mpl.use('Agg')
from matplotlib import pyplot as plt

from vlm_robot.annotation import draw_detections, write_image
from vlm_robot.datatypes import Detection, LiftedDetection
from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.detection_metrics import (
    average_precision,
    compute_iou,
    false_alarm_rate,
    judge,
    Judged,
    precision_at,
    recall_at,
    RECALL_POINTS,
    trace_precision,
)
from vlm_robot.perception.lifting import lift
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector
from vlm_robot.training.owlvit_card import CARD, tell_queries
from vlm_robot.training.owlvit_phrases import ABSENT_NOUNS
from vlm_robot.training.owlvit_pictures import draw_picture, LabelledPicture
from vlm_robot.training.owlvit_scenes import sample_views, TableDrawer
from vlm_robot.vocabulary import list_labels

LEAST_SCORE = 0.02  # what enters the precision-recall curve
WORDINGS = ('the {}', 'a photo of a {}')
SYNONYMS = {'block': 'cube', 'bowl': 'dish', 'gray': 'grey', 'cyan': 'turquoise', 'purple': 'violet'}


@dataclass(frozen=True)
class OwlVitMeasureConfig:
    """
    One measurement.

    :param model: checkpoint name or folder, as ``OwlVitConfig.model``.
    :param scenes: how many test tables; each gives one picture per camera.
    :param out: folder for example pictures and the report; in a checkpoint's folder its card is written anew.
    """

    model: str = 'shipped'
    scenes: int = 150
    out: str = ''
    split: str = 'test'

    def __post_init__(self) -> None:
        """Refuse an empty measurement."""
        if self.scenes < 1:
            raise ConfigError(f'scenes must be 1 or more, got {self.scenes}')


@dataclass
class Tally:
    """What was counted so far."""

    judged: dict[str, list[Judged]] = field(default_factory=lambda: defaultdict(list))
    tight: dict[str, list[Judged]] = field(default_factory=lambda: defaultdict(list))
    reworded: list[Judged] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)
    errors: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    seconds: list[float] = field(default_factory=list)


def draw_views(split: str, scenes: int) -> Iterator[LabelledPicture]:
    """Render the first tables of a split, each by every camera."""
    drawer = TableDrawer()
    try:
        for seed in range(scenes):
            for view in sample_views(split, seed):
                yield draw_picture(drawer, view)
    finally:
        drawer.close()


def measure(config: OwlVitMeasureConfig) -> dict:
    """Return the report of a detector at its own threshold; write report and pictures where ``out`` says."""
    detector = OwlVitDetector(OwlVitConfig(model=config.model))
    threshold = detector.limit('')
    tally, examples = Tally(), []
    rng = np.random.default_rng(0)
    for picture in draw_views(config.split, config.scenes):
        found = _count(tally, detector, picture, threshold, rng)
        if len(examples) < 4 and len(picture.things) >= 5:
            examples.append(draw_detections(picture.image.rgb, found))
    report = {'model': config.model, 'split': config.split, 'scenes': config.scenes} | summarise(tally, threshold)
    if config.out:
        folder = Path(config.out)
        folder.mkdir(parents=True, exist_ok=True)
        older = folder / 'metrics.json'
        if older.is_file():  # what --one-shot measured stays
            report |= {k: v for k, v in json.loads(older.read_text()).items() if k == 'queries'}
        older.write_text(json.dumps(report, indent=1) + '\n')
        draw_curves(tally, threshold, folder / 'curves.png')
        if examples:
            rows = [np.concatenate(examples[i : i + 2], 1) for i in range(0, len(examples) - 1, 2)]
            write_image(np.concatenate(rows or examples, 0), folder / 'example.png')
        if (folder / 'training.json').is_file():
            write_card(folder, report)
    return report


def _count(tally: Tally, detector: OwlVitDetector, picture: LabelledPicture, threshold: float, rng) -> list[Detection]:
    labels, rgb = list_labels(), picture.image.rgb
    begun = time.perf_counter()
    found = detector.detect(rgb, labels, dict.fromkeys(labels, LEAST_SCORE))
    tally.seconds.append(time.perf_counter() - begun)
    nouns = [str(noun) for noun in rng.choice(ABSENT_NOUNS, 10, replace=False)]
    scores, _ = detector.score([rgb], [*labels, *nouns])[0]
    best = scores.max(0).values.tolist()
    tally.unknown += best[len(labels) :]
    reworded = {label: _reword(label, rng) for label in labels}
    asked_otherwise = detector.detect(rgb, list(reworded.values()), dict.fromkeys(reworded.values(), LEAST_SCORE))
    for label, alone in zip(labels, best, strict=False):
        clear, hidden = picture.split(label)
        mine = [item for item in found if item.label == label]
        others = [item for item in asked_otherwise if item.label == reworded[label]]
        tally.judged[label].append(_judge(mine, clear, hidden))
        tally.tight[label].append(_judge(mine, clear, hidden, 0.75))
        tally.reworded.append(_judge(others, clear, hidden))
        if len(clear) + len(hidden) == 0:
            tally.alone.append(alone)
            tally.together.append(max((item.score for item in mine), default=0.0))
        _count_places(tally, picture, [item for item in mine if item.score >= threshold])
    return [item for item in found if item.score >= threshold]


def _judge(found: list[Detection], clear, hidden, iou: float = 0.5) -> Judged:
    return judge([item.box_xyxy_px for item in found], [item.score for item in found], clear, hidden, iou)


def _reword(label: str, rng) -> str:
    words = ' '.join(SYNONYMS.get(word, word) for word in label.split())
    return WORDINGS[int(rng.integers(len(WORDINGS)))].format(words)


def _count_places(tally: Tally, picture: LabelledPicture, found: list[Detection]) -> None:
    for item in found:
        overlap = compute_iou([item.box_xyxy_px], picture.boxes_px)[0]
        same = np.array([thing.label == item.label for thing in picture.things], bool)
        best = int((overlap * same).argmax()) if len(overlap) else 0
        if not len(overlap) or overlap[best] * same[best] < 0.5:
            continue
        outcome, thing = lift(item, picture.image), picture.things[best]
        lifted = isinstance(outcome, LiftedDetection)
        error = float(np.linalg.norm(np.subtract(outcome.p_base, thing.position))) if lifted else float('inf')
        for group in ('all', f'{picture.image.camera} camera', f'{thing.label.split()[1]} ({thing.place})'):
            tally.errors[group].append(error)


def summarise(tally: Tally, threshold: float) -> dict:
    """Return the figures of a tally at a threshold."""
    every = [item for items in tally.judged.values() for item in items]
    by_phrase = {label: round(average_precision(items), 4) for label, items in tally.judged.items()}
    tight = [average_precision(items) for items in tally.tight.values()]
    return {
        'pictures': len(tally.seconds),
        'objects': sum(item.truths for item in every),
        'threshold': threshold,
        'ap50': round(float(np.nanmean(list(by_phrase.values()))), 4),
        'ap75': round(float(np.nanmean(tight)), 4),
        'recall': round(recall_at(every, threshold), 4),
        'precision': round(precision_at(every, threshold), 4),
        'recall_reworded': round(recall_at(tally.reworded, threshold), 4),
        'false_alarms_together': round(false_alarm_rate(tally.together, threshold), 4),
        'false_alarms_alone': round(false_alarm_rate(tally.alone, threshold), 4),
        'false_alarms_unknown_nouns': round(false_alarm_rate(tally.unknown, threshold), 4),
        'absent_queries': len(tally.alone),
        'unknown_noun_queries': len(tally.unknown),
        'position_errors_m': {group: _summarise_errors(errors) for group, errors in sorted(tally.errors.items())},
        'seconds_per_picture': round(float(np.median(tally.seconds)), 4),
        'ap50_by_phrase': by_phrase,
    }


def _summarise_errors(errors: list[float]) -> dict:
    values = np.array(errors)
    return {
        'n': len(values),
        'median': round(float(np.median(values)), 5),
        'share_below_15mm': round(float((values < 0.015).mean()), 4),
        'not_lifted': int(np.isinf(values).sum()),
    }


def draw_curves(tally: Tally, threshold: float, path: Path) -> None:
    """Draw precision against recall, and against the threshold what is found and what is answered in vain."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    kinds = {'IoU 0.5': tally.judged, 'IoU 0.75': tally.tight, 'other words, IoU 0.5': {'': tally.reworded}}
    for name, judged in kinds.items():
        curves = np.array([trace_precision(items) for items in judged.values()])
        left.plot(RECALL_POINTS, np.nanmean(curves, 0), label=f'{name}: AP {np.nanmean(curves):.3f}')
    left.set(xlabel='recall', ylabel='precision, mean over the phrases', xlim=(0, 1), ylim=(0, 1.02))
    every = [item for items in tally.judged.values() for item in items]
    limits = np.linspace(LEAST_SCORE, 0.95, 60)
    right.plot(limits, [recall_at(every, limit) for limit in limits], label='things found')
    for name, scores in (('absent phrases asked together', tally.together), ('unknown nouns', tally.unknown)):
        right.plot(limits, [false_alarm_rate(scores, limit) for limit in limits], label=f'{name}: answered')
    right.axvline(threshold, color='grey', linestyle=':')
    right.set(xlabel='threshold', xlim=(0, 1), ylim=(0, 1.02))
    for axes in (left, right):
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def choose_threshold(model: str, scenes: int = 100, most_alarms: float = 0.005) -> float:
    """Return the least score with at most ``most_alarms`` false alarms on validation tables."""
    detector, absent = OwlVitDetector(OwlVitConfig(model=model)), []
    labels = list_labels()
    for picture in draw_views('validation', scenes):
        best = detector.score([picture.image.rgb], labels)[0][0].max(0).values.tolist()
        shown = {thing.label for thing in picture.things}
        absent += [score for label, score in zip(labels, best, strict=True) if label not in shown]
    return float(np.quantile(absent, 1 - most_alarms))


def write_card(folder: Path, report: dict) -> None:
    """Write the model card of the checkpoint in ``folder`` from a report and its own ``training.json``."""
    training = json.loads((folder / 'training.json').read_text())
    rows = '\n'.join(f'| {label} | {value:.3f} |' for label, value in report['ap50_by_phrase'].items())
    places = '\n'.join(
        f'| {group} | {e["n"]} | {1000 * e["median"]:.1f} mm | {100 * e["share_below_15mm"]:.1f} % |'
        for group, e in report['position_errors_m'].items()
    )
    told = {'rows': rows, 'places': places, 'queries': tell_queries(report.get('queries'))}
    (folder / 'README.md').write_text(CARD.format(**(training | report | told)))
