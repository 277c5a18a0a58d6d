"""
Train the shipped segmenter on simulator masks, from the shipped detector's towers; stop and resume at will.

The text tower stays the detector's: what it says about pairs of colour and shape that are held out here would drift
otherwise. The vision tower learns, but much slower than the decoder: the detector's class token never had to say what a
picture shows, which a picture prompt needs. The rates fall with the wall clock, so a run ends when its minutes are
over. Loss: binary cross-entropy and dice (Milletari et al., arXiv 1606.04797); prompts that mix text and picture as in
the paper (Lüddecke and Ecker, arXiv 2112.10003).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
import json
from pathlib import Path
import time

import numpy as np
import torch
from torch.nn import functional
from transformers import CLIPSegForImageSegmentation

from vlm_robot.errors import ConfigError
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector
from vlm_robot.training.clipseg_batches import (
    choose_prompts,
    CROP_PX,
    make_batch,
    make_crop,
    normalise,
    SegmentationBatch,
    select_tokens,
)  # fmt: skip
from vlm_robot.training.clipseg_model import (
    build_config,
    build_processor,
    decode,
    embed_phrases,
    embed_tokens,
    pool_tokens,
)  # fmt: skip
from vlm_robot.training.clipseg_start import (
    align_decoder,
    fit_visual_projection,
    gather_texts,
    start_from_detector,
)  # fmt: skip
from vlm_robot.training.owlvit_data import GRID, SIDE_PX
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture, resize_picture
from vlm_robot.training.sight_separation import list_colours
from vlm_robot.vocabulary import SHAPES

AREA_PX = 1500.0  # of a thing, about: the cross-entropy of a prompt is counted per so many pixels
AVERAGE = 0.998


@dataclass(frozen=True)
class ClipSegTrainingConfig:
    """
    One training run.

    :param folder: where the state to resume from and the result are kept, and renderings unless ``data`` says.
    :param views: how many tables are rendered.
    :param minutes: wall-clock time of learning, after rendering.
    :param batch: pictures per step; ``prompts`` of each, of which ``crops`` in the whole batch are shown by pictures.
    :param shown: crops to which the visual projection is fitted at the end.
    :param start: a checkpoint to train further; None starts from the detector.
    :param tokens: of each picture that are looked at, the rest is empty table; the last ``full_share`` of the
        time all, of half as many pictures.
    """

    folder: Path
    data: Path | None = None
    start: Path | None = None
    views: int = 4000
    minutes: float = 25.0
    seed: int = 1
    batch: int = 8
    prompts: int = 6
    crops: int = 4
    tokens: int = 160
    full_share: float = 0.7
    rate: float = 1e-3
    tower_rate: float = 5e-5
    warm_up_steps: int = 60
    shown: int = 1400
    check_minutes: float = 4.0
    check_views: int = 30

    def __post_init__(self) -> None:
        """Refuse numbers that cannot train."""
        for name in ('views', 'minutes', 'batch', 'prompts', 'rate'):
            if getattr(self, name) <= 0:
                raise ConfigError(f'{name} must be more than 0, got {getattr(self, name)}')
        if not 16 <= self.tokens <= GRID**2:
            raise ConfigError(f'tokens must be 16 to {GRID**2}, got {self.tokens}')


def train(config: ClipSegTrainingConfig) -> Path:
    """Render what is missing, train or resume, and return the folder of the finished checkpoint."""
    config.folder.mkdir(parents=True, exist_ok=True)
    Run(config).learn()
    return config.folder / 'checkpoint'


def compute_loss(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Return cross-entropy per prompt and dice loss of the prompts that name something; all (B, P, K, N), weight 0..1.

    The sum of a prompt's cross-entropy is divided by the area of what it names, at least AREA_PX.
    """
    area = (target * weight).sum((2, 3))
    entropy = functional.binary_cross_entropy_with_logits(logits, target, weight, reduction='none').sum((2, 3))
    likely = torch.sigmoid(logits) * weight
    dice = 1 - (2 * (likely * target).sum((2, 3)) + 1) / (likely.sum((2, 3)) + area + 1)
    is_there = (area > 0).float()
    return (entropy / area.clamp(min=AREA_PX)).mean(), (dice * is_there).sum() / is_there.sum().clamp(min=1)


class Run:
    """One training run."""

    def __init__(self, config: ClipSegTrainingConfig):
        """Build the model from the detector, open the pictures, resume where a saved state exists."""
        self.config = config
        detector = OwlVitDetector(OwlVitConfig(device='cpu'))
        self.tokenizer = detector.processor.tokenizer
        stock = detector.processor.image_processor
        self.processor = build_processor(self.tokenizer, stock.image_mean, stock.image_std)
        self.model = start_from_detector(detector.model, config.seed).train()
        self.shape = build_config(detector.model.config)
        fresh = {'decoder', 'visual_projection'}
        groups: dict[bool, list] = {True: [], False: []}
        for name, parameter in self.model.named_parameters():
            is_fixed = name == 'clip.logit_scale' or name.startswith(('clip.text_model', 'clip.text_projection'))
            parameter.requires_grad_(not is_fixed)
            if not is_fixed:
                groups[bool(fresh & set(name.split('.')))].append(parameter)
        self.optimiser = torch.optim.AdamW(
            [{'params': groups[True], 'rate': config.rate}, {'params': groups[False], 'rate': config.tower_rate}],
            betas=(0.9, 0.98), weight_decay=0.0, foreach=True,
        )  # fmt: skip
        data = config.data or config.folder
        self.store = PictureStore(data, 'train', config.views)
        self.checks = PictureStore(data, 'validation', config.check_views)
        self._align(detector.model)
        if config.start:
            self._start_from(config.start)
        self.averages = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.seconds, self.steps = 0.0, 0
        self.state_path = config.folder / 'state.pt'
        if self.state_path.exists():
            self._resume()

    def _align(self, detector) -> None:
        rng = np.random.default_rng([884, self.config.seed])
        pictures = [self.store.sample(rng) for _ in range(24)]
        index = np.stack([select_tokens(picture, 120, rng) for picture in pictures])
        patches = np.stack([normalise(p.rgb)[kept] for p, kept in zip(pictures, index, strict=True)])
        phrases = [item.text for picture in pictures for item in choose_prompts(picture, 'train', 6, rng)]
        pairs = [f'{colour} {shape}' for shape in SHAPES for colour in list_colours('train', shape)]
        tokens = gather_texts(pairs + phrases, self.tokenizer)
        align_decoder(self.model, detector, torch.from_numpy(patches), torch.from_numpy(index), tokens)

    def _start_from(self, folder: Path) -> None:
        weights = CLIPSegForImageSegmentation.from_pretrained(folder).float().state_dict()
        self.model.load_state_dict({k: v for k, v in weights.items() if not k.startswith('clip.text')}, strict=False)

    def learn(self) -> None:
        """Step until the minutes are over; check and save every few minutes."""
        config, start, last_check = self.config, time.monotonic(), self.seconds
        budget, before, shown = config.minutes * 60, self.seconds, self.seconds
        rng = np.random.default_rng([883, config.seed, self.steps])
        while self.seconds < budget:
            losses = self._step(rng, self.seconds / budget)
            self.seconds = before + time.monotonic() - start
            if self.seconds - shown > 15:
                shown = self.seconds
                print(
                    f'{self.seconds / 60:5.1f} of {config.minutes:.0f} min  step {self.steps}  '
                    f'entropy {losses[0]:.3f}  dice {losses[1]:.3f}', flush=True,
                )  # fmt: skip
            if self.seconds >= budget:
                self._fit_examples()
            if self.seconds - last_check > config.check_minutes * 60 or self.seconds >= budget:
                last_check = self.seconds
                self._check()
                self._save()

    def _step(self, rng: np.random.Generator, done: float) -> tuple[float, float]:
        config = self.config
        is_full = done > 1 - config.full_share
        size, tokens = (max(1, config.batch // 2), GRID**2) if is_full else (config.batch, config.tokens)
        pictures = [self.store.sample(rng) for _ in range(size)]
        crops = max(1, config.crops // 2) if is_full and config.crops else config.crops
        batch = make_batch(pictures, config.prompts, tokens, crops, rng)
        with torch.autocast('cpu', torch.bfloat16):
            logits = self.predict(batch)
        entropy, dice = compute_loss(logits.float(), batch.target, batch.weight)
        self.optimiser.zero_grad()
        (entropy + dice).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        rise = min(1.0, (self.steps + 1) / config.warm_up_steps)
        fall = 0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1.0, done)))
        for group in self.optimiser.param_groups:
            group['lr'] = float(group['rate'] * rise * fall)
        self.optimiser.step()
        self.steps += 1
        keep = min(AVERAGE, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                self.averages[name].lerp_(parameter, 1 - keep)
        return float(entropy.detach()), float(dice.detach())

    def predict(self, batch: SegmentationBatch) -> torch.Tensor:
        """Return the logits (B, P, K, PATCH_PX**2) of a batch."""
        activations, _ = embed_tokens(self.model, batch.patches, batch.index)
        wanted = embed_phrases(self.model, self._encode(list(batch.phrases)))[batch.text]
        if len(batch.crops):
            every = torch.arange(GRID**2).expand(len(batch.crops), -1)
            _, shown = embed_tokens(self.model, batch.crops, every)
            picture, prompt = batch.crop.T
            share = batch.share[:, None]
            mixed = share * wanted[picture, prompt] + (1 - share) * shown
            wanted = wanted.index_put((picture, prompt), mixed.to(wanted.dtype))
        return decode(self.model, activations, wanted, batch.index)

    @torch.no_grad()
    def _fit_examples(self) -> None:
        model, rng = self.averaged_model(), np.random.default_rng([885, self.config.seed])
        pooled: list[torch.Tensor] = []
        labels: list[str] = []
        while len(labels) < self.config.shown:
            picture = self.store.sample(rng)
            for thing in [t for t in picture.things if t.visible_px > CROP_PX and t.mask.any()][:4]:
                patches = torch.from_numpy(make_crop(picture, thing, rng))[None]
                pooled.append(pool_tokens(model, patches, torch.arange(GRID**2)[None]))
                labels.append(thing.label)
        names = sorted(set(labels))
        texts = embed_phrases(model, self._encode(names))[[names.index(label) for label in labels]]
        share = fit_visual_projection(model, torch.cat(pooled), texts)
        print(f'visual projection: explains {share:.2f} of the names of {len(labels)} crops', flush=True)
        self.averages['clip.visual_projection.weight'] = model.clip.visual_projection.weight.detach().clone()

    def _encode(self, texts: list[str]):
        return self.tokenizer(texts, padding=True, truncation=True, return_tensors='pt')

    def averaged_model(self) -> CLIPSegForImageSegmentation:
        """Return a float32 model with the running average of the weights."""
        model = CLIPSegForImageSegmentation(self.shape).float()
        model.load_state_dict(self.averages, strict=False)
        return model.eval()

    def _check(self) -> None:
        rng = np.random.default_rng(0)
        pictures = [self.checks.draw(i, rng) for i in range(self.config.check_views)]
        result = check(self.averaged_model(), self.tokenizer, pictures) | {
            'minutes': round(self.seconds / 60, 1), 'step': self.steps,
        }  # fmt: skip
        print(f'CHECK {json.dumps(result)}', flush=True)
        with (self.config.folder / 'checks.jsonl').open('a') as file:
            file.write(json.dumps(result) + '\n')

    def _save(self) -> None:
        part = self.state_path.with_suffix('.part')
        state = {
            'model': self.model.state_dict(), 'averages': self.averages, 'optimiser': self.optimiser.state_dict(),
            'seconds': self.seconds, 'steps': self.steps,
        }  # fmt: skip
        torch.save(state, part)
        part.rename(self.state_path)
        folder = self.config.folder / 'checkpoint'
        self.averaged_model().half().save_pretrained(folder)
        self.processor.save_pretrained(folder)
        settings = asdict(self.config) | {'steps': self.steps, 'minutes_run': round(self.seconds / 60, 1)}
        for key in ('folder', 'data'):
            settings.pop(key)
        settings['start'] = str(self.config.start.name) if self.config.start else ''
        (folder / 'training.json').write_text(json.dumps(settings, indent=1) + '\n')

    def _resume(self) -> None:
        state = torch.load(self.state_path, weights_only=True)
        self.model.load_state_dict(state['model'])
        self.averages = state['averages']
        self.optimiser.load_state_dict(state['optimiser'])
        self.seconds, self.steps = state['seconds'], state['steps']


@torch.inference_mode()
def check(model: CLIPSegForImageSegmentation, tokenizer, pictures: list[Picture]) -> dict[str, float]:
    """Return mean IoU over prompts that name something, and how often the others get any pixel, at threshold 0.5."""
    rng, overlaps, alarms = np.random.default_rng(0), [], []
    for picture in pictures:
        small = resize_picture(picture, (SIDE_PX, SIDE_PX))
        phrases = choose_prompts(small, 'validation', 8, rng)
        encoded = tokenizer([item.text for item in phrases], padding=True, truncation=True, return_tensors='pt')
        index = torch.arange(GRID**2)[None]
        activations, _ = embed_tokens(model, torch.from_numpy(normalise(small.rgb))[None], index)
        logits = decode(model, activations, embed_phrases(model, encoded)[None], index)[0]
        for mine, phrase in zip(spread(logits).numpy() > 0, phrases, strict=True):
            clear = ~phrase.ignore
            if phrase.is_present:
                overlaps.append(float((mine & phrase.mask & clear).sum() / ((mine | phrase.mask) & clear).sum()))
            elif clear.all():
                alarms.append(bool(mine.any()))
    return {'miou': round(float(np.mean(overlaps)), 4), 'alarms': round(float(np.mean(alarms)), 4)}


def spread(logits: torch.Tensor) -> torch.Tensor:
    """Return (P, S, S) logits of a picture from (P, GRID**2, PATCH_PX**2)."""
    side = SIDE_PX // GRID
    return logits.view(-1, GRID, GRID, side, side).transpose(2, 3).reshape(-1, SIDE_PX, SIDE_PX)
