"""Where nouns should look: phrases are read, middles found, shares sum to one, and the loss knows the best look."""

import numpy as np
import pytest
import torch

from vlm_robot.training.fake_pictures import build_picture, put_thing
from vlm_robot.training.owlvit_data import GRID, SIDE_PX
from vlm_robot.training.pictures import resize_picture
from vlm_robot.training.vilt_batches import list_question_words
from vlm_robot.training.vilt_grounding import aim, find_middle, list_nouns, look_loss
from vlm_robot.training.vilt_model import build_tokenizer

EVERY = np.arange(GRID * GRID)


@pytest.fixture(scope='module')
def picture():
    made = build_picture(
        put_thing('red block', (0.2, 0.3)), put_thing('red block', (0.7, 0.3)), put_thing('blue bowl', (0.5, 0.7))
    )
    return resize_picture(made, (SIDE_PX, SIDE_PX))


@pytest.mark.parametrize(
    ('text', 'nouns'),
    [
        ('is there a red block?', [('red', 'block')]),
        ('how many grey dishes do you see', [('gray', 'bowl')]),
        ('what color is the thing right of the teal cube?', [('', ''), ('cyan', 'block')]),
        ('are there more boxes than blue basins?', [('', 'block'), ('blue', 'bowl')]),
        ('where?', []),
    ],
)
def test_nouns_are_read_with_their_colours_at_their_tokens(text, nouns):
    found = list_nouns(text)
    assert [(colour, shape) for _, colour, shape in found] == nouns
    tokenizer = build_tokenizer(list_question_words())
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(text)['input_ids'])
    for token, _, shape in found:
        assert list_nouns(tokens[token])[0][2] == shape


def test_the_middle_of_a_thing_is_one_of_its_tokens(picture):
    for thing in picture.things:
        row, column = divmod(find_middle(picture, thing), GRID)
        cell = SIDE_PX // GRID
        assert thing.mask[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell].any()


def test_shares_count_things_and_the_question(picture):
    texts = ['how many red blocks are there?', 'is there a green bowl?', 'is the blue bowl left of a thing?']
    targets = aim([picture], [EVERY], [texts])
    assert targets.where.tolist() == [[0, 0, 4], [0, 1, 5], [0, 2, 4], [0, 2, 8]]
    assert torch.allclose(targets.shares.sum(1), torch.ones(4))
    assert targets.shares[:, -1].tolist() == pytest.approx([1 / 3, 1, 1 / 2, 1 / 4])
    assert set(targets.shares[0].nonzero().flatten().tolist()) == {
        1 + find_middle(picture, picture.things[0]), 1 + find_middle(picture, picture.things[1]), GRID * GRID + 1,
    }  # fmt: skip


def test_what_hardly_shows_is_asked_of_nobody():
    hidden = build_picture(put_thing('red block', (0.4, 0.4), visible_px=3), put_thing('blue bowl', (0.6, 0.7)))
    hidden = resize_picture(hidden, (SIDE_PX, SIDE_PX))
    targets = aim([hidden], [EVERY], [['is the red block in the blue bowl?']])
    assert targets.where.tolist() == [[0, 0, 8]]


def test_the_loss_is_least_where_the_look_is_right(picture):
    targets = aim([picture], [EVERY], [['how many red blocks are there?']])
    look = torch.full((1, 1, 10, 1 + GRID * GRID + 10), 1e-4)
    look[0, 0, 4, : GRID * GRID + 1] = targets.shares[0, :-1]
    look[0, 0, 4, GRID * GRID + 1 :] = targets.shares[0, -1] / 10
    assert float(look_loss([look], targets)) == pytest.approx(0, abs=1e-3)
    assert float(look_loss([look, look.flip(2)], targets)) > 1
    nothing = aim([picture], [EVERY], [['where?']])
    assert float(look_loss([look], nothing)) == 0
