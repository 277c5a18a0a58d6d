"""
Where the small CLIPSeg starts: the towers of the shipped OWL-ViT, and a decoder that already compares as it does.

OWL-ViT has the layers of CLIP, so the towers fit as they are. A decoder drawn at random does not learn in minutes (its
dice loss stood at 0.8 for 700 steps): activations of a tower vary by 3 to 9 about means of 2, beside which a condition
of size 1 is lost. So the reductions are whitened, and the first one and the factor of FiLM are set to two halves of
the detector's own comparison: FiLM multiplies them, and their sum says how well a token fits the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPSegForImageSegmentation, OwlViTForObjectDetection

from vlm_robot.training.clipseg_model import build_config, embed_phrases, embed_tokens

RIDGE = 1.0  # added to the squares of whitened activations, in tokens
DAMPING = 0.3  # of the branches beside the residuals


@torch.no_grad()
def start_from_detector(detector: OwlViTForObjectDetection, seed: int) -> CLIPSegForImageSegmentation:
    """Return a float32 segmenter with the detector's towers and a fresh decoder that starts near "nothing there"."""
    torch.manual_seed(seed)
    model = CLIPSegForImageSegmentation(build_config(detector.config)).float()
    towers = {
        key.replace('pre_layernorm', 'pre_layrnorm'): value.float()
        for key, value in detector.owlvit.state_dict().items()
    }
    missing, unknown = model.clip.load_state_dict(towers, strict=False)
    if unknown or any('position_ids' not in key for key in missing):
        raise ValueError(f'the towers do not fit: missing {missing}, unknown {unknown}')
    for module in model.decoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
            fan_in = module.in_channels * (9 if isinstance(module, nn.Conv2d) else 1)
            nn.init.normal_(module.weight, std=(2 / fan_in) ** 0.5)
            nn.init.zeros_(module.bias)
    for layer in model.decoder.layers:
        layer.self_attn.out_proj.weight.mul_(DAMPING)
        layer.mlp.fc2.weight.mul_(DAMPING)
    painter = model.decoder.transposed_convolution
    painter[4].weight.mul_(DAMPING)
    nn.init.constant_(painter[4].bias, -2.0)
    hidden = model.config.vision_config.hidden_size
    nn.init.normal_(model.clip.visual_projection.weight, std=hidden**-0.5)
    return model


@torch.no_grad()
def align_decoder(
    model: CLIPSegForImageSegmentation,
    detector: OwlViTForObjectDetection,
    patches: torch.Tensor,
    index: torch.Tensor,
    encoded,
) -> None:
    """
    Set the reductions and FiLM from what the detector sees in some pictures and reads in some phrases.

    :param patches: (B, K, 3 * PATCH_PX**2) normalised pixels of tokens ``index`` (B, K).
    :param encoded: tokenised phrases, many and different.
    """
    decoder: Any = model.decoder
    width = model.config.reduce_dim
    texts = embed_phrases(model, encoded)
    model.clip.text_projection.weight.data *= texts.shape[1] ** 0.5 / texts.norm(dim=1).mean()
    texts = embed_phrases(model, encoded)  # of components about 1
    activations, _ = embed_tokens(model, patches, index)
    whitened = []
    for activation, reduce in zip(activations[::-1], decoder.reduces, strict=True):
        x = activation[:, 1:].flatten(0, 1)
        mean, spread = x.mean(0), x.std(0)
        reduce.weight.div_(spread)
        reduce.bias.sub_(reduce.weight @ mean)
        whitened.append(((x - mean) / spread, mean, spread))
    x, mean, spread = whitened[0]
    fitted = _fit(x, _embed_as_detector(model, detector, activations[-1]))
    middle = texts.mean(0)
    _, _, axes = torch.linalg.svd(texts - middle, full_matrices=False)
    axes = axes[:width]  # (width, D), the directions in which phrases differ
    signs = torch.ones(len(axes))
    signs[1::2] = -1  # layer norms take the sum of all components away, but not this one
    half = (signs[:, None] * axes) @ fitted.T
    size = (half @ x.T).std()
    decoder.reduces[0].weight[: len(axes)] = half / size / spread
    decoder.reduces[0].bias[: len(axes)] = -(half / size / spread) @ mean
    factor = axes / ((texts - middle) @ axes.T).std()
    decoder.film_mul.weight[: len(axes)] = factor
    decoder.film_mul.bias[: len(axes)] = -factor @ middle
    decoder.film_add.weight.mul_(DAMPING)


def _embed_as_detector(model, detector: OwlViTForObjectDetection, last: torch.Tensor) -> torch.Tensor:
    """Return (N, D) unit embeddings, centred, that the detector compares with texts, from the last layer's output."""
    last = model.clip.vision_model.post_layernorm(last)
    features = detector.layer_norm(last[:, 1:] * last[:, :1])
    embeds = functional.normalize(detector.class_head.dense0(features), dim=-1).flatten(0, 1)
    return embeds - embeds.mean(0)


def _fit(x: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return (hidden, D), the ridge regression of what is wanted on (N, hidden) whitened activations."""
    squares = x.T @ x + RIDGE * torch.eye(x.shape[1])
    return torch.linalg.solve(squares, x.T @ wanted)


def gather_texts(phrases: Sequence[str], tokenizer):
    """Return the tokens of phrases, each once."""
    return tokenizer(list(dict.fromkeys(phrases)), padding=True, truncation=True, return_tensors='pt')


@torch.no_grad()
def fit_visual_projection(model: CLIPSegForImageSegmentation, crops: torch.Tensor, wanted: torch.Tensor) -> float:
    """
    Set the visual projection so that crops land where their names lie, by ridge regression; return the share explained.

    The detector's class token was never trained to say what a picture shows, and the few crops of a training step do
    not teach it; what it says all the same is read out here.

    :param crops: (N, hidden) pooled outputs of the vision tower for pictures used as prompts.
    :param wanted: (N, D) embeddings of their names.
    """
    squares = crops.T @ crops + RIDGE * torch.eye(crops.shape[1])
    weight = torch.linalg.solve(squares, crops.T @ wanted)
    model.clip.visual_projection.weight.data = weight.T.contiguous()
    left = (crops @ weight - wanted).square().sum()
    return float(1 - left / (wanted - wanted.mean(0)).square().sum())
