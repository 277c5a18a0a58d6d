"""Tests for letters.py: shares by letters from a pretended model that favours some places."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from vlm_robot.errors import ServerError
from vlm_robot.language.letters import LetterAnswer, LETTERS, list_orders, score_by_letters


def make_ask(taste: dict[str, float], bias=lambda place: 0.0, asked: list | None = None):
    """Return a model with a taste for options and a bias for places, both in logs."""

    def ask(questions):
        if asked is not None:
            asked.extend(questions)
        return [
            LetterAnswer({LETTERS[i]: taste[text] + bias(i) for i, text in enumerate(question)})
            for question in questions
        ]

    return ask


def draw_taste(seed: int, count: int) -> dict[str, float]:
    rng = random.Random(seed)
    return {f'option {i}': rng.gauss(0, 2) for i in range(count)}


def shares_of(taste):
    logs = np.array(list(taste.values()))
    return logs - np.logaddexp.reduce(logs)


@pytest.mark.parametrize('count', [1, 2, 7, 20])
@pytest.mark.parametrize('orders', [1, 3, 4])
def test_without_bias_the_shares_are_the_models_own(count, orders):
    taste = draw_taste(count, count)
    assert score_by_letters(list(taste), make_ask(taste), orders) == pytest.approx(shares_of(taste))


@pytest.mark.parametrize('count', [21, 60, 401])
def test_rounds_keep_shares_and_their_sum(count):
    taste = draw_taste(count, count)
    scores = score_by_letters(list(taste), make_ask(taste))
    assert sum(math.exp(score) for score in scores) == pytest.approx(1)
    assert scores == pytest.approx(shares_of(taste))


@pytest.mark.parametrize('seed', range(5))
def test_a_steady_bias_is_averaged_out_by_an_order_and_its_mirror(seed):
    taste = draw_taste(seed, 12)
    scores = score_by_letters(list(taste), make_ask(taste, lambda place: -0.7 * place), orders=2)
    assert scores == pytest.approx(shares_of(taste))


@pytest.mark.parametrize('seed', range(5))
def test_any_bias_is_averaged_out_by_all_turns(seed):
    taste, rng = draw_taste(seed, 8), random.Random(seed)
    bias = [rng.gauss(0, 3) for _ in range(8)]
    scores = score_by_letters(list(taste), make_ask(taste, bias.__getitem__), orders=16)
    assert scores == pytest.approx(shares_of(taste))


def test_one_order_is_fooled_where_four_are_not():
    taste = {'wrong': 0.0, 'right': 1.0, 'other': -1.0, 'more': -1.0}
    ask = make_ask(taste, lambda place: 1.5 if place == 0 else 0.0)
    assert np.argmax(score_by_letters(list(taste), ask, orders=1)) == 0
    assert np.argmax(score_by_letters(list(taste), ask, orders=4)) == 1


@pytest.mark.parametrize(('count', 'orders'), [(4, 1), (4, 2), (5, 3), (20, 4), (3, 8)])
def test_orders_are_arrangements(count, orders):
    found = list_orders(count, orders)
    assert len(found) == orders
    assert all(sorted(order) == list(range(count)) for order in found)


def test_no_question_is_longer_than_the_group():
    taste, asked = draw_taste(0, 60), []
    score_by_letters(list(taste), make_ask(taste, asked=asked), orders=2, group=10)
    assert max(map(len, asked)) <= 10
    assert {text for question in asked for text in question} == set(taste)


def test_a_letter_that_is_missing_gets_the_floor():
    scores = score_by_letters(['a', 'b', 'c'], lambda questions: [LetterAnswer({'A': -0.1}, -5.0)] * len(questions), 1)
    assert scores[0] > scores[1] == scores[2]
    assert scores[0] - scores[1] == pytest.approx(4.9)


def test_orders_without_a_letter_are_left_out_and_none_at_all_is_an_error():
    answers = [LetterAnswer(), LetterAnswer({'A': -3.0, 'B': -1.0})]
    assert np.argmax(score_by_letters(['a', 'b'], lambda questions: answers, orders=2)) == 0  # B of the mirror is a
    with pytest.raises(ServerError, match='with a letter'):
        score_by_letters(['a', 'b'], lambda questions: [LetterAnswer()] * len(questions))
