"""Training of the answerer: its pass is the stock pass, questions do not disturb each other, it starts and resumes."""

from dataclasses import replace
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import OwlViTForObjectDetection, ViltForQuestionAnswering

from vlm_robot.errors import ConfigError
from vlm_robot.perception.owlvit import SHIPPED
from vlm_robot.training.owlvit_data import GRID, render_shard
from vlm_robot.training.picture_questions import ANSWERS
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.vilt_batches import collate, cut_picture, list_question_words, NO_ANSWER, sample_questions
from vlm_robot.training.vilt_model import answer_logits, build_config, build_processor, build_tokenizer, start_from
from vlm_robot.training.vilt_training import ViltRun, ViltTrainingConfig

VIEWS = 6
EVERY = torch.arange(9)[None]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('pictures')
    render_shard(folder / 'train_0000.npz', 'train', range(VIEWS))
    return folder


@pytest.fixture(scope='module')
def pictures(folder):
    store, rng = PictureStore(folder, 'train', VIEWS), np.random.default_rng(3)
    return [picture for picture in (store.sample(rng) for _ in range(12)) if len(picture.things) > 3][:3]


@pytest.fixture(scope='module')
def tokenizer():
    return build_tokenizer(list_question_words())


@pytest.fixture(scope='module')
def tower():
    return OwlViTForObjectDetection.from_pretrained(SHIPPED, dtype=torch.float32).eval().owlvit.vision_model


@pytest.fixture(scope='module')
def model(tokenizer, tower):
    model = ViltForQuestionAnswering(build_config(tokenizer, ANSWERS, 5)).eval()
    start_from(model, tower, 0)
    with torch.no_grad():
        model.classifier[3].weight.mul_(10)
    return model


def draw(pictures, tokenizer, count=4, tokens=GRID * GRID):
    rng = np.random.default_rng(5)
    questions = [sample_questions(picture, 'train', rng, count) for picture in pictures]
    cut = [cut_picture(picture, tokens, rng) for picture in pictures]
    return collate(cut, questions, tokenizer, {answer: i for i, answer in enumerate(ANSWERS)}), questions


def run(model, batch, ids):
    with torch.inference_mode():
        return answer_logits(model, batch.patches.float(), batch.index, ids)[0]


def test_the_first_question_is_read_as_the_stock_pass_reads_it(model, pictures, tokenizer):
    batch, questions = draw(pictures, tokenizer)
    texts = [items[0].text for items in questions]
    inputs = build_processor(tokenizer)(
        images=[picture.rgb for picture in pictures], text=texts, padding=True, return_tensors='pt'
    )
    with torch.inference_mode():
        stock = model(**inputs).logits
    ours = run(model, batch, batch.ids)[:, 0]
    assert (ours - stock).abs().max() < 0.02 * stock.std()  # patches travel in bfloat16


def test_further_questions_disturb_nobody(model, pictures, tokenizer):
    batch, _ = draw(pictures, tokenizer)
    together = run(model, batch, batch.ids)
    for chosen in ([0], [0, 2], [0, 3, 1]):
        assert torch.allclose(run(model, batch, batch.ids[:, chosen]), together[:, chosen], atol=1e-4)
    assert not torch.allclose(run(model, batch, batch.ids[:, [1]])[:, 0], together[:, 1], atol=1e-4)


def test_the_start_sees_what_the_detector_sees(model, tower, pictures, tokenizer):
    batch, _ = draw(pictures, tokenizer)
    patches, embeddings = batch.patches.float(), model.vilt.embeddings
    projection = embeddings.patch_embeddings.projection
    with torch.inference_mode():
        mine = patches @ projection.weight.flatten(1).T + projection.bias + embeddings.position_embeddings[0, 1:]
        first = (embeddings.cls_token + embeddings.position_embeddings[:, :1]).expand(len(mine), 1, -1)
        mine = torch.cat([first, mine], 1)
        theirs = patches @ tower.embeddings.patch_embedding.weight.flatten(1).T
        theirs = torch.cat([tower.embeddings.class_embedding.expand(len(mine), 1, -1), theirs], 1)
        theirs = tower.pre_layernorm(theirs + tower.embeddings.position_embedding.weight)
        for layer, layer_of_tower in zip(model.vilt.encoder.layer, tower.encoder.layers, strict=False):
            mine, theirs = layer(mine)[0], layer_of_tower(theirs, attention_mask=None)
            theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    assert torch.cosine_similarity(mine, theirs, dim=-1).mean() > 0.95


@pytest.mark.parametrize('tokens', [60, 176, GRID * GRID])
def test_patches_of_things_are_kept(pictures, tokens):
    for picture in pictures:
        patches, index = cut_picture(picture, tokens, np.random.default_rng(0))
        assert len(patches) == len(index) == len(set(index.tolist())) == tokens
        shown = {
            int(row) // 16 * GRID + int(column) // 16
            for thing in picture.things
            for row, column in np.argwhere(thing.mask)
        }
        assert len(shown) > tokens or shown <= set(index.tolist())


def test_pictures_with_fewer_questions_are_filled_up(pictures, tokenizer):
    rng = np.random.default_rng(1)
    questions = [sample_questions(pictures[0], 'train', rng, 5)[:count] for count in (5, 2, 0)]
    cut = [cut_picture(pictures[0], 64, rng)] * 3
    batch = collate(cut, questions, tokenizer, {answer: i for i, answer in enumerate(ANSWERS)})
    assert [(row != NO_ANSWER).sum().item() for row in batch.answers] == [5, 2, 0]
    for row, items in zip(batch.answers, questions, strict=True):
        assert [ANSWERS[i] for i in row[: len(items)]] == [item.answer for item in items]


def test_words_are_known_whole_and_others_are_spelled(tokenizer):
    for word in list_question_words():
        assert tokenizer.tokenize(word) == [word.lower()], word
    assert tokenizer.tokenize('Zebra?') == ['z', '##e', '##b', '##r', '##a', '?']
    assert tokenizer('red')['input_ids'][0] == tokenizer.cls_token_id


def test_every_training_question_can_be_asked_and_answered(pictures, tokenizer):
    rng = np.random.default_rng(2)
    for split in ('train', 'test'):
        for picture in pictures:
            for item in sample_questions(picture, split, rng, 30):
                ids = tokenizer(item.text)['input_ids']
                assert tokenizer.unk_token_id not in ids and len(ids) <= 40
                assert item.answer in ANSWERS


def test_a_run_learns_saves_and_resumes(folder, tmp_path):
    config = ViltTrainingConfig(
        tmp_path, folder, views=VIEWS, minutes=0.02, layers=3, watched=(0,), reading=(0, 1), searching=(1,),
        noun_layers=(0, 1), first_layers=(1,), batch=2, questions=4, tokens=40, check_pictures=1,
    )  # fmt: skip
    run = ViltRun(config)
    before = run.model.classifier[3].weight.detach().clone()
    run.learn()
    assert not torch.equal(before, run.model.classifier[3].weight)
    checkpoint = config.folder / 'checkpoint'
    assert ViltForQuestionAnswering.from_pretrained(checkpoint).num_labels == len(ANSWERS)
    again = ViltRun(replace(config, minutes=0.03))
    assert again.seconds == pytest.approx(run.seconds, abs=30) and again.optimiser.steps == run.optimiser.steps
    assert torch.equal(again.model.classifier[3].weight, run.model.classifier[3].weight)
    steps = again.optimiser.steps
    again.learn()
    assert json.loads((Path(checkpoint) / 'training.json').read_text())['steps'] >= steps
    further = ViltRun(replace(config, folder=tmp_path / 'further', layers=4, start=checkpoint))
    patches, index = (
        torch.randn(1, 9, further.model.vilt.embeddings.patch_embeddings.projection.weight[0].numel()),
        EVERY,
    )
    ids = further.tokenizer(['is there a red block?'], return_tensors='pt')['input_ids'][None]
    with torch.inference_mode():
        old = ViltForQuestionAnswering.from_pretrained(checkpoint, dtype=torch.float32)
        expected = answer_logits(old, patches, index, ids).logits
        assert torch.allclose(answer_logits(further.model.float(), patches, index, ids).logits, expected, atol=0.05)


@pytest.mark.parametrize('change', [{'tokens': 5}, {'full_share': 1.5}, {'minutes': 0}, {'layers': 0}])
def test_numbers_that_cannot_train_are_refused(change, tmp_path):
    with pytest.raises(ConfigError, match=next(iter(change))):
        ViltTrainingConfig(tmp_path, **change)
