"""
How much faster the planner's scoring is than one forward pass per skill, and whether the scores are the same.

Both sides run the same weights, in float32, in this process; ratios compare times of one run.
"""

from __future__ import annotations

from collections.abc import Sequence
import time

import torch

from vlm_robot.language.language_model import ContinuationScore
from vlm_robot.language.transformers_model import TransformersConfig, TransformersLanguageModel
from vlm_robot.vocabulary import COLOURS, LOCATIONS

PROMPT_TOKENS = 200


def list_skills() -> list[str]:
    """Return 31 skills as continuations."""
    picks = [f' pick up the {colour} block.' for colour in COLOURS]
    places = [f' put it in the {colour} bowl.' for colour in COLOURS]
    spots = [f' put it at the {name}.' for name in LOCATIONS]
    return [*picks, *places[:9], *spots, ' go home.', ' done.']


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

    The first row starts from an empty cache every time; the second shows the cache that is kept from step to
    step.
    """
    model = model or TransformersLanguageModel(TransformersConfig(adapter='', dtype='float32'))
    prompt, skills = build_prompt(model), list_skills()
    score_naively(model, prompt, skills[:1])  # warm up
    begun = time.perf_counter()
    naive = score_naively(model, prompt, skills)
    theirs_s = time.perf_counter() - begun
    cold, warm = [], []
    for _ in range(repeats):
        model.forget()
        begun = time.perf_counter()
        ours = model.score(prompt, skills)
        cold.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        model.score(prompt + ' pick up the red block. ok, holding red block.\n9.', skills)
        warm.append(time.perf_counter() - begun)
    difference = max(abs(a.logprob - b.logprob) for a, b in zip(ours, naive))
    rows = [('31 skills, prompt not known', min(cold)), ('31 skills, next step of the same task', min(warm))]
    return [
        {
            'name': name,
            'ratio': theirs_s / s,
            'ours_s': s,
            'theirs_s': theirs_s,
            'max_score_difference': difference,
        }
        for name, s in rows
    ]
