"""
The start of the shipped PixelLLM: its shape, and the towers of the shipped OWL-ViT as both image streams.

The localiser stays what it is; of the semantic stream the last layer trains, so that the first three are kept once in
the checkpoint. Everything else starts from nothing.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from transformers import AutoTokenizer, OwlViTForObjectDetection

from vlm_robot.perception.owlvit import SHIPPED
from vlm_robot.perception.pixel_llm.pixel_config import (
    AdaptorConfig,
    CONTEXTS,
    DecoderConfig,
    PixelLlmShape,
    TowerConfig,
)
from vlm_robot.perception.pixel_llm.pixel_model import PixelLlmModel
from vlm_robot.perception.pixel_llm.pixel_text import build_word_tokenizer, TextCodec

LLAMA = {
    'hidden_size': 192, 'intermediate_size': 448, 'num_hidden_layers': 4, 'num_attention_heads': 6,
    'num_key_value_heads': 3, 'max_position_embeddings': 512, 'initializer_range': 0.05,
}  # fmt: skip
FROZEN_LAYERS = 3  # of four, of the semantic stream


def build_shape(vocabulary: int, tower: Path = SHIPPED, language: str = '') -> PixelLlmShape:
    """
    Return the shape of the shipped model around the tower of a detector.

    :param language: a named causal language model, frozen with LoRA, instead of the small one.
    """
    vision = OwlViTForObjectDetection.config_class.from_pretrained(tower).vision_config
    keys = ('hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads', 'image_size', 'patch_size')
    settings = {key: getattr(vision, key) for key in (*keys, 'hidden_act')}
    small = LLAMA | {'vocab_size': vocabulary, 'pad_token_id': 0, 'eos_token_id': 2}
    return PixelLlmShape(
        semantic=TowerConfig('owlvit', settings, FROZEN_LAYERS),
        localiser=TowerConfig('owlvit', settings, -1, has_boxes=True),
        adaptor=AdaptorConfig(),
        language=DecoderConfig(language, train='lora') if language else DecoderConfig(settings=small),
        contexts=dict(CONTEXTS),
    )


def start_model(words, seed: int, tower: Path = SHIPPED) -> tuple[PixelLlmModel, TextCodec]:
    """Return a new model of the shipped shape and its codec; the same seed gives the same weights."""
    torch.manual_seed(seed)
    tokenizer = build_word_tokenizer([*words, *CONTEXTS.values()])
    model = PixelLlmModel(build_shape(len(tokenizer), tower))
    copy_towers(model, tower)
    return model, TextCodec(tokenizer, CONTEXTS)


def start_named_model(name: str, base: str, seed: int, tower: Path = SHIPPED) -> tuple[PixelLlmModel, TextCodec]:
    """
    Return a new model around a named causal language model, frozen with LoRA, in the words of its own tokenizer.

    :param base: where that language model lies.
    """
    torch.manual_seed(seed)
    model = PixelLlmModel(build_shape(0, tower, name), base)
    copy_towers(model, tower)
    return model, TextCodec(AutoTokenizer.from_pretrained(base), CONTEXTS)


def copy_towers(model: PixelLlmModel, folder: Path = SHIPPED) -> None:
    """Copy the image tower of an OWL-ViT detector into every stream of its shape, and its box head."""
    detector = OwlViTForObjectDetection.from_pretrained(folder, dtype=torch.float32)
    for tower in (model.image.semantic, model.image.localiser):
        if tower is None:
            continue
        tower.vision.load_state_dict(detector.owlvit.vision_model.state_dict())
        tower.layer_norm.load_state_dict(detector.layer_norm.state_dict())
        if tower.box_head is not None:
            _copy_linears(detector.box_head, tower.box_head)


def _copy_linears(source: nn.Module, target: nn.Module) -> None:
    for name in ('dense0', 'dense1', 'dense2'):
        getattr(target, name).load_state_dict(getattr(source, name).state_dict())
