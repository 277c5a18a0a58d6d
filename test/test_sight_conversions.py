"""What sight says comes through a message as it was; regions are cut to their picture."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot import datatypes as d
from vlm_robot.errors import ImageError
from vlm_robot.nodes import conversions, vision_messages
from vlm_robot.nodes import sight_conversions as c
from vlm_robot.perception.regions import cut_box, cut_mask, frame_mask
from vlm_robot.scene.memory import Memory, Recollection
from vlm_robot_interfaces import msg as msgs

RNG = np.random.default_rng(7)
HEADER = conversions.to_header(3.5, 'front_optical_frame')
RGB = np.zeros((40, 60, 3), np.uint8)
BOX = (4.0, 5.0, 20.5, 30.25)


def mask_of(label, score, box=None):
    mask = np.zeros(RGB.shape[:2], bool)
    if box:
        mask[box[1] : box[3], box[0] : box[2]] = True
    return d.Mask(label, score, mask.astype(np.float32), mask)


@pytest.mark.parametrize('box', [None, BOX])
def test_captions_come_back(box):
    words = (
        d.GroundedWord('a', None, None, 0.5),
        d.GroundedWord('red', (10.25, 12.5), None, 0.25),
        d.GroundedWord('block', (10.25, 12.5), BOX, 1.0),
    )
    for caption in (d.GroundedCaption('a red block', words, 0.75, box), d.GroundedCaption('', (), 0.0, box)):
        assert c.from_caption(c.to_caption(caption, HEADER)) == caption


def test_descriptions_come_back():
    lines = (d.DescriptionLine('tag', 'table', 0.5), d.DescriptionLine('object', 'red block', 0.25, BOX))
    for description in (d.Description(lines), d.Description(())):
        message = c.to_description(description, HEADER)
        assert c.from_description(message) == description
        assert message.text == description.text and message.header == HEADER


def test_masks_that_do_not_overlap_come_back_best_first():
    masks = [mask_of('red block', 0.5, (0, 0, 10, 10)), mask_of('moon', 0.25), mask_of('bowl', 0.75, (20, 20, 50, 40))]
    message = c.to_segmentation(masks, RGB, HEADER)
    back = c.from_segmentation(message)
    assert [(item.label, item.score) for item in back] == [('bowl', 0.75), ('red block', 0.5)]
    assert all(np.array_equal(item.mask, masks[i].mask) for item, i in zip(back, (2, 0)))
    assert list(message.queries) == ['red block', 'moon', 'bowl'] and list(message.scores) == [0.5, 0.25, 0.75]
    assert c.from_segmentation(msgs.Segmentation()) == []


def test_where_masks_overlap_the_better_score_owns_the_pixel_and_whole_masks_are_whole():
    masks = [mask_of('red block', 0.5, (0, 0, 20, 20)), mask_of('bowl', 0.75, (10, 10, 30, 30))]
    message = c.to_segmentation(masks, RGB, HEADER, with_masks=True)
    bowl, block = c.from_segmentation(message)
    assert np.array_equal(bowl.mask, masks[1].mask) and block.mask.sum() == 400 - 100
    whole = [c.from_mask(item.mask) for item in message.detections]
    assert np.array_equal(whole[1], masks[0].mask) and np.array_equal(whole[0], masks[1].mask)


def test_a_label_image_holds_as_many_things_as_it_has_numbers():
    masks = [mask_of(f'thing {i}', i / 300, (i % 60, i // 60, i % 60 + 1, i // 60 + 1)) for i in range(300)]
    message = c.to_segmentation(masks, RGB, HEADER)
    assert len(message.detections) == 255 == max(message.labels.data) and len(message.queries) == 300


def test_boxes_around_masks_hold_every_pixel_and_touch_them():
    for _ in range(20):
        mask = RNG.random((12, 17)) < 0.02
        box = frame_mask(mask)
        if not mask.any():
            assert box is None
            continue
        left, top, right, bottom = (int(side) for side in box)
        assert mask[top:bottom, left:right].sum() == mask.sum()
        assert mask[top].any() and mask[bottom - 1].any() and mask[:, left].any() and mask[:, right - 1].any()


def test_a_mask_cut_to_its_own_box_stays_and_cut_to_another_goes():
    whole = mask_of('red block', 0.5, (5, 6, 15, 18))
    assert np.array_equal(cut_mask(whole, frame_mask(whole.mask)).mask, whole.mask)
    gone = cut_mask(whole, (30.0, 30.0, 40.0, 40.0))
    assert not gone.mask.any() and not gone.probability.any() and gone.label == whole.label


def test_regions_are_cut_to_the_picture():
    assert cut_box((-5.0, -5.0, 100.0, 100.0), RGB) == (0.0, 0.0, 60.0, 40.0)
    assert c.read_region(c.fill_box(msgs.GroundedCaption(), BOX), RGB) == BOX
    assert c.read_region(msgs.GroundedCaption(), RGB) is None


@pytest.mark.parametrize('box', [(70, 0, 90, 10), (5, 5, 5, 9), (9, 9, 3, 3), (0, 0, float('nan'), 5), (0, 0, 0.5, 30)])
def test_regions_without_a_pixel_are_refused(box):
    with pytest.raises(ImageError):
        cut_box(box, RGB)


def test_views_say_when_where_and_what():
    memory = Memory(2.5, 'front', 'red block', BOX, (0.5, 0.25, 0.0))
    view = c.to_view(Recollection(memory, 0.5))
    assert conversions.to_seconds(view.header.stamp) == 2.5 and c.read_box(view) == BOX
    assert (view.camera, view.label, view.score, view.has_position) == ('front', 'red block', 0.5, True)
    frame = c.to_view(Recollection(Memory(2.5, 'top'), 0.5))
    assert not (frame.has_region or frame.has_position or frame.label)


def test_other_peoples_tools_get_centres_and_sizes():
    """vision_msgs is in no wheel: a stand-in with its fields shows what would be written."""
    from types import SimpleNamespace as Box2D
    from unittest.mock import patch

    def detection(header):
        centre = Box2D(position=Box2D(x=0.0, y=0.0))
        return Box2D(header=header, results=[], bbox=Box2D(center=centre, size_x=0.0, size_y=0.0))

    kinds = {
        'Detection2D': detection,
        'Detection2DArray': lambda header, detections: detections,
        'ObjectHypothesisWithPose': lambda: Box2D(hypothesis=Box2D(class_id='', score=0.0)),
    }
    with patch.multiple(vision_messages, **kinds):
        array = msgs.DetectionArray(header=HEADER, detections=[conversions.to_detection(d.Detection('bowl', 0.5, BOX))])
        (found,) = vision_messages.to_detections_2d(array)
    assert (found.bbox.center.position.x, found.bbox.size_y) == ((4.0 + 20.5) / 2, 25.25)
    assert (found.results[0].hypothesis.class_id, found.results[0].hypothesis.score) == ('bowl', 0.5)
