"""Tests for goals.py."""

import pytest

from vlm_robot.datatypes import WorldState
from vlm_robot.errors import ScenarioError
from vlm_robot.goals import parse_goal
from vlm_robot.vocabulary import LOCATIONS

BOWL = (0.5, 0.1, 0.0225)


def state(held='', **positions):
    return WorldState({name.replace('_', ' '): p for name, p in positions.items()}, held)


@pytest.mark.parametrize(
    ('block', 'held', 'truth'),
    [
        ((0.5, 0.1, 0.024), '', True),
        ((0.53, 0.1, 0.06), '', True),
        ((0.56, 0.1, 0.02), '', False),  # beside the bowl
        ((0.5, 0.1, 0.20), '', False),  # above it
        ((0.5, 0.1, 0.024), 'red block', False),  # still in the fingers
    ],
)
def test_in_needs_the_place_and_an_open_hand(block, held, truth):
    goal = parse_goal({'in': ['red block', 'green bowl']})
    assert goal.holds(state(held, red_block=block, green_bowl=BOWL)) is truth


def test_on_is_antisymmetric():
    there = state(red_block=(0.5, 0, 0.06), blue_block=(0.5, 0.01, 0.02))
    assert parse_goal({'on': ['red block', 'blue block']}).holds(there)
    assert not parse_goal({'on': ['blue block', 'red block']}).holds(there)


def test_at_holds_within_five_centimetres_of_the_place():
    x, y = LOCATIONS['top left corner']
    goal = parse_goal({'at': ['red block', 'top left corner']})
    assert goal.holds(state(red_block=(x + 0.03, y + 0.03, 0.02)))
    assert not goal.holds(state(red_block=(x + 0.04, y + 0.04, 0.02)))


def test_line_wants_blocks_in_a_row_and_apart():
    goal = parse_goal({'line': ['a', 'b', 'c']})
    row = {'a': (0.4, -0.2, 0.02), 'b': (0.5, 0.0, 0.02), 'c': (0.6, 0.2, 0.02)}
    assert goal.holds(WorldState(row))
    assert not goal.holds(WorldState(row | {'b': (0.6, -0.1, 0.02)}))
    assert not goal.holds(WorldState(row | {'b': (0.405, -0.2, 0.02)}))


def test_dist_takes_least_and_most():
    goal = parse_goal({'dist': ['a', 'b', 0.1, 0.2]})
    assert goal.holds(WorldState({'a': (0, 0, 0), 'b': (0.15, 0, 0.5)}))
    assert not goal.holds(WorldState({'a': (0, 0, 0), 'b': (0.25, 0, 0)}))


def test_not_any_and_all_combine():
    there = state(red_block=(0.5, 0.1, 0.02), green_bowl=BOWL)
    inside = {'in': ['red block', 'green bowl']}
    corner = {'at': ['red block', 'middle']}
    assert parse_goal({'any': [corner, inside]}).holds(there)
    assert parse_goal({'not': corner}).holds(there)
    assert not parse_goal({'all': [corner, inside]}).holds(there)


def test_recall_counts_only_what_was_missing_at_the_start():
    goal = parse_goal({'all': [{'at': ['a', 'middle']}, {'at': ['b', 'top side']}, {'at': ['c', 'left side']}]})
    x = {name: (*LOCATIONS[name], 0.02) for name in LOCATIONS}
    start = WorldState({'a': x['middle'], 'b': x['right side'], 'c': x['bottom side']})
    end = WorldState({'a': x['middle'], 'b': x['top side'], 'c': x['bottom side']})
    assert goal.recall(start, start) == 0
    assert goal.recall(start, end) == 0.5


@pytest.mark.parametrize(
    ('data', 'words'),
    [
        ({'inn': ['a', 'b']}, "did you mean 'in'"),
        ({'in': ['a']}, '2 to 2 arguments'),
        ({'at': ['a', 'top left']}, "did you mean 'top left corner'"),
        ([], 'mapping with one key'),
        ({'all': []}, 'list of goals'),
    ],
)
def test_bad_goals_name_the_cure(data, words):
    with pytest.raises(ScenarioError, match=words):
        parse_goal(data)


def test_unknown_objects_are_named():
    with pytest.raises(ScenarioError, match="did you mean 'red block'"):
        parse_goal({'in': ['red blok', 'green bowl']}).holds(state(red_block=BOWL, green_bowl=BOWL))


def test_near_is_wider_than_at():
    x, y = LOCATIONS['top left corner']
    there = state(red_block=(x + 0.07, y + 0.05, 0.02))
    assert parse_goal({'near': ['red block', 'top left corner']}).holds(there)
    assert not parse_goal({'at': ['red block', 'top left corner']}).holds(there)


@pytest.mark.parametrize(('area', 'y'), [('left area', -0.1), ('right area', 0.1)])
def test_left_is_where_y_is_negative(area, y):
    goal = parse_goal({'area': ['red block', area]})
    assert goal.holds(state(red_block=(0.5, y, 0.02)))
    assert not goal.holds(state(red_block=(0.5, -y, 0.02)))


@pytest.mark.parametrize(
    ('kind', 'step'), [('horizontal', (0.0, 0.1)), ('vertical', (0.1, 0.0)), ('diagonal', (0.06, 0.1))]
)
def test_a_row_is_of_exactly_one_kind(kind, step):
    points = {name: (0.45 + i * step[0], i * step[1], 0.02) for i, name in enumerate('abc')}
    kinds = ('horizontal', 'vertical', 'diagonal')
    assert [k for k in kinds if parse_goal({'row': [*'abc', k]}).holds(WorldState(points))] == [kind]


def test_beside_knows_the_side():
    there = state(red_block=(0.5, -0.03, 0.02), green_bowl=BOWL)  # 13 cm to the left of the bowl
    sides = ('left', 'right', 'top', 'bottom')
    assert [s for s in sides if parse_goal({'beside': ['red block', 'green bowl', s]}).holds(there)] == ['left']


def test_a_stack_holds_in_any_order_and_not_in_pieces():
    tower = {'a': (0.5, 0, 0.10), 'b': (0.5, 0, 0.02), 'c': (0.51, 0, 0.06)}
    goal = parse_goal({'stack': ['a', 'b', 'c']})
    assert goal.holds(WorldState(tower))
    assert not goal.holds(WorldState(tower | {'a': (0.6, 0, 0.02)}))
    assert not goal.holds(WorldState(tower | {'a': (0.5, 0, 0.14)}))


def test_then_needs_the_order_and_the_last_to_stay():
    goal = parse_goal({'then': [{'at': ['a', 'top side']}, {'at': ['a', 'middle']}]})
    top, middle, left = (WorldState({'a': (*LOCATIONS[k], 0.02)}) for k in ('top side', 'middle', 'left side'))
    assert goal.holds(top, left, middle)
    assert not goal.holds(middle, top)
    assert not goal.holds(top, middle, left)
    assert goal.recall(left, top, left) == 0.5
    assert goal.recall(left, left, top, middle) == 1


def test_recall_counts_parts_of_a_chain():
    goal = parse_goal({'all': [{'any': [{'at': ['a', p]} for p in LOCATIONS]}, {'at': ['b', 'middle']}]})
    start = WorldState({'a': (0.45, 0.1, 0.02), 'b': (0.45, -0.1, 0.02)})
    assert goal.recall(start, WorldState(dict(start.positions) | {'a': (*LOCATIONS['top side'], 0.02)})) == 0.5
