"""The measure of places by box and by mask: what counts as an error, and the table of both."""

import numpy as np

from vlm_robot.datatypes import Detection, LiftedDetection
from vlm_robot.training.lifting_measure import _compare, _summarise, LOST, write_table
from vlm_robot.training.owlvit_scenes import Thing
from vlm_robot.vocabulary import BLOCK_SIZE, BOWL_DIAMETER, BOWL_HEIGHT

BLOCK = Thing('red block', (0.5, 0.1, 0.02), (0.0, 0.0, 0.3))


def lifted(place, size, yaw):
    return LiftedDetection(Detection('red block', 0.9, (0.0, 0.0, 9.0, 9.0)), place, size, yaw, 'front')


def test_what_is_exact_has_no_error_and_a_quarter_turn_is_none():
    for turn in (0, 1, -2):
        error = _compare(lifted(BLOCK.position, (BLOCK_SIZE,) * 3, 0.3 + turn * np.pi / 2), BLOCK)
        np.testing.assert_allclose(error, 0, atol=1e-9)


def test_errors_are_metres_radians_and_metres():
    far = lifted((0.53, 0.14, 0.02), (BLOCK_SIZE + 0.003,) * 3, 0.4)
    np.testing.assert_allclose(_compare(far, BLOCK), (0.05, 0.1, 0.003), atol=1e-9)
    bowl = Thing('red bowl', (0.5, 0.1, 0.02), (0.0, 0.0, 0.0))
    position, yaw, size = _compare(lifted(bowl.position, (BOWL_DIAMETER, BOWL_DIAMETER, BOWL_HEIGHT), 1.0), bowl)
    assert (position, size) == (0, 0) and np.isnan(yaw)
    assert _compare(None, BLOCK) == (LOST, LOST, LOST)


def test_the_table_shows_the_box_above_the_mask():
    nan = float('nan')
    report = {
        'box': {'all': _summarise([(0.02, nan, 0.001), (0.001, 0.2, 0.001)]), 'bowl': _summarise([(0.02, nan, 0.0)])},
        'mask': {'all': _summarise([(0.002, nan, 0.001), (0.001, 0.1, 0.001)]), 'bowl': _summarise([(0.01, nan, 0.0)])},
    }
    assert report['box']['all']['below_15mm'] == 0.5
    lines = write_table(report).splitlines()
    assert [line.split('|')[1:3] for line in lines[2:]] == [
        [' all ', ' box '], [' all ', ' mask '], [' bowl ', ' box '], [' bowl ', ' mask ']
    ]  # fmt: skip
    assert len({line.count('|') for line in lines}) == 1
