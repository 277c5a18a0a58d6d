"""What is true of a batch: patches, nouns, pairs and subjects are labelled rightly; the heads can learn them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vlm_robot.training.fake_pictures import build_picture, put_thing
from vlm_robot.training.owlvit_data import GRID, SIDE_PX
from vlm_robot.training.picture_questions import PictureQuestion
from vlm_robot.training.pictures import resize_picture
from vlm_robot.training.vilt_facts import FactHeads, gather_facts, HUES, label_patches, mention_loss, NOTHING, STATES
from vlm_robot.training.vilt_grounding import find_middle

EVERY = np.arange(GRID * GRID)
TEXTS = ('is the blue bowl left of the white block?', 'how many red blocks are there?', 'what colour is the bowl?')


@pytest.fixture(scope='module')
def picture():
    made = build_picture(
        put_thing('red block', (0.2, 0.3)), put_thing('red block', (0.7, 0.3)), put_thing('blue bowl', (0.5, 0.7)),
        put_thing('white block', (0.52, 0.68), 'bowl', 2),
    )  # fmt: skip
    return resize_picture(made, (SIDE_PX, SIDE_PX))


@pytest.fixture(scope='module')
def facts(picture):
    questions = [PictureQuestion(text, 'yes', 'relation') for text in TEXTS]
    questions[2] = replace(questions[2], subject=2)
    return gather_facts([picture], [EVERY], [questions])


def test_nouns_are_counted_and_the_only_ones_described(facts):
    assert facts.nouns.tolist() == [[0, 0, 4], [0, 0, 9], [0, 1, 4], [0, 2, 5]]
    assert facts.numbers.tolist() == [1, 1, 2, 1]
    assert facts.labels[:, 0].tolist() == [HUES['blue'], HUES['white'], NOTHING, HUES['blue']]
    assert facts.labels[:, 1].tolist() == [0, STATES.index('bowl', 1), NOTHING, 0]
    assert facts.places[0].tolist() == pytest.approx([0, 0.4], abs=0.02)


def test_the_first_of_two_things_is_measured_from_the_second(facts):
    assert facts.pairs.tolist() == [[0, 0]]
    assert torch.allclose(facts.steps[0], facts.places[0] - facts.places[1])


def test_the_subject_is_looked_at(picture, facts):
    assert facts.subjects.tolist() == [[0, 2]]
    assert facts.looks.where.tolist() == [[0, 2, 0]]
    assert int(facts.looks.shares[0].argmax()) == 1 + find_middle(picture, picture.things[2])
    assert float(facts.looks.shares.sum()) == 1


def test_first_tokens_read_the_first_noun_and_then_the_second(facts):
    assert facts.mentions.tolist() == [[0, 0, 4, 0], [0, 0, 9, 1], [0, 1, 4, 0], [0, 2, 5, 0]]
    looks = [torch.full((1, 3, 12, 1 + GRID * GRID + 12), 1e-3) for _ in range(2)]
    before = float(mention_loss(looks, facts))
    for i, j, token, number in facts.mentions.tolist():
        looks[number][i, j, 0, 1 + GRID * GRID + token] = 1
    assert float(mention_loss(looks, facts)) == pytest.approx(0, abs=1e-4)
    assert before > 5


def test_patches_say_what_they_show(picture):
    labels = label_patches(picture)
    for thing in picture.things[:2]:
        assert labels[find_middle(picture, thing)].tolist() == [1 + HUES['red'], 1 + STATES.index('table')]
    assert (labels[0] == 0).all()
    assert labels.max(0).tolist() <= [len(HUES), len(STATES)]


def test_heads_learn_facts_that_the_states_hold(facts):
    torch.manual_seed(0)
    states = {n: (torch.randn(1, 401, 24), torch.randn(1, 3, 12, 24)) for n in (0, 1)}
    heads = FactHeads(24, (0,), (1,))
    assert heads.layers == (0, 1)
    optimiser, losses = torch.optim.Adam(heads.parameters(), 0.02), []
    for _ in range(60):
        optimiser.zero_grad()
        loss = heads.loss(states, facts)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_questions_without_nouns_ask_for_patches_alone(picture):
    facts = gather_facts([picture], [EVERY], [[PictureQuestion('where?', 'table', 'place')]])
    assert [len(x) for x in (facts.nouns, facts.pairs, facts.subjects, facts.looks.where)] == [0, 0, 0, 0]
    states = {n: (torch.randn(1, 401, 24), torch.randn(1, 1, 12, 24)) for n in (0, 1)}
    assert torch.isfinite(FactHeads(24, (0,), (1,)).loss(states, facts))
