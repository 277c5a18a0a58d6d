"""Boxes as arrays."""

import torch

from vlm_robot.perception.boxes import clip, compute_iou, suppress, suppress_by_group, to_centres, to_corners


def random_boxes(count, seed=0):
    low = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) * 50
    size = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed + 1)) * 40 + 1
    return torch.cat([low, low + size], 1)


def test_formats_undo_each_other():
    boxes = random_boxes(50)
    assert torch.allclose(to_corners(to_centres(boxes)), boxes, atol=1e-4)


def test_a_box_overlaps_itself_wholly_and_overlap_has_no_direction():
    boxes = random_boxes(20)
    overlap = compute_iou(boxes, boxes)
    assert torch.allclose(overlap.diagonal(), torch.ones(20))
    assert torch.allclose(overlap, overlap.T)
    assert ((overlap >= 0) & (overlap <= 1 + 1e-6)).all()


def test_overlap_of_a_known_pair():
    assert torch.isclose(
        compute_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2]]))[0, 0], torch.tensor(1 / 3)
    )


def test_clipped_boxes_are_inside_and_inner_ones_stay():
    boxes = torch.tensor([[-5.0, -5, 700, 500], [10.0, 20, 30, 40]])
    cut = clip(boxes, 640, 480)
    assert cut.tolist() == [[0, 0, 640, 480], [10, 20, 30, 40]]


def test_survivors_do_not_overlap_and_the_best_survives():
    boxes, scores = random_boxes(60), torch.rand(60, generator=torch.Generator().manual_seed(5))
    kept = suppress(boxes, scores, 0.4)
    overlap = compute_iou(boxes[kept], boxes[kept]).fill_diagonal_(0)
    assert overlap.max() <= 0.4
    assert kept[0] == scores.argmax()
    assert (scores[kept].diff() <= 0).all()


def test_only_boxes_of_one_group_compete():
    boxes, scores = torch.tensor([[0.0, 0, 10, 10]] * 3), torch.tensor([0.9, 0.8, 0.7])
    assert suppress_by_group(boxes, scores, torch.tensor([0, 0, 1]), 0.5).tolist() == [0, 2]
