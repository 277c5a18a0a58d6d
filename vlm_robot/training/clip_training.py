"""
Train the small CLIP in the simulator: learn, check, save; stop and resume at will.

Loss: SigLIP's (Zhai et al., arXiv 2303.15343) on every pair whose truth is known, which makes the cosine a probability
of "this text is true of this picture"; and CLIP's softmax in both directions (Radford et al., arXiv 2103.00020) of
each true pair against the false ones alone, which ranks. The rates fall with the wall clock.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
import json
from pathlib import Path
import time

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm
from transformers import CLIPTokenizer, OwlViTForObjectDetection

from vlm_robot.errors import ConfigError
from vlm_robot.perception.owlvit import SHIPPED as DETECTOR
from vlm_robot.training.clip_batches import ClipBatch, sample_batch
from vlm_robot.training.clip_model import (
    build_model,
    build_model_config,
    embed_ids,
    embed_pictures,
    extend_tokenizer,
    save_checkpoint,
    start_from_detector,
)
from vlm_robot.training.clip_texts import list_new_words
from vlm_robot.training.picture_store import PictureStore

SAVE_SECONDS = 120


@dataclass(frozen=True)
class ClipTrainingConfig:
    """
    One training run.

    :param folder: where the state to resume from and the result are kept.
    :param data: folder of the training renderings, those of ``train owlvit``; empty: ``folder``.
    :param views: how many tables are rendered where there are none.
    :param minutes: wall-clock time of learning.
    :param pictures: per step, each with ``cuts`` cut-outs.
    """

    folder: Path
    data: str = ''
    views: int = 4000
    minutes: float = 15.0
    seed: int = 1
    pictures: int = 8
    cuts: int = 4
    rate: float = 8e-4
    warm_up_steps: int = 40

    def __post_init__(self) -> None:
        """Refuse numbers that cannot train."""
        for name in ('views', 'minutes', 'pictures', 'cuts', 'rate'):
            if getattr(self, name) <= 0:
                raise ConfigError(f'{name} must be more than 0, got {getattr(self, name)}')


def train(config: ClipTrainingConfig) -> Path:
    """Train or resume, and return the folder of the finished checkpoint."""
    config.folder.mkdir(parents=True, exist_ok=True)
    ClipRun(config).learn()
    return config.folder / 'checkpoint'


class ClipRun:
    """One run, new or resumed."""

    def __init__(self, config: ClipTrainingConfig):
        """Start from the shipped detector, or from the saved state where there is one."""
        self.config, self.state_path = config, config.folder / 'state.pt'
        folder = Path(config.data) if config.data else config.folder
        self.store = PictureStore(folder, 'train', None if any(folder.glob('train_*.npz')) else config.views)
        detector = OwlViTForObjectDetection.from_pretrained(DETECTOR)
        self.tokenizer, spelling = extend_tokenizer(CLIPTokenizer.from_pretrained(DETECTOR), list_new_words())
        self.model_config = build_model_config(detector.config, len(self.tokenizer))
        self.masters = build_model(self.model_config)
        start_from_detector(self.masters, detector, spelling)
        self.model = build_model(self.model_config).bfloat16()
        self.model.logit_scale.data, self.model.logit_bias.data = (
            self.model.logit_scale.data.float(), self.model.logit_bias.data.float()
        )  # fmt: skip
        self.averages = {name: p.detach().clone() for name, p in self.masters.named_parameters()}
        self.optimiser = torch.optim.AdamW(_group(self.masters), lr=config.rate, betas=(0.9, 0.98), foreach=True)
        self.seconds, self.steps, self.images = 0.0, 0, 0
        if self.state_path.exists():
            self._resume()
        self._publish()

    def learn(self) -> None:
        """Step until the minutes are over; save every few."""
        budget, before, begun = self.config.minutes * 60, self.seconds, time.monotonic()
        saved = self.seconds
        with tqdm(total=round(budget), initial=round(self.seconds), unit='s', mininterval=10) as bar:
            while self.seconds < budget:
                rng = np.random.default_rng([883, self.config.seed, self.steps])
                batch = sample_batch(self.store, rng, self.config.pictures, self.config.cuts)
                loss = self._step(batch, self.seconds / budget)
                self.seconds = before + time.monotonic() - begun
                bar.update(min(round(self.seconds), bar.total) - bar.n)
                bar.set_postfix_str(f'step {self.steps}, {self.images} images, loss {loss[0]:.3f} + {loss[1]:.3f}')
                if self.seconds - saved > SAVE_SECONDS or self.seconds >= budget:
                    saved = self.seconds
                    self._save()

    def _step(self, batch: ClipBatch, done: float) -> tuple[float, float]:
        encoded = self.tokenizer(list(batch.texts), padding=True, truncation=True, return_tensors='pt')
        images = embed_pictures(self.model, batch.pixels.bfloat16())
        texts = embed_ids(self.model, encoded['input_ids'])
        scale = self.model.logit_scale.exp().clamp(max=100)
        cosines = images @ texts.T
        of_truth, of_rank = pair_loss(cosines * scale + self.model.logit_bias, batch.truth)
        self.model.zero_grad()
        (of_truth + 0.5 * of_rank).backward()
        for master, p in zip(self.masters.parameters(), self.model.parameters(), strict=True):
            master.grad = None if p.grad is None else p.grad.float()
        torch.nn.utils.clip_grad_norm_(self.masters.parameters(), 1.0)
        fraction = min(1.0, (self.steps + 1) / self.config.warm_up_steps) * max(0.02, 1 - done)
        for group in self.optimiser.param_groups:
            group['lr'] = group['factor'] * self.config.rate * fraction
        self.optimiser.step()
        self.steps, self.images = self.steps + 1, self.images + len(batch.pixels)
        self._publish()
        return float(of_truth.detach()), float(of_rank.detach())

    @torch.no_grad()
    def _publish(self) -> None:
        keep = min(0.998, (1 + self.steps) / (10 + self.steps))
        for (name, master), p in zip(self.masters.named_parameters(), self.model.parameters(), strict=True):
            p.copy_(master)
            self.averages[name].lerp_(master, 1 - keep)

    def _save(self) -> None:
        part = self.state_path.with_suffix('.part')
        state = {
            'masters': self.masters.state_dict(), 'averages': self.averages, 'adam': self.optimiser.state_dict(),
            'seconds': self.seconds, 'steps': self.steps, 'images': self.images,
        }  # fmt: skip
        torch.save(state, part)
        part.rename(self.state_path)
        averaged = build_model(self.model_config)
        averaged.load_state_dict(self.averages)
        folder = self.config.folder / 'checkpoint'
        save_checkpoint(folder, averaged, self.model_config, self.tokenizer)
        settings = {k: v for k, v in asdict(self.config).items() if k not in ('folder', 'data')}
        settings |= {'steps': self.steps, 'images_seen': self.images, 'tables': len(self.store)}
        (folder / 'training.json').write_text(json.dumps(settings, indent=1) + '\n')

    def _resume(self) -> None:
        state = torch.load(self.state_path, weights_only=True)
        self.masters.load_state_dict(state['masters'])
        self.averages = state['averages']
        self.optimiser.load_state_dict(state['adam'])
        self.seconds, self.steps, self.images = state['seconds'], state['steps'], state['images']


def pair_loss(logits: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Return the sigmoid loss per image and the softmax loss per true pair.

    :param logits: (N, T) float32.
    :param truth: (N, T), 1 true, 0 false, NaN unknown: such pairs count in neither.
    """
    is_true, is_false = truth == 1, truth == 0
    signs = torch.where(is_true, 1.0, -1.0)
    of_truth = -(functional.logsigmoid(signs * logits) * (is_true | is_false)).sum() / len(logits)
    hidden = logits.masked_fill(~is_false, -1e4)
    of_image = functional.softplus(torch.logsumexp(hidden, 1, keepdim=True) - logits)[is_true]
    of_text = functional.softplus(torch.logsumexp(hidden, 0, keepdim=True) - logits)[is_true]
    return of_truth, (of_image.mean() + of_text.mean()) if is_true.any() else logits.sum() * 0


def _group(model: torch.nn.Module) -> list[dict]:
    """Return the parameters by rate: those of the towers, of what joins them, and the two numbers of the logits."""
    named = dict(model.named_parameters())
    numbers = [named.pop('logit_scale'), named.pop('logit_bias')]
    joining = [named.pop(name) for name in ('visual.proj', 'text_projection')]
    matrices = [p for p in named.values() if p.ndim >= 2]
    rest = [p for p in named.values() if p.ndim < 2]
    return [
        {'params': matrices, 'factor': 1.0, 'weight_decay': 0.02},
        {'params': rest, 'factor': 1.0, 'weight_decay': 0.0},
        {'params': joining, 'factor': 1.0, 'weight_decay': 0.0},
        {'params': numbers, 'factor': 5.0, 'weight_decay': 0.0},
    ]
