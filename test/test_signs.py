"""Boards with words in the picture."""

import numpy as np
import pytest

from vlm_robot.errors import ConfigError
from vlm_robot.training.owlvit_scenes import TableDrawer
from vlm_robot.training.pictures import render_picture
from vlm_robot.training.signs import paint_board, render_sign_picture, WORDS


@pytest.fixture(scope='module')
def drawer():
    drawer = TableDrawer()
    yield drawer
    drawer.close()


def test_splits_share_no_word():
    assert len({word for words in WORDS.values() for word in words}) == sum(map(len, WORDS.values()))


@pytest.mark.parametrize('seed', [0, 1])
def test_a_board_is_where_it_is_said_to_be_and_comes_back_the_same(drawer, seed):
    rgb, [(text, box)] = render_sign_picture('test', seed, drawer)
    assert text in WORDS['test']
    assert rgb.shape == (480, 640, 3)
    x0, y0, x1, y1 = map(int, box)
    assert 0 <= x0 < x1 <= 640
    assert 0 <= y0 < y1 <= 480
    inside = rgb[y0:y1, x0:x1].astype(float).mean(2)
    assert inside.std() > 20  # ink on a light ground
    assert inside.mean() > rgb.mean()
    assert np.array_equal(rgb, render_sign_picture('test', seed, drawer)[0])


def test_a_drawer_forgets_the_board(drawer):
    before = render_picture(drawer, 'test', 3).rgb
    render_sign_picture('test', 3, drawer)
    assert np.array_equal(before, render_picture(drawer, 'test', 3).rgb)


def test_boards_grow_with_their_words_and_letters():
    rng = np.random.default_rng(0)
    _, (short, low) = paint_board('TEA', 0.03, rng)
    _, (long, _) = paint_board('HANDLE WITH CARE', 0.03, rng)
    _, (_, high) = paint_board('TEA', 0.045, rng)
    assert long > 2 * short
    assert high > 1.3 * low


def test_an_unknown_split_is_refused():
    with pytest.raises(ConfigError, match='test'):
        render_sign_picture('dev', 0)
