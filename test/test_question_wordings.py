"""Further wordings of training: every one can be filled, none comes to contain a kept one, order that matters stays."""

import re

import numpy as np
import pytest

from vlm_robot.training.fake_pictures import scatter_things
from vlm_robot.training.picture_questions import ask, ASKED, KEPT, QUESTION_KINDS
from vlm_robot.training.question_wordings import FURTHER, FURTHER_REFERRING, list_further_words, plain, vary
from vlm_robot.training.referring import resolve
from vlm_robot.training.referring_practice import KEPT as KEPT_REFERRING
from vlm_robot.training.referring_practice import refer_freely
from vlm_robot.training.referring_wordings import WORDINGS

EVERY_KEPT = (*KEPT, *KEPT_REFERRING)


def contains_kept(template):
    return any(f' {plain(kept)} ' in f' {plain(template)} ' for kept in EVERY_KEPT)


def slots(template):
    return sorted(re.findall(r'{(\w+)}', template))


def test_every_kind_has_further_wordings_with_the_slots_of_its_own():
    assert set(FURTHER) == set(ASKED)
    assert set(FURTHER_REFERRING) == set(WORDINGS)
    for further, own in ((FURTHER, ASKED), (FURTHER_REFERRING, WORDINGS)):
        for kind, templates in further.items():
            known = {name.removesuffix('s') for template in own[kind].trained for name in slots(template)}
            for template in templates:
                assert {name.removesuffix('s') for name in slots(template)} == known, template


def test_no_further_wording_contains_a_kept_one():
    for templates in (*FURTHER.values(), *FURTHER_REFERRING.values()):
        for template in templates:
            assert not contains_kept(template), template


@pytest.mark.parametrize('kind', list(ASKED))
def test_noise_keeps_the_slots_their_order_and_the_fence(kind):
    rng = np.random.default_rng(0)
    for template in (*ASKED[kind].trained, *FURTHER[kind]):
        for varied in (vary(template, EVERY_KEPT, rng) for _ in range(60)):
            assert not contains_kept(varied), varied
            assert re.findall(r'{\w+}', varied) == re.findall(r'{\w+}', template)


def test_noise_never_makes_a_kept_wording_of_one_that_is_a_word_away():
    rng = np.random.default_rng(1)
    varied = {vary('is {a} there now?', ['is {a} there'], rng) for _ in range(300)}
    assert len(varied) > 20
    assert not any('is {a} there ' in f'{plain(text)} ' for text in varied - {'is {a} there now?'})


def test_training_asks_in_words_that_it_lists():
    words, rng = list_further_words(), np.random.default_rng(2)
    assert {'outnumber', 'count', 'please'} <= words
    asked = [ask(scatter_things(rng), 'train', rng, kind) for kind in QUESTION_KINDS for _ in range(60)]
    texts = [question.text for question in asked if question]
    assert len(set(texts)) > 0.9 * len(texts)
    assert not any('{' in text for text in texts)


def test_practised_expressions_name_their_thing_and_no_colour_of_it():
    rng, kinds = np.random.default_rng(3), set()
    for _ in range(150):
        picture = scatter_things(rng)
        item = refer_freely(picture, rng)
        if item is not None:
            assert resolve(item.expression, picture) == item.index
            assert not item.expression.colour
            assert sum(thing.shape == item.expression.shape for thing in picture.things) > 1
            kinds.add(item.expression.relation)
    assert len(kinds) >= 6
