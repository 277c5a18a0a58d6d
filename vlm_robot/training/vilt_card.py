"""The card and the pictures of the shipped answerer; figures come from ``training.json`` and ``vilt_measure``."""

from __future__ import annotations

from collections.abc import Sequence
import json
from pathlib import Path
import textwrap

import cv2
import matplotlib as mpl
import numpy as np

mpl.use('Agg')
from matplotlib import pyplot as plt

from vlm_robot.annotation import write_image
from vlm_robot.datatypes import Answer

INK, WRONG, PAPER = (30, 30, 30), (190, 30, 30), (250, 250, 248)
ROW_PX, WIDTH_PX = 20, 560

CARD = """# ViLT for blocks and bowls

Answers questions about a picture: a small vision-and-language transformer in the stock `ViltForQuestionAnswering`
format (half precision, safetensors): picture 320 x 320 squashed and normalised as CLIP's, 16 px patches, {layers}
layers of 192, at most 40 word pieces (WordPiece, own vocabulary), {answers} answers, one label per question (softmax).

**It knows** whether something of 11 colours of blocks and bowls is there on this simulator's table, how two things lie
to each other, the colour of a thing that is named by its place, and which of two groups is larger; **it knows less
well** where a thing lies and how many there are (see the figures). **It does not know** other things, other tables,
photographs, and it always answers, often too surely. For other worlds name a public checkpoint such as
`dandelin/vilt-b32-finetuned-vqa`; the code is the same.

## Figures
{questions} questions about {pictures} held-out pictures ({split} split, rule in `training/sight_separation.py`: own
seeds, three colour-shape pairs and half of the wordings never trained, every fourth picture from a camera further off
than any in training).

| kind | n | right | most frequent answer | that answer |
| --- | --- | --- | --- | --- |
{kinds}
| **all** | {questions} | **{right:.3f}** | {prior:.3f} | |

| group | n | right |
| --- | --- | --- |
{groups}

Mean confidence of the answers: {confidence:.3f}. Time for one question of ten about one picture: {ms:.0f} ms.
{lens}
![right answers by kind](kinds.png)
![examples](example.png)

## Recipe
The patch embedding and the first four layers start from the shipped OWL-ViT's image tower (its norm after the
embedding folded into it), the rest from small random weights.
{history}{questions_seen} questions in {steps} steps of {batch} pictures x {questions_a_picture},
{minutes:.0f} minutes of one shared CPU core, seed {seed}; renderings coloured anew at every visit, questions in many
wordings, half of them with small words dropped, put in or swapped (`question_wordings.py`; none comes to contain a
wording that is kept for the test, though who wrote them knew those). Several questions ride on one picture: only the
first is seen by the picture's tokens, as in the stock pass, and counts {first_weight:.0f} times. One attention head is
shown where to look (weight {look_weight}): a noun in two layers
at the middle of every thing that its phrase names, and once at its question, which teaches counting; later the
question's first token at its first noun, at its second, and at the thing that is asked about. Linear heads, thrown away
afterwards, read from inner layers what a patch shows, how many things a noun names, where the only one is, and how far
the first thing is from the second (weight {fact_weight}). {tokens} of 400 tokens are looked at (all those of things,
then the busiest), all in the last {full_share:.0%} of the time. Cross-entropy; Muon {matrix_rate} for the encoder's
matrices, AdamW {rate} for the rest; running average of the weights. Reasons: `vlm_robot/training/vilt*.py`.

    vlm-robot train vilt --out runs/vilt                # again, from the shipped detector, in one run of 60 minutes
    vlm-robot measure vilt --pictures {pictures}        # these figures
"""


def write_card(folder: Path, report: dict) -> None:
    """Write the model card of the checkpoint in ``folder`` from a report and its own ``training.json``."""
    training = json.loads((folder / 'training.json').read_text())
    answers = len(json.loads((folder / 'config.json').read_text())['id2label'])
    kinds = '\n'.join(
        f'| {kind} | {row["n"]} | {row["right"]:.3f} | {row["prior"]:.3f} | {row["prior_answer"]} |'
        for kind, row in report['by_kind'].items()
    )
    groups = '\n'.join(f'| {name} | {row["n"]} | {row["right"]:.3f} |' for name, row in report['by_group'].items())
    values = training | report | {
        'kinds': kinds, 'groups': groups, 'answers': answers, 'ms': 1000 * report['seconds_per_question'],
        'history': textwrap.fill(training.get('history', ''), 120) + '\n' * ('history' in training),
        'questions_a_picture': training['questions'],
        'lens': _tell_lens(report.get('lens')),
    }  # fmt: skip
    (folder / 'README.md').write_text(CARD.format(**values))


def _tell_lens(lens: dict | None) -> str:
    if not lens:
        return ''
    rows = '\n'.join(
        f'| {kind} | {row["n"]} | {row["vilt"]:.3f} | {row["lens"]:.3f} |' for kind, row in lens['by_kind'].items()
    )
    return f"""
The same questions to the frozen language model on the picture's description (`{lens['name']}`):

| kind | n | ViLT | LENS + language model |
| --- | --- | --- | --- |
{rows}
| **all** | {lens['n']} | {lens['vilt_on_the_same']:.3f} | {lens['right']:.3f} |
"""


def draw_kinds(report: dict, path: Path) -> None:
    """Draw bars of right answers by kind: the model, the most frequent answer, and the language model if asked."""
    kinds = list(report['by_kind'])
    series = {
        'ViLT': [report['by_kind'][kind]['right'] for kind in kinds],
        'most frequent answer': [report['by_kind'][kind]['prior'] for kind in kinds],
    }
    if 'lens' in report:
        series['LENS + language model'] = [report['lens']['by_kind'].get(kind, {}).get('lens', 0.0) for kind in kinds]
    figure, axes = plt.subplots(figsize=(8, 3.4))
    width = 0.8 / len(series)
    colours = ('#4672be', '#bbbbbb', '#d9a441')
    for i, ((name, values), colour) in enumerate(zip(series.items(), colours, strict=False)):
        axes.bar(np.arange(len(kinds)) + (i - (len(series) - 1) / 2) * width, values, width, label=name, color=colour)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_ylim(0, 1)
    axes.axhline(0.8, color='#222222', linewidth=0.8, linestyle=':')
    axes.set_ylabel('right answers')
    axes.legend(fontsize=8, loc='lower right')
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def draw_examples(examples: Sequence[tuple[np.ndarray, Sequence[tuple[str, Answer, str]]]], path: Path) -> None:
    """Write pictures two by two, below each the questions, the answers and, where they are wrong, the truth."""
    panels = [draw_answers(rgb, asked) for rgb, asked in examples]
    if not panels:
        return
    height = max(len(panel) for panel in panels)
    panels = [np.pad(p, ((0, height - len(p)), (0, 0), (0, 0)), constant_values=PAPER[0]) for p in panels]
    rows = [np.concatenate(panels[i : i + 2], 1) for i in range(0, len(panels) - 1, 2)]
    write_image(np.concatenate(rows or panels[:1]), path)


def draw_answers(rgb: np.ndarray, asked: Sequence[tuple[str, Answer, str]]) -> np.ndarray:
    """Return the picture with a line per (question, answer, truth) below it; wrong answers are red."""
    height = round(rgb.shape[0] * WIDTH_PX / rgb.shape[1])
    picture = cv2.resize(rgb, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    strip = np.full((ROW_PX * len(asked) + 8, WIDTH_PX, 3), PAPER, np.uint8)
    for number, (question, answer, truth) in enumerate(asked, start=1):
        is_right = not truth or answer.text == truth
        text = f'{question}  {answer.text} {answer.confidence:.2f}' + ('' if is_right else f' (truth: {truth})')
        plain = text.encode('ascii', 'replace').decode()
        colour = INK if is_right else WRONG
        cv2.putText(strip, plain, (8, ROW_PX * number), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
    return np.concatenate([picture, strip])
