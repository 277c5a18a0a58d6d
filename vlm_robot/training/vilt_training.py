"""
Train the shipped answerer on questions about simulator scenes, from the detector's image tower; stop and resume.

Several questions ride on each picture (``vilt_model``). At first only the busiest tokens of a picture are looked at; in
the last part of the time all of them, with fewer questions, as when the model is used. The rates fall with the
processor time used: a run ends when its minutes are over, and a busy machine costs time but no learning. Recipe and
reasons: the model card beside the checkpoint.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
import json
from pathlib import Path
import time
from typing import NamedTuple

import numpy as np
from rich.progress import Progress
import torch
from torch import nn
from torch.nn import functional
from transformers import BertTokenizer, OwlViTForObjectDetection, ViltForQuestionAnswering

from vlm_robot.console import console
from vlm_robot.errors import ConfigError
from vlm_robot.perception.owlvit import SHIPPED
from vlm_robot.training.owlvit_data import GRID
from vlm_robot.training.owlvit_optimiser import MixedOptimiser
from vlm_robot.training.picture_questions import ANSWERS, PictureQuestion
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture
from vlm_robot.training.vilt_batches import (
    collate,
    cut_picture,
    list_question_words,
    loosen,
    NO_ANSWER,
    QuestionBatch,
    sample_questions,
)
from vlm_robot.training.vilt_facts import FactHeads, Facts, gather_facts, mention_loss
from vlm_robot.training.vilt_grounding import aim, look_loss, LookTargets
from vlm_robot.training.vilt_model import (
    answer_logits,
    build_config,
    build_processor,
    build_tokenizer,
    continue_from,
    start_from,
)

SHARES = {  # what is learnt soon is asked seldom
    'existence': 0.08, 'comparison': 0.12, 'place': 0.14, 'count': 0.30, 'colour': 0.20, 'relation': 0.16,
}  # fmt: skip
LONGEST = 16  # words of a question; the few longer ones would pad all others


@dataclass(frozen=True)
class ViltTrainingConfig:
    """
    One training run.

    :param folder: where the state to resume from and the result are kept, and renderings unless ``data`` says.
    :param views: how many tables are rendered.
    :param minutes: processor time of learning, after rendering.
    :param batch: pictures per step; ``questions`` about each.
    :param first_weight: of the question that is read as in the stock pass, against 1 of each other.
    :param look_weight: against that of the answers, of the losses of where nouns look in the ``watched`` layers, and
        first tokens for the two nouns in the ``reading`` ones, for what is asked about in the ``searching`` ones.
    :param fact_weight: of what patches and nouns should know after ``noun_layers``, first tokens after
        ``first_layers``.
    :param start: a checkpoint to continue from; None is the detector's image tower.
    :param tokens: of each picture that are looked at; the last ``full_share`` of the time all, with half the questions.
    :param matrix_rate: step of Muon; ``rate`` is AdamW's.
    """

    folder: Path
    data: Path | None = None
    views: int = 4000
    minutes: float = 60.0
    seed: int = 1
    layers: int = 9
    batch: int = 10
    questions: int = 16
    first_weight: float = 4.0
    look_weight: float = 0.5
    watched: tuple[int, ...] = (3, 4)
    reading: tuple[int, int] = (5, 6)
    searching: tuple[int, ...] = (7,)
    fact_weight: float = 0.25
    noun_layers: tuple[int, ...] = (4, 5)
    first_layers: tuple[int, ...] = (6, 7)
    start: Path | None = None
    tokens: int = 144
    full_share: float = 0.2
    matrix_rate: float = 0.005
    rate: float = 8e-4
    warm_up_steps: int = 100
    check_minutes: float = 10.0
    check_pictures: int = 60

    def __post_init__(self) -> None:
        """Refuse numbers that cannot train."""
        for name in ('views', 'minutes', 'layers', 'batch', 'questions', 'matrix_rate', 'rate'):
            if getattr(self, name) <= 0:
                raise ConfigError(f'{name} must be more than 0, got {getattr(self, name)}')
        if not 16 <= self.tokens <= GRID * GRID:
            raise ConfigError(f'tokens must be 16 to {GRID * GRID}, got {self.tokens}')
        inner = range(self.layers - 1)
        read = {*self.watched, *self.reading, *self.searching, *self.noun_layers, *self.first_layers}
        if not read <= set(inner):
            raise ConfigError(f'layers {sorted(read)} are read, allowed: those before the last, {list(inner)}')
        if not 0 <= self.full_share <= 1:
            raise ConfigError(f'full_share must be 0 to 1, got {self.full_share}')


def train(config: ViltTrainingConfig) -> Path:
    """Train or resume, and return the folder of the finished checkpoint."""
    config.folder.mkdir(parents=True, exist_ok=True)
    run = ViltRun(config)
    run.learn()
    return config.folder / 'checkpoint'


class Lesson(NamedTuple):
    """A batch, where its nouns should look, what is true of it, and its questions."""

    batch: QuestionBatch
    targets: LookTargets
    facts: Facts
    questions: list[list[PictureQuestion]]


class ViltRun:
    """A training run."""

    def __init__(self, config: ViltTrainingConfig):
        """Build the model, open the pictures, resume where a saved state exists."""
        self.config, self.state_path = config, config.folder / 'state.pt'
        data = config.data or config.folder
        self.pictures = PictureStore(data, 'train', config.views)
        self.checks = PictureStore(data, 'validation', config.check_pictures)
        self.tokenizer = build_tokenizer(list_question_words())
        self.answers = {answer: i for i, answer in enumerate(ANSWERS)}
        self.model = ViltForQuestionAnswering(build_config(self.tokenizer, ANSWERS, config.layers))
        tower = OwlViTForObjectDetection.from_pretrained(SHIPPED, dtype=torch.float32).owlvit.vision_model
        start_from(self.model, tower, config.seed)
        if config.start:
            continue_from(self.model, self.tokenizer, config.start)
        self.heads = FactHeads(self.model.config.hidden_size, config.noun_layers, config.first_layers)
        self.pupil = nn.ModuleDict({'model': self.model, 'heads': self.heads})
        self.optimiser = MixedOptimiser(self.pupil, config.matrix_rate, config.rate)
        self.pupil.bfloat16().train()
        self.lessons: list[Lesson] = []
        self.seconds, self.asked = 0.0, 0
        if self.state_path.exists():
            self._resume()

    def learn(self) -> None:
        """Step until the minutes are over; check and save every few minutes."""
        config, start, before = self.config, time.process_time(), self.seconds
        budget, last_check, shown = config.minutes * 60, self.seconds, self.seconds
        rng = np.random.default_rng([883, config.seed, self.optimiser.steps])
        tally: dict[str, list[bool]] = defaultdict(list)
        with Progress(console=console) as progress:
            bar = progress.add_task('learning', total=budget, completed=round(before))
            while self.seconds < budget:
                losses = self._step(rng, self.seconds / budget, tally)
                self.seconds = before + time.process_time() - start
                progress.update(bar, completed=self.seconds)
                if self.seconds - shown > 30:
                    shown = self.seconds
                    self._report(losses, tally)
                if self.seconds - last_check > config.check_minutes * 60 or self.seconds >= budget:
                    last_check = self.seconds
                    self._check()
                    self._save()
                    self.seconds = before + time.process_time() - start

    def draw(self, rng: np.random.Generator, is_full: bool) -> list[Lesson]:
        """Return lessons about the same pictures: the shorter half of the questions, and the longer, to pad little."""
        config = self.config
        tokens, count = (GRID * GRID, max(1, config.questions // 2)) if is_full else (config.tokens, config.questions)
        pictures = [self.pictures.sample(rng) for _ in range(config.batch)]
        cut = [cut_picture(picture, tokens, rng) for picture in pictures]
        halves: list[list[list[PictureQuestion]]] = [[], []]
        for picture in pictures:
            drawn = sample_questions(picture, 'train', rng, 2 * count, SHARES)
            loose = [replace(item, text=loosen(item.text, rng)) for item in drawn]
            items = sorted((item for item in loose if _count_words(item) < LONGEST), key=_count_words)
            for half, part in zip(halves, (items[:count], items[count:]), strict=True):
                half.append([part[i] for i in rng.permutation(len(part))])
        return [self._teach(pictures, cut, half) for half in halves if any(half)]

    def _teach(self, pictures: list[Picture], cut: list, questions: list[list[PictureQuestion]]) -> Lesson:
        texts, indices = [[item.text for item in items] for items in questions], [index for _, index in cut]
        batch = collate(cut, questions, self.tokenizer, self.answers)
        return Lesson(batch, aim(pictures, indices, texts), gather_facts(pictures, indices, questions), questions)

    def _step(self, rng: np.random.Generator, done: float, tally: dict[str, list[bool]]) -> tuple[float, ...]:
        config = self.config
        self.lessons = self.lessons or self.draw(rng, done > 1 - config.full_share)
        batch, targets, facts, questions = self.lessons.pop()
        watched = (*config.watched, *config.reading, *config.searching)
        logits, looks, states = answer_logits(
            self.model, batch.patches, batch.index, batch.ids, watched, self.heads.layers
        )
        weight = (batch.answers != NO_ANSWER).float()
        weight[:, 0] *= config.first_weight
        each = functional.cross_entropy(
            logits.flatten(0, 1), batch.answers.flatten(), reduction='none', ignore_index=NO_ANSWER
        )
        loss = (each * weight.flatten()).sum() / weight.sum().clamp(min=1)
        look = look_loss([looks[n] for n in config.watched], targets)
        search = look_loss([looks[n] for n in config.searching], facts.looks)
        search = search + mention_loss([looks[n] for n in config.reading], facts)
        fact = self.heads.loss(states, facts)
        self.pupil.zero_grad()
        (loss + config.look_weight * (look + search) + config.fact_weight * fact).backward()
        rise = min(1.0, (self.optimiser.steps + 1) / config.warm_up_steps)
        fall = 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(1.0, done)))
        self.optimiser.step(self.optimiser.gather(), float(rise * fall))
        is_right = (logits.argmax(-1) == batch.answers).tolist()
        for row, items in zip(is_right, questions, strict=True):
            for right, item in zip(row, items, strict=False):
                tally[item.kind].append(right)
                self.asked += 1
        return tuple(float(part.detach()) for part in (loss, look, search, fact))

    def _report(self, losses: tuple[float, ...], tally: dict[str, list[bool]]) -> None:
        shares = '  '.join(f'{kind} {np.mean(rights):.3f}' for kind, rights in sorted(tally.items()))
        tally.clear()
        console.print(
            f'{self.seconds / 60:5.1f} of {self.config.minutes:.0f} min  step {self.optimiser.steps}  '
            f'questions {self.asked}  loss, looks, facts {" ".join(f"{loss:.2f}" for loss in losses)}  {shares}',
            highlight=False,
        )

    def averaged_model(self) -> ViltForQuestionAnswering:
        """Return a float32 model with the running average of the weights."""
        model = ViltForQuestionAnswering(build_config(self.tokenizer, ANSWERS, self.config.layers))
        averages = {name.removeprefix('model.'): value for name, value in self.optimiser.averages.items()}
        missing = model.load_state_dict(averages, strict=False)
        if missing.missing_keys:
            raise ConfigError(f'the state lacks {missing.missing_keys}; remove {self.state_path} and start again')
        return model.eval()

    def _check(self) -> None:
        rng = np.random.default_rng(884)
        pictures = [self.checks.draw(i, rng) for i in range(len(self.checks))]
        questions = [sample_questions(picture, 'validation', rng, 8) for picture in pictures]
        result = check(self.averaged_model(), self.tokenizer, pictures, questions) | {
            'minutes': round(self.seconds / 60, 1), 'step': self.optimiser.steps, 'questions': self.asked,
        }  # fmt: skip
        console.print(f'CHECK {json.dumps(result)}', highlight=False)
        with (self.config.folder / 'checks.jsonl').open('a') as file:
            file.write(json.dumps(result) + '\n')

    def _save(self) -> None:
        part = self.state_path.with_suffix('.part')
        state = {'optimiser': self.optimiser.state_dict(), 'seconds': self.seconds, 'asked': self.asked}
        torch.save(state, part)
        part.rename(self.state_path)
        folder = self.config.folder / 'checkpoint'
        self.averaged_model().half().save_pretrained(folder)
        build_processor(self.tokenizer).save_pretrained(folder)
        settings = asdict(self.config) | {'questions_seen': self.asked, 'steps': self.optimiser.steps}
        for name in ('folder', 'data', 'start'):
            settings.pop(name)
        (folder / 'training.json').write_text(json.dumps(settings, indent=1) + '\n')

    def _resume(self) -> None:
        state = torch.load(self.state_path, weights_only=True)
        self.optimiser.load_state_dict(state['optimiser'])
        self.seconds, self.asked = state['seconds'], state['asked']


def _count_words(question: PictureQuestion) -> int:
    return question.text.count(' ') + 1


@torch.inference_mode()
def check(
    model: ViltForQuestionAnswering,
    tokenizer: BertTokenizer,
    pictures: Sequence[Picture],
    questions: Sequence[Sequence[PictureQuestion]],
) -> dict[str, float]:
    """Return the share of right answers, read one question at a time as the stock pass does, in all and by kind."""
    answers = {answer: i for i, answer in enumerate(ANSWERS)}
    model = model.bfloat16()
    rights: dict[str, list[bool]] = defaultdict(list)
    for picture, items in zip(pictures, questions, strict=True):
        if items:
            cut = cut_picture(picture, GRID * GRID, np.random.default_rng(0))
            batch = collate([cut] * len(items), [[item] for item in items], tokenizer, answers)
            logits = answer_logits(model, batch.patches, batch.index, batch.ids).logits
            for right, item in zip((logits.argmax(-1) == batch.answers)[:, 0].tolist(), items, strict=True):
                rights[item.kind].append(right)
                rights['all'].append(right)
    return {kind: round(float(np.mean(values)), 4) for kind, values in sorted(rights.items())}
