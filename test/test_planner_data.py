from __future__ import annotations

from collections import Counter
import itertools
import random

import pytest

from vlm_robot.errors import ConfigError
from vlm_robot.language.smollm import ensure_smollm2
from vlm_robot.planning.parsing import format_step, parse_step
from vlm_robot.training.planner import PlannerTrainingConfig
from vlm_robot.training.planner_batches import Encoder
from vlm_robot.training.planner_data import build_plan, generate
from vlm_robot.training.planner_kinds import KINDS, sample_task
from vlm_robot.training.planner_measure import FAMILIES
from vlm_robot.training.planner_separation import (
    is_suite_wording,
    is_trainable,
    is_validation_wording,
    names_unseen_colour,
)
from vlm_robot.training.planner_tasks import Palette

EXAMPLES = list(itertools.islice(generate(7), 1500))


def test_nothing_that_evaluation_asks_is_trained():
    for example in EXAMPLES:
        sentence = example.text.split('\nTask: ')[1].split('\n1.')[0]
        assert not is_suite_wording(sentence)
        assert not is_validation_wording(sentence)
        assert not names_unseen_colour(example.text)


@pytest.mark.parametrize('family', ['A', 'A unseen colours', 'all blocks'])
@pytest.mark.parametrize('seed', range(20))
def test_rule_catches_the_suite(family, seed):
    assert not is_trainable(FAMILIES[family](random.Random(seed)).sentence)


@pytest.mark.parametrize(
    'sentence',
    [
        'Pick up the red block and place it on the green bowl.',
        'PICK UP THE RED BLOCK, and place it on the top left corner!',
        'Put the cyan blocks in a gray bowl.',
        'put the yellow block on the top left corner',
        'Stack all the blocks.',
        'please stick the red block in the bowl',
        'the red block belongs in the bowl',
        'move the grey block to the middle',
    ],
)
def test_rule_catches_disguises(sentence):
    assert not is_trainable(sentence)


@pytest.mark.parametrize(
    'sentence', ['place the red block inside the green bowl', 'transfer the teal cube to the left side']
)
def test_rule_lets_the_rest_pass(sentence):
    assert is_trainable(sentence)


def test_examples_are_many_and_of_every_kind():
    kinds = Counter(example.kind for example in EXAMPLES)
    assert len(kinds) >= len(KINDS)
    sentences = {example.text.split('\nTask: ')[1].split('\n')[0] for example in EXAMPLES}
    assert len(sentences) > 0.9 * len(EXAMPLES)
    assert any('failed' in example.text for example in EXAMPLES)


def test_learned_spans_are_steps_and_nothing_else():
    for example in EXAMPLES[:300]:
        for start, end in example.spans:
            words = example.text[start:end]
            assert words.startswith(' ')
            assert words.endswith('.')
            step = parse_step(words, 'it')
            assert format_step(step, 'it') == words.strip(' .')
        assert example.text.endswith(example.text[slice(*example.spans[-1])])


def test_same_seed_same_examples():
    again = list(itertools.islice(generate(7), 50))
    assert again == EXAMPLES[:50]
    assert list(itertools.islice(generate(8), 50)) != again


@pytest.mark.parametrize('seed', range(40))
def test_expert_needs_at_most_two_skills_a_goal(seed):
    sample = sample_task(random.Random(seed), Palette())
    plan = build_plan(sample)
    assert len(plan.steps) <= 2 * len(sample.goals) + 1


@pytest.fixture(scope='module')
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(ensure_smollm2())


def test_labels_are_the_tokens_of_the_steps(tokenizer):
    for example in EXAMPLES[:100]:
        coded = Encoder(tokenizer).encode(example)
        learned = tokenizer.decode([token for token in coded.labels if token != -100])
        assert learned == ''.join(example.text[a:b] for a, b in example.spans)
        assert all(label in (-100, token) for token, label in zip(coded.ids, coded.labels))


def test_training_reads_the_tokens_that_scoring_reads(tokenizer):
    """The words of a step are the same tokens in a whole text and alone, so training and use agree."""
    for example in EXAMPLES[:100]:
        for start, end in example.spans:
            whole = tokenizer(example.text[:end])['input_ids']
            parts = tokenizer(example.text[:start])['input_ids'] + tokenizer(example.text[start:end])['input_ids']
            assert whole == parts


def test_senseless_training_settings_are_refused():
    with pytest.raises(ConfigError, match='minutes'):
        PlannerTrainingConfig(minutes=0)


def test_an_adapter_is_trained_further(tmp_path):
    """What was saved is what training begins with; another rank is refused."""
    import torch
    from torch import nn

    from vlm_robot.errors import ModelError
    from vlm_robot.language.adapter import load_adapter, save_adapter, wrap_linears

    def wrap(rank):
        torch.manual_seed(rank)
        return wrap_linears(nn.Sequential(nn.Linear(6, 4)), ('0',), rank, 2.0 * rank)

    first, second = wrap(2), wrap(2)
    nn.init.normal_(first['0'].lora_B)
    save_adapter(tmp_path, first, ('0',), 'none')
    load_adapter(tmp_path, second)
    assert torch.allclose(first['0'].lora_A, second['0'].lora_A, atol=1e-3)
    assert torch.allclose(first['0'].lora_B, second['0'].lora_B, atol=1e-3)
    with pytest.raises(ModelError, match='trained further'):
        load_adapter(tmp_path, wrap(4))


def test_shares_of_the_stream_are_checked():
    with pytest.raises(ConfigError, match='shares'):
        PlannerTrainingConfig(programs=0.9, kitchen=0.2)
