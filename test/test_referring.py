"""Phrases and referring expressions: what they say is what they name."""

from functools import cache

import numpy as np
import pytest

from vlm_robot.training.fake_pictures import build_picture, put_thing, scatter_things, SIDE_PX
from vlm_robot.training.picture_phrases import (
    canonical_phrase,
    fix_articles,
    list_absent,
    NAMING,
    sample_picture_phrases,
)
from vlm_robot.training.pictures import mirror
from vlm_robot.training.referring import Expression, EXTREMES, KINDS, MARGIN, resolve, sample_referring, say, SIDES
from vlm_robot.training.referring_wordings import WORDINGS
from vlm_robot.training.sight_separation import HELD_OUT_PAIRS


@cache
def referrings(has_relation=None):
    """Return some pictures with an expression each."""
    rng, found = np.random.default_rng(5), []
    for _ in range(700 if has_relation else 200):
        picture = scatter_things(rng)
        item = sample_referring(picture, 'train', rng, has_relation)
        found += [(picture, item)] if item else []
    return found


def fits(expression, thing):
    return expression.colour in (thing.colour, '') and expression.shape in (thing.shape, '')


# ---- phrases


def test_masks_are_the_union_of_what_fits_and_hidden_things_are_left_out():
    rng = np.random.default_rng(0)
    for split in ('train', 'test'):
        for _ in range(60):
            picture = scatter_things(rng)
            phrases = sample_picture_phrases(picture, split, rng, 3, 2)
            assert [phrase.is_present for phrase in phrases[-2:]] == [False, False]
            assert all(phrase.is_present for phrase in phrases[:-2])
            for phrase in phrases:
                union = np.zeros((SIDE_PX, SIDE_PX), bool)
                for fit, thing in zip(phrase.fits, picture.things, strict=True):
                    assert (fit == -1) == (not thing.is_clear and fit != 0)
                    union |= thing.mask & (fit == 1)
                assert np.array_equal(union, phrase.mask)
                assert not (phrase.mask & phrase.ignore).any()


def test_training_phrases_name_no_held_out_pair_and_say_no_kept_wording():
    rng = np.random.default_rng(1)
    kept = {text.replace('{}', '').strip() for text in NAMING.kept}
    for _ in range(150):
        for phrase in sample_picture_phrases(scatter_things(rng), 'train', rng):
            assert (phrase.colour, phrase.shape) not in HELD_OUT_PAIRS
            assert not phrase.is_new
            assert not any(phrase.text.startswith(words) for words in kept)
    assert any(p.is_new for _ in range(20) for p in sample_picture_phrases(scatter_things(rng), 'test', rng))


def test_absent_pairs_are_not_in_the_picture():
    picture = build_picture(put_thing('red block', (0.5, 0.5)), put_thing('blue bowl', (0.2, 0.2), visible_px=1))
    missing = list_absent(picture, 'test')
    assert len(missing) == 20
    assert ('red', 'block') not in missing
    assert ('blue', 'bowl') not in missing
    assert canonical_phrase(picture, 'blue', 'bowl').fits.tolist() == [0, -1]
    assert canonical_phrase(picture, 'red', 'block').mask.sum() == 144


@pytest.mark.parametrize(('wrong', 'right'), [('a orange', 'an orange'), ('a one', 'a one'), ('A item', 'An item')])
def test_articles(wrong, right):
    assert fix_articles(wrong) == right


# ---- referring


def test_what_is_said_names_the_thing_and_only_it():
    found = referrings()
    assert len(found) > 100
    for picture, item in found:
        assert resolve(item.expression, picture) == item.index
        assert picture.things[item.index].is_clear
        if item.has_relation:
            assert sum(fits(item.expression, thing) for thing in picture.things) > 1


def test_every_kind_of_relation_is_said():
    said = {item.expression.relation for _, item in referrings(True)}
    assert said == set(KINDS)
    assert set(WORDINGS) == {'', *KINDS}


def test_directions_turn_with_the_mirror():
    turned = {'left': 'right', 'right': 'left', 'leftmost': 'rightmost', 'rightmost': 'leftmost',
              'from left': 'from right', 'from right': 'from left'}  # fmt: skip
    for picture, item in referrings(True):
        e = item.expression
        swapped = Expression(e.colour, e.shape, turned.get(e.relation, e.relation), e.anchor, e.rank)
        assert resolve(swapped, mirror(picture)) == item.index


def test_sides_and_extremes_hold_by_a_margin():
    for picture, item in referrings(True):
        e = item.expression
        here = np.array(picture.things[item.index].centre_px) / SIDE_PX
        if e.relation in SIDES:
            axis, sign = SIDES[e.relation]
            anchor = picture.things[resolve(e.anchor, picture)]
            assert sign * (here - np.array(anchor.centre_px) / SIDE_PX)[axis] >= MARGIN
        if e.relation in EXTREMES:
            axis, sign = SIDES[EXTREMES[e.relation]]
            for i, thing in enumerate(picture.things):
                if i != item.index and fits(e, thing):
                    assert sign * (here - np.array(thing.centre_px) / SIDE_PX)[axis] >= MARGIN


def test_what_is_too_close_or_hidden_names_nothing():
    left_block = Expression('red', 'block', 'left', Expression('blue', 'bowl'))
    two = [put_thing('red block', (0.2, 0.5)), put_thing('red block', (0.8, 0.5)), put_thing('blue bowl', (0.5, 0.5))]
    assert resolve(left_block, build_picture(*two)) == 0
    assert resolve(left_block, build_picture(put_thing('red block', (0.49, 0.5)), *two[1:])) is None
    assert resolve(left_block, build_picture(*two, put_thing('blue bowl', (0.5, 0.1)))) is None
    assert resolve(left_block, build_picture(*two, put_thing('red block', (0.1, 0.1)))) is None
    assert resolve(left_block, build_picture(*two, put_thing('red block', (0.9, 0.1), visible_px=3))) is None
    assert (
        resolve(left_block, build_picture(put_thing('red block', (0.4, 0.9)), *two[1:])) is None
    )  # rather below than left
    assert resolve(Expression('green'), build_picture(*two)) is None


def test_inside_and_outside_bowls():
    things = [
        put_thing('blue bowl', (0.5, 0.5)), put_thing('red block', (0.5, 0.5), 'bowl', 0),
        put_thing('red block', (0.8, 0.5)), put_thing('white block', (0.8, 0.45), 'stack', 2),
    ]  # fmt: skip
    picture = build_picture(*things)
    assert resolve(Expression('red', 'block', 'in', Expression('blue', 'bowl')), picture) == 1
    assert resolve(Expression('red', 'block', 'not in'), picture) == 2
    assert resolve(Expression('red', 'block', 'in any'), picture) == 1
    assert resolve(Expression('', 'block', 'on', Expression('red', 'block', 'not in')), picture) == 3
    assert resolve(Expression('red', 'block', 'left', Expression('blue', 'bowl')), picture) is None


def test_ordinals_count_from_their_side():
    picture = build_picture(*[put_thing('red block', (x, 0.5)) for x in (0.9, 0.1, 0.5)])
    assert [resolve(Expression('red', '', 'from left', rank=n), picture) for n in (1, 2, 3, 4)] == [1, 2, 0, None]
    assert [resolve(Expression('red', '', 'from right', rank=n), picture) for n in (1, 2, 3)] == [0, 2, 1]


def test_kept_wordings_are_only_in_the_test_and_nothing_is_left_to_fill():
    e = Expression('red', 'block', anchor=Expression('orange', 'bowl'), rank=2)
    for kind, wordings in WORDINGS.items():
        rng = np.random.default_rng(2)
        expression = Expression(e.colour, e.shape, kind, e.anchor, e.rank)
        trained = {say(expression, split, rng)[0] for split in ('train', 'validation') for _ in range(300)}
        tested = [say(expression, 'test', rng) for _ in range(300)]
        new = {text for text, is_new in tested if is_new}
        assert wordings.kept
        assert new
        assert not new & trained
        assert not any('{' in text or ' a orange' in text for text in trained | new)


def test_a_picture_that_shows_nothing_refers_to_nothing():
    assert sample_referring(build_picture(), 'test', np.random.default_rng(0)) is None
    assert (
        sample_referring(build_picture(put_thing('red block', (0.5, 0.5))), 'test', np.random.default_rng(0), True)
        is None
    )
