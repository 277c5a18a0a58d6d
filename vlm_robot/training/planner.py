"""
Train the planner's LoRA on generated instruction-plan pairs, on a CPU, within a budget of wall-clock time.

The base model stays frozen in bfloat16, the adapter (arXiv 2106.09685) is float32; the loss sees only the
words of the steps. A run saves itself regularly and goes on where it stopped. Data come from
planner_data.py, without end and from a seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
import itertools
import json
import math
from pathlib import Path
import time

import torch
from torch.nn import functional
from tqdm import tqdm

from vlm_robot.errors import ConfigError
from vlm_robot.language.adapter import LoraLinear, save_adapter, wrap_linears
from vlm_robot.language.smollm import ensure_smollm2, SMOLLM2
from vlm_robot.training.planner_data import Example, generate
from vlm_robot.training.planner_measure import measure, Score

__all__ = ['PlannerTrainingConfig', 'Score', 'measure', 'train']


@dataclass(frozen=True)
class PlannerTrainingConfig:
    """What is trained, how long and where it goes."""

    out: str = 'runs/planner'  # folder of the adapter and of the state to resume from
    minutes: float = 60.0  # wall clock of this call; the learning rate falls to zero at its end
    rank: int = 16
    alpha: float = 32.0
    layers: tuple[str, ...] = ('q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj')
    learning_rate: float = 1e-3
    warmup_steps: int = 20
    batch_tokens: int = 2048  # padded tokens of one optimiser step
    seed: int = 0
    threads: int = 0  # 0: what torch chooses
    save_every_s: float = 120.0
    resume: bool = True  # go on from ``out`` if it holds a state
    fp32: bool = False  # float32 base for machines without bfloat16 instructions

    def __post_init__(self):
        """Check ranges."""
        if self.minutes <= 0 or self.rank < 1 or self.batch_tokens < 512 or self.learning_rate <= 0:
            raise ConfigError(
                f'planner training: minutes {self.minutes} > 0, rank {self.rank} >= 1, '
                f'batch_tokens {self.batch_tokens} >= 512, learning_rate {self.learning_rate} > 0 are needed'
            )


@dataclass(frozen=True, eq=False)
class Batch:
    """Token ids (B, T) int64 and labels (B, T) int64, -100 where nothing is learned."""

    ids: torch.Tensor
    labels: torch.Tensor


def encode(tokenizer, example: Example) -> tuple[list[int], list[int]]:
    """Return token ids and labels; labels are -100 outside the words of the steps."""
    coded = tokenizer(example.text, return_offsets_mapping=True)
    inside = [any(start <= a and b <= end for start, end in example.spans) for a, b in coded['offset_mapping']]
    return coded['input_ids'], [token if yes else -100 for token, yes in zip(coded['input_ids'], inside)]


def stream_batches(tokenizer, examples: Iterator[Example], batch_tokens: int, longest: int = 320) -> Iterator[Batch]:
    """Yield batches of about ``batch_tokens`` padded tokens, similar lengths together, in mixed order."""
    generator = torch.Generator().manual_seed(0)
    while True:
        pool = sorted((encode(tokenizer, e) for e in itertools.islice(examples, 256)), key=lambda pair: len(pair[0]))
        pool = [pair for pair in pool if len(pair[0]) <= longest]
        groups: list[list] = [[]]
        for pair in pool:
            if (len(groups[-1]) + 1) * len(pair[0]) > batch_tokens:
                groups.append([])
            groups[-1].append(pair)
        for index in torch.randperm(len(groups), generator=generator).tolist():
            yield _pad(groups[index])


def _pad(pairs: list[tuple[list[int], list[int]]]) -> Batch:
    width = max(len(ids) for ids, _ in pairs)
    ids = torch.zeros(len(pairs), width, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for row, (tokens, targets) in enumerate(pairs):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, : len(targets)] = torch.tensor(targets)
    return Batch(ids, labels)


def compute_loss(model, batch: Batch) -> torch.Tensor:
    """
    Return the mean negative log-likelihood of the learned tokens.

    Padding stands on the right, where the causal mask makes it harmless.
    """
    hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state[:, :-1]
    targets = batch.labels[:, 1:]
    wanted = targets != -100
    logits = model.lm_head(hidden[wanted]).float()
    return functional.cross_entropy(logits, targets[wanted])


def load_base(config: PlannerTrainingConfig):
    """Return the tokenizer, the frozen model and its wrapped layers."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = ensure_smollm2()
    dtype = torch.float32 if config.fp32 else torch.bfloat16
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation='eager')
    torch.manual_seed(config.seed)
    wrapped = wrap_linears(model, config.layers, config.rank, config.alpha)
    return AutoTokenizer.from_pretrained(folder), model.train(), wrapped


def train(config: PlannerTrainingConfig = PlannerTrainingConfig()) -> Path:
    """
    Train until the time is over and return the folder of the adapter.

    A state in ``out`` is continued (weights, optimiser, data seed), with a fresh learning-rate schedule.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    tokenizer, model, wrapped = load_base(config)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
    out = Path(config.out)
    step = _resume(out, wrapped, optimizer) if config.resume else 0
    batches = stream_batches(tokenizer, generate(config.seed + step), config.batch_tokens)
    begun = saved = time.monotonic()
    first, average = step, None
    with tqdm(total=100, unit='%', desc='train planner', bar_format='{l_bar}{bar}| {elapsed}{postfix}') as bar:
        for batch in batches:
            share = (time.monotonic() - begun) / (config.minutes * 60)
            if share >= 1:
                break
            _set_rate(optimizer, config, share, step - first)
            loss = compute_loss(model, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            average = loss.item() if average is None else 0.95 * average + 0.05 * loss.item()
            bar.update(round(100 * share, 1) - bar.n)
            bar.set_postfix(step=step, loss=f'{average:.4f}')
            if time.monotonic() - saved > config.save_every_s:
                _save(out, config, wrapped, optimizer, step, average)
                saved = time.monotonic()
    _save(out, config, wrapped, optimizer, step, average)
    return out


def _set_rate(optimizer, config: PlannerTrainingConfig, share: float, steps: int) -> None:
    """Warm up over the first steps, then fall along a cosine of the time that is left."""
    rate = (
        config.learning_rate
        * min(1.0, (steps + 1) / config.warmup_steps)
        * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
    )
    for group in optimizer.param_groups:
        group['lr'] = rate


def _save(
    out: Path,
    config: PlannerTrainingConfig,
    wrapped: dict[str, LoraLinear],
    optimizer,
    step: int,
    loss: float | None,
) -> None:
    save_adapter(out, wrapped, config.layers, SMOLLM2)
    weights = {name: (lora.lora_A.data, lora.lora_B.data) for name, lora in wrapped.items()}
    draft = out / 'state.pt.part'
    torch.save({'weights': weights, 'optimizer': optimizer.state_dict(), 'step': step}, draft)
    draft.rename(out / 'state.pt')
    (out / 'training.json').write_text(json.dumps({**asdict(config), 'step': step, 'loss': loss}, indent=2) + '\n')


def _resume(out: Path, wrapped: dict[str, LoraLinear], optimizer) -> int:
    """Load the state in ``out`` if there is one and return its step."""
    path = out / 'state.pt'
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    for name, (a, b) in state['weights'].items():
        wrapped[name].lora_A.data.copy_(a)
        wrapped[name].lora_B.data.copy_(b)
    optimizer.load_state_dict(state['optimizer'])
    return state['step']
