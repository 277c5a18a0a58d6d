"""
The location encoder: a box, a point or nothing becomes tokens, as in SAM's prompt encoder.

Places are written with random Fourier features (Tancik et al., arXiv 2006.10739; SAM, arXiv 2304.02643); a learned
vector says whether a token is a left upper corner, a right lower corner, a point or a filler. No prompt is the box of
the whole picture, as in PixelLLM. Beside the places stand two tokens of what the picture shows there: the mean over the
box and the surroundings of its middle; things are small, and a place alone says too little of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vlm_robot.perception.pixel_llm.image_encoder import ImageFeatures

LEFT_UPPER, RIGHT_LOWER, POINT, FILLER = range(4)
POINT_REACH = 0.06  # half a side, 0..1 of the picture, of the box that is looked at around a point


@dataclass(frozen=True, eq=False)
class LocationPrompts:
    """
    P prompts, each about one of the pictures.

    :param boxes: (P, 4) float32 xyxy, 0..1; for a point both corners are the point.
    :param is_point: (P,) bool.
    """

    boxes: torch.Tensor
    is_point: torch.Tensor

    @staticmethod
    def whole(count: int) -> LocationPrompts:
        """Return "no prompt" for ``count`` pictures: the box of the whole picture."""
        return LocationPrompts(
            torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(count, 1), torch.zeros(count, dtype=torch.bool)
        )

    def to(self, device) -> LocationPrompts:
        """Return the prompts on a device."""
        return LocationPrompts(self.boxes.to(device), self.is_point.to(device))

    def look_boxes(self) -> torch.Tensor:
        """Return (P, 4) the boxes that are looked at: a point has a little surroundings."""
        reach = torch.tensor([-1, -1, 1, 1], device=self.boxes.device) * POINT_REACH
        return torch.where(self.is_point[:, None], (self.boxes + reach).clamp(0, 1), self.boxes)


class PlaceEncoding(nn.Module):
    """Random Fourier features of places; the frequencies are drawn once and kept in the checkpoint."""

    frequencies: torch.Tensor

    def __init__(self, width: int, scale: float = 1.0):
        """Draw ``width / 2`` frequencies."""
        super().__init__()
        drawn = scale * torch.randn(2, width // 2)
        self.register_buffer('frequencies', drawn.bfloat16().float())  # the same in every number format

    def forward(self, places: torch.Tensor) -> torch.Tensor:
        """Return (..., width) float32 features of (..., 2) places x, y in 0..1."""
        turns = 2 * torch.pi * ((2 * places.float() - 1) @ self.frequencies.float())
        return torch.cat([turns.sin(), turns.cos()], -1)


class LocationEncoder(nn.Module):
    """Turns prompts into tokens."""

    def __init__(self, width: int, image_width: int):
        """Make it for features of ``image_width`` channels."""
        super().__init__()
        self.places = PlaceEncoding(width)
        self.kinds = nn.Embedding(4, width)
        self.look = nn.Linear(image_width, width)
        self.looks = nn.Embedding(2, width)

    def forward(self, prompts: LocationPrompts, features: ImageFeatures) -> torch.Tensor:
        """
        Return (P, 4, width) tokens: two corners (or point and filler), the look at the box, the look at its middle.

        :param features: of the picture of each prompt, one row a prompt.
        """
        corners = self.places(prompts.boxes.unflatten(-1, (2, 2)))
        is_point = prompts.is_point[:, None].long()
        first = corners[:, 0] + self.kinds(is_point[:, 0] * POINT)
        fill = self.kinds.weight[FILLER].expand_as(first)
        second = torch.where(prompts.is_point[:, None], fill, corners[:, 1] + self.kinds.weight[RIGHT_LOWER])
        looks = self.look(look_at_boxes(prompts.look_boxes()[:, None], features).flatten(1, 2)) + self.looks.weight
        return torch.cat([first[:, None].to(looks.dtype), second[:, None].to(looks.dtype), looks], 1)


def look_at_boxes(boxes: torch.Tensor, features: ImageFeatures) -> torch.Tensor:
    """
    Return (B, Q, 2, C) what the pictures show in (B, Q, 4) boxes xyxy 0..1: mean over the box, and near its middle.

    A token counts with the share of its cell that the box covers; near the middle with a Gaussian of a third of the
    box's side (at least of one cell). Works on any subset of the grid.
    """
    cell = 0.5 * features.cell
    centres = features.centres[:, None]  # (B, 1, K, 2)
    low, high = boxes[..., None, :2], boxes[..., None, 2:]  # (B, Q, 1, 2)
    shared = (torch.minimum(high, centres + cell) - torch.maximum(low, centres - cell)).clamp(min=0).prod(-1)
    spread = ((high - low) / 3).clamp(min=2 * cell / 1.5)
    near = torch.exp(-0.5 * (((centres - (low + high) / 2) / spread) ** 2).sum(-1))
    weights = torch.stack([shared + 1e-8 * near, near + 1e-12], 2)  # (B, Q, 2, K)
    weights = weights / weights.sum(-1, keepdim=True)
    pooled = weights.flatten(1, 2).to(features.tokens.dtype) @ features.tokens
    return pooled.unflatten(1, (boxes.shape[1], 2))
