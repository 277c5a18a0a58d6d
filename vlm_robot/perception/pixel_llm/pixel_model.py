"""
PixelLLM whole: picture and prompt become visual tokens, the language model reads and writes, every word has a place.

Xu et al., "Pixel Aligned Language Models", arXiv 2312.09237 (google-research/scenic, projects/pixel_llm), in PyTorch.
Two things are added because the things of a table are small: regions that the localiser holds for things are given to
the language model too, and its point head may choose one of them; both go away with ``objects=0``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vlm_robot.perception.boxes import suppress_by_group
from vlm_robot.perception.pixel_llm.image_encoder import ImageEncoder, ImageFeatures
from vlm_robot.perception.pixel_llm.language_decoder import join_masks, LanguageDecoder
from vlm_robot.perception.pixel_llm.location_encoder import LocationEncoder, LocationPrompts
from vlm_robot.perception.pixel_llm.pixel_config import PixelLlmShape
from vlm_robot.perception.pixel_llm.point_head import Places, PointHead
from vlm_robot.perception.pixel_llm.prompt_adaptor import PromptAdaptor

CANDIDATES = 64  # regions that compete before duplicates are dropped


@dataclass(frozen=True, eq=False)
class Regions:
    """
    What the localiser holds for things, best first.

    :param index: (B, N) int64 token of each, ``boxes`` (B, N, 4) xyxy 0..1, ``scores`` (B, N) 0..1.
    :param is_there: (B, N) bool; False where fewer were found.
    """

    index: torch.Tensor
    boxes: torch.Tensor
    scores: torch.Tensor
    is_there: torch.Tensor

    def repeat(self, counts: torch.Tensor) -> Regions:
        """Return the regions with picture i ``counts[i]`` times."""
        parts = (self.index, self.boxes, self.scores, self.is_there)
        return Regions(*(part.repeat_interleave(counts, 0) for part in parts))


@dataclass(frozen=True, eq=False)
class Prefix:
    """
    Visual tokens that stand before the text.

    :param embeds: (R, V, width) in the language model's space, ``mask`` (R, V) bool.
    :param regions: of these rows; their tokens are the last N of V; None for a prompt about one place.
    """

    embeds: torch.Tensor
    mask: torch.Tensor
    regions: Regions | None = None


class PixelLlmModel(nn.Module):
    """The network; texts are token ids here."""

    def __init__(self, shape: PixelLlmShape, base: str = ''):
        """Build it with random weights; ``base`` is where a named language model lies."""
        super().__init__()
        self.shape = shape
        self.image = ImageEncoder(shape)
        width = shape.adaptor.width
        self.locations = LocationEncoder(width, self.image.width)
        self.adaptor = PromptAdaptor(shape.adaptor, self.image.width, self.image.grid)
        self.language = LanguageDecoder(shape.language, base)
        self.projection = nn.Sequential(nn.Linear(width, self.language.width), nn.LayerNorm(self.language.width))
        if shape.objects:
            self.region_content = nn.Linear(self.image.width, width)
            self.region_place = nn.Linear(2 * width, width)
        self.points = PointHead(self.language.width, shape.point_width, shape.point_layers)

    def encode(self, pixels: torch.Tensor, kept: torch.Tensor | None = None) -> ImageFeatures:
        """Return the features of (B, 3, S, S) normalised pictures, once for all prompts and texts."""
        return self.image(pixels, kept)

    def find_regions(self, features: ImageFeatures) -> Regions | None:
        """Return what the localiser holds for things; None for a model without regions."""
        count = self.shape.objects
        if not count or features.boxes is None or features.objectness is None:
            return None
        scores = torch.sigmoid(features.objectness.detach())
        pool = min(CANDIDATES, scores.shape[1])
        best, index = scores.topk(pool, 1)
        boxes = features.boxes.gather(1, index[..., None].expand(-1, -1, 4))
        picture = torch.arange(len(scores), device=scores.device).repeat_interleave(pool)
        kept = suppress_by_group(boxes.flatten(0, 1).cpu(), best.flatten().cpu(), picture.cpu(), self.shape.object_iou)
        is_kept = torch.zeros(scores.shape[0] * pool, dtype=torch.bool)
        is_kept[kept] = True
        is_kept = is_kept.view(-1, pool).to(scores.device)
        order = (best - 2.0 * ~is_kept).argsort(1, descending=True)[:, :count]
        there = is_kept.gather(1, order)
        return Regions(
            index.gather(1, order), boxes.gather(1, order[..., None].expand(-1, -1, 4)), best.gather(1, order), there
        )

    def see(
        self,
        features: ImageFeatures,
        prompts: LocationPrompts,
        counts: torch.Tensor | None = None,
        regions: Regions | None = None,
    ) -> Prefix:
        """
        Return the visual tokens of P prompts.

        :param counts: (B,) how many of the prompts, in order, are about each picture; None: one each.
        :param regions: given to the language model beside the learned tokens; of the pictures, not of the prompts.
        """
        image, places = self.adaptor.embed_image(features.tokens, features.centres)
        places = places + self.locations.places(features.centres).to(places.dtype)
        if counts is not None:
            features, image, places = (
                features.repeat(counts), image.repeat_interleave(counts, 0), places.repeat_interleave(counts, 0)
            )  # fmt: skip
            regions = regions.repeat(counts) if regions is not None else None
        tokens = self.adaptor(self.locations(prompts, features), image, places)
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        if regions is not None:
            tokens = torch.cat([tokens, self._embed_regions(features, regions)], 1)
            mask = torch.cat([mask, regions.is_there], 1)
        return Prefix(self.projection(tokens), mask, regions)

    def _embed_regions(self, features: ImageFeatures, regions: Regions) -> torch.Tensor:
        index = regions.index[..., None].expand(-1, -1, features.tokens.shape[-1])
        content = self.region_content(features.tokens.gather(1, index))
        corners = self.locations.places(regions.boxes.detach().unflatten(-1, (2, 2))).flatten(-2)
        return content + self.region_place(corners.to(content.dtype))

    def read(
        self, prefix: Prefix, ids: torch.Tensor, segments: torch.Tensor, positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Return the hidden states of texts (R, T, width) and of the regions (R, N, width).

        :param ids: (R, T) int64, ``segments`` (R, T) as in ``join_masks``, ``positions`` (R, T) inside each text.
        """
        rows, visual = prefix.mask.shape
        embeds = torch.cat([prefix.embeds, self.language.embed(ids)], 1)
        mask = join_masks(prefix.mask, segments, self.shape.language.is_prefix_causal)
        before = torch.arange(visual, device=ids.device).expand(rows, -1)
        hidden = self.language(embeds, mask, torch.cat([before, visual + positions], 1))
        count = prefix.regions.index.shape[1] if prefix.regions is not None else 0
        return hidden[:, visual:], hidden[:, visual - count : visual]

    def locate(self, hidden: torch.Tensor, prefix: Prefix, region_states: torch.Tensor | None) -> Places:
        """Return the places of text states; ``region_states`` as ``read`` gives them."""
        regions = prefix.regions
        if regions is None:
            return self.points(hidden)
        return self.points(hidden, region_states, regions.boxes, regions.is_there)
