"""
Trains the success predictor on attempts, calibrates it on others, measures it on a third part, writes its card.

Tables, not attempts, are dealt to the three parts. One hidden layer is enough: the features carry the
geometry. A minute on one core, beside the attempts themselves.

    python -m vlm_robot.training.success_training                # again from nothing: collects attempts, fits
    python -m vlm_robot.training.success_training --measure      # the shipped one on fresh tables
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
import torch

from vlm_robot.errors import ConfigError
from vlm_robot.planning.success_features import FEATURES, measure, SKILLS
from vlm_robot.planning.success_predictor import load_predictor, SHIPPED, SuccessPredictor, WEIGHTS_NAME
from vlm_robot.skills.execution import check_step
from vlm_robot.training.success_card import write_card
from vlm_robot.training.success_data import Attempt, collect, read_attempts
from vlm_robot.training.success_measure import draw_reliability, flip_hand, is_possible, tabulate

FRESH_TABLES = 100_000  # table numbers from here on are never fitted to
PARTS = ('fit', 'fit', 'fit', 'fit', 'fit', 'fit', 'calibrate', 'calibrate', 'test', 'test')  # by table % 10


@dataclass(frozen=True)
class SuccessTrainingConfig:
    """How the network is fitted."""

    hidden: int = 16  # tanh units
    steps: int = 300  # of Adam, whole batch
    rate: float = 0.01  # learning rate, cosine to zero
    decay: float = 1.0  # weight decay (AdamW); 0.02 and 1500 steps fitted noise: Brier 0.096 instead of 0.078
    wrong_hands: float = 0.05  # share of attempts repeated with the hand in the wrong state
    seed: int = 0

    def __post_init__(self):
        """Check ranges."""
        if min(self.hidden, self.steps) < 1 or not self.rate > 0:
            raise ConfigError(f'success training: hidden and steps are at least 1 and rate above 0, got {self}')


def choose_part(attempts: Sequence[Attempt], part: str) -> list[Attempt]:
    """Return the attempts of the tables of one part: ``fit``, ``calibrate`` or ``test``."""
    return [attempt for attempt in attempts if PARTS[attempt.table % len(PARTS)] == part]


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


def calibrate(predictor: SuccessPredictor, attempts: Sequence[Attempt]) -> SuccessPredictor:
    """Return the predictor with the temperature and bias that make held-out attempts likeliest."""
    chosen = [attempt for attempt in attempts if is_possible(attempt)]
    logits = torch.tensor(predictor.logits(np.array([measure(a.step, a.scene) for a in chosen])))
    truths = torch.tensor([float(attempt.success) for attempt in chosen], dtype=logits.dtype)
    log_temperature, bias = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_temperature, bias], max_iter=200, line_search_fn='strong_wolfe')

    def lose():
        optimiser.zero_grad()
        told = (logits + bias) / log_temperature.exp()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(told, truths)
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


def train(attempts: Sequence[Attempt], folder: Path, config: SuccessTrainingConfig = SuccessTrainingConfig()) -> dict:
    """Fit, calibrate, measure and write the checkpoint with its card; return the figures of the test part."""
    predictor = calibrate(fit(choose_part(attempts, 'fit'), config), choose_part(attempts, 'calibrate'))
    save(predictor, folder)
    figures = tabulate(predictor, choose_part(attempts, 'test'))
    figures['counts'] = {part: len(choose_part(attempts, part)) for part in dict.fromkeys(PARTS)}
    figures['calibration'] = {'temperature': predictor.temperature, 'bias': predictor.bias}
    (folder / 'metrics.json').write_text(json.dumps(figures, indent=1) + '\n')
    draw_reliability(figures['bins'], folder / 'reliability.png')
    (folder / 'README.md').write_text(write_card(figures, config))
    return figures


def main() -> None:
    """Train, or measure the shipped predictor on fresh tables."""
    parser = argparse.ArgumentParser(description='the success predictor of the skills')
    parser.add_argument('--attempts', type=Path, default=Path('out/success/attempts.jsonl'))
    parser.add_argument('--tables', type=int, default=0, help='tables to try; 0: 400 to train, 60 to measure')
    parser.add_argument(
        '--minutes', type=float, default=25.0, help='longest time for attempts; continued when run again'
    )
    parser.add_argument('--out', type=Path, default=SHIPPED / 'success')
    parser.add_argument('--measure', action='store_true', help='measure --out on fresh tables instead')
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.measure:
        fresh = options.attempts.with_name('fresh.jsonl')
        collect(fresh, range(FRESH_TABLES, FRESH_TABLES + (options.tables or 60)), options.minutes)
        figures = tabulate(load_predictor(str(options.out.resolve())), read_attempts(fresh))
    else:
        collect(options.attempts, range(options.tables or 400), options.minutes)
        figures = train(read_attempts(options.attempts), options.out)
    print(json.dumps(figures['possible'], indent=1))


if __name__ == '__main__':
    main()
