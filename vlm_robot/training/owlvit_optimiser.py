"""
Muon for the encoder's matrices, AdamW for the rest, float32 masters of a bfloat16 model.

Muon: Jordan et al. 2024 (github.com/KellerJordan/Muon): momentum, then the nearest orthogonal matrix by a
Newton-Schulz iteration; here matrices of one shape are stacked so that each shape costs one iteration. AdamW:
Loshchilov and Hutter, arXiv 1711.05101.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalise(stack: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Return (N, R, C) matrices with singular values near 1 and the directions of ``stack``."""
    a, b, c = NEWTON_SCHULZ
    x = stack.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).to(x.dtype)
    for _ in range(steps):
        square = x @ x.transpose(1, 2)
        x = a * x + (b * square + c * (square @ square)) @ x
    return (x.transpose(1, 2) if tall else x).float()


class MasterWeights:
    """Float32 masters of a model's trainable weights, their running average, and the state that a resumed run needs."""

    momenta: dict[str, torch.Tensor]
    adam: torch.optim.AdamW

    def __init__(self, model: nn.Module, average: float):
        """Copy the weights; who steps them sets ``momenta`` and ``adam``."""
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.masters = {name: p.detach().float().clone() for name, p in self.parameters.items()}
        self.averages = {name: master.clone() for name, master in self.masters.items()}
        self.average, self.steps = average, 0

    def state_dict(self) -> dict:
        """Return everything that a resumed run needs."""
        return {
            'masters': self.masters, 'averages': self.averages, 'momenta': self.momenta,
            'adam': self.adam.state_dict(), 'steps': self.steps,
        }  # fmt: skip

    @torch.no_grad()
    def load_state_dict(self, state: dict) -> None:
        """Continue from ``state_dict``."""
        for mine, saved in (
            (self.masters, 'masters'),
            (self.averages, 'averages'),
            (self.momenta, 'momenta'),
        ):
            for name, value in mine.items():
                value.copy_(state[saved][name])
        self.adam.load_state_dict(state['adam'])
        self.steps = state['steps']
        for name, p in self.parameters.items():
            p.copy_(self.masters[name])


class MixedOptimiser(MasterWeights):
    """Steps float32 masters from bfloat16 gradients, writes them back and keeps their running average."""

    def __init__(self, model: nn.Module, matrix_rate: float, rate: float, average: float = 0.999):
        """Sort the parameters: matrices of encoder layers to Muon, everything else to AdamW."""
        super().__init__(model, average)
        self.matrix_rate, self.rate = matrix_rate, rate
        self._shapes: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for name, p in self.parameters.items():
            if 'encoder.layer' in name and p.ndim == 2:  # OWL-ViT: layers; ViLT: layer
                self._shapes[tuple(p.shape)].append(name)
        matrices = {name for names in self._shapes.values() for name in names}
        self.momenta = {name: torch.zeros_like(self.masters[name]) for name in matrices}
        rest = [self.masters[name] for name in self.masters if name not in matrices]
        self.adam = torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.0, foreach=True)

    def gather(self) -> torch.Tensor:
        """Return all gradients as one float32 vector, so that processes can average them."""
        flat = [
            p.grad.float().flatten() if p.grad is not None else torch.zeros(p.numel()) for p in self.parameters.values()
        ]
        return torch.cat(flat)

    @torch.no_grad()
    def step(self, gradient: torch.Tensor, fraction: float, clip: float = 1.0) -> float:
        """Take a step with ``fraction`` of the full rates; return the gradient's length before clipping."""
        length = float(gradient.norm())
        gradient = gradient * min(1.0, clip / (length + 1e-6))
        pieces = gradient.split([p.numel() for p in self.parameters.values()])
        for (name, p), piece in zip(self.parameters.items(), pieces, strict=True):
            self.masters[name].grad = piece.view_as(p)
        for names in self._shapes.values():
            for name in names:
                self.momenta[name].lerp_(self.masters[name].grad, 0.05)
            looked = [self.masters[n].grad.lerp(self.momenta[n], 0.95) for n in names]
            update = orthogonalise(torch.stack(looked))
            factor = self.matrix_rate * fraction * max(1.0, update.shape[1] / update.shape[2]) ** 0.5
            for name, change in zip(names, update, strict=True):
                self.masters[name].sub_(change, alpha=factor)
        for group in self.adam.param_groups:
            group['lr'] = self.rate * fraction
        self.adam.step()
        self.steps += 1
        self._publish()
        return length

    def _publish(self) -> None:
        keep = min(self.average, (1 + self.steps) / (10 + self.steps))
        for name, p in self.parameters.items():
            p.copy_(self.masters[name])
            self.averages[name].lerp_(self.masters[name], 1 - keep)
