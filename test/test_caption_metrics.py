"""Captions are judged by words and boxes; perfect ones get the best value, others less."""

import numpy as np
import pytest

from vlm_robot.evaluation.caption_metrics import (
    DensePicture,
    F1_LEVELS,
    is_exact,
    measure_cider,
    measure_dense,
    measure_dense_map,
    measure_f1,
)

BOX, FAR = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)
LABELS = ['red block', 'blue bowl', 'green block', 'red bowl']


def picture(texts, boxes=(BOX, FAR), scores=(0.9, 0.8), unclear=()):
    """Return a picture whose truth is a red block at BOX and a blue bowl at FAR."""
    return DensePicture(
        np.array(boxes, float).reshape(-1, 4), np.array(scores[: len(boxes)]), texts,
        np.array([BOX, FAR]), ['red block', 'blue bowl'], np.array(unclear, float).reshape(-1, 4),
    )  # fmt: skip


def test_exact_match_ignores_articles_and_marks_but_not_order():
    assert is_exact('a red block.', 'the Red block')
    assert not is_exact('block red', 'red block')


@pytest.mark.parametrize(('said', 'value'), [('red block', 1.0), ('red bowl', 0.5), ('', 0.0), ('red red block', 0.8)])
def test_f1_counts_shared_words(said, value):
    assert measure_f1(said, 'red block') == pytest.approx(value)


def test_cider_is_greatest_for_the_references_themselves():
    wanted = [[label] for label in LABELS]
    best = measure_cider(LABELS, wanted)
    assert best == pytest.approx(5.0)  # two words have no 3- and 4-grams
    assert 0 < measure_cider(['red block', 'blue bowl', 'green block', 'blue block'], wanted) < best
    assert measure_cider(['x y'] * 4, wanted) == 0.0


def test_cider_values_rare_words_more():
    wanted = [['red block'], ['red bowl'], ['red cup'], ['blue plate']]
    common = measure_cider(['red', 'x', 'x', 'x'], wanted)
    rare = measure_cider(['x', 'x', 'x', 'blue'], wanted)
    assert rare > common > 0


def test_cider_punishes_length():
    wanted = [['red block'], ['blue bowl']]
    assert measure_cider(['red block', 'blue bowl and so on and on'], wanted) < measure_cider(
        ['red block', 'blue bowl'], wanted
    )


def test_dense_needs_box_and_text():
    assert measure_dense([picture(['red block', 'blue bowl'])], 0.5, 1.0) == pytest.approx(1.0)
    assert measure_dense([picture(['blue bowl', 'red block'])], 0.5, 1.0) == 0.0
    assert measure_dense([picture(['blue bowl', 'red block'])], 0.5, 0.0) == pytest.approx(1.0)
    assert measure_dense([picture(['red block', 'blue bowl'], (FAR, BOX))], 0.5, 1.0) == 0.0


def test_dense_map_is_the_mean_of_its_levels_and_falls_with_text():
    pictures = [picture(['red block', 'blue block'])]
    whole = measure_dense_map(pictures)
    parts = [measure_dense_map(pictures, (level,)) for level in F1_LEVELS]
    assert whole == pytest.approx(np.mean(parts))
    assert parts == sorted(parts, reverse=True)


def test_a_caption_on_what_hardly_shows_does_not_count():
    extra = picture(['red block', 'blue bowl', 'red cup'], (BOX, FAR, (80, 80, 90, 90)), (0.5, 0.4, 0.9))
    hidden = picture(
        ['red block', 'blue bowl', 'red cup'], (BOX, FAR, (80, 80, 90, 90)), (0.5, 0.4, 0.9), [(80, 80, 90, 90)]
    )
    assert measure_dense([extra], 0.5, 1.0) < measure_dense([hidden], 0.5, 1.0) == pytest.approx(1.0)


def test_nothing_said_about_something_is_zero():
    assert measure_dense([picture([], (), ())], 0.5, 1.0) == 0.0
