"""Fakes of the parts of sight for tests: each answers from what it was given, whatever the picture shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vlm_robot.datatypes import Answer, Box, Description, Detection, GroundedCaption, GroundedWord, Mask
from vlm_robot.perception.regions import cut_mask


class FixedSegmenter:
    """Answers from a table of query -> box, filled with pixels."""

    def __init__(self, boxes: Mapping[str, tuple[int, int, int, int]], name: str = 'fixed', score: float = 1.0):
        """Keep ``boxes``: query -> box xyxy in whole pixels, and the score of each."""
        self.name, self.boxes, self.score = name, dict(boxes), score

    def adjust(self, config: object) -> None:
        """Change nothing: a table of answers has no thresholds."""

    def segment(self, rgb: np.ndarray, queries: Sequence[str]) -> list[Mask]:
        """Return the box of every query as a mask; an empty mask with score 0 where there is none."""
        masks = []
        for query in queries:
            mask = np.zeros(rgb.shape[:2], bool)
            if query in self.boxes:
                left, top, right, bottom = self.boxes[query]
                mask[top:bottom, left:right] = True
            masks.append(Mask(query, self.score * float(mask.any()), mask.astype(np.float32), mask))
        return masks


class FixedGrounder:
    """Answers from a table of phrase -> boxes, and captions with the phrases."""

    def __init__(self, boxes: Mapping[str, Sequence[Box]], name: str = 'fixed'):
        """Keep ``boxes``: phrase -> boxes xyxy in pixels."""
        self.name = name
        self.boxes = {phrase: list(found) for phrase, found in boxes.items()}

    def adjust(self, config: object) -> None:
        """Change nothing: a table of answers has no thresholds."""

    def ground(self, rgb: np.ndarray, phrase: str) -> list[Detection]:
        """Return the boxes of the phrase, each with score 1."""
        return [Detection(phrase, 1.0, box) for box in self.boxes.get(phrase, ())]

    def ground_masks(self, rgb: np.ndarray, phrase: str) -> list[tuple[Detection, Mask]]:
        """Return the boxes of the phrase, each filled with pixels."""
        found = self.ground(rgb, phrase)
        return [(item, cut_mask(_fill(rgb, phrase), item.box_xyxy_px)) for item in found]

    def caption(self, rgb: np.ndarray, box_xyxy_px: Box | None = None) -> GroundedCaption:
        """Return the phrases joined by ``and``, or the phrase of a box; every word points at its box's centre."""
        words: list[GroundedWord] = []
        for phrase, boxes in self.boxes.items():
            shown = [box for box in boxes if box_xyxy_px in (None, box)]
            if shown and words:
                words.append(GroundedWord('and', None))
            for word in phrase.split() if shown else ():
                left, top, right, bottom = shown[0]
                words.append(GroundedWord(word, ((left + right) / 2, (top + bottom) / 2), shown[0]))
        return GroundedCaption(' '.join(word.word for word in words), tuple(words), 1.0, box_xyxy_px)

    def caption_dense(self, rgb: np.ndarray) -> list[GroundedCaption]:
        """Return one caption per box."""
        return [self.caption(rgb, box) for boxes in self.boxes.values() for box in boxes]


class FixedDescriber:
    """Says always the same."""

    def __init__(self, description: Description, name: str = 'fixed'):
        """Keep what to say."""
        self.name, self.description = name, description

    def describe(self, rgb: np.ndarray) -> Description:
        """Return what was given."""
        return self.description


class FixedAnswerer:
    """Answers from a table of question -> answer; ``unknown`` with confidence 0 to anything else."""

    def __init__(self, answers: Mapping[str, str], name: str = 'fixed'):
        """Keep the table."""
        self.name, self.answers = name, dict(answers)

    def answer(self, rgb: np.ndarray, question: str) -> Answer:
        """Return the answer of the table with confidence 1."""
        if question not in self.answers:
            return Answer('unknown', 0.0, 'the table of the fake')
        return Answer(self.answers[question], 1.0, 'the table of the fake')


class FixedEmbedder:
    """Embeds pictures by their mean colour and texts by the colour that a table names."""

    def __init__(self, colours: Mapping[str, tuple[int, int, int]], name: str = 'fixed'):
        """Keep ``colours``: text -> red, green, blue, 0..255."""
        self.name, self.colours = name, dict(colours)

    def embed_images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Return (N, 3) float32, each row of length 1."""
        return _normalise([np.asarray(picture, float).reshape(-1, 3).mean(0) for picture in pictures])

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, 3) float32, each row of length 1."""
        return _normalise([self.colours[text] for text in texts])

    def classify(self, rgb: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Return (N,) float32, the share of each label."""
        cosines = (self.embed_images([rgb]) @ self.embed_texts(labels).T)[0]
        return (cosines / cosines.sum()).astype(np.float32)


def _fill(rgb: np.ndarray, label: str) -> Mask:
    whole = np.ones(rgb.shape[:2], bool)
    return Mask(label, 1.0, whole.astype(np.float32), whole)


def _normalise(rows: Sequence) -> np.ndarray:
    table = np.asarray(rows, np.float32).reshape(-1, 3) + np.float32(1e-6)
    return table / np.linalg.norm(table, axis=1, keepdims=True)
