"""Training data, targets, words and the training loop of the detector."""

from dataclasses import replace
import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from transformers import OwlViTForObjectDetection

from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.detection_metrics import Judged, RECALL_POINTS, trace_precision
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector, SHIPPED
from vlm_robot.sim.world import TABLE_COLOUR
from vlm_robot.training import owlvit_data, owlvit_scenes
from vlm_robot.training.owlvit_batches import collate, cut_patches, LayerPool
from vlm_robot.training.owlvit_data import compose, GRID, load_shard, PAINT, render_layers, render_shard, SIDE_PX
from vlm_robot.training.owlvit_loss import assign_tokens, box_loss, class_loss
from vlm_robot.training.owlvit_measure import draw_curves, measure, OwlVitMeasureConfig, Tally
from vlm_robot.training.owlvit_model import (
    build_config,
    build_processor,
    build_tokenizer,
    embed_phrases,
    embed_tokens,
    initialise,
    predict,
)
from vlm_robot.training.owlvit_optimiser import orthogonalise
from vlm_robot.training.owlvit_phrases import (
    ABSENT_NOUNS,
    COLOUR_WORDS,
    list_canonical,
    match_phrases,
    sample_phrases,
    SHAPE_WORDS,
)
from vlm_robot.training.owlvit_pictures import draw_picture
from vlm_robot.training.owlvit_scenes import JITTERS, make_rng, sample_view, sample_views, STREAMS, TableDrawer
from vlm_robot.training.owlvit_training import OwlVitTrainingConfig, train
from vlm_robot.vocabulary import COLOURS, list_labels, SHAPES

TOKENS = GRID * GRID


@pytest.fixture(scope='module')
def grey_drawer():
    drawer = TableDrawer(table_colour=(PAINT,) * 3, paint=(PAINT,) * 3)
    yield drawer
    drawer.close()


@pytest.fixture(scope='module')
def drawer():
    drawer = TableDrawer()
    yield drawer
    drawer.close()


@pytest.fixture(scope='module')
def layers(grey_drawer):
    return [render_layers(grey_drawer, 'train', seed) for seed in range(3)]


# ---- splits


def test_the_same_seed_gives_the_same_view_and_other_seeds_others():
    assert sample_view('train', 5) == sample_view('train', 5)
    assert sample_view('train', 5) != sample_view('train', 6)


def test_no_scene_of_one_split_is_in_another():
    assert len(set(STREAMS.values())) == len(STREAMS)
    first = {split: {make_rng(split, seed).integers(2**62) for seed in range(300)} for split in STREAMS}
    assert all(len(numbers) == 300 for numbers in first.values())
    assert not first['train'] & first['test']
    assert not first['train'] & first['validation']
    assert not first['validation'] & first['test']


def test_an_unknown_split_is_refused():
    with pytest.raises(ConfigError, match='validation'):
        make_rng('dev', 0)


def test_training_sees_at_least_the_jitter_of_the_test():
    assert JITTERS['train'].camera >= JITTERS['test'].camera
    assert JITTERS['train'].light >= JITTERS['test'].light


def test_both_cameras_see_the_same_table():
    views = sample_views('test', 11)
    assert [view.camera.name for view in views] == ['front', 'top']
    assert views[0].things == views[1].things
    assert sample_view('test', 11) in views


# ---- layers


def test_layers_put_together_are_the_picture_in_colour(grey_drawer, drawer, monkeypatch):
    def white_light(split, seed):
        view = sample_view(split, seed)
        return replace(view, lighting=replace(view.lighting, colour=(1.0, 1.0, 1.0)))

    monkeypatch.setattr(owlvit_data, 'sample_view', white_light)
    for seed in (0, 3):
        taken = render_layers(grey_drawer, 'train', seed)
        picture = draw_picture(drawer, white_light('train', seed))
        colours = np.array([COLOURS[thing.label.split()[0]] for thing in picture.things], float)
        made = np.clip(compose(taken, np.array(TABLE_COLOUR), colours), 0, 255)
        direct = owlvit_data.resize_layer(picture.image.rgb.transpose(2, 0, 1), (SIDE_PX, SIDE_PX)).clip(0, 255)
        assert np.abs(made - direct).mean() < 1.0
        assert (np.abs(made - direct) > 12).mean() < 0.002


def test_boxes_are_inside_and_coverage_is_a_share(layers):
    for item in layers:
        low, high = item.boxes[:, :2] - item.boxes[:, 2:] / 2, item.boxes[:, :2] + item.boxes[:, 2:] / 2
        assert (low >= -1e-6).all()
        assert (high <= 1 + 1e-6).all()
        total = item.coverage.astype(float).sum(0)
        assert ((total >= 0) & (total <= 1.01)).all()


def test_a_shard_comes_back_as_it_went(tmp_path, layers):
    path = tmp_path / 'train_0000.npz'
    owlvit_data.save_shard(path, layers)
    for old, new in zip(layers, load_shard(path), strict=True):
        assert np.array_equal(old.rest, new.rest)
        assert np.array_equal(old.boxes, new.boxes)
        assert np.array_equal(old.coverage, new.coverage)
        for (x, y, patch), (x2, y2, patch2) in zip(old.patches, new.patches, strict=True):
            assert (x, y) == (x2, y2)
            assert np.array_equal(patch, patch2)


# ---- targets


def test_every_clear_object_has_a_best_token_and_hidden_ones_are_not_judged(layers):
    for item in layers:
        targets = assign_tokens(item.boxes, item.coverage, item.visible_px)
        clear = np.flatnonzero(item.visible_px >= owlvit_data.MIN_VISIBLE_PX)
        for index in clear:
            assert targets.quality[targets.owner == index].max() == pytest.approx(1.0)
        assert set(np.unique(targets.owner)) <= {-1, *clear}
        assert (targets.quality[targets.owner < 0] == 0).all()


def test_a_hidden_object_takes_its_tokens_out_of_the_loss():
    coverage = np.zeros((1, TOKENS), np.float32)
    coverage[0, 37] = 0.05
    targets = assign_tokens(np.array([[0.5, 0.5, 0.1, 0.1]], np.float32), coverage, np.array([10]))
    assert targets.weight[37] == 0
    assert targets.weight.sum() == TOKENS - 1


def test_a_table_without_objects_has_only_empty_targets():
    targets = assign_tokens(np.zeros((0, 4), np.float32), np.zeros((0, TOKENS), np.float32), np.zeros(0, int))
    assert (targets.owner == -1).all()
    assert (targets.weight == 1).all()


def test_losses_are_least_at_the_target():
    target = torch.zeros(1, 4, 3)
    target[0, 1, 2] = 1.0
    right, wrong = (target * 2 - 1) * 12, (1 - target * 2) * 12
    assert class_loss(right, target, torch.ones(1, 4)) < 1e-3 < class_loss(wrong, target, torch.ones(1, 4))
    box = torch.tensor([[0.4, 0.5, 0.1, 0.2]])
    assert box_loss(torch.logit(box), box, torch.ones(1)) < 1e-4
    assert box_loss(torch.logit(box + 0.05), box, torch.ones(1)) > 0.1


def test_fewer_tokens_keep_every_object_and_mirroring_keeps_boxes_on_objects(tmp_path, layers):
    owlvit_data.save_shard(tmp_path / 'train_0000.npz', layers)
    pool = LayerPool(tmp_path, 3)
    for _ in range(12):
        sample = pool.draw(160)
        assert sample.patches.shape == (160, 3 * 16 * 16)
        assert len(set(sample.index)) == 160
        for index in set(sample.owner[sample.owner >= 0]):
            best = sample.index[np.argmax(np.where(sample.owner == index, sample.quality, -1))]
            centre = (np.array([best % GRID, best // GRID]) + 0.5) / GRID
            half = np.maximum(sample.boxes[index, 2:] / 2, 1 / GRID)
            assert (np.abs(centre - sample.boxes[index, :2]) <= half).all()


def test_a_batch_spells_the_targets_out(tmp_path, layers):
    owlvit_data.save_shard(tmp_path / 'train_0000.npz', layers)
    pool, phrases = LayerPool(tmp_path, 4), list_canonical()
    samples = [pool.draw(160) for _ in range(3)]
    batch = collate(samples, phrases)
    assert batch.target.shape == (3, 160, 22)
    for i, sample in enumerate(samples):
        owned = sample.owner >= 0
        assert (batch.target[i][~owned] == 0).all()
        assert torch.allclose(batch.target[i].sum(1), torch.from_numpy(np.where(owned, sample.quality, 0)), atol=1e-6)


# ---- words


def test_each_object_fits_one_canonical_phrase():
    colours, shapes = np.repeat(np.arange(11), 2), np.tile([0, 1], 11)
    fits = match_phrases(list_canonical(), colours, shapes)
    assert (fits.sum(1) == 1).all()
    assert [phrase.text for phrase in list_canonical()] == list(list_labels())


def test_absent_phrases_name_nothing_that_is_there():
    known = {word for words in SHAPE_WORDS.values() for word in words}
    assert not known & set(ABSENT_NOUNS)
    rng = np.random.default_rng(0)
    for _ in range(50):
        phrases = sample_phrases(rng)
        fits = match_phrases(phrases, np.arange(11), np.zeros(11, int))
        assert not fits[:, [phrase.is_absent for phrase in phrases]].any()
        assert sum(phrase.is_absent for phrase in phrases) >= 10


def test_the_tokenizer_is_the_same_every_time_and_fits_the_model():
    tokenizer = build_tokenizer()
    assert tokenizer.get_vocab() == build_tokenizer().get_vocab()
    assert tokenizer.pad_token_id == 0
    assert tokenizer.eos_token_id == len(tokenizer) - 1
    for words in (*COLOUR_WORDS.values(), *SHAPE_WORDS.values()):
        for word in words:
            assert len(tokenizer(word)['input_ids']) == 3, word
    rng = np.random.default_rng(1)
    assert max(len(tokenizer(phrase.text)['input_ids']) for _ in range(50) for phrase in sample_phrases(rng)) <= 16


def test_any_text_can_be_encoded():
    tokenizer = build_tokenizer()
    for text in ('über', '赤いブロック', 'Zq7#!', '🙂'):
        ids = tokenizer(text)['input_ids'][1:-1]
        assert tokenizer.eos_token_id not in ids
        assert ids


# ---- the training pass


def test_the_training_pass_equals_the_stock_forward():
    tokenizer = build_tokenizer()
    model = OwlViTForObjectDetection(build_config(tokenizer)).eval()
    initialise(model, 0)
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    inputs = build_processor(tokenizer)(text=[['red block', 'a bowl']], images=rgb, return_tensors='pt')
    index = torch.arange(TOKENS)[None]
    with torch.inference_mode():
        stock = model(**inputs)
        patches = torch.from_numpy(cut_patches(inputs['pixel_values'][0].numpy()))[None]
        text = embed_phrases(model, {key: inputs[key] for key in ('input_ids', 'attention_mask')})
        logits, boxes = predict(model, embed_tokens(model, patches, index), index, text)
    assert torch.allclose(logits, stock.logits, atol=1e-3)
    assert torch.allclose(torch.sigmoid(boxes), stock.pred_boxes, atol=1e-4)
    assert torch.sigmoid(stock.logits).mean() < 0.1  # starts by seeing nothing


def test_orthogonal_updates_have_singular_values_near_one():
    update = orthogonalise(torch.randn(2, 24, 60, generator=torch.Generator().manual_seed(0)))
    values = torch.linalg.svdvals(update)
    assert ((values > 0.5) & (values < 1.5)).all()


def test_training_saves_resumes_and_its_checkpoint_loads(tmp_path):
    config = OwlVitTrainingConfig(
        tmp_path, views=4, minutes=0.05, processes=1, batch=2, check_views=1, check_minutes=9.0
    )
    folder = train(config)
    first = torch.load(tmp_path / 'state.pt', weights_only=True)
    train(replace(config, minutes=0.1))
    second = torch.load(tmp_path / 'state.pt', weights_only=True)
    assert second['optimiser']['steps'] > first['optimiser']['steps'] > 0
    assert second['seconds'] >= 6.0
    assert (
        OwlVitDetector(OwlVitConfig(str(folder))).detect(np.zeros((48, 64, 3), np.uint8), ['cat'], {'cat': 1.01}) == []
    )


def test_a_measurement_fills_the_report_and_the_card(tmp_path):
    shutil.copy(SHIPPED / 'training.json', tmp_path)
    report = measure(OwlVitMeasureConfig(scenes=2, split='validation', out=str(tmp_path)))
    assert report['pictures'] == 4
    assert report['ap50'] > 0.5
    assert set(report['ap50_by_phrase']) == set(list_labels())
    assert report['position_errors_m']['all']['median'] < 0.015
    assert json.loads((tmp_path / 'metrics.json').read_text())['ap50'] == report['ap50']
    assert f'{report["ap50"]:.3f}' in (tmp_path / 'README.md').read_text()


@pytest.mark.parametrize('wrong', [{'views': 0}, {'minutes': 0.0}, {'batch': -1}, {'tokens': 3}, {'tokens': 9999}])
def test_impossible_runs_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError):
        OwlVitTrainingConfig(tmp_path, **wrong)


def test_a_rendered_shard_holds_its_seeds(tmp_path):
    render_shard(tmp_path / 'train_0000.npz', 'train', [7])
    assert len(load_shard(tmp_path / 'train_0000.npz')) == 1


def test_things_are_of_the_vocabulary():
    for seed in range(30):
        for thing in sample_view('test', seed).things:
            colour, shape = thing.label.split()
            assert colour in COLOURS
            assert shape in SHAPES
    assert owlvit_scenes.MAX_BLOCKS + owlvit_scenes.MAX_BOWLS >= 12


def test_curves_are_drawn_from_a_tally(tmp_path):
    tally = Tally()
    seen = Judged(np.array([0.9, 0.6, 0.3]), np.array([1, 0, 1]), 2)
    tally.judged['red block'].append(seen)
    tally.tight['red block'].append(seen)
    tally.reworded.append(seen)
    tally.together, tally.unknown = [0.1, 0.6], [0.05]
    draw_curves(tally, 0.5, tmp_path / 'curves.png')
    assert cv2.imread(str(tmp_path / 'curves.png')).std() > 10
    curve = trace_precision([seen])
    assert curve[0] == 1.0 and abs(curve[-1] - 2 / 3) < 1e-9 and len(curve) == len(RECALL_POINTS)
    assert np.isnan(trace_precision([Judged(np.zeros(0), np.zeros(0, int), 0)])).all()
