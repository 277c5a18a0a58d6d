"""
Greedy writing with a key-value cache: what the language model says about each row of visual tokens.

The hidden state of every written token is kept, so places need no second pass; they equal those of one pass over the
finished text up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import DynamicCache

from vlm_robot.perception.pixel_llm.language_decoder import join_masks
from vlm_robot.perception.pixel_llm.pixel_model import PixelLlmModel, Prefix


@dataclass(frozen=True, eq=False)
class Writing:
    """
    What was written about one row.

    :param ids: without the end.
    :param hidden: (len(ids), width), the state at each token.
    :param logprobs: (len(ids) + 1,) float32 natural logs, the last of the end (missing where the limit came first).
    """

    ids: tuple[int, ...]
    hidden: torch.Tensor
    logprobs: torch.Tensor


@torch.inference_mode()
def write(model: PixelLlmModel, prefix: Prefix, context: tuple[int, ...], end: int, most: int) -> tuple:
    """
    Return a list of one ``Writing`` a row and the hidden states (R, N, width) of the regions.

    :param context: ids before the text; at most ``most`` tokens follow.
    """
    rows, visual = prefix.mask.shape
    cache = DynamicCache()
    ids = torch.tensor(context, device=prefix.mask.device).expand(rows, -1)
    segments = torch.zeros_like(ids)
    mask = join_masks(prefix.mask, segments, model.shape.language.is_prefix_causal)
    embeds = torch.cat([prefix.embeds, model.language.embed(ids)], 1)
    places = torch.arange(visual + len(context), device=ids.device).expand(rows, -1)
    states = model.language(embeds, mask, places, cache)
    count = prefix.regions.index.shape[1] if prefix.regions is not None else 0
    region_states = states[:, visual - count : visual]
    seen = torch.cat([prefix.mask, torch.ones_like(ids, dtype=torch.bool)], 1)
    last, written, hidden, logprobs = states[:, -1], [], [], []
    is_open = torch.ones(rows, dtype=torch.bool, device=ids.device)
    for step in range(most):
        scores = torch.log_softmax(model.language.say(last), -1)
        best, token = scores.max(-1)
        token = torch.where(is_open, token, torch.full_like(token, end))
        written.append(token)
        logprobs.append(best)
        is_open = is_open & (token != end)
        if not is_open.any():
            break
        seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
        place = torch.full((rows, 1), visual + len(context) + step, device=ids.device)
        last = model.language(model.language.embed(token[:, None]), seen[:, None], place, cache)[:, -1]
        hidden.append(last)
    return _cut(written, hidden, logprobs, end), region_states


def _cut(written, hidden, logprobs, end: int) -> list[Writing]:
    tokens = torch.stack(written, 1).tolist()
    states = torch.stack(hidden, 1) if hidden else None
    chances = torch.stack(logprobs, 1)
    cut = []
    for row, ids in enumerate(tokens):
        length = ids.index(end) if end in ids else len(ids)
        kept = states[row, :length] if states is not None else torch.zeros(0, 0)
        cut.append(Writing(tuple(ids[:length]), kept, chances[row, : length + 1]))
    return cut
