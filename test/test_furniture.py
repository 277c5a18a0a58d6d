"""Drawer, pile and a person's reach: the numbers agree with the URDF, openings and places with each other."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from vlm_robot import furniture
from vlm_robot.datatypes import WorldState
from vlm_robot.goals import parse_goal
from vlm_robot.resources import find
from vlm_robot.vocabulary import AREAS, LOCATIONS, ZONE_X, ZONE_Y


@pytest.fixture(scope='module')
def urdf():
    return ElementTree.parse(find('sim/urdf/drawer.urdf')).getroot()


def boxes_of(urdf, link):
    """Return (centre, size) of every solid box of a link, in metres."""
    found = []
    for solid in urdf.findall(f"link[@name='{link}']/collision"):
        texts = solid.find('origin').get('xyz'), solid.find('geometry/box').get('size')
        found.append(tuple(np.array(text.split(), float) for text in texts))
    return found


def test_the_drawing_has_the_numbers_of_the_module(urdf):
    assert float(urdf.find('joint/limit').get('upper')) == furniture.DRAWER_STROKE
    *walls, (handle, fin) = boxes_of(urdf, 'tray')
    assert handle[:2] == pytest.approx(furniture.HANDLE_OFFSET)
    assert (fin[0], fin[1]) == (furniture.HANDLE_WIDTH, furniture.HANDLE_LENGTH)
    assert abs(handle[2] - furniture.HANDLE_HEIGHT) < fin[2] / 2
    floor, size = walls[0]
    assert floor[2] + size[2] / 2 == pytest.approx(furniture.TRAY_FLOOR)
    assert max(centre[2] + size[2] / 2 for centre, size in (*walls, (handle, fin))) == pytest.approx(furniture.TRAY_TOP)
    inside = np.array(furniture.DRAWER_SIZE[:2]) / 2
    for centre, size in walls[1:]:
        axis = int(np.argmax(np.abs(centre[:2])))
        assert abs(centre[axis]) - size[axis] / 2 == pytest.approx(inside[axis])


def test_the_cabinet_is_where_the_hand_keeps_away_from(urdf):
    corners = [(centre - size / 2, centre + size / 2) for centre, size in boxes_of(urdf, 'cabinet')]
    low = np.min([c[0] for c in corners], axis=0)[:2] + furniture.DRAWER_CLOSED[:2]
    high = np.max([c[1] for c in corners], axis=0) + np.array((*furniture.DRAWER_CLOSED[:2], 0))
    assert (low[0], high[0]) == pytest.approx(furniture.CABINET_X)
    assert (low[1], high[1]) == pytest.approx(furniture.CABINET_Y)
    assert high[2] == pytest.approx(furniture.CABINET_HEIGHT)
    assert low[1] > ZONE_Y[1]
    assert furniture.set_opening(furniture.DRAWER_STROKE)[1] - furniture.DRAWER_SIZE[1] / 2 > ZONE_Y[1]


@pytest.mark.parametrize('opening', np.linspace(0, furniture.DRAWER_STROKE, 7))
def test_the_place_of_the_tray_says_how_far_it_is_open(opening):
    tray = furniture.set_opening(opening)
    assert furniture.measure_opening(tray) == pytest.approx(opening)
    assert not (furniture.is_open(tray) and furniture.is_closed(tray))
    words = {(True, False): 'open', (False, True): 'closed', (False, False): 'ajar'}
    assert furniture.describe_opening(tray) == words[furniture.is_open(tray), furniture.is_closed(tray)]
    assert all(furniture.is_inside(slot, tray) for slot in furniture.list_slots(tray))
    state = WorldState({'drawer': tray, 'red block': furniture.list_slots(tray)[0]})
    assert parse_goal({'open': ['drawer']}).holds(state) == furniture.is_open(tray)
    assert parse_goal({'closed': ['drawer']}).holds(state) == furniture.is_closed(tray)
    assert parse_goal({'in': ['red block', 'drawer']}).holds(state)


@pytest.mark.parametrize('place', LOCATIONS)
def test_no_place_of_the_table_is_in_the_drawer_or_handed_over(place):
    point = (*LOCATIONS[place], 0.02)
    assert not furniture.is_inside(point, furniture.set_opening(furniture.DRAWER_STROKE))
    assert not furniture.is_handed(point)


@pytest.mark.parametrize('place', [*LOCATIONS, *AREAS])
def test_a_pile_is_swept_when_nearly_all_of_it_is_there(place):
    x, y = furniture.find_region(place)
    there, away = [(x, y, 0.006)] * 10, (LOCATIONS['middle'][0] - (x - 0.52), -y + 0.3 * (y == 0), 0.006)
    assert furniture.is_swept(there, place)
    assert furniture.is_swept([*there[:9], away], place)
    assert not furniture.is_swept([*there[:8], away, away], place)
    assert not furniture.is_swept(there, 'moon')
    pieces = {furniture.name_piece('pile', n): p for n, p in enumerate((*there[:8], away, away), 1)}
    assert not parse_goal({'swept': ['pile', place]}).holds(WorldState({'pile': there[0], **pieces}))
    assert parse_goal({'swept': ['pile', place]}).holds(WorldState({'pile': there[0]}))


@pytest.mark.parametrize('word', furniture.DIRECTIONS)
def test_a_push_to_a_side_goes_that_way_and_stays_in_the_zone(word):
    rng = np.random.default_rng(1)
    for start in rng.uniform((ZONE_X[0], ZONE_Y[0]), (ZONE_X[1], ZONE_Y[1]), (20, 2)):
        way = np.subtract(furniture.aim_push(start, word, ZONE_X, ZONE_Y), start)
        assert np.allclose(way, np.linalg.norm(way) * np.array(furniture.DIRECTIONS[word]))
        assert np.linalg.norm(way) <= furniture.PUSH_DISTANCE + 1e-9
        end = start + way
        assert ZONE_X[0] - 1e-9 <= end[0] <= ZONE_X[1] + 1e-9 and ZONE_Y[0] - 1e-9 <= end[1] <= ZONE_Y[1] + 1e-9
    assert furniture.aim_push(start, 'middle', ZONE_X, ZONE_Y) == LOCATIONS['middle']
    assert furniture.aim_push(start, 'moon', ZONE_X, ZONE_Y) is None
