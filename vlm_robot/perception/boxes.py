"""Boxes as arrays: formats, overlap, clipping, non-maximum suppression; torch and torchvision only."""

from __future__ import annotations

import torch
from torchvision import ops


def to_corners(boxes: torch.Tensor) -> torch.Tensor:
    """Turn (..., 4) centre x, centre y, width, height into left, top, right, bottom, in the same unit."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], -1)


def to_centres(boxes: torch.Tensor) -> torch.Tensor:
    """Turn (..., 4) left, top, right, bottom into centre x, centre y, width, height, in the same unit."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], -1)


def compute_iou(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return (N, M) intersection over union of (N, 4) and (M, 4) boxes xyxy."""
    return ops.box_iou(boxes, others)


def measure_area(boxes: torch.Tensor) -> torch.Tensor:
    """Return (...) the areas of (..., 4) boxes xyxy; 0 where a side is not positive."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def clip(boxes: torch.Tensor, width_px: int, height_px: int) -> torch.Tensor:
    """Return (..., 4) boxes xyxy cut to the picture: 0..width_px and 0..height_px."""
    return ops.clip_boxes_to_image(boxes, (height_px, width_px))


def suppress(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Return the indices, best first, of boxes that overlap no better one by more than ``iou_threshold``."""
    return ops.nms(boxes.float(), scores.float(), iou_threshold)


def suppress_by_group(
    boxes: torch.Tensor, scores: torch.Tensor, groups: torch.Tensor, iou_threshold: float
) -> torch.Tensor:
    """Return what ``suppress`` returns, where only boxes of the same group compete; groups (N,) int."""
    return ops.batched_nms(boxes.float(), scores.float(), groups, iou_threshold)
