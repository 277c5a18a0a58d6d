from __future__ import annotations

import itertools

import pytest
import torch

from vlm_robot.language.smollm import ensure_smollm2
from vlm_robot.training.planner_batches import Coded, Encoder, IGNORED, mix, pack, stack_rows, stream_batches
from vlm_robot.training.planner_data import generate
from vlm_robot.training.program_data import generate_programs

PROGRAMS = list(itertools.islice(generate_programs(5), 60))
STEPS = list(itertools.islice(generate(5), 20))
HEAD = [1, 2, 3]


@pytest.fixture(scope='module')
def encoder():
    from transformers import AutoTokenizer

    return Encoder(AutoTokenizer.from_pretrained(ensure_smollm2()))


def test_tokens_are_those_of_prompt_and_body_alone(encoder):
    """The model reads a whole prompt and goes on with new tokens, so nothing may be joined across the border."""
    for example in PROGRAMS:
        coded = encoder.encode(example)
        prompt = encoder.tokenizer(example.prompt)['input_ids']
        body = encoder.tokenizer(example.completion)['input_ids']
        assert encoder.head + coded.ids == prompt + body
        assert [label for label in coded.labels if label != IGNORED] == body


def test_every_text_lies_whole_in_one_row():
    coded = [Coded(list(range(10, 10 + n)), [IGNORED] * n, branch=bool(n % 2)) for n in range(1, 30)]
    rows = pack(coded, HEAD, 40)
    assert all(len(row.ids) <= 40 for row in rows)
    assert sum(len(row.ids) for row in rows) == sum(range(1, 30)) + len(HEAD) * sum(row.trunk >= 0 for row in rows)
    for row in rows:
        assert len(row.ids) == len(row.labels) == len(row.positions) == len(row.texts) == len(row.branches)


def test_what_fits_in_no_row_is_left_out():
    assert pack([Coded(list(range(50)), [IGNORED] * 50, branch=False)], HEAD, 40) == []


def test_a_token_sees_its_branch_the_head_and_nothing_else():
    coded = [Coded([10, 11], [IGNORED, 11], branch=True), Coded([20, 21], [IGNORED, 21], branch=True)]
    row = pack([*coded, Coded([30, 31], [IGNORED, 31], branch=False)], HEAD, 40)[0]
    batch = stack_rows([row], torch.float32)
    sees = batch.mask[0, 0] == 0
    where = {token: index for index, token in enumerate(batch.ids[0].tolist())}
    for token, wanted in {11: {1, 2, 3, 10, 11}, 21: {1, 2, 3, 20, 21}, 31: {30, 31}, 2: {1, 2}}.items():
        assert {int(batch.ids[0, i]) for i in torch.nonzero(sees[where[token]])} == wanted
    assert batch.positions[0, where[10]] == batch.positions[0, where[20]] == len(HEAD)
    assert batch.positions[0, where[30]] == 0


def test_packed_rows_have_the_loss_of_single_texts(encoder):
    """Sharing a row changes nothing: a small random model gives the same likelihoods."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from vlm_robot.training.planner import compute_loss

    torch.manual_seed(0)
    size = {'hidden_size': 32, 'intermediate_size': 64, 'num_hidden_layers': 2, 'num_attention_heads': 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=49152, attn_implementation='eager', **size)).eval()
    coded = [encoder.encode(example) for example in [*PROGRAMS[:4], STEPS[0]]]
    together = compute_loss(model, stack_rows(pack(coded, encoder.head, 800), torch.float32))
    alone = [compute_loss(model, stack_rows(pack([c], encoder.head, 800), torch.float32)) for c in coded]
    weights = [sum(label != IGNORED for label in c.labels) for c in coded]
    expected = sum(loss * weight for loss, weight in zip(alone, weights)) / sum(weights)
    assert torch.allclose(together, expected, atol=1e-4)


def test_batches_keep_to_their_size_and_are_the_same_again(encoder):
    def draw():
        return list(itertools.islice(stream_batches(encoder, mix([(iter(PROGRAMS * 9), 1.0)], 0), 1024, 256), 4))

    first, second = draw(), draw()
    for one, two in zip(first, second):
        assert one.ids.shape[0] == 4
        assert one.ids.shape[1] <= 256
        assert torch.equal(one.ids, two.ids)
        assert (one.labels != IGNORED).any()
