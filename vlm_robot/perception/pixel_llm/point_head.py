"""
The point head: where in the picture that is what a token speaks of.

As in PixelLLM (arXiv 2312.09237): layer norm, four linear layers, two points (the corners of a box) per token from the
hidden state that the word head reads too. Beside it stand what the paper does not have: whether the token names any
place at all ("not there" is an answer), and a pointer that chooses among the regions which the localiser holds for
things, by content and by how near their boxes are to the regressed one; small things need exact boxes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

KEY_WIDTH = 64


@dataclass(frozen=True, eq=False)
class Places:
    """
    What the head says of T tokens.

    :param corners: (R, T, 4) float32, two points x0, y0, x1, y1, 0..1 of the picture but not clipped.
    :param presence: (R, T) float32 logits that the token names a place.
    :param choice: (R, T, N) float32 logits over the regions; None without regions.
    """

    corners: torch.Tensor
    presence: torch.Tensor
    choice: torch.Tensor | None = None


class PointHead(nn.Module):
    """Reads places from hidden states."""

    def __init__(self, width: int, hidden: int, layers: int):
        """Make it for ``width`` channels."""
        super().__init__()
        self.norm = nn.LayerNorm(width)
        sizes = [width, *[hidden] * (layers - 1), 4]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))
        self.presence = nn.Linear(width, 1)
        self.query, self.key = nn.Linear(width, KEY_WIDTH), nn.Linear(width, KEY_WIDTH)
        self.key.load_state_dict(self.query.state_dict())  # like finds like from the first step on
        self.nearness = nn.Parameter(torch.tensor(-2.0))  # 10 x softplus of it; small at first, boxes are guesses then

    def forward(
        self,
        hidden: torch.Tensor,
        regions: torch.Tensor | None = None,
        boxes: torch.Tensor | None = None,
        is_region: torch.Tensor | None = None,
    ) -> Places:
        """
        Return the places of (R, T, width) hidden states.

        :param regions: (R, N, width) hidden states of the regions, with (R, N, 4) ``boxes`` and (R, N) ``is_region``.
        """
        state = self.norm(hidden)
        x = state
        for layer in self.layers[:-1]:
            x = functional.gelu(layer(x))
        corners = (self.layers[-1](x).float() + 1) / 2
        presence = self.presence(state).float()[..., 0]
        if regions is None or boxes is None or is_region is None:
            return Places(corners, presence)
        content = self.query(state).float() @ self.key(self.norm(regions)).float().transpose(-1, -2) * KEY_WIDTH**-0.5
        apart = (corners[:, :, None] - boxes[:, None]).abs().mean(-1)
        choice = content - 10 * functional.softplus(self.nearness.float()) * apart
        return Places(corners, presence, choice.masked_fill(~is_region[:, None], -1e4))


def answer_boxes(places: Places, boxes: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Return (R, T, 4) boxes xyxy 0..1 and (R, T) how sure the choice is: the chosen region's, else the regressed one.

    :param boxes: (R, N, 4) of the regions; None for the paper's regression alone.
    """
    points = places.corners.unflatten(-1, (2, 2))
    corners = torch.cat([points.amin(-2), points.amax(-2)], -1).clamp(0, 1)
    if places.choice is None or boxes is None:
        return corners, torch.ones_like(corners[..., 0])
    chance, best = places.choice.softmax(-1).max(-1)
    chosen = boxes[:, None].expand(-1, best.shape[1], -1, -1).gather(2, best[..., None, None].expand(-1, -1, 1, 4))
    return chosen[:, :, 0].clamp(0, 1), chance
