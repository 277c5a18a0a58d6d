"""The card and the example pictures of the shipped PixelLLM, from ``training.json`` and a measurement."""

from __future__ import annotations

from collections.abc import Sequence
import json
from pathlib import Path

import numpy as np

from vlm_robot.annotation import draw_detections, write_image
from vlm_robot.evaluation.charts import draw_bars
from vlm_robot.evaluation.metrics import wilson_interval
from vlm_robot.perception.pixel_llm.grounder import PixelLlm, PixelLlmConfig
from vlm_robot.sight_annotation import draw_caption
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture
from vlm_robot.training.referring import sample_referring
from vlm_robot.training.sight_separation import split_rng

EXAMPLES = 4
TARGETS = (
    ('referring without relations, P@0.5', 'plain', 'plain by rules', '>= 0.85'),
    ('referring with relations, P@0.5', 'related', 'related by rules', '>= 0.70'),
    ('absent things refused', 'absent refused', 'absent refused by rules', '-'),
)

CARD = """# PixelLLM for the table of blocks and bowls

Words tied to pixels, both ways: a sentence with a place for every word, the box of what an expression means, the
phrase of a box or a point, one phrase a thing. The architecture of PixelLLM (Xu et al., arXiv 2312.09237) in PyTorch:
two image streams (semantic, of which the last layer trains; localisation, frozen), a location encoder (box, point,
nothing), a prompt feature extractor ({tokens} learned tokens, two-way attention), a causal language model (Llama, 4
layers of 192, whole words) and a point head on its hidden states. {parameters:.1f} M parameters; half precision,
safetensors.

**Added to the paper**, because things are 25 to 60 px of 320: up to {objects} regions that the localiser's box head
holds for things are given to the language model too, the point head may choose one of them (`is_snapped: false` is the
paper's regression alone, measured below), and every place has a probability that it is there at all.

**It knows** what `vlm_robot/training` tells: 11 colours of blocks and bowls, their synonyms, and the relations of
`referring_wordings.py` in the picture's own directions. **It does not know** other things, other languages or other
ways to build a sentence; unknown nouns are refused (that is trained). What it writes is short.

## Figures
{pictures} held-out pictures ({split} stream: own seeds; wordings and pairs of colour and shape that training never
shows; every fourth from further off). Thresholds were chosen on validation pictures: {thresholds}.

| what | PixelLLM | baseline | wanted |
| --- | --- | --- | --- |
{rows}

### Referring (P@0.5) and other shares
| group | n | share |
| --- | --- | --- |
{shares}

The rules of the baseline know every wording, kept ones too, and take the shipped detector's boxes.

### Places of words, distance from the thing's middle as a share of the picture's width
| who | n | median | mean |
| --- | --- | --- | --- |
{errors}

`only`: the picture holds no second thing of the same colour and shape. "regressed" is the paper's head without
regions. Sentences are the narrator's, read not written.

![shares by kind of question](shares.png)

![sentences tied to pixels, and what expressions mean](example.png)

### Captions of regions
| prompt or rival | n | exact colour and shape | CIDEr-D (5 is the best of two words) |
| --- | --- | --- | --- |
{captions}

### Dense captions, mAP over IoU .3 to .7
| who | exact text | F1 of words at 0, .5 and 1 |
| --- | --- | --- |
{dense}

METEOR is replaced by F1 of words (METEOR needs Java and WordNet).

{ablation}
Seconds on a shared 2-core machine, medians: {seconds}.

## Recipe
{views} tables rendered in layers and coloured anew at every visit; {pictures_seen} picture visits in {steps} steps of
{batch}, {learned_minutes:.0f} minutes of wall clock on one shared core, seed {seed}; first 150 steps of the language
model alone on the narrator's text. Every picture brings a narration, two plain and eight related expressions, three
that name nothing, two regions. Both image streams start from the shipped OWL-ViT's tower, which saw the held-out
pairs: what is held out is everything learnt on top of it. Cross entropy with smoothing .1; 10 x L1 on corners,
generalised IoU, choice and presence; the words of a thing read off its region's own state (without that the pointer
took long to learn colours); Muon {matrix_rate} for matrices, AdamW {rate} for the rest; running average of the weights.
In region captions three of ten colours are read wrongly, so that the shape has to be seen. An expression is answered at
a question mark after it, not at its last word, whose own place is taught where it can only mean one thing.

The shipped run was changed on its way: its first 280 steps had fewer expressions, more regions, and no words read off
regions. The command runs the recipe as it stands now.

    vlm-robot train pixel_llm --out runs/pixel_llm --minutes {minutes:.0f}
    vlm-robot measure pixel_llm --pictures {pictures}
"""


def write_card(folder: Path, report: dict) -> None:
    """Write the card of the checkpoint in ``folder`` from a report and its own files."""
    training, config = (json.loads((folder / name).read_text()) for name in ('training.json', 'config.json'))
    weights = (folder / 'model.safetensors').stat().st_size
    ablation = folder / 'ablation.json'
    draw_shares(report['shares'], folder / 'shares.png')
    (folder / 'README.md').write_text(CARD.format(**_fill(training, config, weights, report, ablation)))


def draw_shares(shares: dict, path: Path) -> None:
    """Draw what is right of every kind of question, with 95 % Wilson intervals, surest first."""
    rows = sorted(shares.items(), key=lambda row: -row[1]['share'])
    spans = [wilson_interval(round(row['share'] * row['n']), row['n']) for _, row in rows]
    names = [f'{name} (n = {row["n"]})' for name, row in rows]
    draw_bars(names, [row['share'] for _, row in rows], spans, path, 'right, % (95 % interval)')


def _fill(training: dict, config: dict, weights: int, report: dict, ablation: Path) -> dict:
    limits = config['thresholds']
    return (
        training
        | report
        | {
            'tokens': config['adaptor']['tokens'],
            'objects': config['objects'],
            'parameters': weights / 2e6,
            'thresholds': ', '.join(f'{name} {value}' for name, value in limits.items()) or 'the defaults',
            'rows': '\n'.join(_list_targets(report)),
            'shares': _tabulate((name, v['n'], v['share']) for name, v in report['shares'].items()),
            'errors': _tabulate(
                (n, v['n'], v['median'], v['mean']) for n, v in report['errors_of_image_width'].items()
            ),
            'captions': _tabulate((n, v['n'], v['exact'], v['cider']) for n, v in report['captions'].items()),
            'dense': _tabulate((n, v['map_exact_text'], v['map']) for n, v in report['dense'].items()),
            'ablation': tell_ablation(json.loads(ablation.read_text())) if ablation.is_file() else '',
            'seconds': ', '.join(f'{name} {value}' for name, value in report['seconds'].items()),
        }
    )


def tell_ablation(data: dict) -> str:
    """Return the section on the per-word location loss; ``data`` holds ``what``, ``with`` and ``without`` reports."""
    rows = []
    for name, path in (
        ('referring without relations, P@0.5', ('shares', 'plain', 'share')),
        ('referring with relations, P@0.5', ('shares', 'related', 'share')),
        ('absent things refused', ('shares', 'absent refused', 'share')),
        ('region captions, exact', ('captions', 'region', 'exact')),
        ('dense captions, mAP with exact text', ('dense', 'dense', 'map_exact_text')),
    ):
        values = [data[side][path[0]][path[1]][path[2]] for side in ('with', 'without')]
        rows.append(f'| {name} | {values[0]:.3f} | {values[1]:.3f} |')
    head = '| what | with | without |\n| --- | --- | --- |\n'
    return f'### Ablation: the per-word location loss\n{data["what"]}\n\n{head}' + '\n'.join(rows) + '\n'


def draw_examples(model: str, store: PictureStore, path: Path) -> None:
    """Write a picture of examples: narrations joined to pixels, and what expressions mean."""
    grounder, index = PixelLlm(PixelLlmConfig(model=model)), 0
    tiles: list[np.ndarray] = []
    while len(tiles) < EXAMPLES and index < len(store):
        picture, rng = store.draw(index, np.random.default_rng(0)), split_rng(store.split, 'examples', index)
        index += 1
        asked = sample_referring(picture, store.split, rng, True)
        if asked is not None and len(picture.things) >= 4:
            tiles.append(_draw_pair(grounder, picture, asked.text))
    if tiles:
        write_image(_stack(tiles), path)


def _draw_pair(grounder: PixelLlm, picture: Picture, text: str) -> np.ndarray:
    told = draw_caption(picture.rgb, grounder.caption(picture.rgb))
    found = draw_detections(picture.rgb, grounder.ground(picture.rgb, text))
    return np.concatenate([told, _pad(found, told.shape[0])], 1)


def _stack(tiles: Sequence[np.ndarray]) -> np.ndarray:
    height = max(tile.shape[0] for tile in tiles)
    return np.concatenate([_pad(tile, height) for tile in tiles])[::2, ::2]


def _pad(picture: np.ndarray, height: int) -> np.ndarray:
    return np.pad(picture, ((0, height - picture.shape[0]), (0, 0), (0, 0)), constant_values=250)


def _list_targets(report: dict) -> list[str]:
    shares, captions, dense = report['shares'], report['captions'], report['dense']
    errors = report['errors_of_image_width']
    rows = []
    for name, mine, theirs, wanted in TARGETS:
        other = f'{shares[theirs]["share"]:.3f} (detector and rules)' if theirs in shares else '-'
        rows.append(f'| {name} | {shares[mine]["share"]:.3f} | {other} | {wanted} |')
    middle = f'{errors["noun at the middle"]["median"]:.3f} (image centre)'
    if 'noun by string match' in errors:
        middle += f', {errors["noun by string match"]["median"]:.3f} (detector by string match)'
    rows.append(f'| places of nouns, median error | {errors["noun"]["median"]:.4f} | {middle} | <= 0.04 |')
    crop = f'{captions["nearest crop"]["exact"]:.3f} (nearest training crop)' if 'nearest crop' in captions else '-'
    rows.append(f'| region captions, exact | {captions["region"]["exact"]:.3f} | {crop} | >= 0.80 |')
    rival = dense.get('detector and region caption')
    other = f'{rival["map_exact_text"]:.3f} (detector and region caption)' if rival else '-'
    rows.append(f'| dense captions, mAP, exact text | {dense["dense"]["map_exact_text"]:.3f} | {other} | >= 0.5 |')
    return rows


def _tabulate(rows) -> str:
    return '\n'.join('| ' + ' | '.join(str(value) for value in row) + ' |' for row in rows)
