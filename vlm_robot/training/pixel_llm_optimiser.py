"""
Steps for PixelLLM: Muon for the matrices of its transformers, AdamW for the rest; float32 masters, running average.

The weights of the model may be bfloat16. A part that started from learned weights takes smaller steps.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import nn

from vlm_robot.training.owlvit_optimiser import MasterWeights, orthogonalise

BY_MUON = ('language.model.model.layers.', 'adaptor.layers.', 'adaptor.last.', 'image.semantic.vision.encoder.layers.')
LEARNED = {'image.semantic.': 0.15}  # share of the full rates for parts that start from learned weights


class PixelOptimiser(MasterWeights):
    """Keeps masters, momenta and averages by name, so that a saved state is plain tensors."""

    def __init__(self, model: nn.Module, matrix_rate: float, rate: float, average: float = 0.998):
        """Sort the trainable parameters."""
        super().__init__(model, average)
        self.matrix_rate, self.rate = matrix_rate, rate
        self._shapes: dict[tuple, list[str]] = defaultdict(list)
        for name, p in self.parameters.items():
            if p.ndim == 2 and name.startswith(BY_MUON) and 'lora_' not in name:
                self._shapes[(tuple(p.shape), _share(name))].append(name)
        matrices = {name for names in self._shapes.values() for name in names}
        self.momenta = {name: torch.zeros_like(self.masters[name]) for name in matrices}
        groups: dict[float, list[torch.Tensor]] = defaultdict(list)
        for name, master in self.masters.items():
            if name not in matrices:
                groups[_share(name)].append(master)
        made = [{'params': values, 'share': share} for share, values in sorted(groups.items())]
        self.adam = torch.optim.AdamW(made, lr=rate, betas=(0.9, 0.98), weight_decay=0.0, foreach=True)

    @torch.no_grad()
    def step(self, fraction: float, clip: float = 1.0) -> float:
        """Take a step with ``fraction`` of the full rates; return the gradient's length before clipping."""
        for name, p in self.parameters.items():
            self.masters[name].grad = torch.zeros_like(self.masters[name]) if p.grad is None else p.grad.float()
        grads = [master.grad for master in self.masters.values()]
        length = float(torch.stack(torch._foreach_norm(grads)).norm())
        torch._foreach_mul_(grads, min(1.0, clip / (length + 1e-6)))
        for (shape, share), names in self._shapes.items():
            for name in names:
                self.momenta[name].lerp_(self.masters[name].grad, 0.05)
            looked = torch.stack([self.masters[n].grad.lerp(self.momenta[n], 0.95) for n in names])
            factor = self.matrix_rate * share * fraction * max(1.0, shape[0] / shape[1]) ** 0.5
            for name, change in zip(names, orthogonalise(looked), strict=True):
                self.masters[name].sub_(change, alpha=factor)
        for group in self.adam.param_groups:
            group['lr'] = self.rate * group['share'] * fraction
        self.adam.step()
        self.steps += 1
        self._publish()
        return length

    def _publish(self) -> None:
        keep = min(self.average, (1 + self.steps) / (10 + self.steps))
        for name, p in self.parameters.items():
            p.copy_(self.masters[name])
            p.grad = None
        torch._foreach_lerp_(list(self.averages.values()), list(self.masters.values()), 1 - keep)


def _share(name: str) -> float:
    return next((share for start, share in LEARNED.items() if name.startswith(start)), 1.0)
