"""
Tags and attributes of a picture and of the things in it, by open_clip with vocabularies in files.

After LENS (Berrios et al., arXiv 2306.16410), with three differences: a picture is encoded once for tags and
attributes, cut-outs around things are asked as well as the whole, and every line keeps its confidence. A vocabulary
is a text file, one entry a line, ``#`` begins a comment; the embeddings of its entries are made once.

LENS keeps what has a cosine of 0.2 or more. So do we for models that learned only to rank; a model that brings a
bias (SigLIP, the shipped one) says itself how sure it is, and then that decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlm_robot.datatypes import Box, DescriptionLine
from vlm_robot.errors import ConfigError
from vlm_robot.perception.clip_embedder import ClipEmbedder
from vlm_robot.perception.crops import cut_around

VOCABULARIES = Path(__file__).resolve().parents[1] / 'vocabularies'


@dataclass(frozen=True)
class TaggingConfig:
    """Which words are asked, and how many answers are kept."""

    tags: str = 'shipped'  # 'shipped', or a file with one tag a line
    attributes: str = 'shipped'  # 'shipped', or a file with one attribute a line
    templates: str = 'shipped'  # 'shipped', or a file with one wording of a tag a line
    most: int = 5  # tags, and as many attributes, that are kept of the whole picture and of each thing
    least_confidence: float = 0.5  # 0..1, of an answer of a model that was taught probabilities
    least_cosine: float = 0.2  # -1..1, of an answer of any other model

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.most < 1:
            raise ConfigError(f'tagging.most is {self.most}; allowed: 1 or more')
        if not 0 <= self.least_confidence <= 1:
            raise ConfigError(f'tagging.least_confidence is {self.least_confidence}; allowed: 0 to 1')
        if not -1 <= self.least_cosine <= 1:
            raise ConfigError(f'tagging.least_cosine is {self.least_cosine}; allowed: -1 to 1')


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """
    Entries and their embeddings.

    :param kind: ``tag`` or ``attribute``, what a line of it is called in a description.
    :param embeds: (N, D) float32, of length 1.
    """

    kind: str
    entries: tuple[str, ...]
    embeds: np.ndarray


class Tagger:
    """Names what a picture shows, from fixed lists of words."""

    def __init__(self, embedder: ClipEmbedder, config: TaggingConfig | None = None):
        """Read the vocabularies and embed them once; raise ConfigError where a file is missing or empty."""
        self.embedder, self.config = embedder, config or TaggingConfig()
        templates = read_vocabulary(_find(self.config.templates, 'templates'))
        tags = read_vocabulary(_find(self.config.tags, 'tags'))
        attributes = read_vocabulary(_find(self.config.attributes, 'attributes'))
        self.tags = Vocabulary('tag', tags, embedder.embed_classes(tags, templates))
        self.attributes = Vocabulary('attribute', attributes, embedder.embed_classes(attributes))

    def tag(self, rgb: np.ndarray, boxes: Sequence[Box] = ()) -> list[DescriptionLine]:
        """
        Return tags and attributes of the whole picture, then of a cut-out around each box.

        :param rgb: (H, W, 3) uint8; it is encoded once, all cut-outs in one go with it.
        :param boxes: left, top, right, bottom in pixels.
        """
        embeds = self.embedder.embed_images([rgb, *(cut_around(rgb, box) for box in boxes)])
        return self.tag_embedded(embeds, [None, *boxes])

    def tag_embedded(self, embeds: np.ndarray, boxes: Sequence[Box | None]) -> list[DescriptionLine]:
        """Return what ``tag`` returns for embedded pictures (N, D), each with the box it stands for."""
        ranked = [self._rank(embeds, vocabulary) for vocabulary in (self.tags, self.attributes)]
        return [
            DescriptionLine(kind, text, confidence, box)
            for i, box in enumerate(boxes)
            for kind, rows in ranked
            for text, confidence in rows[i]
        ]

    def _rank(self, embeds: np.ndarray, vocabulary: Vocabulary) -> tuple[str, list[list[tuple[str, float]]]]:
        sure = self.embedder.judge(embeds, vocabulary.embeds)
        cosines = embeds @ vocabulary.embeds.T
        if self.embedder.is_calibrated:
            is_kept = sure >= self.config.least_confidence
        else:
            is_kept = cosines >= self.config.least_cosine
        rows = []
        for i, order in enumerate(np.argsort(-cosines, axis=1)[:, : self.config.most]):
            rows.append([(vocabulary.entries[j], float(sure[i, j])) for j in order if is_kept[i, j]])
        return vocabulary.kind, rows


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Return the entries of a file in order, repeated ones once; raise ConfigError where there are none."""
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the vocabulary '{path}': {error}") from error
    entries = tuple(dict.fromkeys(line.strip() for line in lines if line.strip() and not line.startswith('#')))
    if not entries:
        raise ConfigError(f"the vocabulary '{path}' has no entries; write one a line")
    return entries


def _find(name: str, kind: str) -> Path:
    return VOCABULARIES / f'{kind}.txt' if name == 'shipped' else Path(name)
