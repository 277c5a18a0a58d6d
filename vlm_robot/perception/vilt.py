"""
Answers to questions about a picture with ViLT, any checkpoint by name or folder.

The picture is preprocessed once for all questions about it; ViLT reads picture and question as one sequence,
so each question is its own pass, and passes are batched. Answers are the checkpoint's own list (``id2label``),
the likeliest first. Which checkpoint is loaded, the code does not ask: pixels, words and the meaning of the
logits come from its configuration.

Sources: ViLT (Kim, Son and Kim, arXiv 2102.03334), transformers' implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import threading
from typing import Any

import numpy as np
import torch
from transformers import ViltForQuestionAnswering

from vlm_robot.datatypes import Answer
from vlm_robot.errors import ConfigError, SentenceError
from vlm_robot.perception.images import check_rgb
from vlm_robot.perception.pretrained import choose_device, read_pretrained

SHIPPED = Path(__file__).resolve().parents[1] / 'checkpoints' / 'vilt'
LONGEST_SIDE = 3  # times the short side: stock preprocessing shrinks longer strips to nothing
PADDING = 127  # grey level beside a strip


@dataclass(frozen=True)
class ViltConfig:
    """Which checkpoint answers, and how it runs."""

    model: str = 'shipped'  # 'shipped', a folder, or a name on the Hugging Face hub
    answers: int = 5  # 1 or more, how many answers are weighed in the evidence
    batch: int = 16  # 1 or more, questions in one pass
    device: str = 'auto'  # 'auto', 'cpu', 'cuda', 'cuda:1', ...
    threads: int = 0  # CPU threads of the whole process; 0 leaves torch's choice

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name, least in (('answers', 1), ('batch', 1), ('threads', 0)):
            if getattr(self, name) < least:
                raise ConfigError(f'vilt.{name} is {getattr(self, name)}; allowed: {least} or more')
        if not self.model:
            raise ConfigError("vilt.model is empty; allowed: 'shipped', a folder, or a hub name")


class ViltAnswerer:
    """
    Answers questions about a picture; implements ``sight.Answerer``.

    Calls from several threads wait for each other.
    """

    def __init__(self, config: ViltConfig | None = None):
        """Load the checkpoint; raise ModelError when it is missing, incomplete or of another kind."""
        self.config = config or ViltConfig()
        self.name = f'vilt:{self.config.model}'
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        self.device = choose_device(self.config.device, 'vilt.device')
        self.model, self.processor = _load(str(SHIPPED) if self.config.model == 'shipped' else self.config.model)
        self.model.to(self.device).eval()
        self.text_limit = self.model.config.max_position_embeddings
        self.answers = tuple(self.model.config.id2label[i] for i in range(self.model.config.num_labels))
        self._lock = threading.Lock()

    def answer(self, rgb: np.ndarray, question: str) -> Answer:
        """
        Return the most probable answer; ``evidence`` lists the likeliest ones with their confidences.

        :param rgb: (H, W, 3) uint8, red green blue, of any size.
        :raises ImageError: ``rgb`` is no such picture.
        :raises SentenceError: the question is empty or longer than the model can read.
        """
        return self.answer_all(rgb, [question])[0]

    def answer_all(self, rgb: np.ndarray, questions: Sequence[str]) -> list[Answer]:
        """Return what ``answer`` returns, for several questions about one picture."""
        return [_make_answer(ranking) for ranking in self.rank(rgb, questions)]

    def rank(self, rgb: np.ndarray, questions: Sequence[str]) -> list[list[tuple[str, float]]]:
        """Return per question the likeliest answers, best first, each with its confidence 0..1."""
        count = min(self.config.answers, len(self.answers))
        values, indices = self.weigh(rgb, questions).topk(count, dim=1)
        return [
            [(self.answers[i], value) for i, value in zip(row.tolist(), row_values.tolist(), strict=True)]
            for row, row_values in zip(indices, values, strict=True)
        ]

    def weigh(self, rgb: np.ndarray, questions: Sequence[str]) -> torch.Tensor:
        """
        Return (Q, A) float32, the confidence 0..1 of every answer to every question.

        A checkpoint that says it gives one label per question is read by softmax; VQAv2 checkpoints, which were
        trained on one yes or no per answer, by sigmoid.
        """
        check_rgb(rgb)
        if isinstance(questions, str):
            raise SentenceError(f"questions must be a list of texts, got the text '{questions}'; put it into a list")
        if not questions:
            return torch.zeros(0, len(self.answers))
        encoded = self._read(questions)
        with self._lock, torch.inference_mode():
            pixels = self.processor.image_processor(images=[_widen_strip(rgb)], return_tensors='pt').to(self.device)
            parts = range(0, len(questions), self.config.batch)
            logits = torch.cat([self._forward(pixels, encoded, slice(i, i + self.config.batch)) for i in parts])
        if self.model.config.problem_type == 'single_label_classification':
            return logits.softmax(-1)
        return logits.sigmoid()

    def _forward(self, pixels, encoded, part: slice) -> torch.Tensor:
        text = {name: value[part].to(self.device) for name, value in encoded.items()}
        count = len(text['input_ids'])
        picture = {name: value.expand(count, *value.shape[1:]) for name, value in pixels.items()}
        # The stock embedding shuffles patches, and draws some where there are more than it may keep: the same
        # picture and question shall give the same answer, and the caller's random numbers stay as they are.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.model(**text, **picture).logits.float().cpu()

    def _read(self, questions: Sequence[str]):
        for question in questions:
            if not isinstance(question, str) or not question.strip():
                raise SentenceError(f"a question must be words such as 'is there a red block?', got {question!r}")
        texts = [' '.join(question.split()) for question in questions]
        encoded = self.processor.tokenizer(texts, padding=True, return_tensors='pt')
        for question, length in zip(texts, encoded['attention_mask'].sum(1).tolist(), strict=True):
            if length > self.text_limit:
                raise SentenceError(
                    f"question '{question[:60]}' has {length} tokens; '{self.name}' reads at most "
                    f'{self.text_limit}: use fewer words'
                )
        return encoded


def _make_answer(ranking: Sequence[tuple[str, float]]) -> Answer:
    (text, confidence), evidence = ranking[0], ', '.join(f'{text} {value:.2f}' for text, value in ranking)
    return Answer(text, confidence, evidence)


def _widen_strip(rgb: np.ndarray) -> np.ndarray:
    """Return the picture, put on grey where one side is more than LONGEST_SIDE times the other."""
    height, width = rgb.shape[:2]
    least = -(-max(height, width) // LONGEST_SIDE)
    if min(height, width) >= least:
        return np.ascontiguousarray(rgb)
    rows, columns = max(0, least - height), max(0, least - width)
    return np.pad(rgb, ((0, rows), (0, columns), (0, 0)), constant_values=PADDING)


def _load(folder: str) -> tuple[Any, Any]:
    allowed = (
        "'shipped', a folder with a ViLT checkpoint for questions, or a hub name such as "
        "'dandelin/vilt-b32-finetuned-vqa'"
    )
    return read_pretrained(
        ViltForQuestionAnswering, folder, torch.float32, families=('vilt',), setting='vilt.model', allowed=allowed
    )
