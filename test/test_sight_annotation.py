"""Pictures of what was seen: the right pixels change, nothing outside is touched, odd input is drawn all the same."""

import numpy as np
import pytest

from vlm_robot import sight_annotation as draw
from vlm_robot.datatypes import Answer, Description, DescriptionLine, GroundedCaption, GroundedWord, Mask

SIZES = [(240, 320), (12, 9), (900, 1600)]  # height, width


def plain(height=240, width=320):
    return np.full((height, width, 3), 200, np.uint8)


def mask_of(inside, label='red block', score=0.9):
    return Mask(label, score, inside.astype(np.float32), inside)


def square(height=240, width=320):
    inside = np.zeros((height, width), bool)
    inside[height // 2 : height * 3 // 4, width // 2 : width * 3 // 4] = True
    return inside


CAPTION = GroundedCaption(
    'a red block left of the bowl',
    (
        GroundedWord('a', None),
        GroundedWord('red', (60.0, 50.0)),
        GroundedWord('block', (60.0, 50.0), (40.0, 30.0, 80.0, 70.0)),
        GroundedWord('left', (400.0, -5.0)),  # a model may point beyond the picture
        GroundedWord('bowl', (200.0, 90.0)),
    ),
    0.8,
)
LINES = Description((
    DescriptionLine('object', 'red block', 0.9, (10.0, 10.0, 50.0, 50.0)),
    DescriptionLine('text', 'KÜCHE', 0.7, (60.0, 60.0, 90.0, 70.0)),
    DescriptionLine('count', '1 block ' * 60, 0.7),
))  # fmt: skip


def test_a_mask_colours_its_pixels_and_no_others_far_from_it():
    inside = square()
    picture = draw.draw_masks(plain(), [mask_of(inside)])
    assert (picture[140:170, 180:230] != 200).any(-1).all()
    assert (picture[:60] == 200).all()  # above the label nothing is drawn


def test_masks_have_different_colours_and_an_empty_one_is_told():
    left, right = np.zeros((240, 320), bool), np.zeros((240, 320), bool)
    left[100:200, :100], right[100:200, 220:] = True, True
    picture = draw.draw_masks(plain(), [mask_of(left), mask_of(right), mask_of(np.zeros_like(left), 'banana')])
    assert (picture[150, 50] != picture[150, 270]).any()
    assert picture.shape[0] > 240  # a line below says what is not there


def test_every_word_with_a_place_gets_a_dot_and_an_arrow_in_its_colour():
    picture = draw.draw_caption(plain(), CAPTION)
    assert picture.shape[0] > 240 and picture.shape[1] == 320
    for number, word in enumerate(CAPTION.words):
        if word.point_px and word.point_px[1] >= 0 and word.word != 'red':
            column, row = (round(value) for value in word.point_px)
            assert tuple(picture[row, column]) == draw.PALETTE[number % len(draw.PALETTE)]


def test_a_caption_without_words_or_places_is_drawn():
    for caption in (GroundedCaption(''), GroundedCaption('two words'), GroundedCaption('x', box_xyxy_px=(1, 1, 9, 9))):
        assert draw.draw_caption(plain(), caption).shape[0] > 240


@pytest.mark.parametrize('size', SIZES)
def test_everything_can_be_drawn_on_any_size_and_the_original_stays(size):
    rgb = plain(*size)
    before = rgb.copy()
    pictures = [
        draw.draw_masks(rgb, [mask_of(square(*size))]),
        draw.draw_masks(rgb, []),
        draw.draw_caption(rgb, CAPTION),
        draw.draw_captions(rgb, [CAPTION, GroundedCaption('bowl', (), 0.5, (1.0, 1.0, 8.0, 8.0))]),
        draw.draw_captions(rgb, []),
        draw.draw_description(rgb, LINES),
        draw.draw_description(rgb, Description(())),
        draw.draw_answer(rgb, 'how many?', Answer('2', 0.9)),
        draw.draw_shares(rgb, ['a', 'b'], [0.2, 0.8]),
    ]
    assert (rgb == before).all()
    for picture in pictures:
        assert picture.dtype == np.uint8 and picture.shape[1:] == (size[1], 3) and picture.shape[0] >= size[0]


@pytest.mark.parametrize('count', [0, 1, 5, 9])
def test_a_sheet_holds_every_picture(count):
    pictures = [np.full((40 + i, 300, 3), 20 * i, np.uint8) for i in range(count)]
    sheet = draw.draw_sheet(pictures, [f'picture {i}' for i in range(count)], columns=4)
    rows, columns = max(1, -(-count // 4)), min(4, max(1, count))
    assert sheet.shape == (rows * (draw.COVER_PX[1] + 24), columns * draw.COVER_PX[0], 3)
