"""
The prompt feature extractor: learned tokens read from the image what the prompt asks for.

A two-way transformer as in SAM (Kirillov et al., arXiv 2304.02643): tokens attend to each other, to the image, and the
image attends to the tokens; PixelLLM (arXiv 2312.09237) puts learned tokens before the prompt's and keeps only those,
each with a linear layer of its own. The image's places are told by a learned 2-D encoding beside the random one.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from vlm_robot.perception.pixel_llm.pixel_config import AdaptorConfig


class CrossAttention(nn.Module):
    """Multi-head attention at a reduced width."""

    def __init__(self, width: int, heads: int, downsample: int = 1):
        """Make it for ``width`` channels in and out."""
        super().__init__()
        inner = width // downsample
        self.heads = heads
        self.q, self.k, self.v = (nn.Linear(width, inner) for _ in range(3))
        self.out = nn.Linear(inner, width)

    def forward(self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return (B, Q, width) of (B, Q, width) queries and (B, K, width) keys and values."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, x in ((self.q, queries), (self.k, keys), (self.v, values))
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


class TwoWayLayer(nn.Module):
    """Tokens to tokens, tokens to image, a small network, image to tokens."""

    def __init__(self, config: AdaptorConfig):
        """Build one layer."""
        super().__init__()
        width = config.width
        self.to_tokens = CrossAttention(width, config.heads)
        self.to_image = CrossAttention(width, config.heads, config.downsample)
        self.from_image = CrossAttention(width, config.heads, config.downsample)
        self.up, self.down = nn.Linear(width, config.mlp_width), nn.Linear(config.mlp_width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))

    def forward(self, tokens, image, token_places, image_places):
        """Return tokens (P, T, width) and image (P, K, width), each changed by the other."""
        asked = tokens + token_places
        tokens = self.norms[0](tokens + self.to_tokens(asked, asked, tokens))
        keys = image + image_places
        tokens = self.norms[1](tokens + self.to_image(tokens + token_places, keys, image))
        tokens = self.norms[2](tokens + self.down(functional.gelu(self.up(tokens))))
        image = self.norms[3](image + self.from_image(keys, tokens + token_places, tokens))
        return tokens, image


class PromptAdaptor(nn.Module):
    """Turns prompt tokens and image tokens into a fixed number of visual tokens."""

    def __init__(self, config: AdaptorConfig, image_width: int, grid: int):
        """Make it for features of ``image_width`` channels on a square grid."""
        super().__init__()
        self.config = config
        self.output_tokens = nn.Parameter(torch.randn(config.tokens, config.width))
        self.image_in = nn.Sequential(nn.Linear(image_width, config.width), nn.LayerNorm(config.width))
        self.rows = nn.Parameter(0.1 * torch.randn(grid, config.width))
        self.columns = nn.Parameter(0.1 * torch.randn(grid, config.width))
        self.layers = nn.ModuleList(TwoWayLayer(config) for _ in range(config.depth))
        self.last = CrossAttention(config.width, config.heads, config.downsample)
        self.last_norm = nn.LayerNorm(config.width)
        self.token_weights = nn.Parameter(torch.randn(config.tokens, config.width, config.width) * config.width**-0.5)

    def embed_image(self, tokens: torch.Tensor, centres: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return image tokens (B, K, width) and what is learned of their places, once for all prompts of a picture."""
        grid = len(self.rows)
        index = (centres * grid).long().clamp(0, grid - 1)
        return self.image_in(tokens), self.columns[index[..., 0]] + self.rows[index[..., 1]]

    def forward(self, prompt: torch.Tensor, image: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """
        Return (P, tokens + M, width): the learned tokens, then the prompt's.

        :param prompt: (P, M, width) from the location encoder.
        :param image: (P, K, width), ``places`` (P, K, width): one row a prompt.
        """
        learned = self.output_tokens.expand(len(prompt), -1, -1)
        tokens = torch.cat([learned, prompt], 1)
        first = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, first, places)
        tokens = self.last_norm(tokens + self.last(tokens + first, image + places, image))
        count = self.config.tokens
        own = torch.einsum('ptc,tcd->ptd', tokens[:, :count], self.token_weights)
        return torch.cat([own, tokens[:, count:]], 1)
