"""The detector: mechanics on tiny random models of both families, sight on the shipped checkpoint."""

import json
import threading

import numpy as np
import pytest
import torch
from transformers import (
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2Processor,
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTProcessor,
)
from transformers.models.owlv2.image_processing_owlv2 import Owlv2ImageProcessor
from transformers.models.owlvit.image_processing_owlvit import OwlViTImageProcessor

from vlm_robot.errors import ConfigError, ImageError, ModelError, SentenceError
from vlm_robot.perception.owlvit import compare, OwlVitConfig, OwlVitDetector
from vlm_robot.perception.owlvit_answers import AnswerRules, choose, drop_rivals, TokenScores
from vlm_robot.perception.owlvit_loading import SETTINGS_FILE
from vlm_robot.training.owlvit_model import build_tokenizer
from vlm_robot.training.owlvit_pictures import draw_pictures
from vlm_robot.vocabulary import list_labels

QUERIES = ['red block', 'a green bowl', 'banana']
SIZES = [(48, 80), (90, 50), (64, 64)]  # height, width


def save_tiny(folder, family):
    """Save a tiny random checkpoint of a family, with logits spread enough to be compared."""
    torch.manual_seed(4)
    tokenizer = build_tokenizer()
    text = {
        'vocab_size': len(tokenizer), 'hidden_size': 32, 'intermediate_size': 48, 'num_hidden_layers': 1,
        'num_attention_heads': 2, 'pad_token_id': 0, 'bos_token_id': tokenizer.bos_token_id,
        'eos_token_id': tokenizer.eos_token_id,
    }  # fmt: skip
    vision = {
        'hidden_size': 40, 'intermediate_size': 48, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'image_size': 64,
        'patch_size': 16,
    }  # fmt: skip
    size = {'height': 64, 'width': 64}
    if family == 'owlvit':
        model = OwlViTForObjectDetection(OwlViTConfig(text_config=text, vision_config=vision, projection_dim=32))
        processor = OwlViTProcessor(OwlViTImageProcessor(size=size, crop_size=size), tokenizer)
    else:
        model = Owlv2ForObjectDetection(Owlv2Config(text_config=text, vision_config=vision, projection_dim=32))
        processor = Owlv2Processor(Owlv2ImageProcessor(size=size), tokenizer)
    with torch.no_grad():
        model.box_head.dense2.weight.mul_(0.01)
        model.class_head.logit_scale.weight.mul_(0.1)
        model.class_head.logit_shift.weight.mul_(0.1)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


@pytest.fixture(scope='module', params=['owlvit', 'owlv2'])
def tiny(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    save_tiny(folder, request.param)
    return OwlVitDetector(OwlVitConfig(str(folder), threshold=0.0, device='cpu'))


@pytest.fixture(scope='module')
def shipped():
    return OwlVitDetector(OwlVitConfig(device='cpu'))


@pytest.fixture(scope='module')
def tables():
    return list(draw_pictures('test', range(9000, 9006)))


def picture(height=48, width=80, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def stock_forward(detector, rgb):
    inputs = detector.processor(text=[QUERIES], images=rgb, return_tensors='pt')
    with torch.inference_mode():
        return detector.model(**inputs)


# ---- the same numbers as the stock model


@pytest.mark.parametrize('size', SIZES)
def test_logits_equal_the_stock_forward(tiny, size):
    rgb = picture(*size)
    stock = stock_forward(tiny, rgb)
    features = tiny.encode(tiny.preprocess([rgb]))
    assert stock.logits.std() > 0.01
    assert torch.allclose(compare(features, tiny.embed_texts(QUERIES)), stock.logits, atol=1e-4)
    assert torch.allclose(features.boxes, stock.pred_boxes, atol=1e-5)


@pytest.mark.parametrize('size', SIZES)
def test_boxes_equal_the_stock_post_processing_on_any_shape(tiny, size):
    rgb = picture(*size)
    stock = tiny.processor.post_process_grounded_object_detection(
        stock_forward(tiny, rgb), threshold=-1.0, target_sizes=[size]
    )[0]
    scores, boxes = tiny.score([rgb], QUERIES)[0]
    assert torch.allclose(boxes, stock['boxes'], atol=1e-3)
    assert torch.allclose(scores.max(1).values, stock['scores'], atol=1e-4)


@pytest.mark.parametrize('size', SIZES)
def test_preprocessing_equals_the_processor(tiny, size):
    rgb = picture(*size)
    theirs = tiny.processor(images=rgb, return_tensors='pt')['pixel_values']
    assert torch.allclose(tiny.preprocess([rgb]), theirs, atol=1e-5)


def test_a_batch_answers_like_one_picture_at_a_time(tiny):
    pictures = [picture(*size, seed=i) for i, size in enumerate(SIZES)]
    together = tiny.detect_batch(pictures, QUERIES)
    for rgb, found in zip(pictures, together, strict=True):
        alone = tiny.detect(rgb, QUERIES)
        assert [item.label for item in found] == [item.label for item in alone]
        assert np.allclose([item.score for item in found], [item.score for item in alone], atol=1e-5)


# ---- how often the towers run


def test_the_picture_is_encoded_once_and_every_text_once_ever(tiny):
    tiny.forget_texts()
    calls = {'vision': 0, 'text': 0}
    base = getattr(tiny.model, tiny.model.base_model_prefix)

    def counter(name):
        def count(*_):
            calls[name] += 1

        return count

    hooks = [
        base.vision_model.register_forward_hook(counter('vision')),
        base.text_model.register_forward_hook(counter('text')),
    ]
    tiny.detect(picture(), QUERIES)
    assert calls == {'vision': 1, 'text': 1}
    tiny.detect(picture(seed=1), QUERIES[::-1])
    assert calls == {'vision': 2, 'text': 1}
    tiny.detect(picture(seed=1), [*QUERIES, 'cat'])
    assert calls == {'vision': 3, 'text': 2}
    for hook in hooks:
        hook.remove()


def test_the_text_cache_is_bounded_and_a_full_one_gives_the_same(tmp_path):
    save_tiny(tmp_path, 'owlvit')
    small = OwlVitDetector(OwlVitConfig(str(tmp_path), cached_texts=2, device='cpu'))
    first = small.embed_texts(QUERIES)
    assert torch.allclose(small.embed_texts(QUERIES[::-1]).flip(0), first, atol=1e-6)
    assert len(small._texts) == 2


def test_a_text_does_not_depend_on_the_texts_beside_it(tiny):
    tiny.forget_texts()
    alone = tiny.embed_texts(['red block'])
    tiny.forget_texts()
    beside = tiny.embed_texts(['a photo of a small cyan bowl on the table', 'red block'])[1:]
    assert torch.allclose(alone, beside, atol=1e-5)


def test_threads_get_the_answers_of_one_thread(tiny):
    pictures = [picture(seed=i) for i in range(4)]
    wanted = [tiny.detect(rgb, QUERIES) for rgb in pictures]
    got = [None] * 4

    def work(i):
        got[i] = tiny.detect(pictures[i], QUERIES)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == wanted


# ---- what is answered


def test_answers_are_inside_the_picture_sorted_and_without_duplicates(tiny):
    found = tiny.detect(picture(48, 80), QUERIES)
    assert found
    assert all(0 <= d.box_xyxy_px[0] < d.box_xyxy_px[2] <= 80 for d in found)
    assert all(0 <= d.box_xyxy_px[1] < d.box_xyxy_px[3] <= 48 for d in found)
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)


def test_a_threshold_per_query_silences_that_query_only(tiny):
    rgb = picture()
    everything = tiny.detect(rgb, QUERIES)
    quiet = tiny.detect(rgb, QUERIES, {'banana': 1.01})
    assert {d.label for d in everything} >= {'banana'}
    assert [d for d in quiet if d.label == 'banana'] == []
    assert {d.label for d in quiet} >= {d.label for d in everything} - {'banana'}


def test_nothing_above_the_threshold_is_an_empty_answer(tiny):
    assert tiny.detect(picture(), QUERIES, dict.fromkeys(QUERIES, 1.01)) == []
    assert tiny.detect(picture(), []) == []
    assert tiny.detect_batch([], QUERIES) == []


def test_a_checkpoint_brings_its_own_thresholds(tmp_path):
    save_tiny(tmp_path, 'owlvit')
    assert OwlVitDetector(OwlVitConfig(str(tmp_path))).limit('red block') == 0.1  # the public default
    (tmp_path / SETTINGS_FILE).write_text(json.dumps({'threshold': 0.3, 'thresholds': {'gray block': 0.6}}))
    own = OwlVitDetector(OwlVitConfig(str(tmp_path)))
    assert (own.limit('red block'), own.limit('gray block'), own.limit('gray block', {'gray block': 0.2})) == (
        0.3,
        0.6,
        0.2,
    )
    assert OwlVitDetector(OwlVitConfig(str(tmp_path), threshold=0.5)).limit('gray block') == 0.5


def test_the_better_of_two_rivals_keeps_the_place():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 11], [0, 0, 10, 10], [40, 40, 50, 50]])
    queries = ['red block', 'pink block', 'block', 'red bowl']
    order = torch.tensor([0, 1, 2, 3])
    assert drop_rivals(boxes, torch.tensor([0, 1, 2, 1]), order, queries, 0.6) == [0, 2, 3]
    assert drop_rivals(boxes, torch.tensor([1, 0, 2, 3]), order, queries, 0.6) == [0, 2, 3]
    assert drop_rivals(boxes, torch.tensor([0, 3, 2, 1]), order, queries, 0.6) == [0, 1, 2, 3]  # block and bowl
    assert drop_rivals(boxes, torch.tensor([0, 1, 2, 3]), order, queries, 1.0) == [0, 1, 2, 3]
    assert drop_rivals(boxes[:0], torch.zeros(0, dtype=int), torch.zeros(0, dtype=int), queries, 0.6) == []


def test_boxes_that_lie_mostly_outside_are_dropped():
    scores = torch.tensor([[0.9], [0.8]])
    boxes = torch.tensor([[60.0, 10, 100, 30], [10.0, 10, 30, 30]])  # half of the first is beyond 80 px
    found = choose(TokenScores(scores, boxes, (48, 80)), ['red block'], torch.tensor([0.1]), AnswerRules())
    assert [item.box_xyxy_px for item in found] == [(10.0, 10.0, 30.0, 30.0)]


# ---- what is refused


@pytest.mark.parametrize(
    ('wrong', 'cure'),
    [
        (np.zeros((48, 80), np.uint8), 'np.stack'),
        (np.zeros((48, 80, 4), np.uint8), '[..., :3]'),
        (np.zeros((3, 48, 80), np.uint8), 'transpose'),
        (np.zeros((0, 80, 3), np.uint8), 'empty'),
        (np.zeros((4, 80, 3), np.uint8), 'at least'),
        (np.zeros((48, 80, 3)), '* 255'),
        (np.full((48, 80, 3), np.nan), 'NaN'),
        (np.full((48, 80, 3), 300, np.int64), 'clip'),
        (np.zeros((2, 48, 80, 3), np.uint8), 'detect_batch'),
        (np.full((48, 80, 3), 'x'), 'numeric'),
        ([[1, 2, 3]], 'np.asarray'),
        (None, 'np.asarray'),
    ],
)
def test_bad_pictures_are_refused_with_the_cure(tiny, wrong, cure):
    with pytest.raises(ImageError) as error:
        tiny.detect(wrong, QUERIES)
    assert cure in str(error.value)


@pytest.mark.parametrize(
    'wrong', ['', '   ', 'zq ' * 16, 'x' * 5000, 7, None], ids=['empty', 'blank', 'long', 'huge', 'number', 'none']
)
def test_bad_queries_are_refused(tiny, wrong):
    with pytest.raises(SentenceError):
        tiny.detect(picture(), ['red block', wrong])


def test_one_text_instead_of_a_list_is_refused(tiny):
    with pytest.raises(SentenceError, match='list'):
        tiny.detect(picture(), 'red block')


def test_a_missing_checkpoint_names_what_is_allowed():
    with pytest.raises(ModelError, match='shipped'):
        OwlVitDetector(OwlVitConfig('/no/such/folder'))


def test_another_family_is_refused(tmp_path):
    (tmp_path / 'config.json').write_text(json.dumps({'model_type': 'clip'}))
    with pytest.raises(ModelError, match="'clip'"):
        OwlVitDetector(OwlVitConfig(str(tmp_path)))


def test_a_checkpoint_without_all_weights_is_refused(tmp_path):
    save_tiny(tmp_path, 'owlvit')
    model = OwlViTForObjectDetection.from_pretrained(tmp_path)
    state = {key: value for key, value in model.state_dict().items() if 'dense2' not in key}
    model.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(ModelError, match='lacks weights'):
        OwlVitDetector(OwlVitConfig(str(tmp_path)))


def test_broken_thresholds_are_refused(tmp_path):
    save_tiny(tmp_path, 'owlvit')
    (tmp_path / SETTINGS_FILE).write_text('{"threshold": "high"}')
    with pytest.raises(ModelError, match='threshold'):
        OwlVitDetector(OwlVitConfig(str(tmp_path)))


@pytest.mark.parametrize(
    'wrong',
    [
        {'threshold': 1.5},
        {'duplicate_iou': 0.0},
        {'rival_iou': 2.0},
        {'least_inside': 1.0},
        {'dtype': 'int8'},
        {'cached_texts': 0},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        OwlVitConfig(**wrong)


def test_an_unknown_device_is_refused():
    with pytest.raises(ModelError, match='device'):
        OwlVitDetector(OwlVitConfig(device='abacus'))


# ---- the shipped checkpoint sees


def test_the_shipped_detector_finds_what_is_there_and_little_else(shipped, tables):
    there = found_there = false = 0
    for table in tables:
        clear = {t.label for t, px in zip(table.things, table.visible_px, strict=True) if px >= 400}
        shown = {t.label for t in table.things}
        found = {d.label for d in shipped.detect(table.image.rgb, list_labels())}
        there += len(clear)
        found_there += len(clear & found)
        false += len(found - shown)
    assert there >= 15
    assert found_there >= 0.85 * there
    assert false <= 0.02 * len(tables) * len(list_labels()) + 1


def test_synonyms_and_articles_mean_the_same(shipped, tables):
    pairs = {'the {c} cube': '{c} block', 'a photo of a {c} dish': '{c} bowl'}
    same = total = 0
    for table in tables:
        colours = {t.label.split()[0] for t in table.things}
        for other, canonical in pairs.items():
            asked = [canonical.format(c=c) for c in colours], [other.format(c=c) for c in colours]
            known, reworded = (shipped.detect(table.image.rgb, queries) for queries in asked)
            same += len({d.label.split()[0] for d in known} & {d.label.split()[-2] for d in reworded})
            total += len({d.label for d in known})
    assert total >= 15
    assert same >= 0.9 * total


@pytest.mark.parametrize('query', ['banana', 'cat', 'a coffee mug', 'black block', 'person'])
def test_unknown_things_are_not_found(shipped, tables, query):
    assert [d for table in tables for d in shipped.detect(table.image.rgb, [query])] == []


def test_an_empty_picture_holds_nothing(shipped):
    plain = np.full((480, 640, 3), (128, 118, 108), np.uint8)
    assert shipped.detect(plain, list_labels()) == []
