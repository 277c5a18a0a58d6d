"""
The image encoder: a semantic stream that trains and a localisation stream that is frozen, side by side.

As in PixelLLM (arXiv 2312.09237), whose streams are EVA02 and SAM's ViT, the two grids are brought to the larger one
and their channels are put together. Here both streams are CLIP-like towers of any size; the localiser may carry
OWL-ViT's box head, which says for every token which box it stands for (arXiv 2205.06230). Boxes and places are 0..1 of
the picture. In training only some tokens of the grid may be looked at (``kept``), as OWLv2 does (arXiv 2306.09683).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModel, OwlViTVisionConfig, OwlViTVisionModel

from vlm_robot.errors import ConfigError
from vlm_robot.perception.boxes import to_corners
from vlm_robot.perception.pixel_llm.pixel_config import PixelLlmShape, TowerConfig


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """
    What the encoder says of B pictures.

    :param tokens: (B, K, C) channels of both streams.
    :param centres: (B, K, 2) float32, the middle of each token's cell, x and y, 0..1.
    :param boxes: (B, K, 4) float32 xyxy 0..1, the box that each token stands for; None without a box head.
    :param objectness: (B, K) float32 logits that this box is a thing; None without a box head.
    :param cell: side of a token's cell, 0..1.
    """

    tokens: torch.Tensor
    centres: torch.Tensor
    cell: float
    boxes: torch.Tensor | None = None
    objectness: torch.Tensor | None = None

    def repeat(self, counts: torch.Tensor) -> ImageFeatures:
        """Return the features with picture i ``counts[i]`` times."""
        tokens, centres = (part.repeat_interleave(counts, 0) for part in (self.tokens, self.centres))
        boxes, objectness = (
            None if part is None else part.repeat_interleave(counts, 0) for part in (self.boxes, self.objectness)
        )
        return ImageFeatures(tokens, centres, self.cell, boxes, objectness)


class BoxHead(nn.Module):
    """OWL-ViT's box head: one box per token, biased to the token's own place."""

    def __init__(self, width: int, grid: int):
        """Make a head for a square grid."""
        super().__init__()
        self.dense0, self.dense1, self.dense2 = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 4)
        steps = torch.arange(1, grid + 1, dtype=torch.float32) / grid
        place = torch.stack([steps.repeat(grid), steps.repeat_interleave(grid)], -1)
        size = torch.full_like(place, 1 / grid)
        self.bias = _to_logit(torch.cat([place, size], -1))  # no buffer: stays float32 whatever the weights are

    def forward(self, tokens: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
        """Return (B, K, 4) float32 xyxy, 0..1."""
        x = functional.gelu(self.dense1(functional.gelu(self.dense0(tokens))))
        bias = self.bias.to(x.device)
        bias = bias if kept is None else bias[kept]
        return to_corners(torch.sigmoid(self.dense2(x).float() + bias))


class VisionTower(nn.Module):
    """One stream: a vision transformer, its tokens multiplied by its class token as OWL-ViT does."""

    def __init__(self, config: TowerConfig):
        """Build it with random weights."""
        super().__init__()
        self.config = config
        shape: Any
        self.vision: Any
        if config.family == 'owlvit':
            shape = OwlViTVisionConfig(**config.settings)
            self.vision = OwlViTVisionModel(shape).vision_model
            self.first_norm = 'pre_layernorm'
        else:
            shape = CLIPVisionConfig(**config.settings)
            self.vision = CLIPVisionModel(shape)
            self.first_norm = 'pre_layrnorm'  # so spelt in transformers
        self.vision.config._attn_implementation = 'eager'  # bfloat16 SDPA trains slowly on a CPU
        self.size_px: int = shape.image_size
        self.grid: int = shape.image_size // shape.patch_size
        self.width: int = shape.hidden_size
        self.layer_norm = nn.LayerNorm(self.width)
        self.box_head = BoxHead(self.width, self.grid) if config.has_boxes else None
        self._freeze()

    def _freeze(self) -> None:
        if self.config.frozen_layers < 0:
            self.requires_grad_(False)
        elif self.config.frozen_layers:
            self.vision.embeddings.requires_grad_(False)
            getattr(self.vision, self.first_norm).requires_grad_(False)
            self.vision.encoder.layers[: self.config.frozen_layers].requires_grad_(False)

    def forward(self, pixels: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """
        Return (B, K, width) tokens, row by row.

        :param pixels: (B, 3, S, S) normalised.
        :param kept: (B, K) int64, which tokens of the grid; None for all.
        """
        if pixels.shape[-1] != self.size_px:
            pixels = functional.interpolate(pixels, (self.size_px,) * 2, mode='bicubic', antialias=True)
        x = self.vision.embeddings(pixels)
        if kept is not None:
            index = torch.cat([kept.new_zeros(len(kept), 1), kept + 1], 1)
            x = x.gather(1, index[..., None].expand(-1, -1, x.shape[-1]))
        x = self.vision.encoder(inputs_embeds=getattr(self.vision, self.first_norm)(x)).last_hidden_state
        x = self.vision.post_layernorm(x)
        return self.layer_norm(x[:, 1:] * x[:, :1])


class ImageEncoder(nn.Module):
    """Both streams, their channels put together, and the boxes of the stream that has them."""

    def __init__(self, shape: PixelLlmShape):
        """Build both."""
        super().__init__()
        self.semantic = VisionTower(shape.semantic)
        self.localiser = VisionTower(shape.localiser) if shape.localiser else None
        towers = [self.semantic, *([self.localiser] if self.localiser else [])]
        self.width = sum(tower.width for tower in towers)
        self.grid = max(tower.grid for tower in towers)
        self.size_px = max(tower.size_px for tower in towers)
        boxer = self.boxer
        if boxer is not None and boxer.grid != self.grid:
            raise ConfigError(f'the stream with boxes has {boxer.grid} tokens a side, the other {self.grid}; swap')
        self.objectness = nn.Sequential(nn.Linear(self.width, 64), nn.GELU(), nn.Linear(64, 1)) if boxer else None
        steps = (torch.arange(self.grid) + 0.5) / self.grid
        self.centres = torch.stack([steps.repeat(self.grid), steps.repeat_interleave(self.grid)], -1)

    @property
    def boxer(self) -> VisionTower | None:
        """Return the stream that has boxes, the localiser where both have."""
        return next((tower for tower in (self.localiser, self.semantic) if tower and tower.box_head), None)

    def forward(self, pixels: torch.Tensor, kept: torch.Tensor | None = None) -> ImageFeatures:
        """Return the features of (B, 3, S, S) normalised pictures; ``kept`` (B, K) chooses tokens of the grid."""
        streams, boxes = [], None
        for tower in (self.semantic, self.localiser):
            if tower is None:
                continue
            with torch.set_grad_enabled(torch.is_grad_enabled() and tower.config.frozen_layers >= 0):
                tokens = tower(pixels, kept if tower.grid == self.grid else None)
                if tower.box_head is not None and tower is self.boxer:
                    boxes = tower.box_head(tokens, kept)
            streams.append(self._fit(tokens, tower.grid, kept))
        tokens = torch.cat(streams, -1)
        centres = self.centres.to(tokens.device)
        centres = centres.expand(len(tokens), -1, -1) if kept is None else centres[kept]
        objectness = None if self.objectness is None else self.objectness(tokens).float()[..., 0]
        return ImageFeatures(tokens, centres, 1 / self.grid, boxes, objectness)

    def _fit(self, tokens: torch.Tensor, grid: int, kept: torch.Tensor | None) -> torch.Tensor:
        """Resize a smaller grid to the larger one, then keep what is kept."""
        if grid == self.grid:
            return tokens
        chart = tokens.transpose(1, 2).unflatten(-1, (grid, grid))
        chart = functional.interpolate(chart.float(), (self.grid,) * 2, mode='bicubic').to(tokens.dtype)
        tokens = chart.flatten(2).transpose(1, 2)
        return tokens if kept is None else tokens.gather(1, kept[..., None].expand(-1, -1, tokens.shape[-1]))


def _to_logit(x: torch.Tensor) -> torch.Tensor:
    return torch.log(x + 1e-4) - torch.log1p(-x + 1e-4)
