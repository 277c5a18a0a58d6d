"""
Reading an OWL-ViT or OWLv2 checkpoint: model, processor, and the settings that a checkpoint brings itself.

The settings stand in ``detector.json`` beside the weights; public checkpoints have none and get the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
import torch
from transformers import AutoModelForZeroShotObjectDetection
from transformers.models.owlvit.image_processing_owlvit import OwlViTImageProcessor

from vlm_robot.errors import ModelError, name_nearest
from vlm_robot.perception.pretrained import read_pretrained

SETTINGS_FILE = 'detector.json'
EXAMPLE_FILE = 'example_map.safetensors'  # one tensor 'map' (D, D): from class vectors of pictures to those of texts
FAMILIES = ('owlvit', 'owlv2')
ALLOWED = (
    "'shipped', a folder with an OWL-ViT or OWLv2 checkpoint"
    ", or a hub name such as 'google/owlv2-base-patch16-ensemble'"
)


@dataclass(frozen=True)
class DetectorSettings:
    """What a checkpoint says about its own use."""

    threshold: float = 0.1  # 0..1, least score of an answer; the default is transformers' own
    thresholds: dict[str, float] = field(default_factory=dict)  # by query, where it differs
    example_threshold: float = 0.5  # 0..1, least score where the query is a picture: cosines of pictures are higher
    proposal_threshold: float = 0.1  # 0..1, least score of a proposal
    most_zoom: float = 8.0  # 1 or more, how much larger than in the whole picture it may be shown a part of it


def load_checkpoint(folder: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return model and processor; raise ModelError when they are missing, incomplete or of another family."""
    return read_pretrained(
        AutoModelForZeroShotObjectDetection, folder, dtype, families=FAMILIES, setting='detector.model', allowed=ALLOWED
    )


def read_settings(folder: Path) -> DetectorSettings:
    """Return the settings beside the weights, the defaults where there are none; raise ModelError on a broken file."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return DetectorSettings()
    known = DetectorSettings.__dataclass_fields__
    try:
        data = json.loads(path.read_text())
        thresholds = {str(key): float(value) for key, value in data.pop('thresholds', {}).items()}
        unknown = next((key for key in data if key not in known), None)
        if unknown is None:
            return DetectorSettings(thresholds=thresholds, **{key: float(value) for key, value in data.items()})
    except (ValueError, AttributeError, TypeError) as error:
        raise ModelError(
            f"'{path}' must hold a number 'threshold' and may hold 'thresholds' by query: {error}"
        ) from error
    raise ModelError(f"'{path}': unknown setting '{unknown}'{name_nearest(unknown, known)}")


def read_example_map(folder: Path) -> torch.Tensor | None:
    """Return (D, D) float32, what maps class vectors of pictures to those of texts; None where there is none."""
    path = folder / EXAMPLE_FILE
    if not path.is_file():
        return None
    try:
        return load_file(path)['map'].float()
    except (OSError, KeyError, SafetensorError) as error:
        raise ModelError(f"'{path}' must hold one tensor 'map': {error}; get the checkpoint again") from error


def is_plain_squash(stock: Any) -> bool:
    """Return whether an image processor only squashes to a square, rescales and normalises."""
    return (
        type(stock) is OwlViTImageProcessor
        and stock.do_resize and stock.do_rescale and stock.do_normalize and not stock.do_center_crop
        and int(stock.resample) in (2, 3) and abs(stock.rescale_factor - 1 / 255) < 1e-9
    )  # fmt: skip
