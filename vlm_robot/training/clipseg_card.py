"""The text and the pictures of the shipped segmenter's card; figures come from ``clipseg_measure``."""

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
from vlm_robot.datatypes import Mask
from vlm_robot.sight_annotation import draw_masks
from vlm_robot.training.pictures import Picture

SHOWN_PX = (480, 360)
FIGURES = ('miou', 'found', 'iou_fg', 'alarms', 'false_share')
CARD = """# CLIPSeg for blocks and bowls

A small segmenter by words and example pictures in the stock `CLIPSegForImageSegmentation` format (half precision,
safetensors): picture 320 x 320 squashed, 16 px patches, vision tower 4 layers of 192, text tower 2 layers of 128,
decoder 3 layers of 64 on layers 1, 2 and 4, refined (complex transposed convolution); 2.5 M parameters. It starts from
the towers of the shipped OWL-ViT and was trained here, on renderings of this package's simulator; no outside data.

**It knows** 11 colours of blocks (cube, box, brick) and bowls (dish, basin). A phrase means all things that fit it.
**It does not know** other things: it was taught that they are absent. It has seen one look: this table, this arm, plain
colours, moderate light, cameras near the two of the simulator. For other worlds name a public checkpoint such as
`CIDAS/clipseg-rd64-refined`; the code is the same.

## Figures
{pictures} held-out pictures (`{split}` streams of `sight_separation`), 640 x 480, front and top camera, one in four
from further off than any training picture; all 22 phrases asked of each. Pixel threshold {threshold}, presence
threshold {presence}, both chosen on validation pictures. The masks follow the picture's edges by a guided filter
(`perception/guided_filter.py`, window and evenness chosen on validation pictures); "without edges" is what the network
itself paints: patches of 16 px leave a cube round.

| prompts | present | mIoU | IoU > 0.5 | IoU_FG | absent | absent with any pixel | their share of pixels |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

Average precision of pixels: {pixel_ap:.3f}. One picture with 5 prompts takes {ratio} times as long as with one
({one:.0f} and {five:.0f} ms on shared CPU cores, texts cached).

mIoU: mean over picture and phrase of intersection over union of all that the phrase names. IoU_FG: the same from sums
of pixels, false ones of absent phrases included. "Absent with any pixel" is the strictest false alarm there is: a
single pixel counts. Phrases that are asked together compete for pixels where they exclude each other (red block, pink
block). Held-out pairs ({held_out}) were in no training step;
the towers it starts from had seen them. Things of which fewer than 40 of 640 x 480 pixels show count neither way.

![curves](curves.png)

![masks](example.png)

## Recipe
{views} tables rendered in grey and cut into layers, coloured anew at every visit; {steps} steps of {batch} pictures
with {prompts} prompts each, {minutes_run} minutes of wall clock on one shared CPU core; seed {seed}. Half of the
prompts name nothing, most of them near misses; {crops} a step are shown by a crop of another picture with dimmed and
blurred background, alone or mixed with the name. {tokens} of 400 tokens per picture are looked at, all of them in the
last {full_share:.0%} of the time. Cross-entropy and dice; AdamW {rate} for the decoder, {tower_rate} for the vision
tower, the text tower stays the detector's; running average of the weights. The decoder starts from the detector's own
comparison (`clipseg_start.py`): drawn at random it learnt nothing in ten minutes.{history}

    vlm-robot train clipseg --out runs/clipseg --minutes 40   # again, from the detector's towers
    vlm-robot measure clipseg --pictures {pictures}              # these figures
"""


def write_card(folder: Path, report: dict) -> None:
    """Write the model card of the checkpoint in ``folder`` from a report and its own ``training.json``."""
    from vlm_robot.training.sight_separation import HELD_OUT_PAIRS

    training = json.loads((folder / 'training.json').read_text())
    rows = '\n'.join(_format_row(name, row) for name, row in report['rows'].items())
    seconds = report['seconds']
    values = training | report | {'rows': rows, 'history': training.get('history', '')}
    values |= {'ratio': seconds['ratio'], 'one': 1000 * seconds['1'], 'five': 1000 * seconds['5']}
    text = CARD.format(**values, held_out=', '.join(' '.join(pair) for pair in HELD_OUT_PAIRS))
    (folder / 'README.md').write_text(text)


def _format_row(name: str, row: dict) -> str:
    cells = {key: f'{row[key]:.5f}' if key == 'false_share' else f'{row[key]:.3f}' for key in FIGURES if key in row}
    order = ('miou', 'found', 'iou_fg', 'absent', 'alarms', 'false_share')
    cells['absent'] = str(row['absent'])
    return ' | '.join([f'| {name}', str(row['present']), *(cells.get(key, '') for key in order)]) + ' |'


def draw_curves(report: dict, path: Path) -> None:
    """Draw mIoU of the kinds of prompts, mIoU against pixel threshold, and answers against presence threshold."""
    figure, (bars, pixels, there) = plt.subplots(1, 3, figsize=(14, 4))
    rows = {name: row['miou'] for name, row in report['rows'].items() if 'miou' in row}
    bars.barh(list(rows), list(rows.values()), color='#8fc49b')
    bars.invert_yaxis()
    bars.set_xlim(0, 1)
    bars.set_xlabel('mIoU')
    bars.tick_params(labelsize=7)
    pixels.plot([float(key) for key in report['miou_by_threshold']], list(report['miou_by_threshold'].values()), 'o-')
    pixels.axvline(report['threshold'], color='grey', linestyle=':')
    pixels.set_xlabel('threshold of a pixel')
    pixels.set_ylabel('mIoU')
    curve = report['presence_curve']
    there.plot(curve['limit'], curve['present'], label='present phrases answered')
    there.plot(curve['limit'], curve['absent'], label='absent phrases answered')
    there.axvline(report['presence'], color='grey', linestyle=':')
    there.set_xlabel('presence threshold')
    there.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_examples(examples: Sequence[tuple[Picture, Sequence[Mask]]], path: Path) -> None:
    """Write pictures with the masks that were found, three in a row."""
    shown = [
        cv2.resize(draw_masks(p.rgb, [m for m in masks if m.mask.any()]), SHOWN_PX, interpolation=cv2.INTER_AREA)
        for p, masks in examples
    ]
    full = shown[: len(shown) // 3 * 3] or shown
    rows = [np.concatenate(full[i : i + 3], 1) for i in range(0, len(full), 3)]
    write_image(np.concatenate(rows[: len(full) // 3 or 1], 0), path)
