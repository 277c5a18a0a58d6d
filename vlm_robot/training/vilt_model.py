"""
A small ViLT from transformers' own classes: configuration, words, start from the detector, a fast training pass.

Architecture and names are the stock ones (Kim, Son and Kim, arXiv 2102.03334), so ``from_pretrained`` and
``AutoProcessor`` read the result. The first encoder layers and the patch embedding start from the shipped
OWL-ViT's image tower, whose layers are of the same kind; words, further layers and the answer head are new.

The stock pass reads a picture again for every question. The training pass here lets several questions ride on one
picture: the first sees the picture and is seen by it, exactly as in the stock pass; the others see the picture and
themselves, and the picture does not see them. With one question it is the stock pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from transformers import BertTokenizer, ViltConfig, ViltForQuestionAnswering, ViltProcessor
from transformers.models.owlvit.image_processing_owlvit import OwlViTImageProcessor

from vlm_robot.training.owlvit_data import PATCH_PX, SIDE_PX

TEXT_TOKENS = 40
PAD, UNKNOWN, CLASS, SEPARATOR, MASK = '[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'
USUAL_SPREAD = 0.44  # of the tower's embedded tokens before its norm: the median over training pictures
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789?.,!'-"


def build_tokenizer(words: Sequence[str]) -> BertTokenizer:
    """Return a WordPiece tokenizer that knows these words whole and spells all others."""
    letters = [*LETTERS, *(f'##{letter}' for letter in LETTERS)]
    pieces = [PAD, UNKNOWN, CLASS, SEPARATOR, MASK, *letters, *sorted({word.lower() for word in words})]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    return BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=TEXT_TOKENS)


def build_config(tokenizer: BertTokenizer, answers: Sequence[str], layers: int) -> ViltConfig:
    """Return the shape of the shipped model: 320 px, 16 px patches, layers of 192, one label per question."""
    return ViltConfig(
        vocab_size=len(tokenizer), hidden_size=192, num_hidden_layers=layers, num_attention_heads=3,
        intermediate_size=576, hidden_act='gelu', layer_norm_eps=1e-5, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, image_size=SIDE_PX, patch_size=PATCH_PX, max_image_length=-1,
        max_position_embeddings=TEXT_TOKENS, pad_token_id=tokenizer.pad_token_id,
        problem_type='single_label_classification', id2label=dict(enumerate(answers)),
        label2id={answer: i for i, answer in enumerate(answers)},
    )  # fmt: skip


def build_processor(tokenizer: BertTokenizer) -> ViltProcessor:
    """Return the processor: pixels as the detector takes them, squashed to a square and normalised as CLIP does."""
    size = {'height': SIDE_PX, 'width': SIDE_PX}
    return ViltProcessor(OwlViTImageProcessor(size=size, crop_size=size), tokenizer)


@torch.no_grad()
def start_from(model: ViltForQuestionAnswering, tower: nn.Module, seed: int) -> None:
    """
    Set the weights: the first layers as in a CLIP image tower of the same width, the rest small and random.

    ViLT has no norm between the embedding and the first layer, the tower has one: its mean and gain are folded
    into the embedding, its division by each token's spread becomes one by the usual spread.

    :param tower: ``vision_model`` of an OWL-ViT.
    """
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            nn.init.zeros_(module.bias)
    text = model.vilt.embeddings.text_embeddings
    for table in (text.word_embeddings, text.position_embeddings, text.token_type_embeddings):
        nn.init.normal_(table.weight, std=0.3)
    nn.init.zeros_(model.vilt.embeddings.token_type_embeddings.weight)
    model.classifier[3].weight.mul_(0.1)
    for layer in model.vilt.encoder.layer:
        layer.attention.output.dense.weight.mul_(0.3)
        layer.output.dense.weight.mul_(0.3)
    for mine, theirs in zip(model.vilt.encoder.layer, tower.encoder.layers, strict=False):
        _copy_layer(mine, theirs)
    _fold_embedding(model.vilt.embeddings, tower)


@torch.no_grad()
def continue_from(model: ViltForQuestionAnswering, tokenizer: BertTokenizer, folder: Path) -> None:
    """
    Set the weights to those of a checkpoint with no more layers and other words.

    Further layers come before its last two and pass on at first what they get; a word that it does not know stays as
    it is. So known words are answered as before.
    """
    old = ViltForQuestionAnswering.from_pretrained(folder, dtype=torch.float32)
    layers, count = old.vilt.encoder.layer, len(model.vilt.encoder.layer)
    late = min(2, len(layers))
    numbers = [*range(len(layers) - late), *range(count - late, count)]
    for layer in model.vilt.encoder.layer:
        for part in (layer.attention.output.dense, layer.output.dense):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
    for number, layer in zip(numbers, layers, strict=True):
        model.vilt.encoder.layer[number].load_state_dict(layer.state_dict())
    words, table = BertTokenizer.from_pretrained(folder).get_vocab(), model.vilt.embeddings.text_embeddings
    known = {name: value for name, value in old.state_dict().items() if 'encoder.layer' not in name}
    rows = known.pop('vilt.embeddings.text_embeddings.word_embeddings.weight')
    for word, i in tokenizer.get_vocab().items():
        if word in words:
            table.word_embeddings.weight[i] = rows[words[word]]
    model.load_state_dict(known, strict=False)


def _copy_layer(mine: nn.Module, theirs: nn.Module) -> None:
    attention = theirs.self_attn
    pairs = [
        (mine.attention.attention.query, attention.q_proj), (mine.attention.attention.key, attention.k_proj),
        (mine.attention.attention.value, attention.v_proj), (mine.attention.output.dense, attention.out_proj),
        (mine.intermediate.dense, theirs.mlp.fc1), (mine.output.dense, theirs.mlp.fc2),
        (mine.layernorm_before, theirs.layer_norm1), (mine.layernorm_after, theirs.layer_norm2),
    ]  # fmt: skip
    for to, of in pairs:
        to.weight.copy_(of.weight)
        to.bias.copy_(of.bias)


def _fold_embedding(mine: nn.Module, tower: nn.Module) -> None:
    theirs, norm = tower.embeddings, tower.pre_layernorm
    gain = norm.weight / USUAL_SPREAD

    def fold(rows: torch.Tensor) -> torch.Tensor:
        return (rows - rows.mean(-1, keepdim=True)) * gain

    kernel = theirs.patch_embedding.weight  # (D, 3, P, P)
    folded = fold(kernel.flatten(1).T).T
    mine.patch_embeddings.projection.weight.copy_(folded.view_as(kernel))
    mine.patch_embeddings.projection.bias.copy_(norm.bias)
    mine.position_embeddings.copy_(fold(theirs.position_embedding.weight)[None])
    mine.cls_token.copy_(fold(theirs.class_embedding[None])[None] + norm.bias)


class Reading(NamedTuple):
    """
    What the training pass gives.

    :param logits: (B, Q, A) float32.
    :param looks: by layer (B, Q, T, 1 + K + T), where the first head of every word looks: at the picture's class
        token, its patches, and the words of its own question.
    :param states: by layer the picture's tokens (B, 1 + K, D) and those of the questions (B, Q, T, D).
    """

    logits: torch.Tensor
    looks: dict[int, torch.Tensor]
    states: dict[int, tuple[torch.Tensor, torch.Tensor]]


def answer_logits(
    model: ViltForQuestionAnswering,
    patches: torch.Tensor,
    index: torch.Tensor,
    ids: torch.Tensor,
    watched: Sequence[int] = (),
    read: Sequence[int] = (),
) -> Reading:
    """
    Return what Q questions about each of B pictures give; the first is read as the stock pass does.

    :param patches: (B, K, 3 * PATCH_PX**2) normalised pixels in the model's type.
    :param index: (B, K) which token of the grid each patch is.
    :param ids: (B, Q, T) tokens of the questions, padded.
    :param watched: layers, not the last, whose attention is wanted too.
    :param read: layers, not the last, whose states are wanted too.
    """
    embeddings = model.vilt.embeddings
    batch, questions, length = ids.shape
    kinds = embeddings.token_type_embeddings.weight
    places = embeddings.position_embeddings[0]
    projection = embeddings.patch_embeddings.projection
    pixels = patches @ projection.weight.flatten(1).T + projection.bias + places[index + 1]
    first = (embeddings.cls_token + places[:1]).expand(batch, 1, -1)
    picture = torch.cat([first, pixels], 1) + kinds[1]
    text = embeddings.text_embeddings(ids.flatten(0, 1)).view(batch, questions, length, -1) + kinds[0]
    is_pad, looks, states = ids == model.config.pad_token_id, {}, {}
    for number, layer in enumerate(model.vilt.encoder.layer[:-1]):
        picture, text, weights = _run_layer(layer, picture, text, is_pad)
        if number in watched:
            looks[number] = weights[:, 0].unflatten(1, (questions, length))
        if number in read:
            states[number] = picture, text
    text = _run_last_layer(model.vilt.encoder.layer[-1], picture, text, is_pad)
    pooled = model.vilt.pooler(model.vilt.layernorm(text.flatten(0, 1)[:, None]))
    return Reading(model.classifier(pooled).float().view(batch, questions, -1), looks, states)


def _run_layer(layer, picture: torch.Tensor, text: torch.Tensor, is_pad: torch.Tensor):
    """Return picture (B, N, D) and text (B, Q, T, D) after a layer, and (B, H, Q * T, N + T) where words look."""
    count, one = picture.shape[1], picture.shape[1] + text.shape[2]
    x = torch.cat([picture, text.flatten(1, 2)], 1)
    normed = layer.layernorm_before(x)
    query, key, value = _project(layer, normed, normed)
    bias = torch.zeros(len(x), 1, 1, one, dtype=x.dtype)
    bias[:, 0, 0, count:].masked_fill_(is_pad[:, 0], -1e4)
    weights = torch.softmax(query[:, :, :count] @ key[:, :, :one].transpose(-1, -2) + bias, -1)
    seen, looks = _attend_text(query[:, :, count:], key, value, is_pad)
    x = _finish(layer, x, torch.cat([weights @ value[:, :, :one], seen], 2))
    return x[:, :count], x[:, count:].view(text.shape), looks


def _run_last_layer(layer, picture: torch.Tensor, text: torch.Tensor, is_pad: torch.Tensor) -> torch.Tensor:
    """Return (B, Q, D), each question's first token after the last layer: the only one that the answer is read from."""
    normed = layer.layernorm_before(torch.cat([picture, text.flatten(1, 2)], 1))
    first = normed[:, picture.shape[1] :].view(text.shape)[:, :, 0]
    query, key, value = _project(layer, first, normed)
    return _finish(layer, text[:, :, 0], _attend_text(query, key, value, is_pad)[0])


def _project(layer, asking: torch.Tensor, asked: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return query, key and value, each (B, H, tokens, d); the query is scaled."""
    attention = layer.attention.attention
    size = attention.attention_head_size
    pairs = ((attention.query, asking), (attention.key, asked), (attention.value, asked))
    query, key, value = (part(x).unflatten(2, (-1, size)).transpose(1, 2) for part, x in pairs)
    return query * size**-0.5, key, value


def _finish(layer, x: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    x = x + layer.attention.output.dense(seen.transpose(1, 2).flatten(2))
    return x + layer.output.dense(layer.intermediate(layer.layernorm_after(x)))


def _attend_text(query, key, value, is_pad) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what each question reads in the picture and in itself, (B, H, Q * R, d) for R rows, and where it looks."""
    questions, length = is_pad.shape[1:]
    count = key.shape[2] - questions * length
    own_key, own_value = (x[:, :, count:].unflatten(2, (questions, length)) for x in (key, value))
    own_query = query.unflatten(2, (questions, -1))
    bias = torch.zeros(is_pad.shape, dtype=query.dtype).masked_fill_(is_pad, -1e4)[:, None, :, None]
    own = (own_query @ own_key.transpose(-1, -2) + bias).flatten(2, 3)
    weights = torch.softmax(torch.cat([query @ key[:, :, :count].transpose(-1, -2), own], -1), -1)
    of_text = weights[..., count:].unflatten(2, (questions, -1)) @ own_value
    return weights[..., :count] @ value[:, :, :count] + of_text.flatten(2, 3), weights
