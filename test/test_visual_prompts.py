"""Pictures as prompts: the thing stays as it is, what surrounds it turns dark and blurred."""

import numpy as np
import pytest

from vlm_robot.errors import ImageError, SentenceError
from vlm_robot.perception.visual_prompts import BACKGROUND, cut_prompt, PicturePrompt


def draw(height=60, width=100):
    return np.random.default_rng(0).integers(1, 256, (height, width, 3), np.uint8)


def test_the_thing_keeps_its_pixels_and_the_rest_is_dark():
    rgb, mask = draw(), np.zeros((60, 100), bool)
    mask[20:32, 40:56] = True
    crop = cut_prompt(rgb, mask=mask)
    thing = rgb[20:32, 40:56]
    places = [(r, c) for r in range(crop.shape[0] - 11) for c in range(crop.shape[1] - 15)
              if (crop[r : r + 12, c : c + 16] == thing).all()]  # fmt: skip
    assert len(places) == 1
    (row, column), dark = places[0], np.ones(crop.shape[:2], bool)
    dark[row : row + 12, column : column + 16] = False
    assert crop[dark].max() <= 256 * BACKGROUND
    assert crop[dark].std() < BACKGROUND * rgb.std() / 2  # blurred too


@pytest.mark.parametrize('box', [(40, 20, 56, 32), (0, 0, 10, 10), (80, 40, 100, 60), (90, 50, 300, 300)])
def test_a_crop_surrounds_its_box_inside_the_picture(box):
    crop = cut_prompt(draw(), box)
    inside = np.clip(box, 0, [100, 60, 100, 60])
    assert crop.shape[1] >= inside[2] - inside[0] and crop.shape[0] >= inside[3] - inside[1]
    assert crop.shape[0] <= 60 and crop.shape[1] <= 100


def test_a_thing_in_the_middle_is_cropped_square():
    height, width = cut_prompt(draw(), (40, 25, 60, 35)).shape[:2]
    assert abs(height - width) <= 1


def test_box_and_mask_together_mean_the_mask_in_the_box():
    rgb, mask = draw(), np.ones((60, 100), bool)
    assert (cut_prompt(rgb, (40, 20, 56, 32), mask) == cut_prompt(rgb, (40, 20, 56, 32))).all()


@pytest.mark.parametrize('wrong', [
    {}, {'box_xyxy_px': (5, 5, 5, 9)}, {'box_xyxy_px': (200, 200, 300, 300)}, {'mask': np.zeros((60, 100), bool)},
    {'mask': np.ones((9, 9), bool)}, {'box_xyxy_px': (9, 9, 2, 2)}, {'box_xyxy_px': (np.nan,) * 4},
])  # fmt: skip
def test_a_prompt_that_shows_nothing_is_refused(wrong):
    with pytest.raises(ImageError):
        cut_prompt(draw(), **wrong)


@pytest.mark.parametrize('share', [-0.1, 1.5, float('nan')])
def test_a_share_is_none_unless_it_is_0_to_1(share):
    with pytest.raises(SentenceError, match='text_share'):
        PicturePrompt(draw(), (0, 0, 9, 9), text_share=share)
