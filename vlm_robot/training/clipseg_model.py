"""
A small CLIPSeg from transformers' own classes: configuration, processor, a fast training pass.

Architecture and names are the stock ones (Lüddecke and Ecker, arXiv 2112.10003), so ``from_pretrained`` and the
standard processors read the result. The training pass computes what ``CLIPSegForImageSegmentation`` computes, with
gradients into the towers, on a chosen subset of the tokens (most of a table is empty) and with plain matrix products
for attention and for the transposed convolutions, whose kernels equal their strides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPSegProcessor, CLIPTokenizer
from transformers.models.vit.image_processing_vit import ViTImageProcessor

from vlm_robot.training.owlvit_data import GRID, PATCH_PX, SIDE_PX

EXTRACTED = (0, 1, 3)  # after the first, second and last layer: early ones keep edges, the last knows things
REDUCED, HEADS, INNER = 64, 4, 256
KERNEL = PATCH_PX // 4


def build_config(detector) -> CLIPSegConfig:
    """Return the shape of the shipped segmenter: the detector's towers and a decoder of 64."""
    text, vision = detector.text_config, detector.vision_config
    keys = ('hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads', 'hidden_act')
    of_text = (*keys, 'vocab_size', 'max_position_embeddings', 'pad_token_id', 'bos_token_id', 'eos_token_id')
    return CLIPSegConfig(
        text_config={key: getattr(text, key) for key in of_text},
        vision_config={key: getattr(vision, key) for key in (*keys, 'image_size', 'patch_size')},
        projection_dim=detector.projection_dim, extract_layers=list(EXTRACTED), reduce_dim=REDUCED,
        decoder_num_attention_heads=HEADS, decoder_intermediate_size=INNER, use_complex_transposed_convolution=True,
    )  # fmt: skip


def build_processor(tokenizer: CLIPTokenizer, mean: Sequence[float], std: Sequence[float]) -> CLIPSegProcessor:
    """Return the stock processor at the model's size, squashing bicubically as the detector's does."""
    size = {'height': SIDE_PX, 'width': SIDE_PX}
    stock = ViTImageProcessor(size=size, resample=3, image_mean=list(mean), image_std=list(std))
    return CLIPSegProcessor(stock, tokenizer)


def embed_phrases(model: CLIPSegForImageSegmentation, encoded) -> torch.Tensor:
    """Return (P, D) text embeddings as the stock model conditions on."""
    return model.clip.get_text_features(encoded['input_ids'], encoded['attention_mask']).pooler_output


def embed_tokens(model: CLIPSegForImageSegmentation, patches: torch.Tensor, index: torch.Tensor):
    """
    Return the activations that the decoder reads, and the projected class token.

    :param patches: (B, K, 3 * PATCH_PX**2) normalised pixels.
    :param index: (B, K) which token of the grid each patch is.
    :return: a list of (B, 1 + K, hidden) and (B, D).
    """
    kept, pooled = _encode(model, patches, index)
    return kept, model.clip.visual_projection(pooled)


def pool_tokens(model: CLIPSegForImageSegmentation, patches: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return (B, hidden), the class token before its projection; arguments as of ``embed_tokens``."""
    return _encode(model, patches, index)[1]


def _encode(model: CLIPSegForImageSegmentation, patches: torch.Tensor, index: torch.Tensor):
    vision: Any = model.clip.vision_model
    embeddings = vision.embeddings
    x = patches @ embeddings.patch_embedding.weight.flatten(1).T
    first = (embeddings.class_embedding + embeddings.position_embedding.weight[0]).expand(len(x), 1, -1)
    x = vision.pre_layrnorm(torch.cat([first, x + embeddings.position_embedding(index + 1)], 1))
    kept = []
    for number, layer in enumerate(vision.encoder.layers):
        x = x + attend(layer.self_attn, layer.layer_norm1(x))
        x = x + layer.mlp(layer.layer_norm2(x))
        if number in model.extract_layers:
            kept.append(x)
    return kept, vision.post_layernorm(x[:, 0])


def attend(attention: Any, x: torch.Tensor) -> torch.Tensor:
    """Return what a stock attention module returns, by plain matrix products; x (B, T, width)."""
    batch, length, width = x.shape
    heads = attention.num_heads
    q, k, v = (
        layer(x).view(batch, length, heads, -1).transpose(1, 2)
        for layer in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    weights = torch.softmax((q * attention.scale) @ k.transpose(-1, -2), -1)
    return attention.out_proj((weights.to(v.dtype) @ v).transpose(1, 2).reshape(batch, length, width))


def decode(
    model: CLIPSegForImageSegmentation, activations: Sequence[torch.Tensor], wanted: torch.Tensor, index: torch.Tensor
) -> torch.Tensor:
    """
    Return the logits of the pixels of chosen tokens, for every prompt of every picture.

    :param activations: (B, 1 + K, hidden) each, from ``embed_tokens``.
    :param wanted: (B, P, D) embeddings of the prompts.
    :param index: (B, K) which token of the grid each one is.
    :return: (B, P, K, PATCH_PX**2), a token's pixels row by row.
    """
    decoder: Any = model.decoder
    batch, prompts = wanted.shape[:2]
    x: Any = None
    for number, (activation, layer, reduce) in enumerate(
        zip(activations[::-1], decoder.layers, decoder.reduces, strict=True)
    ):
        reduced = reduce(activation)[:, None].expand(-1, prompts, -1, -1)
        x = reduced if x is None else reduced + x.view(batch, prompts, *x.shape[1:])
        if number == decoder.conditional_layer:
            x = decoder.film_mul(wanted)[:, :, None] * x + decoder.film_add(wanted)[:, :, None]
        x = x.reshape(batch * prompts, *x.shape[2:])
        x = layer.layer_norm1(x + attend(layer.self_attn, x))
        x = layer.layer_norm2(x + layer.mlp(x))
    logits = _paint(decoder.transposed_convolution, x[:, 1:], index.repeat_interleave(prompts, 0))
    return logits.view(batch, prompts, index.shape[1], PATCH_PX**2)


def _paint(layers: Any, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return (N, K, PATCH_PX**2) of tokens (N, K, width): the complex transposed convolution, token by token."""
    many, count, width = x.shape
    first, finer, last = layers[0], layers[2], layers[4]
    grid = x.new_zeros(many, GRID * GRID, width).scatter(1, index[..., None].expand(-1, -1, width), x)
    padded = functional.pad(grid.view(many, GRID, GRID, width), (0, 0, 1, 1, 1, 1))
    around = torch.cat(
        [padded[:, r : r + GRID, c : c + GRID].flatten(1, 2) for r in range(3) for c in range(3)], -1
    )  # (N, GRID * GRID, 9 * width), the neighbours row by row
    around = around.gather(1, index[..., None].expand(-1, -1, 9 * width))
    kernel = first.weight.permute(2, 3, 1, 0).reshape(9 * width, -1)
    x = functional.relu(around @ kernel + first.bias)
    x = x @ finer.weight.permute(0, 2, 3, 1).reshape(width, -1)  # (N, K, KERNEL**2 * width / 2)
    x = functional.relu(x.view(many, count, KERNEL**2, -1) + finer.bias)
    x = x @ last.weight.flatten(1) + last.bias  # (N, K, KERNEL**2 cells, KERNEL**2 pixels)
    x = x.view(many, count, KERNEL, KERNEL, KERNEL, KERNEL).transpose(3, 4)
    return x.reshape(many, count, PATCH_PX**2)
