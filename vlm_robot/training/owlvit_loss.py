"""
What each token should say, and how wrong it is.

A token belongs to the object that covers most of it; its target falls off from the object's centre, so that
the best token scores highest. Classes: quality focal loss (Li et al., arXiv 2006.04388) on every phrase at
once. Boxes: L1, generalised IoU (Rezatofighi et al., arXiv 1902.09630) and a smooth L1 on the logits, which
keeps tokens at the picture's edge trainable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from torchvision.ops import generalized_box_iou_loss

from vlm_robot.training.owlvit_data import GRID, MIN_VISIBLE_PX

LEAST_COVERAGE = 0.15  # of a token, to belong to an object
FALL_OFF = 0.8


@dataclass(frozen=True, eq=False)
class TokenTargets:
    """
    Targets of every token of one picture.

    :param owner: (T,) index of the object, -1 for none.
    :param quality: (T,) float32 0..1, 1 at the object's best token.
    :param weight: (T,) float32, 0 where the token shows something too small to judge.
    """

    owner: np.ndarray
    quality: np.ndarray
    weight: np.ndarray


def assign_tokens(boxes: np.ndarray, coverage: np.ndarray, visible_px: np.ndarray) -> TokenTargets:
    """
    Return which token speaks for which object, and how well.

    :param boxes: (N, 4) centre and size, 0..1.
    :param coverage: (N, T) share of each token that shows the object.
    :param visible_px: (N,) pixels that show it.
    """
    tokens = GRID * GRID
    owner, quality, weight = np.full(tokens, -1), np.zeros(tokens, np.float32), np.ones(tokens, np.float32)
    if len(boxes) == 0:
        return TokenTargets(owner, quality, weight)
    coverage = np.asarray(coverage, np.float32)
    clear = np.asarray(visible_px) >= MIN_VISIBLE_PX
    weight[(coverage[~clear] > 0.02).any(0)] = 0.0
    centres = (np.stack(np.meshgrid(np.arange(GRID), np.arange(GRID)), -1).reshape(-1, 2) + 0.5) / GRID
    half = np.maximum(boxes[:, None, 2:] / 2, 0.75 / GRID)
    off_centre = (((centres[None] - boxes[:, None, :2]) / half) ** 2).sum(-1)
    closeness = np.exp(-FALL_OFF * off_centre) * clear[:, None]
    best = coverage.argmax(0)
    owner = np.where((coverage.max(0) >= LEAST_COVERAGE) & clear[best], best, -1)
    is_taken = np.zeros(tokens, bool)
    for index in np.argsort(-np.asarray(visible_px)):  # the smallest last: a larger one has other tokens
        if clear[index]:
            score = closeness[index] * np.sqrt(coverage[index])
            mine = (owner == index) & ~is_taken
            top = np.where(mine if mine.any() else ~is_taken, score + 1e-9, -1.0).argmax()
            owner[top], is_taken[top] = index, True
            mine = owner == index
            quality[mine] = np.clip(score[mine] / max(score[top], 1e-6), 0.0, 1.0)
            quality[top] = 1.0
    weight[owner >= 0] = 1.0
    quality[owner < 0] = 0.0
    return TokenTargets(owner, quality, weight)


def class_loss(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the quality focal loss of (B, K, P) logits, per unit of positive target; weight is (B, K)."""
    away = (torch.sigmoid(logits) - target).square()
    loss = functional.binary_cross_entropy_with_logits(logits, target, reduction='none') * away
    return (loss * weight[..., None]).sum() / target.sum().clamp(min=1.0)


def box_loss(box_logits: torch.Tensor, target: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Return the loss of (M, 4) box logits against centre-size targets 0..1, weighted by quality (M,)."""
    predicted = torch.sigmoid(box_logits)
    l1 = (predicted - target).abs().sum(-1)
    giou = generalized_box_iou_loss(_to_corners(predicted), _to_corners(target))
    wanted = torch.logit(target.clamp(1e-3, 1 - 1e-3))
    smooth = functional.smooth_l1_loss(box_logits, wanted, reduction='none', beta=0.1).sum(-1)
    each = 2.0 * l1 + 1.5 * giou + 0.25 * smooth
    return (each * quality).sum() / quality.sum().clamp(min=1.0)


def _to_corners(boxes: torch.Tensor) -> torch.Tensor:
    centre, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([centre - size / 2, centre + size / 2], -1)
