"""How the rules of "in" and "on" are measured and chosen: on made-up boxes, where the truth is known."""

from pathlib import Path

import numpy as np
import pytest

from vlm_robot.datatypes import Detection
from vlm_robot.errors import ConfigError
from vlm_robot.perception.picture_relations import HOST_RULES, HostRules
from vlm_robot.sim.bullet_camera import CAMERAS
from vlm_robot.training.pictures import Picture, PictureThing
from vlm_robot.training.placing_measure import CHOICES, choose_rules, make_case, measure_placing, summarise

BOWL, INSIDE = (20.0, 40.0, 80.0, 90.0), (40.0, 45.0, 60.0, 65.0)
LOWER, UPPER = (150.0, 60.0, 170.0, 80.0), (152.0, 46.0, 172.0, 66.0)
ASIDE = (105.0, 60.0, 125.0, 80.0)


def put(label, box, place='table', host=None):
    colour, shape = label.split()
    return PictureThing(colour, shape, box, np.ones((100, 200), bool), 400, place, host)


@pytest.fixture
def picture():
    things = (
        put('green bowl', BOWL), put('red block', INSIDE, 'bowl', 0), put('blue block', LOWER),
        put('pink block', UPPER, 'stack', 2), put('white block', ASIDE), put('gray block', (0, 0, 9, 9), 'hand'),
    )  # fmt: skip
    return Picture(np.zeros((100, 200, 3), np.uint8), things, CAMERAS['front'])


def see(picture, *left_out):
    kept = [thing for i, thing in enumerate(picture.things) if i not in left_out]
    return [Detection(thing.label, 0.9, thing.box_xyxy_px) for thing in kept]


def test_blocks_are_asked_that_were_found_with_what_carries_them(picture):
    case = make_case(see(picture), picture)
    assert case.hosts == {1: 0, 2: None, 3: 2, 4: None}
    assert case.places == {1: 'bowl', 2: 'table', 3: 'stack', 4: 'table'}
    assert summarise([case], HOST_RULES)['right'] == {'bowl': 1.0, 'stack': 1.0, 'table': 1.0}
    without_bowl = make_case(see(picture, 0), picture)
    assert 'bowl' not in without_bowl.places.values()
    wrong_colour = [Detection('cyan block', 0.9, INSIDE)]
    assert make_case(wrong_colour, picture).hosts == {}


def test_rules_are_chosen_by_places_alike_and_none_is_worse_than_before(picture):
    case = make_case(see(picture), picture)
    blind = HostRules(least_in_bowl=1.01, stack_overlap=1.01)
    assert summarise([case], blind)['right'] == {'bowl': 0.0, 'stack': 0.0, 'table': 1.0}
    assert summarise([case], blind)['mean_of_places'] == pytest.approx(1 / 3, abs=1e-3)
    best = choose_rules([case], blind)
    assert summarise([case], best)['mean_of_places'] == 1.0
    assert best.least_in_bowl in CHOICES['least_in_bowl']


def test_nothing_is_chosen_on_the_test():
    with pytest.raises(ConfigError, match='validation'):
        measure_placing(Path('unused'), 'test', 1, choose=True)


def test_a_picture_without_things_asks_nothing():
    empty = Picture(np.zeros((100, 200, 3), np.uint8), (), CAMERAS['front'])
    case = make_case([Detection('red block', 0.9, INSIDE)], empty)
    assert summarise([case], HOST_RULES) == {'n': {}, 'right': {}, 'mean_of_places': 0.0}
