"""
Trains the success predictor on attempts, calibrates it out of fold, measures it on fresh tables, writes its card.

Tables, not attempts, are dealt to the folds. The size of the network was chosen by cross validation, so only the
fresh tables, which nothing was fitted to, measure it without favour. One hidden layer is enough: the features
carry the geometry. A minute on one core, beside the attempts themselves.

    vlm-robot train success      # again from nothing: collects attempts, fits
    vlm-robot measure success    # the shipped one on fresh tables
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
import torch

from vlm_robot.errors import ConfigError
from vlm_robot.planning.success_features import FEATURES, measure, SKILLS
from vlm_robot.planning.success_predictor import load_predictor, SuccessPredictor, WEIGHTS_NAME
from vlm_robot.skills.execution import check_step
from vlm_robot.training.success_card import write_card
from vlm_robot.training.success_data import Attempt, collect, read_attempts
from vlm_robot.training.success_measure import draw_reliability, flip_hand, is_possible, predict_all, tabulate

FRESH_TABLES = 100_000  # table numbers from here on are never fitted to
FOLDS = 5


@dataclass(frozen=True)
class SuccessTrainingConfig:
    """How the network is fitted."""

    hidden: int = 32  # tanh units
    steps: int = 600  # of Adam, whole batch
    rate: float = 0.01  # learning rate, cosine to zero
    decay: float = 1.0  # weight decay (AdamW); 0.02 and 1500 steps fitted noise: Brier 0.096 instead of 0.078
    wrong_hands: float = 0.05  # share of attempts repeated with the hand in the wrong state
    seed: int = 0

    def __post_init__(self):
        """Check ranges."""
        if min(self.hidden, self.steps) < 1 or not self.rate > 0:
            raise ConfigError(f'success training: hidden and steps are at least 1 and rate above 0, got {self}')


def add_wrong_hands(attempts: Sequence[Attempt], share: float) -> list[Attempt]:
    """Return the attempts and, of a share of them, what ``check_step`` refuses because of the hand."""
    every = max(1, round(1 / share)) if share > 0 else 0
    flipped = [flip_hand(attempt) for attempt in attempts[::every]] if every else []
    return [*attempts, *(attempt for attempt in flipped if check_step(attempt.step, attempt.scene))]


def fit(attempts: Sequence[Attempt], config: SuccessTrainingConfig = SuccessTrainingConfig()) -> SuccessPredictor:
    """Return a network fitted to attempts by cross entropy, not yet calibrated."""
    told = add_wrong_hands(attempts, config.wrong_hands)
    rows = np.array([measure(attempt.step, attempt.scene) for attempt in told])
    truths = torch.tensor([[float(attempt.success)] for attempt in told])
    mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-3)
    inputs = torch.tensor((rows - mean) / scale, dtype=torch.float32)
    torch.manual_seed(config.seed)
    first, last = torch.nn.Linear(len(FEATURES), config.hidden), torch.nn.Linear(config.hidden, 1)
    network = torch.nn.Sequential(first, torch.nn.Tanh(), last)
    optimiser = torch.optim.AdamW(network.parameters(), config.rate, weight_decay=config.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    for _ in range(config.steps):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(network(inputs), truths).backward()
        optimiser.step()
        schedule.step()
    layers = tuple((_numpy(layer.weight.T), _numpy(layer.bias)) for layer in (first, last))
    return SuccessPredictor(mean, scale, layers)


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy().astype(float)


def cross_logits(attempts: Sequence[Attempt], config: SuccessTrainingConfig = SuccessTrainingConfig()) -> np.ndarray:
    """Return (N,) logits of the attempts, each from a network that was fitted without its table."""
    values = np.zeros(len(attempts))
    for fold in range(FOLDS):
        inside = [number for number, attempt in enumerate(attempts) if attempt.table % FOLDS == fold]
        if inside:
            predictor = fit([attempt for attempt in attempts if attempt.table % FOLDS != fold], config)
            rows = [measure(attempts[number].step, attempts[number].scene) for number in inside]
            values[inside] = predictor.logits(np.array(rows))
    return values


def calibrate(predictor: SuccessPredictor, told: np.ndarray, outcomes: np.ndarray) -> SuccessPredictor:
    """
    Return the predictor with the temperature and bias that make the outcomes likeliest.

    :param told: (N,) logits of attempts that the network behind them was not fitted to.
    :param outcomes: (N,) 0 or 1.
    """
    logits, truths = torch.tensor(told, dtype=torch.float64), torch.tensor(outcomes, dtype=torch.float64)
    log_temperature, bias = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_temperature, bias], max_iter=200, line_search_fn='strong_wolfe')

    def lose():
        optimiser.zero_grad()
        sharpened = (logits + bias) / log_temperature.exp()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(sharpened, truths)
        loss.backward()
        return loss

    optimiser.step(lose)
    return replace(predictor, temperature=float(log_temperature.detach().exp()), bias=float(bias.detach()))


def save(predictor: SuccessPredictor, folder: Path) -> None:
    """Write the weights and what they mean as safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {'mean': predictor.mean, 'scale': predictor.scale}
    for number, (weights, bias) in enumerate(predictor.layers):
        tensors |= {f'weights{number}': weights, f'bias{number}': bias}
    about = {
        'features': FEATURES,
        'skills': SKILLS,
        'layers': len(predictor.layers),
        'temperature': predictor.temperature,
        'bias': predictor.bias,
    }
    single = {name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()}
    save_file(single, folder / WEIGHTS_NAME, metadata={'about': json.dumps(about)})
    (folder / WEIGHTS_NAME).chmod(0o644)


def train(
    attempts: Sequence[Attempt],
    fresh: Sequence[Attempt],
    folder: Path,
    config: SuccessTrainingConfig = SuccessTrainingConfig(),
) -> dict:
    """
    Fit on all attempts, calibrate out of fold, measure on fresh ones, write checkpoint and card.

    :return: the figures, as plain data.
    """
    chosen = [attempt for attempt in attempts if is_possible(attempt)]
    keep = np.array([is_possible(attempt) for attempt in attempts])
    logits = cross_logits(attempts, config)[keep]
    truths = np.array([attempt.success for attempt in chosen], float)
    predictor = calibrate(fit(attempts, config), logits, truths)
    save(predictor, folder)
    crossed = 1 / (1 + np.exp(-(logits + predictor.bias) / predictor.temperature))
    figures = tabulate(predict_all(predictor, fresh), fresh)
    figures['cross_validation'] = tabulate(crossed, chosen)['possible']['learned']
    figures['counts'] = {'fit': len(attempts), 'test': len(fresh)}
    figures['calibration'] = {'temperature': predictor.temperature, 'bias': predictor.bias}
    (folder / 'metrics.json').write_text(json.dumps(figures, indent=1) + '\n')
    draw_reliability(figures['bins'], folder / 'reliability.png')
    (folder / 'README.md').write_text(write_card(figures, config))
    return figures


def run(folder: Path, attempts: Path, fresh: int, minutes: float, tables: int) -> dict:
    """Collect attempts where they are missing, fit, write checkpoint and card into a folder, return the figures."""
    tested = _collect_fresh(attempts, fresh, minutes)
    collect(attempts, range(tables), minutes)
    return train(read_attempts(attempts), tested, folder)


def measure_shipped(name: str, attempts: Path, fresh: int, minutes: float) -> dict:
    """Return the figures of a predictor, a shipped checkpoint or a folder, on fresh tables."""
    tested = _collect_fresh(attempts, fresh, minutes)
    return tabulate(predict_all(load_predictor(name), tested), tested)


def _collect_fresh(attempts: Path, tables: int, minutes: float) -> list[Attempt]:
    torch.set_num_threads(1)
    path = attempts.with_name('fresh.jsonl')
    collect(path, range(FRESH_TABLES, FRESH_TABLES + tables), minutes)
    return read_attempts(path)
