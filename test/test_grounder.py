"""PixelLLM at work: the four skills on pictures of any size, "not there", points aligned with words, bad input."""

import numpy as np
import pytest
from test_pixel_model import make_model

from vlm_robot.datatypes import Mask
from vlm_robot.errors import ConfigError, ImageError, ModelError, SentenceError
from vlm_robot.perception.pixel_llm.grounder import cut_mask, PixelLlm, PixelLlmConfig
from vlm_robot.perception.pixel_llm.pixel_files import save

SIZES = [(48, 64), (97, 31), (240, 320)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Return the checkpoint of a tiny model."""
    place = tmp_path_factory.mktemp('pixel')
    save(*make_model(5), place)
    return place


@pytest.fixture(scope='module')
def grounder(folder):
    """Return a grounder that says "there" to everything."""
    return PixelLlm(PixelLlmConfig(model=str(folder), presence=0.0, object_score=0.0, most_words=8))


def picture(height=48, width=64):
    """Return noise."""
    return np.random.default_rng(height).integers(0, 255, (height, width, 3), np.uint8)


def is_inside(box, rgb):
    """Return whether a box lies in a picture."""
    return 0 <= box[0] <= box[2] <= rgb.shape[1] and 0 <= box[1] <= box[3] <= rgb.shape[0]


@pytest.mark.parametrize('size', SIZES)
def test_boxes_and_points_lie_inside_pictures_of_any_size(grounder, size):
    rgb = picture(*size)
    found = grounder.ground(rgb, 'the red block left of the blue bowl')
    assert found
    assert all(is_inside(item.box_xyxy_px, rgb) and 0 <= item.score <= 1 for item in found)
    caption = grounder.caption(rgb)
    assert all(is_inside(word.box_xyxy_px, rgb) for word in caption.words if word.box_xyxy_px)
    assert all(is_inside(item.box_xyxy_px, rgb) for item in grounder.caption_dense(rgb))


def test_best_comes_first(grounder):
    scores = [item.score for item in grounder.ground(picture(), 'the bowl')]
    assert scores == sorted(scores, reverse=True)


def test_nothing_there_is_an_answer(folder):
    strict = PixelLlm(PixelLlmConfig(model=str(folder), presence=1.0, object_score=1.0))
    assert strict.ground(picture(), 'the red block') == []
    assert strict.caption_dense(picture()) == []


def test_several_phrases_at_once_answer_as_one_by_one(grounder):
    rgb, phrases = picture(), ['the red block', 'a green bowl right of the red block', 'zebra']
    for together, phrase in zip(grounder.ground_all(rgb, phrases), phrases, strict=True):
        alone = grounder.ground(rgb, phrase)
        assert [item.box_xyxy_px for item in together] == pytest.approx([item.box_xyxy_px for item in alone], abs=1e-2)
        assert together[0].score == pytest.approx(alone[0].score, abs=1e-4)
    assert grounder.ground_all(rgb, []) == []


def test_words_of_a_caption_are_the_words_of_its_text(grounder):
    caption = grounder.caption(picture())
    assert ' '.join(word.word for word in caption.words) == caption.text
    assert 0 <= caption.confidence <= 1


def test_reading_a_written_caption_gives_the_same_places(grounder):
    rgb = picture()
    written = grounder.caption(rgb)
    read = grounder.locate_words(rgb, written.text)
    assert [word.word for word in read.words] == [word.word for word in written.words]
    for a, b in zip(read.words, written.words, strict=True):
        assert (a.point_px is None) == (b.point_px is None)
        if a.point_px and b.point_px:
            assert a.point_px == pytest.approx(b.point_px, abs=0.5)


def test_a_caption_of_a_box_carries_the_box_and_several_equal_one_by_one(grounder):
    rgb, boxes = picture(), [(3.0, 4.0, 20.0, 30.0), (10.0, 2.0, 60.0, 40.0)]
    several = grounder.caption_boxes(rgb, boxes)
    for box, caption in zip(boxes, several, strict=True):
        assert caption.box_xyxy_px == pytest.approx(box, abs=1e-3)
        assert grounder.caption(rgb, box).text == caption.text
    assert grounder.caption_boxes(rgb, []) == []
    assert grounder.caption_point(rgb, (10.0, 10.0)).box_xyxy_px is None


def test_regressed_boxes_differ_from_chosen_regions(folder, grounder):
    straight = PixelLlm(PixelLlmConfig(model=str(folder), presence=0.0, is_snapped=False))
    rgb = picture()
    one, other = straight.ground(rgb, 'the bowl'), grounder.ground(rgb, 'the bowl')
    assert len(one) == 1
    assert one[0].box_xyxy_px != other[0].box_xyxy_px


@pytest.mark.parametrize(
    'wrong',
    [np.zeros((0, 10, 3), np.uint8), np.zeros((20, 20), np.uint8), np.zeros((20, 20, 4), np.uint8),
     np.zeros((20, 20, 3), np.float32), np.zeros((3, 3, 3), np.uint8)],
)  # fmt: skip
def test_what_is_no_picture_is_refused(grounder, wrong):
    for call in (lambda: grounder.ground(wrong, 'bowl'), lambda: grounder.caption(wrong),
                 lambda: grounder.caption_dense(wrong), lambda: grounder.caption(wrong, (1, 1, 5, 5))):  # fmt: skip
        with pytest.raises(ImageError):
            call()


@pytest.mark.parametrize('box', [(70, 1, 90, 20), (5, 5, 5, 9), (1, 2, float('nan'), 9), (9, 9, 2, 2), (1, 2, 3)])
def test_boxes_outside_are_refused(grounder, box):
    with pytest.raises(ImageError, match='box'):
        grounder.caption(picture(), box)
    with pytest.raises(ImageError, match='point'):
        grounder.caption_point(picture(), (100.0, 1.0))


@pytest.mark.parametrize('phrase', ['', '   ', 'word ' * 60, None])
def test_phrases_without_words_or_with_too_many_are_refused(grounder, phrase):
    with pytest.raises(SentenceError):
        grounder.ground(picture(), phrase)


def test_masks_need_a_segmenter_and_stay_in_the_box(folder, grounder):
    with pytest.raises(ModelError, match='segmenter'):
        grounder.ground_masks(picture(), 'bowl')

    class Everything:
        """Says that all pixels are it."""

        name = 'everything'

        def segment(self, rgb, queries):
            full = np.ones(rgb.shape[:2])
            return [Mask(query, 1.0, full.astype(np.float32), full.astype(bool)) for query in queries]

    masked = PixelLlm(PixelLlmConfig(model=str(folder), presence=0.0), Everything())
    rgb = picture()
    for found, mask in masked.ground_masks(rgb, 'bowl'):
        rows, columns = np.nonzero(mask.mask)
        x0, y0, x1, y1 = found.box_xyxy_px
        assert columns.min() >= np.floor(x0)
        assert columns.max() < np.ceil(x1)
        assert rows.min() >= np.floor(y0)
        assert rows.max() < np.ceil(y1)
        assert mask.label == 'bowl'
        assert cut_mask(mask, found).mask.sum() == mask.mask.sum()


def test_settings_that_cannot_be_are_refused(tmp_path):
    for wrong in ({'presence': 2.0}, {'object_score': -0.5}, {'most_words': 0}, {'dtype': 'int8'}):
        with pytest.raises(ConfigError):
            PixelLlmConfig(**wrong)
    with pytest.raises(ModelError, match='PixelLLM'):
        PixelLlm(PixelLlmConfig(model=str(tmp_path)))
