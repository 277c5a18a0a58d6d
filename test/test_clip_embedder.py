"""CLIP by open_clip: unit vectors, cached texts, one truth for training pass and open_clip, refusals."""

import json
import logging

import numpy as np
import pytest
import torch
from transformers import CLIPTokenizer, OwlViTForObjectDetection

from vlm_robot.errors import ConfigError, ImageError, ModelError, SentenceError
from vlm_robot.perception.clip_embedder import ClipConfig, ClipEmbedder
from vlm_robot.perception.owlvit import SHIPPED as DETECTOR
from vlm_robot.perception.tagging import read_vocabulary, Tagger, TaggingConfig, VOCABULARIES
from vlm_robot.training.clip_model import (
    build_model,
    build_model_config,
    embed_ids,
    embed_pictures,
    extend_tokenizer,
    save_checkpoint,
    start_from_detector,
)

RNG = np.random.default_rng(0)


@pytest.fixture(scope='module')
def detector():
    return OwlViTForObjectDetection.from_pretrained(DETECTOR).float().eval()


@pytest.fixture(scope='module')
def folder(detector, tmp_path_factory):
    """A checkpoint that was started from the detector and never trained."""
    path = tmp_path_factory.mktemp('clip')
    tokenizer, spelling = extend_tokenizer(CLIPTokenizer.from_pretrained(DETECTOR), ['a colour left of'])
    config = build_model_config(detector.config, len(tokenizer))
    model = build_model(config)
    start_from_detector(model, detector, spelling)
    save_checkpoint(path, model, config, tokenizer)
    return path


@pytest.fixture(scope='module')
def embedder(folder):
    return ClipEmbedder(ClipConfig(model=str(folder), batch=2))


def draw(height=60, width=90):
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def test_embeddings_have_length_one_whatever_the_batch(embedder):
    pictures = [draw(), draw(33, 200), draw(8, 8)]
    together = embedder.embed_images(pictures)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([embedder.embed_images([picture]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert embedder.embed_images([]).shape == (0, together.shape[1])


def test_texts_are_encoded_once_and_the_cache_is_bounded(folder, monkeypatch):
    embedder = ClipEmbedder(ClipConfig(model=str(folder), cached_texts=2))
    first = embedder.embed_texts(['a red block', 'a blue bowl', 'a red block'])
    np.testing.assert_array_equal(first[0], first[2])
    monkeypatch.setattr(embedder.model, 'encode_text', None)
    np.testing.assert_array_equal(embedder.embed_texts(['a red block']), first[:1])
    monkeypatch.undo()
    embedder.embed_texts([f'{i} blocks' for i in range(5)])
    assert len(embedder._texts) == 2


def test_the_towers_of_the_detector_arrive_unchanged(detector, embedder):
    tokenizer = CLIPTokenizer.from_pretrained(DETECTOR)
    ids = tokenizer(['a photo of a red block'], return_tensors='pt')
    with torch.no_grad():
        theirs = detector.owlvit.text_projection(detector.owlvit.text_model(**ids).pooler_output)
    mine = torch.from_numpy(embedder.embed_texts(['a photo of a red block']))
    assert float(torch.nn.functional.cosine_similarity(theirs, mine)) > 0.9999


def test_the_training_pass_computes_what_open_clip_computes(embedder):
    model = embedder.model
    ids = embedder.tokenizer(['a red block', 'the blue bowl left of a white block'])
    pixels = torch.randn(2, 3, 192, 192)
    with torch.no_grad():
        assert float((embed_pictures(model, pixels) - model.encode_image(pixels, normalize=True)).abs().max()) < 1e-5
        assert float((embed_ids(model, ids) - model.encode_text(ids, normalize=True)).abs().max()) < 1e-5
        assert float((embed_ids(model, ids[:, :16]) - embed_ids(model, ids)).abs().max()) < 1e-5


def test_old_words_keep_their_tokens_and_new_words_become_one():
    old = CLIPTokenizer.from_pretrained(DETECTOR)
    new, spelling = extend_tokenizer(old, ['has a light colour', 'left of it'])
    assert new.tokenize('a red block of the blue bowl') == old.tokenize('a red block of the blue bowl')
    assert new.tokenize('colour left') == ['colour</w>', 'left</w>']
    assert len(old.tokenize('colour')) > 1
    assert new('red').input_ids[-1] == len(new) - 1 == max(new.get_vocab().values())
    assert len(spelling) == len(new)


def test_shares_sum_to_one_and_the_mean_of_templates_has_length_one(embedder):
    shares = embedder.classify(draw(), ['red block', 'blue bowl', 'banana'], ['{}', 'a photo of a {}'])
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    classes = embedder.embed_classes(['red block'], ['{}', 'a photo of a {}'])
    assert np.linalg.norm(classes) == pytest.approx(1, abs=1e-5)


def test_a_model_without_bias_gives_shares_for_probabilities(embedder, monkeypatch):
    images, texts = embedder.embed_images([draw()]), embedder.embed_texts(['a red block', 'a bowl'])
    assert embedder.is_calibrated
    sure = embedder.judge(images, texts)
    assert ((sure > 0) & (sure < 1)).all()
    monkeypatch.setattr(embedder, 'bias', None)
    assert not embedder.is_calibrated
    assert embedder.judge(images, texts).sum() == pytest.approx(1, abs=1e-5)


def test_missing_weights_are_an_error_and_not_random_ones(folder, tmp_path):
    for path in folder.iterdir():
        if path.suffix != '.safetensors':
            (tmp_path / path.name).write_bytes(path.read_bytes())
    level = logging.getLogger().level
    with pytest.raises(ModelError, match='cannot load'):
        ClipEmbedder(ClipConfig(model=str(tmp_path)))
    assert logging.getLogger().level == level
    (tmp_path / 'open_clip_config.json').write_text(json.dumps({}))
    with pytest.raises(ModelError, match='cannot load'):
        ClipEmbedder(ClipConfig(model=str(tmp_path)))


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'model': 'ViT-B-32', 'pretrained': 'openai'}, 'ViT-B-32-quickgelu'),
        ({'model': 'ViT-B-32'}, 'needs weights'),
        ({'model': 'ViT-B-32', 'pretrained': 'laion2b'}, 'did you mean'),
        ({'model': 'ViT-B-33'}, "did you mean 'ViT-B-32'"),
    ],
)
def test_names_that_would_load_wrong_or_not_at_all_are_refused(settings, words):
    with pytest.raises(ModelError, match=words):
        ClipEmbedder(ClipConfig(**settings))


@pytest.mark.parametrize('settings', [{'model': ''}, {'batch': 0}, {'precision': 'int8'}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match='allowed'):
        ClipConfig(**settings)


def test_what_is_no_text_or_no_picture_is_refused(embedder):
    for texts in (['a', ''], [None], 'a red block'):
        with pytest.raises(SentenceError):
            embedder.embed_texts(texts)
    with pytest.raises(ImageError):
        embedder.embed_images([np.zeros((0, 0, 3), np.uint8)])
    with pytest.raises(ConfigError):
        embedder.embed_classes(['a'], ['no slot'])
    with pytest.raises(SentenceError):
        embedder.classify(draw(), [])


def test_tags_are_bounded_ordered_and_encode_the_picture_once(embedder, monkeypatch):
    tagger = Tagger(embedder, TaggingConfig(most=3, least_confidence=0.0))
    calls = []
    stock = embedder.embed_images
    monkeypatch.setattr(embedder, 'embed_images', lambda pictures: calls.append(len(pictures)) or stock(pictures))
    lines = tagger.tag(draw(), [(10, 10, 40, 40)])
    assert calls == [2]
    for box in (None, (10, 10, 40, 40)):
        for kind, entries in (('tag', tagger.tags.entries), ('attribute', tagger.attributes.entries)):
            part = [line for line in lines if line.box_xyxy_px == box and line.kind == kind]
            assert len(part) == 3
            assert [line.confidence for line in part] == sorted((line.confidence for line in part), reverse=True)
            assert {line.text for line in part} <= set(entries)
    assert Tagger(embedder, TaggingConfig(least_confidence=1.0)).tag(draw()) == []


def test_vocabularies_have_entries_once_and_broken_files_are_refused(tmp_path):
    for path in VOCABULARIES.glob('*.txt'):
        entries = read_vocabulary(path)
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith('#')]
        assert list(entries) == lines
    (tmp_path / 'empty.txt').write_text('# nothing\n\n')
    with pytest.raises(ConfigError, match='no entries'):
        read_vocabulary(tmp_path / 'empty.txt')
    with pytest.raises(ConfigError, match='cannot read'):
        read_vocabulary(tmp_path / 'missing.txt')
