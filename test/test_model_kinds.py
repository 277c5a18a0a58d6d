"""Tests of transformers_model.py with other kinds of models and tokenisers than the embedded one: tiny and random."""

from __future__ import annotations

import pytest
from tokenizers import decoders, models, pre_tokenizers, processors, Tokenizer, trainers
import torch
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from vlm_robot.evaluation.language_benchmark import list_skills, score_naively
from vlm_robot.language.transformers_model import TransformersConfig, TransformersLanguageModel

PROMPT = 'See: red block, green bowl.\nTask: put the red block in the green bowl\n1.'
TURN = ' pick up the red block. ok, holding red block.\n2.'
SPECIAL = ['<s>', '</s>']
SIZE = {'hidden_size': 32, 'intermediate_size': 48, 'num_hidden_layers': 2, 'num_attention_heads': 4}


def learn_bytes() -> Tokenizer:
    """Return a byte-level tokeniser as GPT-NeoX, Qwen and Llama 3 have one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return learn(tokenizer, pre_tokenizers.ByteLevel.alphabet())


def learn_words() -> Tokenizer:
    """Return a tokeniser as Llama 2 has one: spaces are signs, and a text begins with one."""
    tokenizer = Tokenizer(models.BPE(unk_token='<s>'))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme='first', split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme='first', split=False)
    return learn(tokenizer, [])


def learn(tokenizer: Tokenizer, alphabet: list[str]) -> Tokenizer:
    corpus = [PROMPT, TURN, *list_skills(), 'abcdefghijklmnopqrstuvwxyz0123456789']
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def begin_with_bos(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.post_processor = processors.TemplateProcessing(single='<s> $A', special_tokens=[('<s>', 0)])
    return tokenizer


def build_llama(vocabulary):
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, num_key_value_heads=2, **SIZE))


def build_qwen(vocabulary):
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=vocabulary, num_key_value_heads=2, **SIZE))


def build_neox(vocabulary):
    return GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=vocabulary, **SIZE))


KINDS = {
    'llama with bytes and bos': (build_llama, lambda: begin_with_bos(learn_bytes())),
    'llama with spaces as signs and bos': (build_llama, lambda: begin_with_bos(learn_words())),
    'qwen': (build_qwen, learn_bytes),
    'neox': (build_neox, learn_bytes),
}


@pytest.fixture(scope='module', params=KINDS)
def model(request, tmp_path_factory):
    """Return a model of this kind, saved into a folder and loaded by its name."""
    build, learn_tokenizer = KINDS[request.param]
    folder = tmp_path_factory.mktemp('model')
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=learn_tokenizer(), bos_token='<s>', eos_token='</s>')
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    net = build(len(tokenizer))
    with torch.no_grad():
        for weight in net.parameters():  # random models are all but indifferent: make this one choosy
            weight.mul_(4.0) if weight.ndim > 1 else None
    net.save_pretrained(folder)
    return TransformersLanguageModel(TransformersConfig(model=str(folder), adapter=''))


def worst(a, b) -> float:
    return max(abs(x.logprob - y.logprob) for x, y in zip(a, b, strict=True))


def test_scores_equal_one_forward_per_continuation(model):
    skills = list_skills()
    for prompt in (PROMPT, PROMPT + TURN):
        ours, naive = model.score(prompt, skills), score_naively(model, prompt, skills)
        assert worst(ours, naive) < 1e-3
        assert [s.token_count for s in ours] == [s.token_count for s in naive]
    assert len({round(score.logprob, 3) for score in ours}) > len(skills) // 2  # it tells them apart


def test_a_beginning_of_text_is_there_once_or_never(model):
    ids = model.tokenizer(PROMPT)['input_ids']
    assert ids.count(0) == (1 if model.tokenizer.decode(ids).startswith('<s>') else 0)


def test_greedy_text_is_the_most_likely(model):
    text = model.generate(PROMPT, 1)
    ids = model.tokenizer(PROMPT)['input_ids']
    with torch.inference_mode():
        best = model.model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()
    assert text == model.tokenizer.decode([int(best)])


def test_half_precision_gives_nearly_the_same(model):
    half = TransformersLanguageModel(TransformersConfig(model=model.config.model, adapter='', dtype='bfloat16'))
    ours, exact = half.score(PROMPT, list_skills()), model.score(PROMPT, list_skills())
    assert worst(ours, exact) < 0.05 * max(abs(score.logprob) for score in exact)
