"""Reading checkpoints of transformers: model, processor and device, with errors that name the setting and the cure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
import contextlib
from typing import Any

import torch
from transformers import AutoConfig, AutoProcessor
from transformers.utils import logging as transformers_logging

from vlm_robot.errors import ModelError

DTYPES = {'float32': torch.float32, 'float16': torch.float16, 'bfloat16': torch.bfloat16}


@contextlib.contextmanager
def hide_progress() -> Iterator[None]:
    """Keep transformers' progress bars off the terminal."""
    bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if bar:
            transformers_logging.enable_progress_bar()


def read_pretrained(
    reader: Any, folder: str, dtype: torch.dtype, *, families: Collection[str], setting: str, allowed: str
) -> tuple[Any, Any]:
    """
    Return model and processor of a checkpoint.

    :param reader: a class of transformers with ``from_pretrained``.
    :param families: names of the model types that it may have.
    :param setting: the name of the setting that chose it, for messages; ``allowed`` says what it may be.
    :raises ModelError: it is missing, incomplete or of another family.
    """
    how = f"'{folder}'; allowed: {allowed}"
    try:
        with hide_progress():
            family = AutoConfig.from_pretrained(folder).model_type
            if family not in families:
                raise ModelError(f"{setting} {how}; this is '{family}'")
            model, loading = reader.from_pretrained(folder, dtype=dtype, output_loading_info=True)
            processor = AutoProcessor.from_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f'cannot load {setting} {how}: {error}') from error
    if loading['missing_keys']:
        raise ModelError(f"{setting} '{folder}' lacks weights: {sorted(loading['missing_keys'])[:3]}; get it again")
    return model, processor


def choose_device(wanted: str, setting: str) -> torch.device:
    """Return the device of that name, the GPU or else the CPU for ``auto``; raise ModelError when it cannot be used."""
    if wanted == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        return torch.empty(0, device=wanted).device
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"{setting} '{wanted}' cannot be used: {error}; use 'auto' or 'cpu'") from error
