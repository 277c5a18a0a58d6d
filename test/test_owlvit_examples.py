"""One-shot detection: the thing in the box is found again elsewhere, absent things are not, bad boxes are refused."""

import numpy as np
import pytest
from safetensors.torch import save_file
import torch

from vlm_robot.errors import ImageError, ModelError, SentenceError
from vlm_robot.evaluation.detection_metrics import compute_iou
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector
from vlm_robot.perception.owlvit_examples import embed_example, embed_examples, Example, ExampleDetector
from vlm_robot.perception.owlvit_loading import EXAMPLE_FILE, read_example_map
from vlm_robot.training.example_map import solve
from vlm_robot.training.owlvit_pictures import draw_pictures


@pytest.fixture(scope='module')
def detector():
    return OwlVitDetector(OwlVitConfig(device='cpu'))


@pytest.fixture(scope='module')
def tables():
    return list(draw_pictures('test', range(9100, 9108)))


def list_examples(tables):
    """Return every well visible thing as (table number, label, example)."""
    return [
        (number, thing.label, Example(table.image.rgb, tuple(box)))
        for number, table in enumerate(tables)
        for thing, box, px in zip(table.things, table.boxes_px, table.visible_px, strict=True)
        if px >= 500 and thing.place == 'table'
    ]


def test_an_example_finds_its_like_on_other_tables_and_little_else(detector, tables):
    there = found_there = answers = wrong = 0
    for number, label, example in list_examples(tables):
        shown = [table for i, table in enumerate(tables) if i != number and len(table.split(label)[0])]
        without = [table for table in tables if not any(map(len, table.split(label)))]
        if not shown or not without or answers >= 6:
            continue
        finder = ExampleDetector(detector, {'it': [example]})
        clear, _ = shown[0].split(label)
        found = [item.box_xyxy_px for item in finder.detect(shown[0].image.rgb)]
        there, found_there = there + len(clear), found_there + int((compute_iou(clear, found) >= 0.5).any(1).sum())
        answers, wrong = answers + 1, wrong + bool(finder.detect(without[0].image.rgb))
    assert there >= 6 and found_there >= 0.7 * there
    assert answers == 6 and wrong <= 1


def test_an_example_finds_itself(detector, tables):
    for number, _, example in list_examples(tables)[:6:3]:
        found = ExampleDetector(detector, {'it': [example]}).detect(tables[number].image.rgb)
        assert compute_iou([item.box_xyxy_px for item in found], [example.box_xyxy_px]).max() >= 0.7


def test_several_examples_are_averaged_to_a_unit_vector(detector, tables):
    examples = [example for _, _, example in list_examples(tables)[:3]]
    single = torch.stack([embed_example(detector, example) for example in examples])
    mean = embed_examples(detector, examples)
    assert torch.allclose(mean, torch.nn.functional.normalize(single.mean(0), dim=-1), atol=1e-6)
    assert embed_examples(detector, examples[:1]).norm() == pytest.approx(1.0, abs=1e-5)


def test_names_thresholds_and_empty_answers(detector, tables):
    *_, example = list_examples(tables)[0]
    finder = ExampleDetector(detector, {'first': [example], 'second': [example]})
    rgb = example.rgb
    assert {item.label for item in finder.detect(rgb, ['second'])} == {'second'}
    assert {item.label for item in finder.detect(rgb, thresholds={'first': 1.0})} == {'second'}
    assert ExampleDetector(detector, {}).detect(rgb) == []
    plain = np.full((240, 320, 3), (128, 118, 108), np.uint8)
    assert finder.detect(plain) == []
    with pytest.raises(SentenceError, match='first'):
        finder.detect(rgb, ['third'])


@pytest.mark.parametrize('box', [(-5, 0, 30, 30), (0, 0, 9999, 30), (30, 30, 30, 40), (40, 40, 30, 50)])
def test_a_box_outside_the_picture_is_refused(detector, box):
    with pytest.raises(ImageError, match='left, top, right, bottom'):
        embed_example(detector, Example(np.zeros((240, 320, 3), np.uint8), box))


def test_a_box_with_no_one_thing_and_no_examples_are_refused(detector, tables):
    with pytest.raises(ImageError, match='one thing'):
        embed_example(detector, Example(tables[0].image.rgb, (0, 0, 640, 3)))
    with pytest.raises(ImageError, match='at least one'):
        embed_examples(detector, [])


def test_a_linear_relation_is_recovered_by_the_fit():
    generator = torch.Generator().manual_seed(1)
    vectors, truth = torch.randn(400, 16, generator=generator), torch.randn(16, 16, generator=generator)
    assert torch.allclose(solve(vectors, vectors @ truth, 1e-4), truth, atol=1e-3)
    assert solve(vectors, vectors @ truth, 1e6).abs().max() < 0.01  # a large ridge keeps it near zero


def test_a_checkpoint_without_a_map_and_one_with_a_broken_one(tmp_path):
    assert read_example_map(tmp_path) is None
    save_file({'other': torch.zeros(2)}, str(tmp_path / EXAMPLE_FILE))
    with pytest.raises(ModelError, match='map'):
        read_example_map(tmp_path)
    (tmp_path / EXAMPLE_FILE).write_bytes(b'nonsense')
    with pytest.raises(ModelError, match='map'):
        read_example_map(tmp_path)
