"""
Train the planner's LoRA on generated steps and programs, on a CPU, within a budget of wall-clock time.

The base model stays frozen in bfloat16, the adapter (arXiv 2106.09685) is float32; the loss sees only the
words of the steps and the bodies of the programs. One adapter learns both. A run saves itself regularly and
goes on where it stopped. Data come from planner_data.py and program_data.py, without end and from a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
import json
import math
from pathlib import Path
import time

import torch
from torch.nn import functional
from tqdm import tqdm

from vlm_robot.errors import ConfigError
from vlm_robot.language.adapter import load_adapter, LoraLinear, save_adapter, wrap_linears
from vlm_robot.language.smollm import ensure_smollm2, SMOLLM2
from vlm_robot.language.transformers_model import find_adapter
from vlm_robot.training.kitchen_tasks import generate_kitchen
from vlm_robot.training.planner_batches import Batch, Encoder, IGNORED, mix, stream_batches
from vlm_robot.training.planner_data import generate
from vlm_robot.training.program_data import generate_programs


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
    batch_tokens: int = 1536  # tokens of one optimiser step
    row_tokens: int = 384  # tokens of one row; texts that do not fit are left out
    programs: float = 0.84  # 0..1, share of programs among the texts (about 0.65 of the tokens)
    kitchen: float = 0.05  # 0..1, share of SayCan's steps in the kitchen; what remains are its steps on the table
    start: str = ''  # a shipped checkpoint or folder whose adapter is trained further; empty: from nothing
    seed: int = 0
    threads: int = 0  # 0: what torch chooses
    save_every_s: float = 120.0
    resume: bool = True  # go on from ``out`` if it holds a state
    fp32: bool = False  # float32 base for machines without bfloat16 instructions

    def __post_init__(self):
        """Check ranges."""
        if self.minutes <= 0 or self.rank < 1 or self.batch_tokens < self.row_tokens or self.learning_rate <= 0:
            raise ConfigError(
                f'planner training: minutes {self.minutes} > 0, rank {self.rank} >= 1, '
                f'batch_tokens {self.batch_tokens} >= row_tokens {self.row_tokens}, '
                f'learning_rate {self.learning_rate} > 0 are needed'
            )
        if min(self.programs, self.kitchen) < 0 or self.programs + self.kitchen > 1:
            raise ConfigError(
                f'planner training: the shares of programs {self.programs} and of the kitchen {self.kitchen} '
                'must be 0 or more, together at most 1'
            )


def compute_loss(model, batch: Batch) -> torch.Tensor:
    """
    Return the mean negative log-likelihood of the learned tokens.

    A label stands where the token stands; the token before it predicts it, which is of the same branch
    because every branch begins with words that are not learned.
    """
    inputs = {'input_ids': batch.ids, 'position_ids': batch.positions, 'attention_mask': batch.mask}
    hidden = model.model(**inputs, use_cache=False).last_hidden_state[:, :-1]
    targets = batch.labels[:, 1:]
    wanted = targets != IGNORED
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
    if config.start:
        load_adapter(find_adapter(config.start), wrapped)
    return optimise(
        config, wrapped, parameters, lambda batch: compute_loss(model, batch),
        lambda step: open_stream(config, tokenizer, step),
    )  # fmt: skip


def optimise(
    config: PlannerTrainingConfig,
    wrapped: dict[str, LoraLinear],
    parameters: list[torch.nn.Parameter],
    measure_loss: Callable[[Batch], torch.Tensor],
    open_batches: Callable[[int], Iterator[Batch]],
) -> Path:
    """
    Train ``parameters`` until the time is over, saving now and then; return the folder of the adapter.

    :param open_batches: gives the batches of a run that stands at a step, which is 0 unless a state is continued.
    """
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
    out = Path(config.out)
    step = _resume(out, wrapped, optimizer) if config.resume else 0
    begun = saved = time.monotonic()
    first, average = step, None
    with tqdm(total=100, unit='%', desc='train planner', bar_format='{l_bar}{bar}| {elapsed}{postfix}') as bar:
        for batch in open_batches(step):
            share = (time.monotonic() - begun) / (config.minutes * 60)
            if share >= 1:
                break
            _set_rate(optimizer, config, share, step - first)
            loss = measure_loss(batch)
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


def open_stream(config: PlannerTrainingConfig, tokenizer, step: int) -> Iterator[Batch]:
    """Return the batches of a run that stands at ``step``: programs and steps mixed."""
    seed = 1000 * config.seed + step
    streams = [
        (generate_programs(seed), config.programs),
        (generate_kitchen(seed), config.kitchen),
        (generate(seed), 1 - config.programs - config.kitchen),
    ]
    return stream_batches(Encoder(tokenizer), mix(streams, seed), config.batch_tokens, config.row_tokens, seed)


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
