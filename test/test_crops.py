"""Cut-outs: square, centred, filled beyond the picture."""

import numpy as np
import pytest

from vlm_robot.errors import ImageError
from vlm_robot.perception.crops import cut_around, FILL

RNG = np.random.default_rng(0)


@pytest.mark.parametrize('box', [(10, 10, 30, 20), (0, 0, 8, 60), (90, 50, 140, 90), (-20, -20, 5, 5)])
def test_a_cut_is_square_and_its_side_follows_the_box(box):
    cut = cut_around(np.zeros((60, 100, 3), np.uint8), box, context=1.5)
    assert cut.shape == (cut.shape[0], cut.shape[0], 3)
    assert cut.shape[0] == round(1.5 * max(box[2] - box[0], box[3] - box[1]))


def test_the_middle_of_the_box_is_the_middle_of_the_cut():
    picture = RNG.integers(0, 256, (60, 100, 3), np.uint8)
    cut = cut_around(picture, (40, 20, 60, 40), context=1.5)
    np.testing.assert_array_equal(cut, picture[15:45, 35:65])


def test_beyond_the_picture_lies_the_fill():
    cut = cut_around(np.full((40, 40, 3), 9, np.uint8), (0, 0, 20, 20), context=2.0)
    assert tuple(cut[0, 0]) == FILL
    assert tuple(cut[-1, -1]) == (9, 9, 9)
    assert (cut == 9).all(-1).sum() == 30 * 30


@pytest.mark.parametrize('box', [(5, 5, 5, 9), (50, 50, 60, 60), (0, 0, float('nan'), 5), (9, 9, 5, 5)])
def test_a_box_without_picture_is_refused(box):
    with pytest.raises(ImageError, match='covers nothing'):
        cut_around(np.zeros((40, 40, 3), np.uint8), box)
