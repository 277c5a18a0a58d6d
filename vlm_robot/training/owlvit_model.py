"""
A small OWL-ViT from transformers' own classes: configuration, tokenizer, start, a fast training pass.

Architecture and names are the stock ones (Minderer et al., arXiv 2205.06230), so ``from_pretrained`` and the
standard processors read the result. The training pass computes what ``OwlViTForObjectDetection`` computes,
but on a chosen subset of the tokens (empty table teaches little; OWLv2, arXiv 2306.09683, drops tokens
likewise) and with plain matrix products for attention, whose gradient is faster in bfloat16 on a CPU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tokenizers import pre_tokenizers
import torch
from torch import nn
from transformers import CLIPTokenizer, OwlViTConfig, OwlViTForObjectDetection, OwlViTProcessor
from transformers.models.owlvit.image_processing_owlvit import OwlViTImageProcessor

from vlm_robot.training.owlvit_data import GRID, PATCH_PX, SIDE_PX
from vlm_robot.training.owlvit_phrases import list_words

START, END, PAD = '<|startoftext|>', '<|endoftext|>', '!'
TEXT_TOKENS = 16


def build_tokenizer() -> CLIPTokenizer:
    """Train a byte-pair encoding on the phrases; pad is id 0 and end the highest id, as the model needs."""
    merges = learn_merges(Counter(word for phrase in list_words() for word in phrase.split()))
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = [PAD, *(letter for letter in letters if letter != PAD)]
    pieces = [*letters, *(f'{letter}</w>' for letter in letters), *(a + b for a, b in merges), START, END]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    return CLIPTokenizer(
        vocab=vocabulary, merges=merges, pad_token=PAD, unk_token=END, bos_token=START, eos_token=END,
        model_max_length=TEXT_TOKENS,
    )  # fmt: skip


def learn_merges(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return the pairs that byte-pair encoding joins until every word is one piece; ties by alphabet."""
    words = {word: (*word[:-1], f'{word[-1]}</w>') for word in counts}
    merges: list[tuple[str, str]] = []
    while True:
        pairs = Counter()
        for word, pieces in words.items():
            for pair in zip(pieces, pieces[1:], strict=False):
                pairs[pair] += counts[word]
        if not pairs:
            return merges
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        words = {word: _join(pieces, best) for word, pieces in words.items()}


def _join(pieces: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    joined: list[str] = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


def build_config(tokenizer: CLIPTokenizer) -> OwlViTConfig:
    """Return the shape of the shipped model: 320 px, 16 px patches, 4 layers of 192, text 2 layers of 128."""
    text = {
        'vocab_size': len(tokenizer), 'hidden_size': 128, 'intermediate_size': 384, 'num_hidden_layers': 2,
        'num_attention_heads': 4, 'max_position_embeddings': TEXT_TOKENS, 'hidden_act': 'gelu',
        'pad_token_id': tokenizer.pad_token_id, 'bos_token_id': tokenizer.bos_token_id,
        'eos_token_id': tokenizer.eos_token_id,
    }  # fmt: skip
    vision = {
        'hidden_size': 192, 'intermediate_size': 576, 'num_hidden_layers': 4, 'num_attention_heads': 3,
        'image_size': SIDE_PX, 'patch_size': PATCH_PX, 'hidden_act': 'gelu',
    }  # fmt: skip
    return OwlViTConfig(text_config=text, vision_config=vision, projection_dim=128)


def build_processor(tokenizer: CLIPTokenizer) -> OwlViTProcessor:
    """Return the stock processor at the model's size."""
    size = {'height': SIDE_PX, 'width': SIDE_PX}
    return OwlViTProcessor(OwlViTImageProcessor(size=size, crop_size=size), tokenizer)


@torch.no_grad()
def initialise(model: OwlViTForObjectDetection, seed: int) -> None:
    """Set a start that trains: small heads, a low prior, sine positions (stock heads start too large)."""
    torch.manual_seed(seed)
    vision = model.owlvit.vision_model
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    for encoder in (vision.encoder, model.owlvit.text_model.encoder):
        for layer in encoder.layers:
            layer.self_attn.out_proj.weight.mul_(0.3)
            layer.mlp.fc2.weight.mul_(0.3)
    nn.init.normal_(vision.embeddings.patch_embedding.weight, std=768**-0.5)
    vision.embeddings.position_embedding.weight.copy_(torch.cat([torch.zeros(1, 192), _sine_positions(192)]))
    nn.init.ones_(vision.post_layernorm.bias)  # the class token multiplies every patch
    nn.init.normal_(model.owlvit.text_model.embeddings.token_embedding.weight, std=0.1)
    model.box_head.dense2.weight.mul_(0.3)
    model.class_head.logit_scale.weight.mul_(0.1)
    model.class_head.logit_shift.weight.mul_(0.1)
    nn.init.constant_(model.class_head.logit_scale.bias, 11.0)
    nn.init.constant_(model.class_head.logit_shift.bias, -0.4)


def _sine_positions(width: int) -> torch.Tensor:
    place = torch.arange(GRID, dtype=torch.float32)
    rate = torch.exp(-torch.arange(width // 4) / (width // 4) * 4.0)
    wave = torch.cat([torch.sin(place[:, None] * rate), torch.cos(place[:, None] * rate)], 1)
    rows, columns = wave[:, None].expand(-1, GRID, -1), wave[None].expand(GRID, -1, -1)
    return torch.cat([rows, columns], -1).reshape(GRID * GRID, width) * 0.5


def embed_phrases(model: OwlViTForObjectDetection, encoded) -> torch.Tensor:
    """Return (P, D) float32 text embeddings of unit length."""
    length = int(encoded['attention_mask'].sum(1).max())
    ids, mask = encoded['input_ids'][:, :length], encoded['attention_mask'][:, :length]
    pooled = model.owlvit.text_model(input_ids=ids, attention_mask=mask).pooler_output
    return nn.functional.normalize(model.owlvit.text_projection(pooled).float(), dim=-1)


def embed_tokens(model: OwlViTForObjectDetection, patches: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """
    Return the image features of chosen tokens, as ``image_embedder`` would for all of them.

    :param patches: (B, K, 3 * PATCH_PX**2) normalised pixels in the model's type.
    :param index: (B, K) which token of the grid each patch is.
    :return: (B, K, hidden).
    """
    vision = model.owlvit.vision_model
    embeddings = vision.embeddings
    x = patches @ embeddings.patch_embedding.weight.flatten(1).T
    first = (embeddings.class_embedding + embeddings.position_embedding.weight[0]).expand(len(x), 1, -1)
    x = torch.cat([first, x + embeddings.position_embedding(index + 1)], 1)
    x = vision.pre_layernorm(x)
    for layer in vision.encoder.layers:
        x = x + _attend(layer.self_attn, layer.layer_norm1(x))
        x = x + layer.mlp(layer.layer_norm2(x))
    x = vision.post_layernorm(x)
    return model.layer_norm(x[:, 1:] * x[:, :1])


def _attend(attention: nn.Module, x: torch.Tensor) -> torch.Tensor:
    batch, length, width = x.shape
    heads = attention.num_heads
    q, k, v = (
        layer(x).view(batch, length, heads, -1).transpose(1, 2)
        for layer in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    weights = torch.softmax(q @ k.transpose(-1, -2) * attention.scale, -1)
    return attention.out_proj((weights @ v).transpose(1, 2).reshape(batch, length, width))


def predict(model: OwlViTForObjectDetection, features: torch.Tensor, index: torch.Tensor, text: torch.Tensor):
    """
    Return class logits (B, K, P) and box logits (B, K, 4), both float32, of chosen tokens.

    :param text: (P, D) from ``embed_phrases``.
    """
    head = model.class_head
    embedded = nn.functional.normalize(head.dense0(features).float(), dim=-1)
    scale = nn.functional.elu(head.logit_scale(features).float()) + 1
    logits = (embedded @ text.T + head.logit_shift(features).float()) * scale
    boxes = model.box_head(features).float() + model.box_bias.float()[index]
    return logits, boxes
