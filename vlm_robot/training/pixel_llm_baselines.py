"""
What one would do without PixelLLM: the detector with rules on the text, string matching, the nearest training crop.

The rules know every word and every way of saying a relation that the generator of expressions has, kept ones too, so
that they are as strong as such rules can be; they share no code with the model.
"""

from __future__ import annotations

from dataclasses import dataclass
import re

import cv2
import numpy as np

from vlm_robot.datatypes import Box, Detection
from vlm_robot.perception.detector import Detector
from vlm_robot.training.owlvit_phrases import COLOUR_WORDS, SHAPE_WORDS
from vlm_robot.training.pictures import Picture
from vlm_robot.training.referring_wordings import ORDINALS
from vlm_robot.vocabulary import list_labels

COLOUR_OF = {word: colour for colour, words in COLOUR_WORDS.items() for word in words}
SHAPE_OF = {word: shape for shape, words in SHAPE_WORDS.items() for word in words}
THINGS = ('object', 'thing', 'item', 'objects', 'things', 'items')
RELATIONS = (
    ('not in', r'not in a bowl|outside the bowls'),
    ('in any', r'(in|inside) a bowl'),
    ('held', r'gripper|robot holds'),
    ('from left', r'from the left'),
    ('from right', r'from the right'),
    ('leftmost', r'leftmost|furthest left'),
    ('rightmost', r'rightmost|furthest right'),
    ('topmost', r'topmost|furthest up'),
    ('bottommost', r'lowest|furthest down'),
    ('farthest', r'(farthest|furthest away|farthest away) from'),
    ('nearest', r'(nearest|closest) to'),
    ('left', r'left of'),
    ('right', r'right of'),
    ('above', r'above|further up than'),
    ('below', r'below|further down than'),
    ('in', r'\bin(side)? the|holds$'),
    ('on', r'on (top of )?the (?!table)'),
)
CROP_PX = 12


@dataclass(frozen=True)
class Noun:
    """A colour and a shape named by a text; either may be empty."""

    colour: str
    shape: str


def list_nouns(text: str) -> list[Noun]:
    """Return the things that a text names, in order; ``in a bowl`` and ``the bowls`` of a relation are left out."""
    plain = re.sub(r'in(side)? a bowl|outside the bowls|on the table', ' ', text.lower())
    words, nouns, colour = re.findall(r'[a-z]+', plain), [], ''
    for word in words:
        shape = SHAPE_OF.get(word) or SHAPE_OF.get(word.removesuffix('s')) or ''
        if word in COLOUR_OF:
            colour = COLOUR_OF[word]
        elif shape or word in THINGS:
            nouns.append(Noun(colour, shape))
            colour = ''
    return nouns


def find_relation(text: str) -> str:
    """Return the relation that a text names, or an empty text."""
    return next((name for name, pattern in RELATIONS if re.search(pattern, text.lower())), '')


class RuleGrounder:
    """Finds what an expression names by the detector's boxes and rules on the text."""

    def __init__(self, detector: Detector):
        """Keep a detector."""
        self.detector = detector

    def look(self, rgb: np.ndarray) -> list[Detection]:
        """Return what the detector finds when it is asked for all 22 labels."""
        return self.detector.detect(rgb, list_labels())

    def ground(self, found: list[Detection], text: str) -> Box | None:
        """Return the box that the text names among what ``look`` found; None where the rules find nothing."""
        nouns, relation = list_nouns(text), find_relation(text)
        if not nouns:
            return None
        fits = _find(found, nouns[0])
        if not fits:
            return None
        if not relation:
            return fits[0].box_xyxy_px
        if relation in ('in any', 'not in'):
            bowls = _find(found, Noun('', 'bowl'))
            inside = [any(_is_inside(item, bowl) for bowl in bowls) for item in fits]
            fits = [item for item, is_in in zip(fits, inside, strict=True) if is_in == (relation == 'in any')]
            return fits[0].box_xyxy_px if fits else None
        if len(nouns) > 1:
            return _relate(relation, fits, _find(found, nouns[1]))
        return _rank(relation, fits, text)


def match_words(found: list[Detection], label: str) -> tuple[float, float] | None:
    """Return the middle of the detector's best box of the very words of a caption; None where it finds none."""
    same = [item for item in found if item.label == label]
    if not same:
        return None
    x, y = _centre(max(same, key=lambda item: item.score))
    return float(x), float(y)


class NearestCrop:
    """Names a region by the training crop that looks most like it."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.crops: list[np.ndarray] = []
        self.labels: list[str] = []

    def learn(self, picture: Picture) -> None:
        """Add every clear thing of a picture."""
        for thing in picture.things:
            if thing.is_clear:
                self.crops.append(cut_crop(picture.rgb, thing.box_xyxy_px))
                self.labels.append(thing.label)

    def name(self, rgb: np.ndarray, box: Box) -> str:
        """Return the label of the nearest crop."""
        distances = np.linalg.norm(np.stack(self.crops) - cut_crop(rgb, box), axis=1)
        return self.labels[int(distances.argmin())]


def cut_crop(rgb: np.ndarray, box: Box) -> np.ndarray:
    """Return the pixels of a box, squashed to 12 x 12, as (432,) float32."""
    x0, y0, x1, y1 = (round(v) for v in box)
    crop = rgb[max(0, y0) : max(y1, y0 + 1), max(0, x0) : max(x1, x0 + 1)]
    return cv2.resize(crop, (CROP_PX, CROP_PX), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()


def _find(found: list[Detection], noun: Noun) -> list[Detection]:
    wanted = [item for item in found if item.label.startswith(noun.colour) and item.label.endswith(noun.shape)]
    return sorted(wanted, key=lambda item: -item.score)


def _centre(item: Detection) -> np.ndarray:
    x0, y0, x1, y1 = item.box_xyxy_px
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2])


def _is_inside(item: Detection, host: Detection) -> bool:
    x, y = _centre(item)
    x0, y0, x1, y1 = host.box_xyxy_px
    return item is not host and x0 < x < x1 and y0 < y < y1


def _relate(relation: str, fits: list[Detection], anchors: list[Detection]) -> Box | None:
    if not anchors:
        return None
    anchor = anchors[0]
    fits = [item for item in fits if item is not anchor]
    steps = [_centre(item) - _centre(anchor) for item in fits]
    distances = [float(np.linalg.norm(step)) for step in steps]
    axis, sign = {'left': (0, -1), 'right': (0, 1), 'above': (1, -1), 'below': (1, 1)}.get(relation, (0, 0))
    if sign:
        kept = [i for i, step in enumerate(steps) if step[axis] * sign > 0]
    elif relation in ('in', 'on'):
        kept = [i for i, item in enumerate(fits) if relation == 'on' or any(_is_inside(item, a) for a in anchors)]
    else:
        kept = list(range(len(fits)))
    if not kept:
        return None
    best = max(kept, key=lambda i: distances[i]) if relation == 'farthest' else min(kept, key=lambda i: distances[i])
    return fits[best].box_xyxy_px


def _rank(relation: str, fits: list[Detection], text: str) -> Box | None:
    axis, sign = {
        'leftmost': (0, 1), 'from left': (0, 1), 'rightmost': (0, -1), 'from right': (0, -1), 'bottommost': (1, -1),
    }.get(relation, (1, 1))  # fmt: skip
    ordered = sorted(fits, key=lambda item: sign * _centre(item)[axis])
    rank = next((i for i, word in enumerate(ORDINALS) if word and re.search(rf'\b{word}\b', text.lower())), 1)
    return ordered[rank - 1].box_xyxy_px if rank <= len(ordered) else None
