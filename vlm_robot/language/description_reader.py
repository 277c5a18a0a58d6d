"""
Questions about a picture answered by a frozen language model from the text that the other eyes wrote about it.

As in LENS (Berrios et al., arXiv 2306.16410) the model sees no pixel. Where the question leaves a choice (yes or
no, a number, a colour, a place), the model scores the candidates and cannot say anything else; how it favours some
answers whatever was seen is divided out (contextual calibration, Zhao et al., arXiv 2102.09690). Other questions
are answered in a few words of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlm_robot.datatypes import Answer, Description
from vlm_robot.errors import ConfigError
from vlm_robot.language.description_prompt import (
    check_question,
    EXAMPLES,
    format_evidence,
    format_prompt,
    list_candidates,
)
from vlm_robot.language.language_model import LanguageModel, write

UNSEEN = f'{EXAMPLES}Objects:\n- N/A\n'  # what the model favours is measured on a picture of which nothing is said


@dataclass(frozen=True)
class ReaderConfig:
    """How a description is read."""

    calibration: float = 0.7  # 0..1, how much of what the model favours unseen is divided out
    longest_answer: int = 12  # tokens of a free answer

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 <= self.calibration <= 1:
            raise ConfigError(f'reader.calibration is {self.calibration}; allowed: 0 to 1')
        if self.longest_answer < 1:
            raise ConfigError(f'reader.longest_answer is {self.longest_answer}; allowed: 1 or more')


class DescriptionReader:
    """Answers questions from a description with a language model."""

    def __init__(self, model: LanguageModel, config: ReaderConfig | None = None):
        """Keep the model, which is not changed."""
        self.model, self.config = model, config or ReaderConfig()
        self.name = f'lens:{model.name}'

    def read(self, description: Description, question: str) -> Answer:
        """
        Return the answer; ``evidence`` is the text that the model was shown, and what it weighed.

        :raises SentenceError: the question is empty or too long.
        """
        question = check_question(question)
        candidates = list_candidates(description, question)
        prompt = format_prompt(description, question)
        evidence = format_evidence(description, question)
        if not candidates:
            made = write(self.model, prompt, self.config.longest_answer, ('\n',))
            return Answer(' '.join(made.text.split()), made.probability or 0.0, evidence)
        shares = self.weigh(prompt, question, candidates)
        order = np.argsort(-shares, kind='stable')
        weighed = ', '.join(f'{candidates[i]} {shares[i]:.2f}' for i in order[:5])
        return Answer(candidates[order[0]], float(shares[order[0]]), f'{evidence}Weighed: {weighed}')

    def weigh(self, prompt: str, question: str, candidates: tuple[str, ...]) -> np.ndarray:
        """Return (C,) shares of the candidates, which sum to 1."""
        texts = [f' {text}' for text in candidates]
        logprobs = np.array([score.logprob for score in self.model.score(prompt, texts)])
        if self.config.calibration:
            unseen = f'{UNSEEN}Question: {question}\nShort Answer:'
            logprobs -= self.config.calibration * np.array([score.logprob for score in self.model.score(unseen, texts)])
        weights = np.exp(logprobs - logprobs.max())
        return weights / weights.sum()
