"""
Measure CLIP on held-out pictures: colour and shape of cut-outs, attributes, tags of the whole, retrieval both ways.

Labels are asked as the tagger asks them, averaged over the shipped templates. Retrieval is over the pictures of the
split: a caption lists up to five kinds of things of its picture; a picture counts as right where the caption is true
of it, and also strictly, where only the caption's own picture counts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
import json
from pathlib import Path
import time

import numpy as np

from vlm_robot.errors import ConfigError
from vlm_robot.perception.clip_embedder import ClipConfig, ClipEmbedder
from vlm_robot.perception.crops import cut_around
from vlm_robot.perception.tagging import read_vocabulary, VOCABULARIES
from vlm_robot.training.clip_card import write_card, write_pictures
from vlm_robot.training.clip_texts import (
    ATTRIBUTES,
    caption_things,
    facts_of_picture,
    facts_of_thing,
    judge_all,
    say_relation,
    Text,
)
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.sight_separation import is_held_out, split_rng
from vlm_robot.vocabulary import list_labels

PLACES = {'table': 'on the table', 'bowl': 'in a bowl', 'stack': 'on a block', 'hand': 'in the hand'}
OPPOSITE = {'left': 'right', 'right': 'left', 'above': 'below', 'below': 'above'}


@dataclass(frozen=True)
class ClipMeasureConfig:
    """
    One measurement.

    :param model: as ``ClipConfig.model``, with ``pretrained`` where it is a name.
    :param data: folder in which the held-out pictures are kept once rendered.
    :param out: folder for report and pictures; in a checkpoint's folder its card is written anew.
    """

    model: str = 'shipped'
    pretrained: str = ''
    pictures: int = 150
    data: str = 'runs/pictures'
    out: str = ''
    split: str = 'test'

    def __post_init__(self) -> None:
        """Refuse an empty measurement."""
        if self.pictures < 2:
            raise ConfigError(f'pictures must be 2 or more, got {self.pictures}')


def measure(config: ClipMeasureConfig) -> dict:
    """Return the report; write it with pictures where ``out`` says."""
    embedder = ClipEmbedder(ClipConfig(model=config.model, pretrained=config.pretrained))
    store = PictureStore(Path(config.data), config.split, config.pictures)
    try:
        pictures = [store.draw(i, np.random.default_rng(i)) for i in range(config.pictures)]
    finally:
        store.close()
    report = {'model': config.model, 'split': config.split, 'pictures': len(pictures)}
    crops, examples = measure_crops(embedder, pictures)
    report |= {'crops': crops, 'attributes': measure_attributes(embedder, pictures)}
    report |= {
        'tags': measure_tags(embedder, pictures),
        'retrieval': measure_retrieval(embedder, pictures, config.split),
    }
    report |= {'relations': measure_relations(embedder, pictures), 'cost': measure_cost(embedder, pictures[0])}
    if config.out:
        folder = Path(config.out)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'metrics.json').write_text(json.dumps(report, indent=1) + '\n')
        write_pictures(folder, report, examples)
        if (folder / 'training.json').is_file():
            write_card(folder, report)
    return report


def measure_crops(embedder: ClipEmbedder, pictures: list[Picture]) -> tuple[dict, list]:
    """Return top-1 colour, shape and both of cut-outs around things, in groups, and a few examples."""
    labels = list_labels()
    classes = embedder.embed_classes(labels, read_vocabulary(VOCABULARIES / 'templates.txt'))
    counts: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    examples: list[tuple[np.ndarray, str, str, float]] = []
    for picture in pictures:
        things = [thing for thing in picture.things if thing.is_clear]
        if not things:
            continue
        cuts = [cut_around(picture.rgb, thing.box_xyxy_px) for thing in things]
        shares = embedder.share(embedder.embed_images(cuts), classes)
        for thing, cut, row in zip(things, cuts, shares, strict=True):
            said = labels[int(row.argmax())]
            right = (said.split(' ')[0] == thing.colour, said.split(' ')[1] == thing.shape)
            for group in ('all', *_groups(thing)):
                counts[group].append(right)
            if len(examples) < 400:
                examples.append((cut, thing.label, said, float(row.max())))
    return {group: _summarise(rows) for group, rows in sorted(counts.items())}, examples


def _groups(thing: PictureThing) -> list[str]:
    pair = 'pair not trained' if is_held_out(thing.colour, thing.shape) else 'pair trained'
    return [thing.shape, PLACES[thing.place], pair, 'small (below 400 px)' if thing.visible_px < 400 else 'large']


def _summarise(rows: list[tuple[bool, bool]]) -> dict:
    table = np.array(rows, float)
    return {
        'n': len(rows),
        'colour': round(float(table[:, 0].mean()), 4),
        'shape': round(float(table[:, 1].mean()), 4),
        'both': round(float(table.all(1).mean()), 4),
    }


def measure_attributes(embedder: ClipEmbedder, pictures: list[Picture]) -> dict:
    """Return for every attribute how well its cosine parts things that have it from those that have not (AUROC)."""
    texts = [Text(f'thing which {said[0]}', frozenset({fact}), 'attribute') for fact, said in ATTRIBUTES.items()]
    asked = embedder.embed_texts([text.text for text in texts])
    things = [(picture, thing) for picture in pictures for thing in picture.things if thing.is_clear]
    embeds = embedder.embed_images([cut_around(picture.rgb, thing.box_xyxy_px) for picture, thing in things])
    truth = judge_all([facts_of_thing(thing) for _, thing in things], texts)
    cosines, sure = embeds @ asked.T, embedder.judge(embeds, asked)
    rows = {}
    for i, text in enumerate(texts):
        known = ~np.isnan(truth[:, i])
        is_true = truth[known, i] == 1
        said = sure[known, i] >= 0.5
        rows[text.text] = {
            'n': int(is_true.sum()),
            'auroc': round(_auroc(cosines[known, i], is_true), 4),
            'accuracy': round(float((said == is_true).mean()), 4),
        }
    return rows


def _auroc(scores: np.ndarray, is_true: np.ndarray) -> float:
    if is_true.all() or not is_true.any():
        return float('nan')
    order = scores.argsort().argsort() + 1
    n, m = int(is_true.sum()), int((~is_true).sum())
    return float((order[is_true].sum() - n * (n + 1) / 2) / (n * m))


def measure_tags(embedder: ClipEmbedder, pictures: list[Picture]) -> dict:
    """Return precision and recall of the 22 labels as tags of whole pictures, at a confidence of one half."""
    labels = list_labels()
    asked = embedder.embed_classes(labels, read_vocabulary(VOCABULARIES / 'templates.txt'))
    texts = [Text(label, frozenset({f'has:{label}'}), 'phrase') for label in labels]
    truth = judge_all([facts_of_picture(picture) for picture in pictures], texts)
    sure = embedder.judge(embedder.embed_images([picture.rgb for picture in pictures]), asked)
    known, said = ~np.isnan(truth), sure >= 0.5
    hits = float((said & (truth == 1)).sum())
    tops = [truth[i, int(sure[i].argmax())] == 1 for i in range(len(pictures)) if (truth[i] == 1).any()]
    return {
        'precision': round(hits / max(1.0, float((said & known).sum())), 4),
        'recall': round(hits / max(1.0, float((truth == 1).sum())), 4),
        'top1_is_there': round(float(np.mean(tops)), 4),
        'share_of_labels_there': round(float((truth == 1).sum() / known.sum()), 4),
    }


def measure_retrieval(embedder: ClipEmbedder, pictures: list[Picture], split: str) -> dict:
    """Return recall at 1 and 5 from caption to picture and back, strict and by truth, and chance."""
    shown = [picture for picture in pictures if any(thing.is_clear for thing in picture.things)]
    captions = [_caption(picture, split, i) for i, picture in enumerate(shown)]
    cosines = embedder.embed_texts([c.text for c in captions]) @ embedder.embed_images([p.rgb for p in shown]).T
    truth = judge_all([facts_of_picture(picture) for picture in shown], captions).T == 1  # caption by picture
    own = np.eye(len(shown), dtype=bool)
    rows = {'n': len(shown), 'chance_at_1': round(1 / len(shown), 4), 'chance_true_at_1': round(float(truth.mean()), 4)}
    for name, right, table in (
        ('to_picture', own, cosines), ('to_picture_true', truth, cosines),
        ('to_caption', own, cosines.T), ('to_caption_true', truth.T, cosines.T),
    ):  # fmt: skip
        order = np.argsort(-table, axis=1, kind='stable')
        for k in (1, 5):
            hit = np.take_along_axis(right, order[:, :k], 1).any(1)
            rows[f'{name}_r{k}'] = round(float(hit.mean()), 4)
    return rows


def _caption(picture: Picture, split: str, number: int) -> Text:
    labels = sorted({thing.label for thing in picture.things if thing.is_clear})
    rng = split_rng(split, 'clip captions', number)
    return caption_things([str(label) for label in rng.permutation(labels)][:5], split, rng)


def measure_relations(embedder: ClipEmbedder, pictures: list[Picture]) -> dict:
    """Return how often the true relation beats its opposite ("left of", "right of"); one half is chance."""
    right = []
    for number, picture in enumerate(pictures):
        rng = split_rng('test', 'clip relations', number)
        facts = facts_of_picture(picture)
        known = sorted(f for f in facts.true if f.partition(':')[0] in OPPOSITE and _flip(f) not in facts.true)
        if not known:
            continue
        fact = known[int(rng.integers(len(known)))]
        state = rng.bit_generator.state
        true = say_relation(fact, 'train', rng).text
        rng.bit_generator.state = state  # the same wording
        texts = embedder.embed_texts([true, say_relation(_flip(fact), 'train', rng).text])
        cosines = embedder.embed_images([picture.rgb])[0] @ texts.T
        right.append(cosines[0] > cosines[1])
    return {'n': len(right), 'accuracy': round(float(np.mean(right)), 4) if right else None}


def _flip(fact: str) -> str:
    name, _, rest = fact.partition(':')
    return f'{OPPOSITE[name]}:{rest}'


def measure_cost(embedder: ClipEmbedder, picture: Picture) -> dict:
    """Return milliseconds for one picture and for nine (a frame and eight things), on this machine as it is now."""
    times = {}
    for count in (1, 9):
        embedder.embed_images([picture.rgb] * count)
        begun = time.perf_counter()
        for _ in range(3):
            embedder.embed_images([picture.rgb] * count)
        times[f'ms_{count}'] = round(1000 * (time.perf_counter() - begun) / 3, 1)
    return times
