"""
Train PixelLLM in the simulator: narrations, region captions and referring expressions in joint batches.

One process; stops and resumes at will. The rates fall with the clock of learning, so a run ends when its minutes are
over. Learning is deterministic for a given number of steps (``steps``): every step draws from its own random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
import json
from pathlib import Path
import time

import numpy as np
import torch
from torch.nn import functional

from vlm_robot.errors import ConfigError
from vlm_robot.perception.pixel_llm.pixel_files import load, save
from vlm_robot.perception.pixel_llm.pixel_model import PixelLlmModel, Prefix
from vlm_robot.perception.pixel_llm.pixel_text import TextCodec
from vlm_robot.training.pixel_llm_batches import collate, Example, IGNORED, PixelBatch, Rows
from vlm_robot.training.pixel_llm_loss import LossWeights, naming_loss, objectness_loss, place_losses, text_loss
from vlm_robot.training.pixel_llm_optimiser import PixelOptimiser

ExampleSource = Callable[[np.random.Generator], Example]


@dataclass(frozen=True)
class PixelTrainingConfig:
    """
    One training run.

    :param folder: where the state to resume from and the checkpoint are kept.
    :param minutes: of learning; the rates fall to their end over it. ``steps`` above 0 counts steps instead.
    :param tokens: of each picture that are looked at; the last ``full_share`` of the time all.
    :param has_word_places: whether the words of captions are taught their places; False is the paper's ablation.
    """

    folder: Path
    minutes: float = 60.0
    steps: int = 0
    seed: int = 1
    batch: int = 16
    tokens: int = 160
    full_share: float = 0.15
    matrix_rate: float = 0.01
    rate: float = 1.5e-3
    warm_up_steps: int = 60
    save_minutes: float = 4.0
    has_word_places: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers that cannot train."""
        for name in ('minutes', 'batch', 'tokens'):
            if getattr(self, name) <= 0:
                raise ConfigError(f'{name} must be more than 0, got {getattr(self, name)}')


class PixelRun:
    """A training run: model in bfloat16, masters and averages in float32."""

    def __init__(self, config: PixelTrainingConfig, model: PixelLlmModel, codec: TextCodec, source: ExampleSource):
        """Resume where a saved state exists, else start from ``model``."""
        self.config, self.codec, self.source = config, codec, source
        self.frozen = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.model = model.train()
        self.optimiser = PixelOptimiser(model, config.matrix_rate, config.rate)
        self.model.bfloat16()
        self.seconds, self.pictures = 0.0, 0
        self.state_path = config.folder / 'state.pt'
        config.folder.mkdir(parents=True, exist_ok=True)
        if self.state_path.exists():
            state = torch.load(self.state_path, weights_only=True)
            self.optimiser.load_state_dict(state['optimiser'])
            self.seconds, self.pictures = state['seconds'], state['pictures']

    @property
    def done(self) -> float:
        """Return the share of the budget that is used up."""
        if self.config.steps:
            return self.optimiser.steps / self.config.steps
        return self.seconds / (60 * self.config.minutes)

    def learn(self, most_steps: int = 0) -> None:
        """Step until the budget (or ``most_steps`` more) is used up; report and save on the way."""
        begun, before, shown, saved = time.monotonic(), self.seconds, self.seconds, self.seconds
        last = self.optimiser.steps + most_steps
        while self.done < 1 and not (most_steps and self.optimiser.steps >= last):
            losses = self.step()
            self.seconds = before + time.monotonic() - begun
            if self.seconds - shown > 20:
                shown = self.seconds
                self._report(losses)
            if self.seconds - saved > 60 * self.config.save_minutes:
                saved = self.seconds
                self.save()
        self.save()

    def step(self) -> dict[str, float]:
        """Take one step and return its losses."""
        config, number = self.config, self.optimiser.steps
        rng = np.random.default_rng([2312, config.seed, number])
        is_full = self.done > 1 - config.full_share
        size = max(1, config.batch // 2) if is_full else config.batch
        batch = collate(
            [self.source(rng) for _ in range(size)], self.codec, self.model.shape, 0 if is_full else config.tokens, rng
        )
        losses = compute_losses(self.model, batch, config.has_word_places)
        weights = asdict(LossWeights())
        sum(weights[name.split(' ')[-1]] * value for name, value in losses.items()).backward()
        rise = min(1.0, (number + 1) / max(1, config.warm_up_steps))
        fall = 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(1.0, self.done)))
        length = self.optimiser.step(float(rise * fall))
        self.pictures += size
        return {name: float(value.detach()) for name, value in losses.items()} | {'gradient': length}

    def _report(self, losses: dict[str, float]) -> None:
        text = '  '.join(f'{name} {value:.3f}' for name, value in losses.items())
        where = f'{self.seconds / 60:5.1f} min  step {self.optimiser.steps}  pictures {self.pictures}'
        print(f'{where}  {text}', flush=True)

    def averaged_state(self) -> dict[str, torch.Tensor]:
        """Return float32 weights: what never trained as it was, the rest averaged over the last steps."""
        state = dict(self.frozen) | self.optimiser.averages
        learned, tied = 'language.model.model.embed_tokens.weight', 'language.model.lm_head.weight'
        if learned in self.optimiser.averages and self.model.language.model.config.tie_word_embeddings:
            state[tied] = state[learned]
        return state

    def save(self) -> None:
        """Write the state to resume from and the checkpoint."""
        part = self.state_path.with_suffix('.part')
        torch.save({'optimiser': self.optimiser.state_dict(), 'seconds': self.seconds, 'pictures': self.pictures}, part)
        part.rename(self.state_path)
        folder = self.config.folder / 'checkpoint'
        training = {'model': self.model.state_dict()}
        self.model.float().load_state_dict(self.averaged_state())
        save(self.model, self.codec, folder)
        self.model.bfloat16().load_state_dict(training['model'])
        told = {item.name: getattr(self.config, item.name) for item in fields(self.config) if item.name != 'folder'}
        told |= {'pictures_seen': self.pictures, 'steps': self.optimiser.steps, 'learned_minutes': self.seconds / 60}
        (folder / 'training.json').write_text(json.dumps(told, indent=1) + '\n')

    def finished(self) -> tuple[PixelLlmModel, TextCodec]:
        """Return the saved model as it will be used."""
        return load(self.config.folder / 'checkpoint')


def compute_losses(model: PixelLlmModel, batch: PixelBatch, has_word_places: bool = True) -> dict[str, torch.Tensor]:
    """Return the losses of a batch by name; the last word of a name is its kind in ``LossWeights``."""
    dtype = model.points.presence.weight.dtype
    features = model.encode(batch.pixels.to(dtype), batch.kept)
    regions = model.find_regions(features)
    losses = {}
    if features.boxes is not None:
        losses['objectness'] = objectness_loss(features, batch.boxes, batch.is_clear)
    prefix = model.see(features, batch.prompts.whole(len(batch.pixels)), regions=regions)
    told, states = _row_losses(model, prefix, batch.rows, has_word_places)
    losses |= told
    if regions is not None:
        losses['naming text'] = naming_loss(model.language.say(states), regions, batch.boxes, batch.names)
    if len(batch.counts) and int(batch.counts.sum()):
        prefix = model.see(features, batch.prompts, batch.counts)
        told, _ = _row_losses(model, prefix, batch.region_rows, has_word_places)
        losses |= {f'region {name}': told[name] for name in ('text', 'word corners') if name in told}
    return losses


def _row_losses(model: PixelLlmModel, prefix: Prefix, rows: Rows, has_word_places: bool):
    """Return the losses of some rows by name, and the hidden states of their regions."""
    hidden, region_states = model.read(prefix, rows.ids, rows.segments, rows.positions)
    is_told = rows.labels != IGNORED
    losses = {'text': text_loss(model.language.say(hidden[is_told]), rows.labels[is_told])}
    places = model.locate(hidden, prefix, region_states)
    boxes = None
    if prefix.regions is not None:
        there = prefix.regions.is_there[..., None]
        boxes = torch.where(there, prefix.regions.boxes, torch.full_like(prefix.regions.boxes, -9.0))
    kinds = {'word': rows.is_judged & ~rows.is_answer, 'answer': rows.is_judged & rows.is_answer}
    for kind, is_judged in kinds.items():
        if (kind == 'word' and not has_word_places) or not is_judged.any():
            continue
        wanted = rows.is_placed[is_judged].float()
        losses[f'{kind} presence'] = functional.binary_cross_entropy_with_logits(places.presence[is_judged], wanted)
        is_placed = is_judged & rows.is_placed
        row = is_placed.nonzero()[:, 0]
        choice = None if places.choice is None else places.choice[is_placed]
        parts = place_losses(
            places.corners[is_placed], choice, rows.boxes[is_placed], None if boxes is None else boxes[row]
        )
        losses |= {f'{kind} {name}': v for name, v in zip(('corners', 'overlap', 'choice'), parts, strict=True)}
    return losses, region_states
