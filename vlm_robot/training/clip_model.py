"""
A small CLIP in open_clip's own classes: shape, tokenizer, start from the shipped detector, a fast training pass.

The towers of OWL-ViT (Minderer et al., arXiv 2205.06230) are those of CLIP, so their weights fit open_clip's after a
change of names: query, key and value are stacked, projections are transposed, positions are resampled to the smaller
picture. The pictures of cut-outs need no more than 192 px, which makes them cheap enough to look at every thing.
The activation is the exact GELU in both (``quick_gelu`` stays off). The training pass computes what ``encode_image``
and ``encode_text`` compute, with plain matrix products for attention (faster in bfloat16 on a CPU).
"""

from __future__ import annotations

from collections.abc import Sequence
import json
from pathlib import Path
from typing import Any

from open_clip.model import CLIP
from safetensors.torch import save_file
import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTokenizer, OwlViTForObjectDetection
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from vlm_robot.training.owlvit_model import END, START

SIDE_PX, PATCH_PX = 192, 16
CONTEXT = 32  # tokens of a text: five things with their articles
MEAN, STD = OPENAI_CLIP_MEAN, OPENAI_CLIP_STD


def build_model_config(detector, vocabulary: int) -> dict[str, Any]:
    """Return open_clip's ``model_cfg`` for the detector's towers; the image is the mean of its tokens."""
    vision, text = detector.vision_config, detector.text_config
    return {
        'embed_dim': detector.projection_dim,
        'init_logit_scale': 2.303,  # as SigLIP: 10
        'init_logit_bias': -6.0,
        'vision_cfg': {
            'image_size': SIDE_PX, 'patch_size': vision.patch_size, 'width': vision.hidden_size,
            'layers': vision.num_hidden_layers, 'head_width': vision.hidden_size // vision.num_attention_heads,
            'mlp_ratio': vision.intermediate_size / vision.hidden_size, 'pool_type': 'avg',
        },
        'text_cfg': {
            'context_length': CONTEXT, 'vocab_size': vocabulary, 'width': text.hidden_size,
            'heads': text.num_attention_heads, 'layers': text.num_hidden_layers,
            'mlp_ratio': text.intermediate_size / text.hidden_size,
            'hf_tokenizer_name': 'tokenizer',  # any name: in a local folder its own files are read
            'tokenizer_kwargs': {'tokenizer_class': 'CLIPTokenizer'},
        },
    }  # fmt: skip


def build_model(model_config: dict[str, Any]) -> CLIP:
    """Return open_clip's model of a ``model_cfg``, with random weights."""
    shape = {key: value for key, value in model_config.items() if key != 'text_cfg'}
    text = {key: value for key, value in model_config['text_cfg'].items() if not key.startswith('hf_')}
    text.pop('tokenizer_kwargs', None)
    return CLIP(**shape, text_cfg=text).float()


def extend_tokenizer(old: CLIPTokenizer, texts: Sequence[str]) -> tuple[CLIPTokenizer, list[list[int]]]:
    """
    Return a tokenizer that knows the words of the texts as well, and which old tokens each of its tokens is made of.

    Old words keep their pieces: the new merges come after all old ones. The end token stays the highest id, by which
    the text model finds it.
    """
    data = json.loads(old.backend_tokenizer.to_str())['model']
    merges = [(a, b) for a, b in data['merges']]
    words = sorted({word for text in texts for word in ''.join(c if c.isalpha() else ' ' for c in text).split()})
    new = list(dict.fromkeys(pair for word in words for pair in _join_pieces(old.tokenize(word))))
    pieces = [piece for piece in data['vocab'] if piece not in (START, END)]
    pieces += [a + b for a, b in new if a + b not in data['vocab']]
    ids = {piece: i for i, piece in enumerate(dict.fromkeys([*pieces, START, END]))}
    made = CLIPTokenizer(
        vocab=ids, merges=merges + new,  # type: ignore[arg-type]
        pad_token=old.pad_token, unk_token=END, bos_token=START, eos_token=END,
        model_max_length=CONTEXT,
    )  # fmt: skip
    return made, [_spell(piece, data['vocab']) for piece in ids]


def _join_pieces(pieces: Sequence[str]) -> list[tuple[str, str]]:
    """Return the merges that make one token of the pieces of a word, from the left."""
    return [(''.join(pieces[:i]), pieces[i]) for i in range(1, len(pieces))]


def _spell(piece: str, vocabulary: dict[str, int]) -> list[int]:
    if piece in vocabulary:
        return [vocabulary[piece]]
    stem, end = (piece.removesuffix('</w>'), '</w>') if piece.endswith('</w>') else (piece, '')
    letters = [*stem[:-1], stem[-1] + end]
    return [vocabulary[letter] for letter in letters]


@torch.no_grad()
def start_from_detector(model: CLIP, detector: OwlViTForObjectDetection, spelling: Sequence[Sequence[int]]) -> None:
    """
    Fill an open_clip model with the detector's towers.

    :param spelling: of each token, the detector's tokens whose mean it starts from.
    """
    owl = {key: value.float() for key, value in detector.state_dict().items()}
    state: dict[str, torch.Tensor] = {}
    _copy_layers(owl, 'owlvit.vision_model', 'visual.transformer', state)
    _copy_layers(owl, 'owlvit.text_model', 'transformer', state)
    vision, text = 'owlvit.vision_model.', 'owlvit.text_model.'
    state['visual.conv1.weight'] = owl[vision + 'embeddings.patch_embedding.weight']
    state['visual.class_embedding'] = owl[vision + 'embeddings.class_embedding']
    state['visual.positional_embedding'] = _resample(owl[vision + 'embeddings.position_embedding.weight'])
    for mine, theirs in (('visual.ln_pre', vision + 'pre_layernorm'), ('visual.ln_post', vision + 'post_layernorm'),
                         ('ln_final', text + 'final_layer_norm')):  # fmt: skip
        state |= {f'{mine}.{part}': owl[f'{theirs}.{part}'] for part in ('weight', 'bias')}
    state['visual.proj'] = owl['class_head.dense0.weight'].T  # what compares a token with a text
    state['text_projection'] = owl['owlvit.text_projection.weight'].T
    tokens = owl[text + 'embeddings.token_embedding.weight']
    state['token_embedding.weight'] = torch.stack([tokens[list(ids)].mean(0) for ids in spelling])
    places = owl[text + 'embeddings.position_embedding.weight']
    state['positional_embedding'] = torch.cat([places, places[-1:].expand(CONTEXT - len(places), -1)])
    missing, unknown = model.load_state_dict(state, strict=False)
    if unknown or set(missing) - {'logit_scale', 'logit_bias'}:
        raise ValueError(f'the towers do not fit: missing {missing}, unknown {unknown}')


def _copy_layers(owl, theirs: str, mine: str, state: dict[str, torch.Tensor]) -> None:
    count = len({key.split('.')[4] for key in owl if key.startswith(f'{theirs}.encoder.layers.')})
    for i in range(count):
        old, new = f'{theirs}.encoder.layers.{i}.', f'{mine}.resblocks.{i}.'
        for part in ('weight', 'bias'):
            stacked = [owl[f'{old}self_attn.{name}_proj.{part}'] for name in 'qkv']
            state[f'{new}attn.in_proj_{part}'] = torch.cat(stacked)
            state[f'{new}attn.out_proj.{part}'] = owl[f'{old}self_attn.out_proj.{part}']
            state[f'{new}ln_1.{part}'] = owl[f'{old}layer_norm1.{part}']
            state[f'{new}ln_2.{part}'] = owl[f'{old}layer_norm2.{part}']
            state[f'{new}mlp.c_fc.{part}'] = owl[f'{old}mlp.fc1.{part}']
            state[f'{new}mlp.c_proj.{part}'] = owl[f'{old}mlp.fc2.{part}']


def _resample(positions: torch.Tensor) -> torch.Tensor:
    """Return the positions of a smaller grid: the class's own, the others resized."""
    side = round((len(positions) - 1) ** 0.5)
    grid = positions[1:].T.reshape(1, -1, side, side)
    small = functional.interpolate(grid, (SIDE_PX // PATCH_PX,) * 2, mode='bicubic', antialias=True)
    return torch.cat([positions[:1], small.flatten(2)[0].T])


# ---- training pass


def embed_pictures(model: CLIP, pixels: torch.Tensor) -> torch.Tensor:
    """Return (B, D) float32 unit vectors of normalised (B, 3, S, S) pixels in the model's type."""
    vision = model.visual
    grid = SIDE_PX // PATCH_PX
    cut = pixels.reshape(len(pixels), 3, grid, PATCH_PX, grid, PATCH_PX).permute(0, 2, 4, 1, 3, 5)
    x = cut.reshape(len(pixels), grid * grid, -1) @ vision.conv1.weight.flatten(1).T
    x = torch.cat([vision.class_embedding.expand(len(x), 1, -1), x], 1) + vision.positional_embedding
    x = _run_layers(vision.transformer, vision.ln_pre(x), None)
    x = vision.ln_post(x)[:, 1:].mean(1) @ vision.proj
    return functional.normalize(x.float(), dim=-1)


def embed_ids(model: CLIP, ids: torch.Tensor) -> torch.Tensor:
    """Return (T, D) float32 unit vectors of (T, L) tokens, where L may be below the model's context."""
    length = ids.shape[1]
    x = model.token_embedding(ids) + model.positional_embedding[:length]
    mask = torch.full((length, length), float('-inf'), dtype=x.dtype).triu(1)
    x = model.ln_final(_run_layers(model.transformer, x, mask))
    x = x[torch.arange(len(ids)), ids.argmax(1)] @ model.text_projection
    return functional.normalize(x.float(), dim=-1)


def _run_layers(tower: Any, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    for block in tower.resblocks:
        x = x + _attend(block.attn, block.ln_1(x), mask)
        x = x + block.mlp(block.ln_2(x))
    return x


def _attend(attention: nn.MultiheadAttention, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    batch, length, width = x.shape
    heads = attention.num_heads
    stacked = functional.linear(x, attention.in_proj_weight, attention.in_proj_bias)
    q, k, v = (part.view(batch, length, heads, -1).transpose(1, 2) for part in stacked.chunk(3, -1))
    weights = q @ k.transpose(-1, -2) * (width // heads) ** -0.5
    weights = torch.softmax(weights if mask is None else weights + mask, -1)
    return attention.out_proj((weights @ v).transpose(1, 2).reshape(batch, length, width))


# ---- files


def save_checkpoint(folder: Path, model: CLIP, model_config: dict[str, Any], tokenizer: CLIPTokenizer) -> None:
    """Write open_clip's local-dir format in half precision: configuration, weights, tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    preprocess = {
        'size': [SIDE_PX, SIDE_PX], 'mode': 'RGB', 'mean': list(MEAN), 'std': list(STD), 'interpolation': 'bicubic',
        'resize_mode': 'squash', 'fill_color': 0,
    }  # fmt: skip
    config = {'model_cfg': model_config, 'preprocess_cfg': preprocess}
    (folder / 'open_clip_config.json').write_text(json.dumps(config, indent=1) + '\n')
    weights = folder / 'open_clip_model.safetensors'
    save_file({key: value.half().contiguous() for key, value in model.state_dict().items()}, weights)
    weights.chmod(0o644)  # safetensors writes for the owner alone
    tokenizer.save_pretrained(folder)
