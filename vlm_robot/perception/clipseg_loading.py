"""
Reading a CLIPSeg checkpoint: model, processor, device, and the thresholds that a checkpoint brings itself.

The thresholds stand in ``segmenter.json`` beside the weights; public checkpoints have none and get the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoProcessor, CLIPSegForImageSegmentation
from transformers.utils import logging as transformers_logging

from vlm_robot.errors import ModelError

SETTINGS_FILE = 'segmenter.json'
DTYPES = {'float32': torch.float32, 'float16': torch.float16, 'bfloat16': torch.bfloat16}


@dataclass(frozen=True)
class SegmenterSettings:
    """What a checkpoint says about its own use; the defaults are the 0.3 of the paper's tables and an even chance."""

    threshold: float = 0.3  # 0..1, least probability of a pixel
    presence: float = 0.5  # 0..1, least score at which anything is there


def load_checkpoint(folder: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return model and processor; raise ModelError when they are missing, incomplete or of another family."""
    how = (
        f"'{folder}'; allowed: 'shipped', a folder with a CLIPSeg checkpoint, or a hub name such as "
        "'CIDAS/clipseg-rd64-refined'"
    )
    bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        family = AutoConfig.from_pretrained(folder).model_type
        if family != 'clipseg':
            raise ModelError(f"segmenter.model {how}; this is '{family}'")
        reader: Any = CLIPSegForImageSegmentation
        model, loading = reader.from_pretrained(folder, dtype=dtype, output_loading_info=True)
        processor = AutoProcessor.from_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f'cannot load segmenter.model {how}: {error}') from error
    finally:
        if bar:
            transformers_logging.enable_progress_bar()
    if loading['missing_keys']:
        raise ModelError(
            f"segmenter.model '{folder}' lacks weights: {sorted(loading['missing_keys'])[:3]}; get it again"
        )
    return model, processor


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


def choose_device(wanted: str) -> torch.device:
    """Return the device of that name, the GPU or else the CPU for ``auto``; raise ModelError when it cannot be used."""
    if wanted == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        return torch.empty(0, device=wanted).device
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"segmenter.device '{wanted}' cannot be used: {error}; use 'auto' or 'cpu'") from error
