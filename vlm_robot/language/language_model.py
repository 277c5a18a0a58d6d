"""
What a language model must be able to do for the planner, and a scripted fake beside it.

This module knows nothing of tokenisers, devices or servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ContinuationScore:
    """
    How likely a text is after a prompt.

    :param logprob: natural log of the probability of all its tokens, in order.
    :param token_count: number of tokens that were summed.
    """

    text: str
    logprob: float
    token_count: int


class LanguageModel(Protocol):
    """Scores given texts and writes new ones."""

    name: str

    def score(self, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        """Return the log-probability of each continuation after the prompt, in order."""
        ...

    def generate(self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = ()) -> str:
        """Return the greedy continuation of the prompt, cut before the first stop text."""
        ...


class ScriptedLanguageModel:
    """A fake for tests: the last line of the prompt that ends with a key decides what is likely."""

    def __init__(self, script: Mapping[str, str], name: str = 'scripted'):
        """Keep ``script``: prompt ending -> the continuation that shall be most likely."""
        self.name = name
        self.script = dict(script)
        self.prompts: list[str] = []

    def score(self, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        """Give log-probability -0.1 to the scripted continuation and -10 to all others."""
        self.prompts.append(prompt)
        wanted = self._find(prompt)
        return [
            ContinuationScore(text, -0.1 if text.strip() == wanted else -10.0, max(1, len(text.split())))
            for text in continuations
        ]

    def generate(self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = ()) -> str:
        """Return the scripted continuation."""
        self.prompts.append(prompt)
        text = self._find(prompt)
        for mark in stop:
            text = text.split(mark)[0]
        return text

    def _find(self, prompt: str) -> str:
        endings = [key for key in self.script if prompt.rstrip().endswith(key)]
        return self.script[max(endings, key=len)] if endings else ''
