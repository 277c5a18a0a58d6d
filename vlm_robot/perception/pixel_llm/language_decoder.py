"""
The language model of PixelLLM: any causal model of transformers that reads visual tokens before its text.

Small ones are built from a configuration and trained whole, as the paper's BERT variant is; large ones stay frozen and
get LoRA (Hu et al., arXiv 2106.09685; by peft) on the queries and values, as the paper's T5. Several texts about one
picture may share a row: each sees the visual tokens and itself, never another text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peft import inject_adapter_in_model, LoraConfig
import torch
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from vlm_robot.errors import ModelError
from vlm_robot.perception.pixel_llm.pixel_config import DecoderConfig
from vlm_robot.perception.pretrained import hide_progress


class LanguageDecoder(nn.Module):
    """A causal language model on embeddings."""

    model: Any

    def __init__(self, config: DecoderConfig, base: str = ''):
        """
        Build or load it.

        :param base: folder or hub name to load instead of ``config.model``.
        :raises ModelError: the named model cannot be loaded.
        """
        super().__init__()
        self.config = config
        named = bool(config.model)
        self.model = _load_base(base or config.model) if named else LlamaForCausalLM(_llama(config.settings))
        self.model.config._attn_implementation = 'eager'
        self.model.config.use_cache = False
        if config.train != 'all':
            self.model.requires_grad_(False)
        if config.train == 'lora':
            add_lora(self.model, config)
        self.width: int = self.model.get_input_embeddings().embedding_dim
        self.vocabulary: int = self.model.get_input_embeddings().num_embeddings

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Return (..., width) of token ids."""
        return self.model.get_input_embeddings()(ids)

    def forward(self, embeds, mask, positions, cache=None) -> torch.Tensor:
        """
        Return (R, L, width) hidden states after the last norm.

        :param embeds: (R, L, width).
        :param mask: (R, L, past + L) bool, True where a row may look.
        :param positions: (R, L) int64.
        :param cache: a transformers cache that is read and filled; None for none.
        """
        most = torch.finfo(embeds.dtype).min
        bias = torch.zeros(mask.shape, dtype=embeds.dtype, device=embeds.device).masked_fill_(~mask, most)
        states = self.model.base_model(
            inputs_embeds=embeds,
            attention_mask=bias[:, None],
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
        )
        return states.last_hidden_state

    def say(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return float32 logits over the vocabulary."""
        return self.model.get_output_embeddings()(hidden).float()

    def is_own(self, name: str) -> bool:
        """Return whether a weight, by its name below this module, belongs into the checkpoint."""
        return not self.config.model or self.config.train == 'all' or 'lora_' in name


def add_lora(model: nn.Module, config: DecoderConfig) -> None:
    """Put trainable LoRA layers beside the frozen ones, in place; raise ModelError where none fits."""
    shape = LoraConfig(
        r=config.rank, lora_alpha=int(config.rank * config.scale), target_modules=list(config.targets), lora_dropout=0.0
    )
    try:
        inject_adapter_in_model(shape, model)
    except ValueError as error:
        raise ModelError(f'LoRA does not fit this language model: {error}; set language.targets') from error


def join_masks(prefix: torch.Tensor, segments: torch.Tensor, is_prefix_causal: bool) -> torch.Tensor:
    """
    Return (R, V + T, V + T) bool: who may look at whom when rows are visual tokens, then texts.

    :param prefix: (R, V) bool, which visual tokens are there.
    :param segments: (R, T) int64, the number of the text that each token belongs to; -1 for padding.
    """
    rows, visual = prefix.shape
    texts = segments.shape[1]
    mask = torch.zeros(rows, visual + texts, visual + texts, dtype=torch.bool, device=prefix.device)
    mask[:, :, :visual] = prefix[:, None]
    if is_prefix_causal:
        mask[:, :visual, :visual] &= torch.ones(visual, visual, dtype=torch.bool, device=prefix.device).tril()
    same = (segments[:, :, None] == segments[:, None]) & (segments[:, None] >= 0)
    mask[:, visual:, visual:] = same & torch.ones(texts, texts, dtype=torch.bool, device=prefix.device).tril()
    every = torch.arange(visual + texts, device=prefix.device)
    mask[:, every, every] = True  # so that no row is empty
    return mask


def _llama(settings) -> LlamaConfig:
    if not settings.get('vocab_size'):
        raise ModelError('a language model built from settings needs vocab_size, hidden_size, num_hidden_layers ...')
    known: dict[str, Any] = {'tie_word_embeddings': True, 'attention_dropout': 0.0}
    return LlamaConfig(**(known | dict(settings)))


def _load_base(name: str) -> nn.Module:
    try:
        with hide_progress():
            return AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        hint = 'give a folder or a hub name of a causal language model'
        raise ModelError(f"cannot load the language model '{Path(name).name or name}': {error}; {hint}") from error
