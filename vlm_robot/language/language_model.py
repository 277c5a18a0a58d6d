"""
What a language model must be able to do for the planner, and a scripted fake beside it.

This module knows nothing of tokenisers, devices or servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from typing import Protocol, runtime_checkable


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


@dataclass(frozen=True)
class Generation:
    """
    A text that was written.

    :param logprob: natural log of the probability of all its tokens; None where the backend does not tell.
    :param token_count: number of tokens that were summed.
    """

    text: str
    logprob: float | None = None
    token_count: int = 0

    @property
    def probability(self) -> float | None:
        """Return 0..1, how likely the model found the whole text."""
        return None if self.logprob is None else math.exp(self.logprob)

    @property
    def mean_logprob(self) -> float | None:
        """Return the natural log of the probability of one token, on average."""
        return None if self.logprob is None else self.logprob / max(1, self.token_count)


class LanguageModel(Protocol):
    """Scores given texts and writes new ones."""

    name: str

    def score(self, prompt: str, continuations: Sequence[str]) -> list[ContinuationScore]:
        """Return the log-probability of each continuation after the prompt, in order."""
        ...

    def generate(self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '') -> str:
        """
        Return the greedy continuation of the prompt, cut before the first stop text.

        :param grammar: Lark text that the continuation follows; a backend that cannot constrain ignores it.
        """
        ...


@runtime_checkable
class Writer(Protocol):
    """A model that also tells how likely it found what it wrote."""

    def write(
        self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '', draft: str = ''
    ) -> Generation:
        """
        Return the greedy continuation as ``generate`` does, with its probability.

        :param draft: a guess of the continuation, from which a backend may gain time; the text does not depend on it.
        """
        ...


def write(
    model: LanguageModel,
    prompt: str,
    max_new_tokens: int = 64,
    stop: Sequence[str] = (),
    grammar: str = '',
    draft: str = '',
) -> Generation:
    """Return what a model writes, with its probability where the model tells it."""
    if isinstance(model, Writer):
        return model.write(prompt, max_new_tokens, stop, grammar, draft)
    return Generation(model.generate(prompt, max_new_tokens, stop, grammar))


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

    def generate(self, prompt: str, max_new_tokens: int = 64, stop: Sequence[str] = (), grammar: str = '') -> str:
        """Return the scripted continuation."""
        self.prompts.append(prompt)
        text = self._find(prompt)
        for mark in stop:
            text = text.split(mark)[0]
        return text

    def _find(self, prompt: str) -> str:
        endings = [key for key in self.script if prompt.rstrip().endswith(key)]
        return self.script[max(endings, key=len)] if endings else ''
