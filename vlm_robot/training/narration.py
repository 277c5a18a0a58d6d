"""
Localised narratives: a narrator names things and how they lie while a pointer moves over them.

A narrative is a caption cut into utterances with their times, and the trace of the pointer. The targets of its words
are made as PixelLLM makes them of Localized Narratives (Xu et al., arXiv 2312.09237, scenic/projects/pixel_llm;
Pont-Tuset et al., ECCV 2020): 16 samples of the trace, linearly interpolated, in the time of a word's utterance; their
time average is its centre, their extent its box. Two things are better than in the sources: words and utterances match
exactly and not by their relative position, and words without a place (``and``, ``there``) have no target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
import re

import numpy as np

from vlm_robot.datatypes import Box
from vlm_robot.training.picture_phrases import fix_articles
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.referring import MARGIN, place_of
from vlm_robot.training.sight_separation import pick, Wordings

SAMPLES = 16
TRACE_HZ = 50
SECONDS_PER_LETTER, SECONDS_PER_WORD = 0.06, 0.15
SWEEP = 1.0  # the pointer goes round the edge of a thing's box, this share of its half width and height
TREMOR = 0.003  # of the picture's side, standard deviation
STYLES = ('short', 'pair', 'tour', 'hand')
TOUR_THINGS = 5  # a sentence names no more
SAYINGS = {
    'short': Wordings(('{0} {p} {1}', 'there is {0} {p} {1}', '{0} is {p} {1}'), ('we see {0} {p} {1}',)),
    'pair': Wordings(('{0} and {1}', 'there is {0} and {1}', 'we see {0} and {1}'), ('{0} , and there is {1}',)),
    'tour': Wordings(
        ('there is {}', 'on the table there is {}', 'we see {}', 'from left to right there is {}'),
        ('on the table we see {}', 'from left to right we see {}'),
    ),
    'hand': Wordings(('the robot holds {0}', '{0} in the gripper'), ('we see {0} in the gripper',)),
    'single': Wordings(('{0}', 'there is {0}', 'there is only {0}'), ('we see only {0}',)),
    'nothing': Wordings(('the table is empty', 'there is nothing on the table'), ('we see nothing on the table',)),
}  # fmt: skip


@dataclass(frozen=True)
class Utterance:
    """
    A few words and when they are said, in seconds; ``thing`` is the index of what they name, None for no place.

    Words of one utterance share one place, as in ``red block``.
    """

    text: str
    start_s: float
    end_s: float
    thing: int | None = None


@dataclass(frozen=True, eq=False)
class Narrative:
    """
    What was said and shown.

    :param trace: (T, 3) float64: x and y, 0..1 of the picture, and seconds, rising.
    """

    utterances: tuple[Utterance, ...]
    trace: np.ndarray

    @property
    def text(self) -> str:
        """Return the caption."""
        return ' '.join(utterance.text for utterance in self.utterances)


@dataclass(frozen=True)
class WordTarget:
    """
    A word of a caption and where its pointer was.

    :param point_px: time average of the trace; None for a word without a place. ``box_xyxy_px``: its extent.
    :param thing: index of the thing that the word names.
    """

    word: str
    point_px: tuple[float, float] | None = None
    box_xyxy_px: Box | None = None
    thing: int | None = None


def narrate(picture: Picture, split: str, rng: np.random.Generator, style: str | None = None) -> Narrative:
    """
    Tell a picture.

    :param style: one of STYLES; None, or one that the picture does not allow, leaves it to chance.
    """
    clear = [i for i, thing in enumerate(picture.things) if thing.is_clear]
    held = [i for i in clear if picture.things[i].place == 'hand']
    style = style or pick(rng, STYLES[:3] * 2 + STYLES[3:])
    if style == 'hand' and held:
        return _tell(picture, SAYINGS['hand'].pick(split, rng)[0], held, '', rng)
    if style == 'short':
        pairs = [(i, j, said) for i in clear for j in clear if i != j and (said := relate(picture, i, j))]
        if pairs:
            close = [pair for pair in pairs if pair[2] in ('in', 'on')]
            i, j, predicate = pick(rng, close if close and rng.random() < 0.3 else pairs)
            return _tell(picture, SAYINGS['short'].pick(split, rng)[0], [i, j], predicate, rng)
    if style == 'pair' and len(clear) > 1:
        return _tell(picture, SAYINGS['pair'].pick(split, rng)[0], rng.permutation(clear)[:2].tolist(), '', rng)
    if len(clear) > 1:
        return _tour(picture, split, clear, rng)
    return _tell(picture, SAYINGS['single' if clear else 'nothing'].pick(split, rng)[0], clear, '', rng)


def relate(picture: Picture, subject: int, other: int) -> str | None:
    """Return how a thing lies to another: in, on, or the main direction of the picture; None is too close to call."""
    things = picture.things
    if things[subject].host == other:
        return 'in' if things[subject].place == 'bowl' else 'on'
    if things[other].host == subject:
        return None
    dx, dy = place_of(things[subject], picture) - place_of(things[other], picture)
    if max(abs(dx), abs(dy)) < 2 * MARGIN or abs(abs(dx) - abs(dy)) < MARGIN:
        return None
    if abs(dx) > abs(dy):
        return 'left of' if dx < 0 else 'right of'
    return 'above' if dy < 0 else 'below'


def list_word_targets(narrative: Narrative, picture: Picture) -> list[WordTarget]:
    """Return every word of a narrative with its place in pixels of the picture."""
    targets = []
    for utterance in narrative.utterances:
        point, extent = None, None
        if utterance.thing is not None:
            centre, box = locate_utterance(narrative.trace, utterance)
            (x, y), (x0, y0, x1, y1) = (centre * picture.size_px).tolist(), (box * (picture.size_px * 2)).tolist()
            point, extent = (x, y), (x0, y0, x1, y1)
        targets += [WordTarget(word, point, extent, utterance.thing) for word in utterance.text.split()]
    return targets


def locate_utterance(trace: np.ndarray, utterance: Utterance) -> tuple[np.ndarray, np.ndarray]:
    """Return the (2,) time average and the (4,) extent, 0..1, of 16 samples of the trace in an utterance's time."""
    times = np.linspace(utterance.start_s, utterance.end_s, SAMPLES)
    points = np.stack([np.interp(times, trace[:, 2], trace[:, axis]) for axis in (0, 1)], 1).clip(0, 1)
    centre = (points[1:] + points[:-1]).mean(0) / 2  # the trapezoid rule with even steps
    return centre, np.concatenate([points.min(0), points.max(0)])


def format_record(narrative: Narrative, image_id: str) -> dict:
    """Return a narrative as one line of the files of Localized Narratives."""
    timed = [{'utterance': u.text, 'start_time': u.start_s, 'end_time': u.end_s} for u in narrative.utterances]
    trace = [{'x': x, 'y': y, 't': t} for x, y, t in narrative.trace.tolist()]
    return {
        'dataset_id': 'vlm_robot', 'image_id': image_id, 'annotator_id': 0, 'caption': narrative.text,
        'timed_caption': timed, 'traces': [trace],
    }  # fmt: skip


def caption_region(thing: PictureThing) -> str:
    """Return the one caption of a thing that counts as exact: colour and shape, for example ``red block``."""
    return thing.label


def caption_place(picture: Picture, index: int) -> str:
    """Return a caption of a thing that says where it is, for example ``a red block in a green bowl``."""
    thing = picture.things[index]
    host = picture.things[thing.host] if thing.host is not None else None
    if host is not None:
        return fix_articles(f'a {thing.label} {"in" if thing.place == "bowl" else "on"} a {host.label}')
    where = {'hand': 'in the gripper', 'bowl': 'in a bowl', 'stack': 'on a block'}.get(thing.place, 'on the table')
    return fix_articles(f'a {thing.label} {where}')


def list_dense_captions(picture: Picture) -> list[tuple[str, Box]]:
    """Return the caption and the box of every thing that shows clearly."""
    return [(caption_region(thing), thing.box_xyxy_px) for thing in picture.things if thing.is_clear]


def _tour(picture: Picture, split: str, clear: list[int], rng: np.random.Generator) -> Narrative:
    wording, _ = SAYINGS['tour'].pick(split, rng)
    chosen = rng.permutation(clear)[:TOUR_THINGS].tolist()
    if 'left to right' in wording:
        chosen.sort(key=lambda i: picture.things[i].centre_px[0])
    slots = [f'{{{n}}}' for n in range(len(chosen))]
    return _tell(picture, wording.format(' , '.join(slots[:-1]) + f' and {slots[-1]}'), chosen, '', rng)


def _tell(picture: Picture, wording: str, order: Sequence[int], predicate: str, rng: np.random.Generator) -> Narrative:
    utterances: list[Utterance] = []
    corners: list[tuple[float, float, float]] = []
    pieces = re.split(r'{(\d)}', wording.replace('{p}', predicate))
    for text, number in zip_longest(pieces[::2], pieces[1::2]):
        label = picture.things[order[int(number)]].label if number else ''
        article = '' if not number else 'an' if label[0] in 'aeiou' else 'a'
        for words, thing in ((f'{text} {article}', None), (label, order[int(number)] if number else None)):
            if words.strip():
                start_s = utterances[-1].end_s if utterances else 0.0
                utterances.append(Utterance(' '.join(words.split()), start_s, start_s + _time(words, rng), thing))
                corners += _sweep(picture, utterances[-1], rng)
    return Narrative(tuple(utterances), np.array(corners or [(0.5, 0.5, 0.0)]))


def _time(words: str, rng: np.random.Generator) -> float:
    return sum(SECONDS_PER_WORD + SECONDS_PER_LETTER * len(word) * rng.uniform(0.8, 1.2) for word in words.split())


def _sweep(picture: Picture, said: Utterance, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    if said.thing is None:
        return []
    x0, y0, x1, y1 = np.array(picture.things[said.thing].box_xyxy_px) / (picture.size_px * 2)
    count = max(SAMPLES, round((said.end_s - said.start_s) * TRACE_HZ))
    turn = rng.uniform(0, 2 * np.pi) + pick(rng, (-1, 1)) * np.linspace(0, 2 * np.pi, count)
    x = (x0 + x1) / 2 + SWEEP * (x1 - x0) / 2 * np.cos(turn) + rng.normal(0, TREMOR, count)
    y = (y0 + y1) / 2 + SWEEP * (y1 - y0) / 2 * np.sin(turn) + rng.normal(0, TREMOR, count)
    return list(zip(x.clip(0, 1), y.clip(0, 1), np.linspace(said.start_s, said.end_s, count), strict=True))
