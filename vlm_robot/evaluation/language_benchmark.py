"""
How much faster the planner's scoring is than one forward pass per skill, and whether the scores are the same.

Both sides run the same weights in the same precision in this process; ratios compare times of one run.
"""

from __future__ import annotations

from collections.abc import Sequence
import time

import torch

from vlm_robot.language.language_model import ContinuationScore
from vlm_robot.language.transformers_model import TransformersConfig, TransformersLanguageModel
from vlm_robot.vocabulary import COLOURS, LOCATIONS

PROMPT_TOKENS = 200
NEXT_TURN = ' pick up the red block. ok, holding red block.\n9.'


def list_skills() -> list[str]:
    """Return 31 skills as continuations."""
    picks = [f' pick up the {colour} block.' for colour in COLOURS]
    places = [f' put it in the {colour} bowl.' for colour in COLOURS]
    spots = [f' put it at the {name}.' for name in LOCATIONS]
    return [*picks, *places[:9], *spots, ' go home.', ' done.']


def list_options() -> list[str]:
    """Return 60 options over eleven skills as continuations: a crowded table with a drawer and a pile."""
    things = [text.format(colour) for text in (' put it on the {} block.', ' push the {} block to the left.')
              for colour in COLOURS]  # fmt: skip
    rest = [' put it in the gray bowl.', ' put it in the white bowl.', ' refuse.', ' ask which one.']
    drawer = [' open the drawer.', ' close the drawer.', ' sweep the pile to the right side.']
    return [*list_skills(), *things, *rest, *drawer]


def build_prompt(model: TransformersLanguageModel) -> str:
    """Return a planner's prompt of 200 tokens."""
    text = (
        'See: ' + ', '.join(f'{colour} block' for colour in COLOURS) + '.\nTask: put the red block in the green bowl\n'
    )
    turns = '1. pick up the red block. ok, holding red block.\n2. put it in the green bowl. ok, done.\n'
    ids = model.tokenizer(text + turns * 20)['input_ids'][:PROMPT_TOKENS]
    return model.tokenizer.decode(ids).rstrip()


@torch.inference_mode()
def score_naively(
    model: TransformersLanguageModel, prompt: str, continuations: Sequence[str]
) -> list[ContinuationScore]:
    """Return the scores of one full forward pass per continuation."""
    scores = []
    ids = model.tokenizer(prompt)['input_ids']
    for text in continuations:
        tail = model.tokenizer(prompt + text)['input_ids'][len(ids) :]
        logits = model.model(torch.tensor([ids + tail], device=model.device), use_cache=False).logits[
            0, len(ids) - 1 : -1
        ]
        picked = torch.log_softmax(logits.float(), dim=-1).gather(1, torch.tensor(tail, device=model.device)[:, None])
        scores.append(ContinuationScore(text, picked.sum().item(), len(tail)))
    return scores


def run(model: TransformersLanguageModel | None = None, repeats: int = 3) -> list[dict]:
    """
    Return one row per comparison: name, ratio, ours_s, theirs_s, max_score_difference.

    Rows "prompt not known" start from an empty cache every time; "next step" shows the cache that is kept from
    step to step, which is the language time of a step. Where the processor computes in bfloat16, both sides do
    so in the last rows; their scores are compared with each other.
    """
    exact = model or TransformersLanguageModel(TransformersConfig(adapter='', dtype='float32'))
    rows = [
        *_compare(exact, list_skills(), '31 skills', repeats),
        *_compare(exact, list_options(), '60 options', repeats),
    ]
    if model is None and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        half = TransformersLanguageModel(TransformersConfig(adapter='', dtype='bfloat16'))
        rows += _compare(half, list_options(), '60 options in bfloat16', repeats)
    return rows


def _compare(model: TransformersLanguageModel, options: Sequence[str], title: str, repeats: int) -> list[dict]:
    """Return two rows: from an empty cache, and one step later in the same task."""
    prompt = build_prompt(model)
    score_naively(model, prompt, options[:1])  # warm up
    begun = time.perf_counter()
    naive = score_naively(model, prompt, options)
    theirs_s = time.perf_counter() - begun
    cold, warm = [], []
    for _ in range(repeats):
        model.forget()
        begun = time.perf_counter()
        ours = model.score(prompt, options)
        cold.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        model.score(prompt + NEXT_TURN, options)
        warm.append(time.perf_counter() - begun)
    difference = max(abs(a.logprob - b.logprob) for a, b in zip(ours, naive))
    return [
        {
            'name': f'{title}, {when}',
            'ratio': theirs_s / s,
            'ours_s': s,
            'theirs_s': theirs_s,
            'max_score_difference': difference,
        }
        for when, s in (('prompt not known', min(cold)), ('next step of the same task', min(warm)))
    ]
