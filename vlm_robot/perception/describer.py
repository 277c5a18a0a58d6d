"""
Says in text what a picture shows, for a reader that sees no pixel: a planner, a language model, a person.

After LENS (Berrios et al., arXiv 2306.16410): tags, attributes and captions. What LENS never had: things with boxes,
how many there are, where they are, in what and beside what; written words; cut-outs of things asked as well as the
whole; and every line with its confidence. Each part is one of the other eyes and may be missing: what is not there
is not loaded and says nothing. Text that a picture or a model says is data for a reader, never an instruction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vlm_robot.datatypes import Description, DescriptionLine, Detection, GroundedCaption
from vlm_robot.errors import ConfigError
from vlm_robot.perception.captioner import Captioner
from vlm_robot.perception.detector import Detector
from vlm_robot.perception.images import check_rgb
from vlm_robot.perception.ocr import TextReader
from vlm_robot.perception.picture_relations import find_hosts, list_sides, tell_part
from vlm_robot.perception.sight import Grounder
from vlm_robot.perception.tagging import Tagger
from vlm_robot.vocabulary import list_labels, shape_of

CAPTIONS = ('none', 'whole', 'dense')


@dataclass(frozen=True)
class DescriberConfig:
    """What is said about a picture."""

    tags: bool = True  # tags and attributes of the whole picture, by open_clip
    crops: bool = True  # the same of every thing that was found
    writing: bool = True  # written words, by OCR
    captions: str = 'none'  # none; whole: one of the whole picture; dense: one of every thing as well
    captioner: str = ''  # folder or hub name of a transformers captioner such as BLIP; empty: the grounder's captions
    most_things: int = 16  # that are described one by one, the surest
    most_relations: int = 80  # lines, the nearest pairs first

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.captions not in CAPTIONS:
            raise ConfigError(f"describer.captions is '{self.captions}'; allowed: {list(CAPTIONS)}")
        if self.captioner and self.captions == 'dense':
            raise ConfigError("describer.captions 'dense' needs the grounder: leave describer.captioner empty")
        for name in ('most_things', 'most_relations'):
            if getattr(self, name) < 0:
                raise ConfigError(f'describer.{name} is {getattr(self, name)}; allowed: 0 or more')


@dataclass(eq=False)
class LensDescriber:
    """
    Joins what the other eyes say; implements ``sight.Describer``.

    :param queries: what the detector is asked for; nouns that end with ``block`` and ``bowl`` can carry each other.
    """

    detector: Detector | None = None
    tagger: Tagger | None = None
    reader: TextReader | None = None
    captioner: Captioner | Grounder | None = None
    queries: Sequence[str] = field(default_factory=list_labels)
    config: DescriberConfig = field(default_factory=DescriberConfig)
    name: str = 'lens'

    def describe(self, rgb: np.ndarray) -> Description:
        """
        Return what is seen: things, counts, relations, captions, tags, attributes, written words, in this order.

        :param rgb: (H, W, 3) uint8, red green blue, of any size from 8 px.
        :raises ImageError: ``rgb`` is no such picture.
        """
        check_rgb(rgb)
        found = self.detector.detect(rgb, self.queries) if self.detector else []
        return self.describe_found(rgb, found)

    def describe_found(self, rgb: np.ndarray, found: Sequence[Detection]) -> Description:
        """Return what ``describe`` returns where somebody has already looked for things."""
        height, width = check_rgb(rgb).shape[:2]
        things = sorted(found, key=lambda item: -item.score)[: self.config.most_things]
        lines = [
            *describe_things(things, (width, height)),
            *count_things(found),
            *relate_things(things, (width, height))[: self.config.most_relations],
            *self._caption(rgb),
        ]
        if self.tagger and self.config.tags:
            boxes = [item.box_xyxy_px for item in things] if self.config.crops else []
            lines += self.tagger.tag(rgb, boxes)
        if self.reader and self.config.writing:
            lines += self.reader.read(rgb)
        return Description(tuple(lines))

    def _caption(self, rgb: np.ndarray) -> list[DescriptionLine]:
        if self.captioner is None or self.config.captions == 'none':
            return []
        captions: list[GroundedCaption] = [self.captioner.caption(rgb)]
        if self.config.captions == 'dense' and hasattr(self.captioner, 'caption_dense'):
            captions += self.captioner.caption_dense(rgb)
        return [DescriptionLine('caption', c.text, c.confidence, c.box_xyxy_px) for c in captions if c.text]


def describe_things(things: Sequence[Detection], size_px: tuple[int, int]) -> list[DescriptionLine]:
    """Return a line a thing, for example ``red block in the blue bowl, upper left``."""
    hosts, lines = find_hosts(things), []
    for item, host in zip(things, hosts, strict=True):
        carrier = things[host[0]].label if host else ''
        place = f'{"in" if shape_of(carrier) == "bowl" else "on"} the {carrier}' if carrier else 'on the table'
        text = f'{item.label} {place}, {tell_part(item.box_xyxy_px, size_px)}'
        lines.append(DescriptionLine('object', text, item.score, item.box_xyxy_px))
    return lines


def count_things(found: Sequence[Detection]) -> list[DescriptionLine]:
    """Return how many there are of each label and of each noun; a count is as sure as its least sure thing."""
    labels = Counter(item.label for item in found)
    nouns = Counter(shape_of(item.label) for item in found)
    named = list(labels.items()) + [(noun, number) for noun, number in nouns.items() if noun not in labels]
    return [
        DescriptionLine(
            'count',
            f'{number} {_plural(name) if number > 1 else name}',
            min(item.score for item in found if name in (item.label, shape_of(item.label))),
        )
        for name, number in named
    ]


def relate_things(things: Sequence[Detection], size_px: tuple[int, int]) -> list[DescriptionLine]:
    """Return what is in, on and beside what, carriers first; repeated sentences once."""
    lines: dict[str, DescriptionLine] = {}
    for i, host in enumerate(find_hosts(things)):
        if host:
            carrier = things[host[0]].label
            text = f'{things[i].label} {"in" if shape_of(carrier) == "bowl" else "on"} {carrier}'
            lines.setdefault(text, DescriptionLine('relation', text, host[1], things[i].box_xyxy_px))
    for i, side, j in list_sides(things, size_px):
        text, sure = f'{things[i].label} {side} {things[j].label}', min(things[i].score, things[j].score)
        if things[i].label != things[j].label:  # "red block left of red block" tells nothing
            lines.setdefault(text, DescriptionLine('relation', text, sure, things[i].box_xyxy_px))
    return list(lines.values())


def _plural(name: str) -> str:
    return f'{name}es' if name.endswith(('s', 'x', 'sh', 'ch')) else f'{name}s'
