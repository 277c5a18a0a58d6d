"""
What PixelLLM is trained on: words, places of words, presence, choice among regions, objectness.

Text: cross entropy with label smoothing 0.1. Places: L1 on two corners, tokens without a place skipped, as in PixelLLM
(arXiv 2312.09237, scenic modeling/losses.py, where 0.1 per pixel of 384 is 38 on 0..1; here 10, because the pointer
bears part of it), and generalised IoU (Rezatofighi et al., arXiv 1902.09630).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional
from torchvision.ops import box_iou, generalized_box_iou_loss

from vlm_robot.perception.pixel_llm.image_encoder import ImageFeatures
from vlm_robot.perception.pixel_llm.pixel_model import Regions

SMOOTHING = 0.1
GOOD_IOU = 0.5  # a region that overlaps the target less is not it


@dataclass(frozen=True)
class LossWeights:
    """How much each part counts."""

    text: float = 1.0
    corners: float = 10.0
    overlap: float = 1.0
    choice: float = 1.0
    presence: float = 1.0
    objectness: float = 2.0


def text_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross entropy of (N, V) logits; labels (N,)."""
    return functional.cross_entropy(logits, labels, label_smoothing=SMOOTHING)


def place_losses(
    corners: torch.Tensor, choice: torch.Tensor | None, target: torch.Tensor, regions: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """
    Return the mean losses of corners, overlap and choice of N tokens.

    :param corners: (N, 4) two points each; ``target`` (N, 4) xyxy, all 0..1.
    :param choice: (N, M) logits over ``regions`` (N, M, 4); a target that no region meets is skipped.
    """
    if not len(corners):
        nothing = corners.sum()
        return nothing, nothing, nothing
    straight = (corners - target).abs().mean()
    low, high = torch.minimum(corners[:, :2], corners[:, 2:]), torch.maximum(corners[:, :2], corners[:, 2:])
    overlap = generalized_box_iou_loss(torch.cat([low, high], -1), target, reduction='mean')
    if choice is None or regions is None:
        return straight, overlap, straight.new_zeros(())
    meets = _overlaps(regions, target)
    share = torch.where(meets >= GOOD_IOU, meets, 0.0) ** 4
    is_met = share.sum(-1) > 0
    share = share / share.sum(-1, keepdim=True).clamp(min=1e-9)
    missed = -(share * torch.log_softmax(choice, -1).clamp(min=-50)).sum(-1)
    return straight, overlap, (missed * is_met).sum() / is_met.sum().clamp(min=1)


def _overlaps(regions: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return (N, M) intersection over union of each token's regions with its target."""
    low, high = (
        torch.maximum(regions[..., :2], target[:, None, :2]),
        torch.minimum(regions[..., 2:], target[:, None, 2:]),
    )
    shared = (high - low).clamp(min=0).prod(-1)
    areas = (regions[..., 2:] - regions[..., :2]).clamp(min=0).prod(-1)
    own = (target[:, 2:] - target[:, :2]).clamp(min=0).prod(-1)
    return shared / (areas + own[:, None] - shared).clamp(min=1e-9)


def naming_loss(
    logits: torch.Tensor, regions: Regions, boxes: list[torch.Tensor], names: list[torch.Tensor]
) -> torch.Tensor:
    """
    Return the cross entropy of the words that the language model's word head reads off the regions' own states.

    Without it the pointer, which compares what a text and what a region is, takes long to learn colours.

    :param logits: (B, M, V) of the regions; ``names`` per picture (N, W), the words of its things.
    """
    losses = [logits.new_zeros(0)]
    for i, (found, words) in enumerate(zip(boxes, names, strict=True)):
        if len(found):
            value, which = box_iou(regions.boxes[i], found).max(1)
            meets = (value >= GOOD_IOU) & regions.is_there[i]
            losses.append(-torch.log_softmax(logits[i, meets], -1).gather(1, words[which[meets]]).mean(1))
    every = torch.cat(losses)
    return every.mean() if len(every) else logits.sum() * 0


def objectness_loss(features: ImageFeatures, boxes: list[torch.Tensor], is_clear: list[torch.Tensor]) -> torch.Tensor:
    """
    Return the cross entropy of objectness with how well each token's box meets a thing.

    :param boxes: per picture (N, 4) xyxy 0..1; tokens that meet a thing which hardly shows count for nothing.
    """
    targets, counted = [], []
    for mine, found, shows in zip(features.boxes, boxes, is_clear, strict=True):
        best = box_iou(mine, found) if len(found) else mine.new_zeros(len(mine), 1)
        clear = shows if len(found) else torch.ones(1, dtype=torch.bool)
        value, which = best.max(1)
        targets.append(torch.where(value >= GOOD_IOU, value, 0.0))
        counted.append((clear[which] | (value < 0.3)).float())
    target, weight = torch.stack(targets), torch.stack(counted)
    weight = weight * (1 + 4 * (target > 0))
    losses = functional.binary_cross_entropy_with_logits(features.objectness, target, reduction='none')
    return (losses * weight).sum() / weight.sum()
