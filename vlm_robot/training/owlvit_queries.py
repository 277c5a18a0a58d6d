"""
Measure other ways to ask the detector, on held-out tables: by example pictures, and by wordings averaged.

One-shot: for every picture and each of the 22 kinds of things, the query is a thing of that kind cut from another
table (or five of them averaged); the answer must be the things of the same colour and shape. Examples and pictures come
from the same split, which the detector and the map were not trained on. Beside it stands the same question by words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import json
from pathlib import Path

import numpy as np
import torch

from vlm_robot.evaluation.detection_metrics import average_precision, false_alarm_rate, judge, recall_at
from vlm_robot.perception.owlvit import ImageFeatures, OwlVitConfig, OwlVitDetector
from vlm_robot.perception.owlvit_answers import choose
from vlm_robot.perception.owlvit_examples import find_vector, map_to_texts
from vlm_robot.perception.prompt_ensemble import average_wordings, fill_templates, read_templates
from vlm_robot.training.owlvit_measure import write_card
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture
from vlm_robot.vocabulary import list_labels

LEAST_SCORE = 0.02  # what enters the precision-recall curve
UNTRAINED = (
    'look at that {} over there',
    'could you see a {}',
    'anything like the {} here',
    'some {} or other',
    'where did I put my {}',
)  # fmt: skip -- ways to speak that no training phrase has
EXAMPLE_PX = 150  # visible pixels of a thing that may serve as an example


@dataclass(frozen=True, eq=False)
class Encoded:
    """A held-out picture and what the detector saw in it before any query."""

    picture: Picture
    features: ImageFeatures
    number: int

    @property
    def size(self) -> tuple[int, int]:
        """Return height and width in pixels."""
        return self.picture.rgb.shape[0], self.picture.rgb.shape[1]

    def split(self, label: str) -> tuple[list, list]:
        """Return the boxes of things of that label: those to judge, and those that are too hidden."""
        mine = [thing for thing in self.picture.things if thing.label == label]
        return [t.box_xyxy_px for t in mine if t.is_clear], [t.box_xyxy_px for t in mine if not t.is_clear]


def measure_queries(detector: OwlVitDetector, store: PictureStore, seed: int = 0) -> dict:
    """
    Return AP50, recall and false alarms of every way to ask.

    :param store: held-out pictures, each of another table.
    :param seed: which examples are drawn.
    """
    rng, pictures = np.random.default_rng(seed), []
    for number in range(len(store)):
        picture = store.draw(number, rng)
        pictures.append(Encoded(picture, detector.encode(detector.preprocess([picture.rgb])), number))
    bank, report = collect_examples(detector, pictures), {}
    words, limit = detector.embed_texts(list_labels()), detector.limit('')
    report['words'] = judge_queries(detector, pictures, _always(words), limit)
    example_limit = detector.settings.example_threshold
    for name, count, is_mapped in (('1 example', 1, True), ('5 examples', 5, True), ('1 example, no map', 1, False)):
        rng = np.random.default_rng(seed)
        ask = _draw_examples(detector, bank, count, rng, is_mapped)
        report[name] = judge_queries(detector, pictures, ask, example_limit)
    for name in ('plain', 'clip'):
        averaged = _average(detector, read_templates(name))
        report[f"wordings '{name}'"] = judge_queries(detector, pictures, _always(averaged), limit)
    for name, templates in (('1 untrained wording', UNTRAINED[:1]), ('5 untrained wordings', UNTRAINED)):
        averaged = _average(detector, templates)
        report[name] = judge_queries(detector, pictures, _always(averaged), limit)
    return report


def measure_and_write(model: str, data: Path, pictures: int, out: Path | None = None) -> dict:
    """
    Measure on held-out pictures, put the figures into the checkpoint's ``metrics.json`` and write its card anew.

    :param data: folder of pictures (``PictureStore``); what is missing is rendered.
    :param out: folder of the checkpoint whose card is written; None writes nothing.
    """
    detector = OwlVitDetector(OwlVitConfig(model=model))
    ways = measure_queries(detector, PictureStore(data, 'test', pictures))
    report = {'pictures': pictures, 'example_threshold': detector.settings.example_threshold, 'ways': ways}
    if out is not None and (out / 'metrics.json').is_file():
        metrics = json.loads((out / 'metrics.json').read_text()) | {'queries': report}
        (out / 'metrics.json').write_text(json.dumps(metrics, indent=1) + '\n')
        write_card(out, metrics)
    return report


def collect_examples(detector: OwlVitDetector, pictures: list[Encoded]) -> dict[str, list[tuple[int, torch.Tensor]]]:
    """Return for each kind of thing the picture and class vector of every one that may serve as an example."""
    bank: dict[str, list[tuple[int, torch.Tensor]]] = {label: [] for label in list_labels()}
    for item in pictures:
        for thing in item.picture.things:
            vector = find_vector(detector, item.features, item.size, thing.box_xyxy_px)
            if thing.visible_px >= EXAMPLE_PX and vector is not None:
                bank[thing.label].append((item.number, vector))
    return bank


def judge_queries(
    detector: OwlVitDetector, pictures: list[Encoded], ask: Callable[[Encoded], torch.Tensor], limit: float
) -> dict:
    """Return how well one query vector per kind, (22, D) for each picture, finds things of that kind."""
    labels = list_labels()
    judged: dict[str, list] = {label: [] for label in labels}
    absent = []
    for item in pictures:
        seen = detector.compare(item.features, ask(item), [item.size])[0]
        found = choose(seen, labels, torch.full((len(labels),), LEAST_SCORE), detector.rules)
        for label in labels:
            mine = [answer for answer in found if answer.label == label]
            clear, hidden = item.split(label)
            judged[label].append(judge([a.box_xyxy_px for a in mine], [a.score for a in mine], clear, hidden))
            if len(clear) + len(hidden) == 0:
                absent.append(max((answer.score for answer in mine), default=0.0))
    every = [one for several in judged.values() for one in several]
    return {
        'ap50': round(float(np.nanmean([average_precision(items) for items in judged.values()])), 4),
        'recall': round(recall_at(every, limit), 4),
        'false_alarms': round(false_alarm_rate(absent, limit), 4),
        'score_at_half_percent_alarms': round(float(np.quantile(absent, 0.995)), 3),
    }


def _draw_examples(detector, bank, count: int, rng, is_mapped: bool) -> Callable[[Encoded], torch.Tensor]:
    """Return a function that draws the examples for a picture: things of other tables, averaged."""

    def ask(item: Encoded) -> torch.Tensor:
        queries = []
        for label in list_labels():
            others = [vector for number, vector in bank[label] if number != item.number]
            if not others:
                raise ValueError(f'no other table shows a {label}; measure on more tables')
            drawn = rng.choice(len(others), min(count, len(others)), replace=False)
            vectors = [map_to_texts(detector, others[i]) if is_mapped else others[i] for i in drawn]
            queries.append(torch.nn.functional.normalize(torch.stack(vectors).mean(0), dim=-1))
        return torch.stack(queries)

    return ask


def _always(vectors: torch.Tensor) -> Callable[[Encoded], torch.Tensor]:
    return lambda item: vectors


def _average(detector: OwlVitDetector, templates: tuple[str, ...]) -> torch.Tensor:
    filled = [text for label in list_labels() for text in fill_templates(label, templates)]
    return average_wordings(detector.embed_texts(filled), len(templates))
