"""
Text that follows a grammar: which tokens may come next, and which must.

Grammars are Lark text, read by llguidance (guidance-ai/llguidance), which keeps one parser state per text and
turns it into a mask over the vocabulary. This module knows tokenisers of the Hugging Face kind; no model.
"""

from __future__ import annotations

from collections.abc import Sequence
import threading
from typing import Any

import numpy as np

from vlm_robot.errors import ModelError


class GrammarGuide:
    """Begins texts under a grammar for one tokenizer; the vocabulary is prepared once, at the first use."""

    def __init__(self, tokenizer, vocabulary: int = 0):
        """
        Keep the tokenizer.

        :param vocabulary: length of the logits, where it is more than the tokenizer's own.
        """
        self._tokenizer, self._vocabulary = tokenizer, vocabulary
        self._prepared: Any = None
        self._lock = threading.Lock()

    def begin(self, grammar: str) -> GuidedText:
        """
        Return an empty text under a grammar.

        :raises ModelError: llguidance is not installed, or the grammar is not one.
        """
        try:
            from llguidance import LLMatcher
            from llguidance.hf import from_tokenizer
        except ImportError as error:
            raise ModelError('text under a grammar needs llguidance; install it: pip install llguidance') from error
        with self._lock:
            if self._prepared is None:
                self._prepared = from_tokenizer(self._tokenizer, n_vocab=self._vocabulary or None)
        matcher = LLMatcher(self._prepared, grammar)
        if matcher.is_error():
            raise ModelError(f'the grammar cannot be used: {matcher.get_error().splitlines()[0][:200]}')
        return GuidedText(matcher)


class GuidedText:
    """One text that grows token by token."""

    def __init__(self, matcher):
        """Keep the parser's state."""
        self._matcher = matcher

    def list_forced(self) -> list[int]:
        """Return the tokens that must come next; empty where there is a choice."""
        return self._matcher.compute_ff_tokens()

    def mask(self) -> np.ndarray:
        """Return (vocabulary,) bool, which tokens may come next."""
        return np.frombuffer(self._matcher.compute_logit_bias(), dtype=np.uint8) > 0

    def add(self, tokens: Sequence[int]) -> None:
        """
        Go on with tokens.

        :raises ModelError: the grammar does not allow them.
        """
        if not self._matcher.consume_tokens(list(tokens)):
            raise ModelError(f'the text left its grammar: {self._matcher.get_error().splitlines()[0][:200]}')

    def is_complete(self) -> bool:
        """Return whether nothing more can come."""
        return self._matcher.is_stopped()
