"""
Train the kitchen's LoRA: the planner's adapter learns SayCan's steps in the kitchen, on a CPU.

Rows hold one kitchen and several tasks in it as branches behind its description (planner_batches.py), so the
description is computed once. Only the adapter of the upper layers moves; the gradient stops below them, which
saves a third of the time. Data: kitchen_tasks.py, without end and from a seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import random
import re

import torch

from vlm_robot.errors import ConfigError
from vlm_robot.language.adapter import load_adapter, LoraLinear
from vlm_robot.language.transformers_model import find_adapter
from vlm_robot.training.kitchen_acting import write_kitchen_example
from vlm_robot.training.kitchen_tasks import sample_kitchen_day
from vlm_robot.training.planner import compute_loss, load_base, optimise, PlannerTrainingConfig
from vlm_robot.training.planner_batches import Batch, Coded, IGNORED, Row, stack_rows
from vlm_robot.training.planner_data import Example

MARK = '\nTask:'  # what stands before it is shared by the tasks of a row


@dataclass(frozen=True)
class KitchenTrainingConfig:
    """What is trained, how long and where it goes."""

    out: str = 'runs/kitchen'
    minutes: float = 45.0  # wall clock; the learning rate falls to zero at its end
    start: str = 'planner'  # a shipped checkpoint or folder whose adapter is trained further
    first_layer: int = 12  # of the model's 30; the adapter below stays as it was
    learning_rate: float = 8e-4
    tasks: int = 7  # in one kitchen
    row_tokens: int = 704
    rows: int = 2  # of one optimiser step
    seed: int = 0
    threads: int = 0  # 0: what torch chooses

    def __post_init__(self):
        """Check ranges."""
        if min(self.minutes, self.learning_rate) <= 0 or min(self.tasks, self.rows) < 1 or self.first_layer < 0:
            raise ConfigError(f'kitchen training: minutes, learning_rate, tasks and rows must be above 0, got {self}')


def stream_kitchens(tokenizer, config: KitchenTrainingConfig, seed: int) -> Iterator[Batch]:
    """Yield batches without end, the same for the same seed."""
    rng = random.Random(f'kitchens {seed}')
    while True:
        yield stack_rows([_write_row(tokenizer, config, rng) for _ in range(config.rows)])


def _write_row(tokenizer, config: KitchenTrainingConfig, rng: random.Random) -> Row:
    row = Row(config.row_tokens)
    examples = [write_kitchen_example(task, rng) for task in sample_kitchen_day(rng, config.tasks)]
    head = tokenizer(examples[0].text.split(MARK)[0] + MARK)['input_ids']
    for example in examples:
        coded = _encode(tokenizer, example)
        if row.fits(coded, head):
            row.add(coded, head)
    return row


def _encode(tokenizer, example: Example) -> Coded:
    """Return the tokens behind the shared description; only the words of the steps are labelled."""
    cut = example.text.index(MARK) + len(MARK)
    coded = tokenizer(example.text[cut:], return_offsets_mapping=True)
    spans = [(start - cut, end - cut) for start, end in example.spans]
    inside = [any(start <= a and b <= end for start, end in spans) for a, b in coded['offset_mapping']]
    ids = coded['input_ids']
    return Coded(ids, [token if yes else IGNORED for token, yes in zip(ids, inside)], True)


def freeze_below(wrapped: dict[str, LoraLinear], first_layer: int) -> list[torch.nn.Parameter]:
    """Freeze the adapter below a layer; return what is still trained."""
    for name, lora in wrapped.items():
        number = re.search(r'layers\.(\d+)\.', name)
        lora.requires_grad_(number is None or int(number[1]) >= first_layer)
        lora.base.requires_grad_(False)
    return [p for lora in wrapped.values() for p in lora.parameters() if p.requires_grad]


def train_kitchen(config: KitchenTrainingConfig = KitchenTrainingConfig()) -> Path:
    """Train until the time is over and return the folder of the adapter; a state in ``out`` is continued."""
    if config.threads:
        torch.set_num_threads(config.threads)
    base = PlannerTrainingConfig(
        out=config.out, minutes=config.minutes, learning_rate=config.learning_rate, seed=config.seed, start=config.start
    )
    tokenizer, model, wrapped = load_base(base)
    load_adapter(find_adapter(config.start), wrapped)
    parameters = freeze_below(wrapped, config.first_layer)
    return optimise(
        base, wrapped, parameters, lambda batch: compute_loss(model, batch),
        lambda step: stream_kitchens(tokenizer, config, 1000 * config.seed + step),
    )  # fmt: skip


def main() -> None:
    """Train from the command line: ``python -m vlm_robot.training.kitchen_training --out runs/kitchen``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    defaults = KitchenTrainingConfig()
    for name in ('out', 'start'):
        parser.add_argument(f'--{name}', default=getattr(defaults, name))
    parser.add_argument('--minutes', type=float, default=defaults.minutes)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=0)
    print(train_kitchen(KitchenTrainingConfig(**vars(parser.parse_args()))))


if __name__ == '__main__':
    main()
