"""
LoRA adapters in PEFT's folder format, ``adapter_config.json`` and ``adapter_model.safetensors``.

An adapter adds ``alpha / r * B A`` to the weight of a linear layer (Hu et al., arXiv 2106.09685). For use
it is merged into the weights when the model is loaded, so scoring costs nothing extra; for training small
modules wrap the layers. Any adapter that PEFT saved for linear layers, without DoRA or rank patterns, can
be merged here; those written here load in PEFT.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file
import torch
from torch import nn
from torch.nn import functional

from vlm_robot.errors import ModelError

CONFIG_NAME = 'adapter_config.json'
WEIGHTS_NAME = 'adapter_model.safetensors'
_PREFIX = 'base_model.model.'


class LoraLinear(nn.Module):
    """
    A frozen linear layer plus a trainable product of two thin float32 matrices.

    :param rank: columns of the thin matrices.
    :param alpha: the sum is scaled by alpha / rank.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float):
        """Wrap ``base``; the addition starts at zero."""
        super().__init__()
        self.base = base
        self.scale = alpha / rank
        self.lora_A = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=5**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return base(x) + scale * B A x, in the type of x."""
        thin = functional.linear(x, self.lora_A.to(x.dtype))
        return self.base(x) + functional.linear(thin, (self.lora_B * self.scale).to(x.dtype))


def wrap_linears(model: nn.Module, names: tuple[str, ...], rank: int, alpha: float) -> dict[str, LoraLinear]:
    """Freeze the model, wrap the linear layers whose last name is in ``names``, return them by full name."""
    model.requires_grad_(False)
    wrapped: dict[str, LoraLinear] = {}
    for full_name, layer in list(model.named_modules()):
        parent_name, _, last = full_name.rpartition('.')
        if last in names and isinstance(layer, nn.Linear):
            wrapped[full_name] = LoraLinear(layer, rank, alpha)
            setattr(model.get_submodule(parent_name), last, wrapped[full_name])
    if not wrapped:
        raise ModelError(f'no linear layer of the model is named one of {sorted(names)}; nothing to adapt')
    return wrapped


def save_adapter(folder: Path, wrapped: dict[str, LoraLinear], names: tuple[str, ...], base_name: str) -> None:
    """Write the adapter in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    layer = next(iter(wrapped.values()))
    rank = layer.lora_A.shape[0]
    tensors = {}
    for name, lora in wrapped.items():
        for part in ('lora_A', 'lora_B'):
            tensors[f'{_PREFIX}{name}.{part}.weight'] = getattr(lora, part).detach().to(torch.float16).contiguous()
    save_file(tensors, folder / WEIGHTS_NAME, metadata={'format': 'pt'})
    config = {
        'peft_type': 'LORA',
        'task_type': 'CAUSAL_LM',
        'base_model_name_or_path': base_name,
        'r': rank,
        'lora_alpha': layer.scale * rank,
        'target_modules': sorted(names),
        'bias': 'none',
        'lora_dropout': 0.0,
        'inference_mode': True,
        'fan_in_fan_out': False,
        'init_lora_weights': True,
        'use_rslora': False,
        'use_dora': False,
    }
    (folder / CONFIG_NAME).write_text(json.dumps(config, indent=2, sort_keys=True) + '\n')


def load_adapter(folder: Path, wrapped: dict[str, LoraLinear]) -> None:
    """
    Copy the adapter in ``folder`` into wrapped layers, to go on training it.

    :raises ModelError: it cannot be read, or its layers, rank or scale are others.
    """
    try:
        config = json.loads((folder / CONFIG_NAME).read_text())
        tensors = load_file(folder / WEIGHTS_NAME)
        for name, lora in wrapped.items():
            for part in ('lora_A', 'lora_B'):
                getattr(lora, part).data.copy_(tensors[f'{_PREFIX}{name}.{part}.weight'])
            if abs(config['lora_alpha'] / config['r'] - lora.scale) > 1e-6:
                raise ValueError(f'alpha / r is {config["lora_alpha"]} / {config["r"]}, wanted {lora.scale}')
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f'adapter {folder} cannot be trained further ({error}); use one of the same layers, rank and alpha'
        ) from error


def merge_adapter(model: nn.Module, folder: Path) -> None:
    """
    Add the adapter in ``folder`` to the weights of the model, in place.

    :raises ModelError: the folder holds no adapter, or one that does not fit the model.
    """
    try:
        config = json.loads((folder / CONFIG_NAME).read_text())
        tensors = load_file(folder / WEIGHTS_NAME)
    except (OSError, ValueError) as error:
        raise ModelError(
            f'adapter {folder} cannot be read ({error}); wanted: a folder with {CONFIG_NAME} and '
            f'{WEIGHTS_NAME}, '
            'as `vlm-robot train planner` or PEFT writes them'
        ) from error
    if config.get('use_dora') or config.get('rank_pattern') or config.get('use_rslora'):
        raise ModelError(f'adapter {folder} uses DoRA, rsLoRA or rank patterns; only plain LoRA can be merged')
    scale = config['lora_alpha'] / config['r']
    for key in sorted(key for key in tensors if key.endswith('lora_A.weight')):
        name = key.removeprefix(_PREFIX).removesuffix('.lora_A.weight')
        try:
            weight = model.get_submodule(name).weight
            delta = tensors[key.replace('lora_A', 'lora_B')].double() @ tensors[key].double() * scale
            with torch.no_grad():
                weight += delta.to(weight)
        except (AttributeError, KeyError, RuntimeError) as error:
            base = config.get('base_model_name_or_path', 'unknown')
            raise ModelError(
                f"adapter {folder} does not fit the model at '{name}' ({error}); it was made for: {base}; "
                "set adapter to '' for none"
            ) from error
