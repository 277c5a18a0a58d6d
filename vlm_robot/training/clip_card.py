"""The text and the pictures of the shipped CLIP's card; figures come from ``clip_measure``."""

from __future__ import annotations

from collections.abc import Sequence
import json
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np

mpl.use('Agg')
from matplotlib import pyplot as plt

from vlm_robot.annotation import write_image
from vlm_robot.training.sight_separation import HELD_OUT_PAIRS
from vlm_robot.vocabulary import COLOURS, SHAPES

CHANCE = {'colour': 1 / len(COLOURS), 'shape': 1 / len(SHAPES), 'both': 1 / (len(COLOURS) * len(SHAPES))}
FOUND = {
    'to_picture': ('caption to its own picture', 'chance_at_1'),
    'to_picture_true': ('caption to a picture of which it is true', 'chance_true_at_1'),
    'to_caption': ('picture to its own caption', 'chance_at_1'),
    'to_caption_true': ('picture to a caption that is true', 'chance_true_at_1'),
}
TILE_PX, COLUMNS, ROWS = 120, 8, 3
INK, WRONG = (30, 30, 30), (190, 30, 30)
CARD = """# CLIP for blocks and bowls

A small two-tower model in open_clip's own format (`local-dir:` folder: configuration, half-precision safetensors,
tokenizer): picture 192 x 192 squashed, 16 px patches, 4 layers of 192, mean of the tokens; text 2 layers of 128, 32
tokens, byte-pair vocabulary; 2.2 M parameters. It starts from the towers of the shipped OWL-ViT (exact GELU in both)
and was trained here, on renderings of this package's simulator; no outside data. It brings SigLIP's bias: the sigmoid
of a scaled cosine is its probability that a text is true of a picture.

**It knows** 11 colours of blocks and bowls, alone in a cut-out or several in a picture, and the attributes below.
**It does not know** other things: it was taught that they are absent, so unknown nouns score low. For other worlds name
a public model, for example `ViT-B-32` with `laion2b_s34b_b79k`; the code is the same.

## Figures
{pictures} held-out pictures (`{split}` streams of `sight_separation`), 640 x 480, one in four from further off than any
training picture. Pairs never trained: {held_out}. Things of which fewer than 40 pixels show count neither way.

Cut-outs around things, zero-shot over the 22 labels, top 1:

| group | n | colour | shape | both |
| --- | --- | --- | --- | --- |
{crops}

Attributes of cut-outs ("thing which ..."): how well the cosine parts those that have it from those that have not, and
how often the probability is on the right side of one half:

| attribute | n with it | AUROC | accuracy |
| --- | --- | --- | --- |
{attributes}

Whole pictures: of the 22 labels as tags at a probability of one half, precision {tags[precision]:.3f}, recall
{tags[recall]:.3f}; the first tag is in the picture in {tags[top1_is_there]:.1%} (a random one in
{tags[share_of_labels_there]:.1%}).

Retrieval among {retrieval[n]} pictures by captions that list up to five kinds of things ("a red block, a blue bowl and
a white block"), half of them in wordings never trained:

| | R@1 | R@5 | chance |
| --- | --- | --- | --- |
{found}

Order of words: a true relation beats its opposite ("left of", "right of") in {relations[accuracy]:.1%} of
{relations[n]}; chance is 50 %. As other CLIPs, it hardly knows relations: use the grounder for those.

One picture {cost[ms_1]} ms, a frame with eight things {cost[ms_9]} ms (texts cached; shared CPU, as it was then).

![bars](bars.png)

![cut-outs](example.png)

## Recipe
{tables} tables rendered in grey and cut into layers, coloured anew at every visit; {steps} steps of {per_step} pictures
with {cuts} cut-outs each ({images_seen} images), {minutes_run} minutes of wall clock on one shared CPU core; seed
{seed}. SigLIP's loss on all pairs whose truth the simulator knows plus CLIP's softmax in both directions against false
texts only, so that two pictures with a red block are no negatives of each other; AdamW {rate}, running average of the
weights. {note}

    vlm-robot train clip --out runs/clip --minutes {minutes_run}     # again
    vlm-robot measure clip --pictures {pictures}                 # these figures
"""


def write_card(folder: Path, report: dict) -> None:
    """Write the model card of the checkpoint in ``folder`` from a report and its own ``training.json``."""
    training = json.loads((folder / 'training.json').read_text())
    crops = '\n'.join(
        f'| {group} | {row["n"]} | {row["colour"]:.3f} | {row["shape"]:.3f} | {row["both"]:.3f} |'
        for group, row in report['crops'].items()
    )
    crops += f'\n| *chance* | | {CHANCE["colour"]:.3f} | {CHANCE["shape"]:.3f} | {CHANCE["both"]:.3f} |'
    attributes = '\n'.join(
        f'| {text.removeprefix("thing which ")} | {row["n"]} | {row["auroc"]:.3f} | {row["accuracy"]:.3f} |'
        for text, row in report['attributes'].items()
    )
    table = report['retrieval']
    found = '\n'.join(
        f'| {name} | {table[f"{key}_r1"]:.3f} | {table[f"{key}_r5"]:.3f} | {table[chance]:.3f} |'
        for key, (name, chance) in FOUND.items()
    )
    held_out = ', '.join(f'{colour} {shape}' for colour, shape in HELD_OUT_PAIRS)
    values = (
        {'note': ''}
        | training
        | {'per_step': training['pictures'], 'minutes_run': f'{training["minutes"]:.0f}'}
        | report
    )
    values |= {'crops': crops, 'attributes': attributes, 'found': found, 'held_out': held_out}
    (folder / 'README.md').write_text(CARD.format(**values))


def write_pictures(folder: Path, report: dict, examples: Sequence[tuple[np.ndarray, str, str, float]]) -> None:
    """Write bars of the figures and a sheet of cut-outs with what was said of them, mistakes first."""
    _draw_bars(folder / 'bars.png', report)
    chosen = sorted(examples, key=lambda item: item[1] == item[2])[:COLUMNS]
    right = [item for item in examples if item[1] == item[2]]
    chosen = [*chosen, *right[:: max(1, len(right) // (COLUMNS * ROWS))]][: COLUMNS * ROWS]
    tiles = [_draw_tile(*item) for item in chosen]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS) if tiles else []
    if tiles:
        rows = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles), COLUMNS)]
        write_image(np.concatenate(rows), folder / 'example.png')


def _draw_tile(cut: np.ndarray, label: str, said: str, share: float) -> np.ndarray:
    tile = np.full((TILE_PX + 18, TILE_PX + 4, 3), 255, np.uint8)
    tile[2 : TILE_PX - 2, 2 : TILE_PX + 2] = cv2.resize(cut, (TILE_PX, TILE_PX - 4), interpolation=cv2.INTER_AREA)
    colour = INK if label == said else WRONG
    cv2.putText(tile, f'{said} {share:.2f}', (3, TILE_PX + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.34, colour, 1, cv2.LINE_AA)
    return tile


def _draw_bars(path: Path, report: dict) -> None:
    every, found = report['crops']['all'], report['retrieval']
    bars = [(f'{name} of a cut-out', every[name], CHANCE[name]) for name in ('colour', 'shape', 'both')]
    bars += [
        ('first tag of a picture is there', report['tags']['top1_is_there'], report['tags']['share_of_labels_there'])
    ]
    bars += [(f'caption to its picture, R@{k}', found[f'to_picture_r{k}'], k / found['n']) for k in (1, 5)]
    bars += [('caption to a true picture, R@1', found['to_picture_true_r1'], found['chance_true_at_1'])]
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.36 * len(bars)))
    axes.barh(range(len(bars)), [value for _, value, _ in bars], color='#8fc49b', label='this model')
    axes.scatter([chance for *_, chance in bars], range(len(bars)), color='#b3261e', marker='|', s=160, label='chance')
    axes.set_yticks(range(len(bars)), [name for name, *_ in bars], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.legend(fontsize=8, loc='lower right')
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
