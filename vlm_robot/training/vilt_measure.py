"""
Measure an answerer on questions about held-out scenes, by kind, beside what one would use instead.

Baselines on the same questions: the most frequent answer of each kind on validation pictures, and the frozen language
model on the description of the picture (LENS). A few pictures are enough for the latter, which is slow. Chance is not
printed: the most frequent answer is never below it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import time

import numpy as np
from rich.progress import track

from vlm_robot.console import console
from vlm_robot.datatypes import Answer
from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.answering import load_answerer
from vlm_robot.perception.sight import Answerer
from vlm_robot.perception.vilt import ViltAnswerer, ViltConfig
from vlm_robot.training.picture_questions import PictureQuestion
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture
from vlm_robot.training.sight_separation import is_far, is_held_out, split_rng
from vlm_robot.training.vilt_batches import sample_questions
from vlm_robot.training.vilt_card import draw_examples, draw_kinds, write_card
from vlm_robot.vocabulary import COLOURS, SHAPES

SAME_PLACE = {'hand': 'gripper'}


@dataclass(frozen=True)
class ViltMeasureConfig:
    """
    One measurement.

    :param model: checkpoint name or folder, as ``ViltConfig.model``.
    :param pictures: how many held-out pictures; ``questions`` about each.
    :param lens: of how many pictures the questions are also put to the language model; 0 for none.
    :param data: folder in which renderings are kept.
    :param out: folder for report and pictures; in a checkpoint's folder its card is written anew.
    """

    model: str = 'shipped'
    pictures: int = 200
    questions: int = 10
    lens: int = 20
    data: Path = Path('runs/pictures')
    out: str = ''
    split: str = 'test'

    def __post_init__(self) -> None:
        """Refuse an empty measurement."""
        for name, least in (('pictures', 1), ('questions', 1), ('lens', 0)):
            if getattr(self, name) < least:
                raise ConfigError(f'{name} must be {least} or more, got {getattr(self, name)}')


@dataclass(frozen=True, eq=False)
class Asked:
    """One question, what came, and on which picture."""

    question: PictureQuestion
    answer: Answer
    picture: Picture

    @property
    def is_right(self) -> bool:
        """Return whether the answer is the true one."""
        return self.answer.text == self.question.answer

    @property
    def is_about_held_out(self) -> bool:
        """Return whether the question names a pair of colour and shape that training never showed or named."""
        words = self.question.text.lower()
        return any(is_held_out(c, s) and f'{c} {s}' in words for c in COLOURS for s in SHAPES)


def measure(config: ViltMeasureConfig) -> dict:
    """Return the report of an answerer; write report, charts and pictures where ``out`` says."""
    answerer = ViltAnswerer(ViltConfig(model=config.model))
    store = PictureStore(config.data, config.split, config.pictures)
    asked, seconds = [], []
    for index in track(range(config.pictures), 'questions', console=console):
        picture = store.draw(index, np.random.default_rng(0))
        questions = draw_questions(picture, config.split, index, config.questions)
        begun = time.perf_counter()
        answers = answerer.answer_all(picture.rgb, [question.text for question in questions])
        seconds.append((time.perf_counter() - begun) / max(1, len(questions)))
        asked += [Asked(q, a, picture) for q, a in zip(questions, answers, strict=True)]
    priors = learn_priors(config.data)
    report = {
        'model': config.model, 'split': config.split, 'pictures': config.pictures, 'questions': len(asked),
        **summarise(asked, priors), 'seconds_per_question': round(float(np.median(seconds)), 4),
    }  # fmt: skip
    if config.lens:
        report['lens'] = measure_lens(load_answerer('lens'), asked, config.lens)
    if config.out:
        _write(Path(config.out), report, asked)
    return report


def draw_questions(picture: Picture, split: str, index: int, count: int) -> list[PictureQuestion]:
    """Return the questions about picture ``index`` of a split; same arguments, same questions."""
    return sample_questions(picture, split, split_rng(split, 'measure questions', index), count)


def learn_priors(data: Path, pictures: int = 60) -> dict[str, str]:
    """Return the most frequent answer of each kind over questions about validation pictures."""
    store = PictureStore(data, 'validation', pictures)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for index in range(pictures):
        picture = store.draw(index, np.random.default_rng(0))
        for question in draw_questions(picture, 'validation', index, 12):
            counts[question.kind][question.answer] += 1
    return {kind: counter.most_common(1)[0][0] for kind, counter in counts.items()}


def summarise(asked: Sequence[Asked], priors: dict[str, str]) -> dict:
    """Return the shares of right answers: in all, by kind, by what is new to the model, and of the prior."""
    kinds = sorted({item.question.kind for item in asked})
    by_kind = {}
    for kind in kinds:
        mine = [item for item in asked if item.question.kind == kind]
        by_kind[kind] = {
            'n': len(mine),
            'right': _share(item.is_right for item in mine),
            'prior': _share(priors.get(kind) == item.question.answer for item in mine),
            'prior_answer': priors.get(kind, ''),
        }
    groups = {
        'trained wordings': [item for item in asked if not item.question.is_new],
        'kept wordings': [item for item in asked if item.question.is_new],
        'held-out pairs named': [item for item in asked if item.is_about_held_out],
        'cameras in the trained range': [item for item in asked if not is_far(item.picture.camera)],
        'cameras outside of it': [item for item in asked if is_far(item.picture.camera)],
        'front camera': [item for item in asked if item.picture.camera.name == 'front'],
        'top camera': [item for item in asked if item.picture.camera.name == 'top'],
    }
    return {
        'right': _share(item.is_right for item in asked),
        'right_mean_of_kinds': round(float(np.mean([row['right'] for row in by_kind.values()])), 4),
        'prior': _share(priors.get(item.question.kind) == item.question.answer for item in asked),
        'confidence': round(float(np.mean([item.answer.confidence for item in asked])), 4),
        'by_kind': by_kind,
        'by_group': {name: {'n': len(g), 'right': _share(item.is_right for item in g)} for name, g in groups.items()},
    }


def measure_lens(answerer: Answerer, asked: Sequence[Asked], pictures: int) -> dict:
    """Return how often another answerer and the measured one are right on the questions of the first pictures."""
    shown = list(dict.fromkeys(id(item.picture) for item in asked))[:pictures]
    same = [item for item in asked if id(item.picture) in shown]
    other = [
        Asked(item.question, answerer.answer(item.picture.rgb, item.question.text), item.picture)
        for item in track(same, 'language model', console=console)
    ]
    kinds = sorted({item.question.kind for item in same})
    rows = {
        kind: {
            'n': sum(item.question.kind == kind for item in same),
            'lens': _share(means_truth(item) for item in other if item.question.kind == kind),
            'vilt': _share(item.is_right for item in same if item.question.kind == kind),
        }
        for kind in kinds
    }
    return {
        'name': answerer.name, 'n': len(same), 'right': _share(means_truth(item) for item in other),
        'vilt_on_the_same': _share(item.is_right for item in same), 'by_kind': rows,
    }  # fmt: skip


def means_truth(item: Asked) -> bool:
    """Return whether an answer says the truth in other words: ``in the red bowl`` is the place ``bowl``."""
    words = item.answer.text.lower().strip(' .').split() or ['']
    said = SAME_PLACE.get(words[-1], words[-1]) if item.question.kind == 'place' else ' '.join(words)
    return said == item.question.answer


def _share(values: Iterable[bool]) -> float:
    listed = list(values)
    return round(float(np.mean(listed)), 4) if listed else 0.0


def _write(folder: Path, report: dict, asked: Sequence[Asked]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'metrics.json').write_text(json.dumps(report, indent=1) + '\n')
    draw_kinds(report, folder / 'kinds.png')
    pictures = list({id(item.picture): item.picture for item in asked}.values())
    rich = [picture for picture in pictures if len(picture.things) >= 5][:4]
    rows = [[item for item in asked if item.picture is picture][:7] for picture in rich]
    draw_examples(
        [(items[0].picture.rgb, [(i.question.text, i.answer, i.question.answer) for i in items]) for items in rows],
        folder / 'example.png',
    )
    if (folder / 'training.json').is_file():
        write_card(folder, report)
