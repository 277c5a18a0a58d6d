"""
Train the shipped detector in the simulator: render, learn, check, save; stop and resume at will.

Two processes share the work and average their gradients. The rates fall with the wall clock, so a run ends
when its minutes are over, however fast the machine is. Recipe and reasons: the model card beside the
checkpoint and LOG.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
import json
import os
from pathlib import Path
import time

import numpy as np
import torch
from torch import distributed
from transformers import CLIPTokenizer, OwlViTForObjectDetection

from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.detection_metrics import average_precision, false_alarm_rate, judge
from vlm_robot.perception.boxes import suppress, to_corners
from vlm_robot.training.owlvit_batches import collate, cut_patches, LayerPool, MEAN, STD
from vlm_robot.training.owlvit_data import check_generator, GRID, render_shard, SIDE_PX
from vlm_robot.training.owlvit_loss import box_loss, class_loss
from vlm_robot.training.owlvit_model import (
    build_config,
    build_processor,
    build_tokenizer,
    embed_phrases,
    embed_tokens,
    initialise,
    predict,
)  # fmt: skip
from vlm_robot.training.owlvit_optimiser import MixedOptimiser
from vlm_robot.training.owlvit_phrases import list_canonical, sample_phrases
from vlm_robot.training.owlvit_pictures import draw_pictures, LabelledPicture

SHARD_VIEWS = 100


@dataclass(frozen=True)
class OwlVitTrainingConfig:
    """
    One training run.

    :param folder: where renderings, the state to resume from and the result are kept.
    :param views: how many tables are rendered.
    :param minutes: wall-clock time of learning, after rendering.
    :param processes: how many processes of one thread share the work.
    :param batch: pictures per process and step.
    :param tokens: of each picture that are looked at, the rest is empty table; the last ``full_share`` of the
        time all.
    :param matrix_rate: step of Muon; ``rate`` is AdamW's.
    """

    folder: Path
    views: int = 4000
    minutes: float = 70.0
    seed: int = 1
    processes: int = 2
    batch: int = 16
    tokens: int = 160
    full_share: float = 0.15
    matrix_rate: float = 0.01
    rate: float = 8e-4
    warm_up_steps: int = 100
    check_minutes: float = 5.0
    check_views: int = 60

    def __post_init__(self) -> None:
        """Refuse numbers that cannot train."""
        for name in ('views', 'minutes', 'processes', 'batch'):
            if getattr(self, name) <= 0:
                raise ConfigError(f'{name} must be more than 0, got {getattr(self, name)}')
        if not 16 <= self.tokens <= GRID * GRID:
            raise ConfigError(f'tokens must be 16 to {GRID * GRID}, got {self.tokens}')


def train(config: OwlVitTrainingConfig) -> Path:
    """Render what is missing, train or resume, and return the folder of the finished checkpoint."""
    config.folder.mkdir(parents=True, exist_ok=True)
    check_generator(config.folder)
    environment = {
        'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(20000 + os.getpid() % 20000), 'OMP_NUM_THREADS': '1',
        'MALLOC_MMAP_THRESHOLD_': '4294967296', 'MALLOC_TRIM_THRESHOLD_': '8589934592',
    }  # fmt: skip
    os.environ.update(environment)
    if config.processes == 1:
        _work(0, config)
    else:
        torch.multiprocessing.spawn(_work, (config,), config.processes)
    return config.folder / 'checkpoint'


def _work(rank: int, config: OwlVitTrainingConfig) -> None:
    if config.processes > 1:
        torch.set_num_threads(1)
    distributed.init_process_group('gloo', rank=rank, world_size=config.processes)
    _render_missing(config, rank)
    distributed.barrier()
    Run(config, rank).learn()
    distributed.destroy_process_group()


def _render_missing(config: OwlVitTrainingConfig, rank: int) -> None:
    shards = -(-config.views // SHARD_VIEWS)
    for index in range(rank, shards, config.processes):
        path = config.folder / f'train_{index:04d}.npz'
        if not path.exists():
            last = min((index + 1) * SHARD_VIEWS, config.views)
            render_shard(path, 'train', range(index * SHARD_VIEWS, last))
            print(f'rendered {index + 1} of {shards} shards', flush=True)


class Run:
    """One process of a training run."""

    def __init__(self, config: OwlVitTrainingConfig, rank: int):
        """Build the model, read the renderings, resume where a saved state exists."""
        self.config, self.rank = config, rank
        self.state_path = config.folder / 'state.pt'
        is_resumed = self.state_path.exists()
        self.tokenizer = (
            CLIPTokenizer.from_pretrained(config.folder / 'checkpoint') if is_resumed else build_tokenizer()
        )
        shape = build_config(self.tokenizer)
        shape._attn_implementation = 'eager'
        self.model = OwlViTForObjectDetection(shape)
        initialise(self.model, config.seed)
        self.optimiser = MixedOptimiser(self.model, config.matrix_rate, config.rate)
        self.model.bfloat16().train()
        self.pool = LayerPool(config.folder, config.seed * 1000 + rank)
        self.seconds, self.images = 0.0, 0
        self.checks: list[LabelledPicture] = []
        if is_resumed:
            self._resume()

    def learn(self) -> None:
        """Step until the minutes are over; check and save every few minutes."""
        config, start, last_check = self.config, time.monotonic(), self.seconds
        budget, before, shown = config.minutes * 60, self.seconds, 0.0
        rng = np.random.default_rng([882, config.seed, self.rank, self.optimiser.steps])
        while self.seconds < budget:
            losses = self._step(rng, self.seconds / budget)
            self.seconds = self._agree(before + time.monotonic() - start)
            if self.rank == 0 and self.seconds - shown > 20:
                shown = self.seconds
                self._report(losses, budget)
            if self.seconds - last_check > config.check_minutes * 60 or self.seconds >= budget:
                last_check = self.seconds
                if self.rank == 0:
                    self._check()
                    self._save()
                distributed.barrier()
                self.seconds = self._agree(before + time.monotonic() - start)

    def _step(self, rng: np.random.Generator, done: float) -> tuple[float, float, float]:
        config = self.config
        is_full = done > 1 - config.full_share
        tokens, size = (GRID * GRID, max(1, config.batch // 2)) if is_full else (config.tokens, config.batch)
        phrases = sample_phrases(rng)
        batch = collate([self.pool.draw(tokens) for _ in range(size)], phrases)
        encoded = self.tokenizer([item.text for item in phrases], padding=True, truncation=True, return_tensors='pt')
        text = embed_phrases(self.model, encoded)
        logits, boxes = predict(self.model, embed_tokens(self.model, batch.patches, batch.index), batch.index, text)
        of_class = class_loss(logits, batch.target, batch.weight)
        of_box = box_loss(boxes[batch.owned], batch.boxes, batch.quality)
        self.model.zero_grad()
        (4 * of_class + of_box).backward()
        gradient = self.optimiser.gather()
        distributed.all_reduce(gradient)
        rise = min(1.0, (self.optimiser.steps + 1) / config.warm_up_steps)
        fall = 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(1.0, done)))
        length = self.optimiser.step(gradient / config.processes, float(rise * fall))
        self.images += size * config.processes
        return float(of_class.detach()), float(of_box.detach()), length

    def _agree(self, seconds: float) -> float:
        clock = torch.tensor([seconds])
        distributed.broadcast(clock, 0)
        return float(clock)

    def _report(self, losses, budget: float) -> None:
        print(
            f'{self.seconds / 60:5.1f} of {budget / 60:.0f} min  step {self.optimiser.steps}  '
            f'pictures {self.images}  class {losses[0]:.3f}  box {losses[1]:.3f}  gradient {losses[2]:.1f}',
            flush=True,
        )

    def averaged_model(self) -> OwlViTForObjectDetection:
        """Return a float32 model with the running average of the weights."""
        model = OwlViTForObjectDetection(build_config(self.tokenizer))
        missing = model.load_state_dict(self.optimiser.averages, strict=False)
        if missing.missing_keys:
            raise ConfigError(f'the state lacks {missing.missing_keys}; remove {self.state_path} and start again')
        return model.eval()

    def _check(self) -> None:
        if not self.checks:
            self.checks = list(draw_pictures('validation', range(self.config.check_views)))
        result = check(self.averaged_model(), self.tokenizer, self.checks) | {
            'minutes': round(self.seconds / 60, 1), 'step': self.optimiser.steps, 'pictures': self.images,
        }  # fmt: skip
        print(f'CHECK {json.dumps(result)}', flush=True)
        with (self.config.folder / 'checks.jsonl').open('a') as file:
            file.write(json.dumps(result) + '\n')

    def _save(self) -> None:
        part = self.state_path.with_suffix('.part')
        state = {'optimiser': self.optimiser.state_dict(), 'seconds': self.seconds, 'images': self.images}
        torch.save(state, part)
        part.rename(self.state_path)
        folder = self.config.folder / 'checkpoint'
        self.averaged_model().half().save_pretrained(folder)
        build_processor(self.tokenizer).save_pretrained(folder)
        settings = asdict(self.config) | {'pictures_seen': self.images, 'steps': self.optimiser.steps}
        settings.pop('folder')
        (folder / 'training.json').write_text(json.dumps(settings, indent=1) + '\n')

    def _resume(self) -> None:
        state = torch.load(self.state_path, weights_only=True)
        self.optimiser.load_state_dict(state['optimiser'])
        self.seconds, self.images = state['seconds'], state['images']


@torch.inference_mode()
def check(model: OwlViTForObjectDetection, tokenizer, pictures: list[LabelledPicture]) -> dict[str, float]:
    """Return AP50, averaged over the phrases, and the threshold with 1 % false alarms, on a few pictures."""
    phrases = list_canonical()
    encoded = tokenizer([item.text for item in phrases], padding=True, return_tensors='pt')
    text, index = embed_phrases(model, encoded), torch.arange(GRID * GRID)[None]
    judged: dict[str, list] = {item.text: [] for item in phrases}
    absent: list[float] = []
    for picture in pictures:
        patches = torch.from_numpy(cut_patches(_squash(picture.image.rgb)))[None]
        logits, boxes = predict(model, embed_tokens(model, patches, index), index, text)
        height, width = picture.image.rgb.shape[:2]
        boxes = to_corners(torch.sigmoid(boxes[0])) * torch.tensor([width, height, width, height])
        for q, phrase in enumerate(phrases):
            scores = torch.sigmoid(logits[0, :, q])
            keep = suppress(boxes, scores, 0.5)
            clear, hidden = picture.split(phrase.text)
            judged[phrase.text].append(judge(boxes[keep].numpy(), scores[keep].numpy(), clear, hidden))
            if len(clear) + len(hidden) == 0:
                absent.append(float(scores.max()))
    limit = float(np.quantile(absent, 0.99))
    values = [average_precision(items) for items in judged.values()]
    return {
        'ap50': round(float(np.nanmean(values)), 4), 'worst': round(float(np.nanmin(values)), 4),
        'threshold_1pc': round(limit, 4), 'alarms_at_half': round(false_alarm_rate(absent, 0.5), 4),
    }  # fmt: skip


def _squash(rgb: np.ndarray) -> np.ndarray:
    picture = torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None]
    small = torch.nn.functional.interpolate(picture, (SIDE_PX, SIDE_PX), mode='bicubic', antialias=True)[0].numpy()
    return (small.astype(np.float32) - MEAN[:, None, None]) / STD[:, None, None]
