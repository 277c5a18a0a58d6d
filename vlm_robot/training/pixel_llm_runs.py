"""
Whole runs of PixelLLM: language first, then everything, then thresholds; and the paper's ablation beside it.

The small language model first reads the narrator's text alone, as a large one would have read other text; then picture,
prompt and language learn together. Thresholds are chosen on validation pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
import json
from pathlib import Path

import numpy as np
import torch

from vlm_robot.errors import ConfigError
from vlm_robot.language.smollm import ensure_smollm2, SMOLLM2
from vlm_robot.perception.pixel_llm.grounder import PixelLlm, PixelLlmConfig, prepare_pictures
from vlm_robot.perception.pixel_llm.location_encoder import LocationPrompts
from vlm_robot.perception.pixel_llm.pixel_config import read_shape, write_shape
from vlm_robot.perception.pixel_llm.pixel_files import load, save
from vlm_robot.perception.pixel_llm.pixel_model import PixelLlmModel, Prefix
from vlm_robot.perception.pixel_llm.pixel_text import TextCodec
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pixel_llm_batches import build_rows, IGNORED, PlacedText
from vlm_robot.training.pixel_llm_loss import text_loss
from vlm_robot.training.pixel_llm_start import start_model, start_named_model
from vlm_robot.training.pixel_llm_texts import list_pixel_words, make_source, sample_absent_text
from vlm_robot.training.pixel_llm_training import ExampleSource, PixelRun, PixelTrainingConfig
from vlm_robot.training.referring import sample_referring
from vlm_robot.training.sight_separation import split_rng

LANGUAGE_STEPS, LANGUAGE_TEXTS = 150, 32


@dataclass(frozen=True)
class PixelRunConfig:
    """
    What ``train pixel_llm`` does.

    :param store: folder of renderings; None: the run's own.
    :param views: how many training tables are rendered where the folder lacks them.
    :param training: of the joint learning.
    :param language: a causal language model by folder or name that is frozen and gets LoRA, instead of a small one.
    """

    training: PixelTrainingConfig
    store: Path | None = None
    views: int = 4000
    check_pictures: int = 60
    language: str = ''

    def __post_init__(self) -> None:
        """Refuse runs without data."""
        if self.views < 1 or self.check_pictures < 1:
            raise ConfigError(f'views {self.views} and check_pictures {self.check_pictures} must be 1 or more')


def train(config: PixelRunConfig) -> Path:
    """Train or resume, choose thresholds, and return the folder of the checkpoint."""
    folder = config.training.folder
    store_folder = config.store or folder
    source = make_source(PictureStore(store_folder, 'train', config.views))
    base = str(ensure_smollm2()) if config.language == SMOLLM2 else config.language
    model, codec = begin(folder, config.training.seed, source, config.language, base)
    PixelRun(config.training, model, codec, source).learn()
    told = folder / 'checkpoint' / 'training.json'
    told.write_text(json.dumps(json.loads(told.read_text()) | {'views': config.views}, indent=1) + '\n')
    choose_thresholds(folder / 'checkpoint', PictureStore(store_folder, 'validation', config.check_pictures), base)
    return folder / 'checkpoint'


def begin(
    folder: Path, seed: int, source: ExampleSource, language: str = '', base: str = ''
) -> tuple[PixelLlmModel, TextCodec]:
    """Return the model that joint learning starts from: made once, then read from the run's folder."""
    first = folder / 'start'
    if not (first / 'config.json').is_file():
        if language:
            model, codec = start_named_model(language, base, seed)
        else:
            model, codec = start_model(list_pixel_words(), seed)
            learn_language(model, codec, source, seed, LANGUAGE_STEPS)
        save(model, codec, first)
    return load(first, base)


def learn_language(model: PixelLlmModel, codec: TextCodec, source: ExampleSource, seed: int, steps: int) -> list[float]:
    """Train the language model alone on texts about pictures that it does not see; return the losses."""
    model.language.train()
    optimiser = torch.optim.AdamW(
        [p for p in model.language.parameters() if p.requires_grad], lr=2e-3, betas=(0.9, 0.98), weight_decay=0.0
    )
    losses: list[float] = []
    for step in range(steps):
        rng = np.random.default_rng([2313, seed, step])
        texts: list[PlacedText] = []
        while len(texts) < LANGUAGE_TEXTS:
            told = source(rng).texts
            texts += [PlacedText('caption', item.text, (None,) * len(item.text.split())) for item in told]
        loss = measure_language(model, codec, texts[:LANGUAGE_TEXTS])
        optimiser.zero_grad()
        loss.backward()
        for group in optimiser.param_groups:
            group['lr'] = 2e-3 * min(1.0, (step + 1) / 20) * (1 - step / steps)
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def measure_language(model: PixelLlmModel, codec: TextCodec, texts: Sequence[PlacedText]) -> torch.Tensor:
    """Return the cross entropy of texts without any picture."""
    rows = build_rows([[text] for text in texts], codec)
    count = len(texts)
    nothing = Prefix(torch.zeros(count, 0, model.language.width), torch.zeros(count, 0, dtype=torch.bool))
    hidden, _ = model.read(nothing, rows.ids, rows.segments, rows.positions)
    is_told = rows.labels != IGNORED
    return text_loss(model.language.say(hidden[is_told]), rows.labels[is_told])


@torch.inference_mode()
def choose_thresholds(folder: Path, store: PictureStore, base: str = '') -> dict[str, float]:
    """
    Set the checkpoint's thresholds from validation pictures and return them.

    Presence: where as many named things are refused as absent ones are found. Objects: where F1 is best.
    """
    grounder = PixelLlm(PixelLlmConfig(str(folder), base, presence=0.0, object_score=0.0))
    there: list[float] = []
    absent: list[float] = []
    marks: list[tuple[float, bool]] = []
    truths = 0
    for index in range(len(store)):
        picture, rng = store.draw(index, np.random.default_rng(0)), split_rng(store.split, 'thresholds', index)
        asked = [sample_referring(picture, store.split, rng) for _ in range(4)]
        present = [item.text for item in asked if item]
        missing = [sample_absent_text(picture, store.split, rng) for _ in range(4)]
        chances = _measure_presence(grounder, picture.rgb, [*present, *missing])
        there += chances[: len(present)]
        absent += chances[len(present) :]
        clear = [thing.box_xyxy_px for thing in picture.things if thing.is_clear]
        truths += len(clear)
        for caption in grounder.caption_dense(picture.rgb):
            marks.append((caption.confidence, any(_meets(caption.box_xyxy_px, box) for box in clear)))
    limits = {'presence': _balance(there, absent), 'object': _best_f1(marks, truths)}
    write_shape(replace(read_shape(folder), thresholds=limits), folder)
    return limits


def _measure_presence(grounder: PixelLlm, rgb: np.ndarray, phrases: Sequence[str]) -> list[float]:
    shape = grounder.model.shape
    features = grounder.model.encode(prepare_pictures([rgb], shape, grounder.model.image.size_px))
    prefix = grounder.model.see(features, LocationPrompts.whole(1), regions=grounder.model.find_regions(features))
    texts = [PlacedText('refer', phrase, (None,) * len(phrase.split())) for phrase in phrases]
    rows = build_rows([texts], grounder.codec)
    hidden, states = grounder.model.read(prefix, rows.ids, rows.segments, rows.positions)
    presence = grounder.model.locate(hidden, prefix, states).presence
    return torch.sigmoid(presence[rows.is_answer]).tolist()


def _balance(there: Sequence[float], absent: Sequence[float]) -> float:
    steps = np.linspace(0.05, 0.95, 91)
    gap = [abs(float(np.mean(np.array(there) < t)) - float(np.mean(np.array(absent) >= t))) for t in steps]
    return round(float(steps[int(np.argmin(gap))]), 3)


def _best_f1(marks: Sequence[tuple[float, bool]], truths: int) -> float:
    def f1(limit: float) -> float:
        kept = [is_true for score, is_true in marks if score >= limit]
        return 2 * sum(kept) / max(1, len(kept) + truths)

    steps = np.linspace(0.05, 0.95, 91)
    return round(float(steps[int(np.argmax([f1(step) for step in steps]))]), 3)


def _meets(box, other) -> bool:
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = (box[2] - box[0]) * (box[3] - box[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return shared >= 0.5 * (areas - shared)
