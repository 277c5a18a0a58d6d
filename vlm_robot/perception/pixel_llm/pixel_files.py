"""
PixelLLM on disk: ``config.json``, ``model.safetensors`` in half precision, the tokenizer's files.

Weights that two streams share (both start from one tower, whose first layers never train) are kept once. A language
model that is named rather than kept adds only its LoRA.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
import torch
from transformers import PreTrainedTokenizerFast

from vlm_robot.errors import ModelError
from vlm_robot.perception.pixel_llm.pixel_config import read_shape, write_shape
from vlm_robot.perception.pixel_llm.pixel_model import PixelLlmModel
from vlm_robot.perception.pixel_llm.pixel_text import TextCodec

WEIGHTS_FILE = 'model.safetensors'
SHARED = ('image.semantic.', 'image.localiser.')


def save(model: PixelLlmModel, codec: TextCodec, folder: Path) -> None:
    """Write a checkpoint."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu() for name, value in model.state_dict().items() if _is_kept(model, name)}
    state = {name: value for name, value in state.items() if not _is_repeated(name, state)}
    half = {n: v.half().contiguous() if v.is_floating_point() else v.contiguous() for n, v in state.items()}
    save_file(half, folder / WEIGHTS_FILE, metadata={'format': 'pt'})
    write_shape(model.shape, folder)
    codec.tokenizer.save_pretrained(folder)


def load(folder: str | Path, base: str = '', dtype: torch.dtype = torch.float32) -> tuple[PixelLlmModel, TextCodec]:
    """
    Return model and codec of a checkpoint.

    :param base: where the language model lies that the checkpoint names, if not under that name.
    :raises ModelError: the folder is missing, incomplete or of another kind.
    """
    folder = Path(folder)
    shape = read_shape(folder)
    model = PixelLlmModel(shape, base)
    try:
        state = load_file(folder / WEIGHTS_FILE)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"PixelLLM '{folder.name}' cannot be read: {error}; get it again or train it") from error
    wanted = {name for name in model.state_dict() if _is_kept(model, name)}
    first, second = SHARED
    for name in wanted - set(state):
        twin = second + name.removeprefix(first)
        if name.startswith(first) and twin in state:
            state[name] = state[twin]
    lacking, foreign = sorted(wanted - set(state)), sorted(set(state) - wanted)
    if lacking or foreign:
        raise ModelError(f"PixelLLM '{folder.name}': lacks {lacking[:3]}, not known {foreign[:3]}; get it again")
    try:
        model.load_state_dict({name: value.float() for name, value in state.items()}, strict=False)
    except RuntimeError as error:
        raise ModelError(f"PixelLLM '{folder.name}': weights do not fit its config.json: {error}") from error
    return model.to(dtype).eval(), TextCodec(tokenizer, shape.contexts)


def _is_kept(model: PixelLlmModel, name: str) -> bool:
    if name.startswith('language.'):
        return model.language.is_own(name) and not _is_tied_head(model, name)
    return True


def _is_tied_head(model: PixelLlmModel, name: str) -> bool:
    return name.endswith('lm_head.weight') and bool(model.language.model.config.tie_word_embeddings)


def _is_repeated(name: str, state) -> bool:
    first, second = SHARED
    twin = state.get(second + name.removeprefix(first)) if name.startswith(first) else None
    return twin is not None and twin.shape == state[name].shape and bool(torch.equal(twin, state[name]))
