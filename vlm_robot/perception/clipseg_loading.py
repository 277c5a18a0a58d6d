"""
Reading a CLIPSeg checkpoint: model, processor, and the thresholds that a checkpoint brings itself.

The thresholds stand in ``segmenter.json`` beside the weights; public checkpoints have none and get the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPSegForImageSegmentation

from vlm_robot.errors import ModelError
from vlm_robot.perception.pretrained import read_pretrained

SETTINGS_FILE = 'segmenter.json'
ALLOWED = "'shipped', a folder with a CLIPSeg checkpoint, or a hub name such as 'CIDAS/clipseg-rd64-refined'"


@dataclass(frozen=True)
class SegmenterSettings:
    """What a checkpoint says about its own use; the defaults are the 0.3 of the paper's tables and an even chance."""

    threshold: float = 0.3  # 0..1, least probability of a pixel
    presence: float = 0.5  # 0..1, least score at which anything is there


def load_checkpoint(folder: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return model and processor; raise ModelError when they are missing, incomplete or of another family."""
    return read_pretrained(
        CLIPSegForImageSegmentation, folder, dtype, families=('clipseg',), setting='segmenter.model', allowed=ALLOWED
    )


def read_settings(folder: Path) -> SegmenterSettings:
    """Return the settings beside the weights, the defaults where there are none; raise ModelError on a broken file."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return SegmenterSettings()
    try:
        settings = SegmenterSettings(**{key: float(value) for key, value in json.loads(path.read_text()).items()})
    except (ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"'{path}' may hold the numbers 'threshold' and 'presence', 0 to 1: {error}") from error
    if not (0 <= settings.threshold <= 1 and 0 <= settings.presence <= 1):
        raise ModelError(f"'{path}' says {settings}; allowed: 0 to 1")
    return settings
