"""Words mean the right things of a scene, or say that nothing or too much fits."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from vlm_robot.datatypes import Relation, Scene, SceneObject
from vlm_robot.planning.filters import Absent, Ambiguous
from vlm_robot.planning.program import parse_program
from vlm_robot.planning.program_parts import Call
from vlm_robot.planning.selectors import Resolver
from vlm_robot.vocabulary import AREAS, find_place, LOCATIONS

BOWL = (0.12, 0.12, 0.045)


def value_of(text: str):
    """Return the value of a selector's text."""
    return parse_program(f"    put({text}, 'middle')\n").body[0].call.args[0]


def resolve(text: str, scene: Scene):
    return Resolver(scene).resolve(value_of(text))


@pytest.fixture
def table() -> Scene:
    """Return four blocks in a row from left to right, two of them red, and two bowls below them."""
    blocks = ('red block 1', 'blue block', 'yellow block', 'red block 2')
    objects = [SceneObject(name, name.rstrip(' 12'), (0.42, -0.24 + 0.16 * i, 0.02)) for i, name in enumerate(blocks)]
    objects += [
        SceneObject('green bowl', 'green bowl', (0.60, -0.24, 0.02), BOWL),
        SceneObject('blue bowl', 'blue bowl', (0.60, 0.24, 0.02), BOWL),
    ]
    return Scene(tuple(objects))


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ("the('blue block')", ['blue block']),
        ("the('red block 2')", ['red block 2']),
        ("all('red block')", ['red block 1', 'red block 2']),
        ("all('bowls')", ['green bowl', 'blue bowl']),
        ("the('block', from_left=2)", ['blue block']),
        ("the('block', from_right=1)", ['red block 2']),
        ("the('red block', from_left=2)", ['red block 2']),
        ("the('bowl', colour_of=the('blue block'))", ['blue bowl']),
        ("the('bowl', not_colour_of=the('blue block'))", ['green bowl']),
        ("the('block', closest_to=the('green bowl'))", ['red block 1']),
        ("the('block', farthest_from='bottom right corner')", ['red block 1']),
        ("the('corner', farthest_from=the('green bowl'))", ['top right corner']),
        ("the('corner', closest_to=the('blue bowl'))", ['bottom right corner']),
        ("the('bowl', right_of=the('blue block'))", ['blue bowl']),
        ("the('bowl', right_of=the('yellow block'))", ['blue bowl']),
        ("all('block', above=the('green bowl'))", ['red block 1', 'blue block', 'yellow block', 'red block 2']),
        ("all('block', at='left area')", ['red block 1', 'blue block']),
        ("all('block', but=all('red block'))", ['blue block', 'yellow block']),
        ("all('block', but=[the('blue block'), the('purple block')])", ['red block 1', 'yellow block', 'red block 2']),
        ("the('light block')", ['yellow block']),
        ("the('dark block')", ['blue block']),
        ("[the('blue block'), the('yellow block')]", ['blue block', 'yellow block']),
        ("all('object', at='bottom area')", ['green bowl', 'blue bowl']),
        ("clockwise('side')", ['top side', 'right side', 'bottom side', 'left side']),
        ("counterclockwise('corner')",
         ['top left corner', 'bottom left corner', 'bottom right corner', 'top right corner']),
        ("all('top corner')", ['top left corner', 'top right corner']),
        ("the('center')", ['middle']),
        ("the('grey block')", None),
    ],
)  # fmt: skip
def test_what_words_mean(text, names, table):
    answer = resolve(text, table)
    if names is None:
        assert answer == Absent('there is no gray block in view') or answer.reason == 'there is no grey block in view'
    else:
        assert list(answer) == names


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ("the('purple block')", 'there is no purple block in view'),
        ("all('mug')", 'there is no mug in view'),
        ("the('block', from_left=7)", 'there are only 4'),
        ("some('red block', 3)", 'only 2 red block in view, not 3'),
        ("the('block', inside=the('green bowl'))", 'there is no block in the green bowl in view'),
        ("the('bowl', closest_to=the('pink block'))", 'there is no pink block'),
    ],
)
def test_what_is_not_there_is_absent_with_a_reason(text, reason, table):
    answer = resolve(text, table)
    assert isinstance(answer, Absent) and reason in answer.reason


def test_several_that_fit_are_a_question_with_choices(table):
    answer = resolve("the('red block')", table)
    assert isinstance(answer, Ambiguous)
    assert answer.question.choices == ('red block 1', 'red block 2')
    assert answer.question.text == 'Which red block: the red block 1 or the red block 2?'


def test_a_label_that_repeats_is_no_name_but_a_quoted_one_is(table):
    twins = Scene((*table.objects, SceneObject('blue block 2', 'blue block', (0.5, 0.0, 0.02))))
    assert isinstance(resolve("the('blue block')", twins), Ambiguous)
    assert resolve("'blue block'", twins) == ('blue block',)
    assert Resolver(twins, exact=frozenset(['blue block'])).resolve(value_of("the('blue block')")) == ('blue block',)


def test_any_one_takes_what_is_free_and_not_the_same_twice(table):
    stacked = Scene(
        (*table.objects, SceneObject('white block', 'white block', (0.42, -0.08, 0.06))),
        (Relation('white block', 'on', 'blue block'),),
    )
    resolver = Resolver(stacked)
    chosen = [resolver.resolve(value_of("a('block', but=all('red block'))"))[0] for _ in range(3)]
    assert chosen[0] == 'yellow block' and len(set(chosen)) == 3


def test_what_is_stacked_in_a_bowl_is_in_the_bowl(table):
    scene = Scene(
        table.objects, (Relation('blue block', 'in', 'green bowl'), Relation('yellow block', 'on', 'blue block'))
    )
    assert resolve("all('block', inside=the('green bowl'))", scene) == ('blue block', 'yellow block')
    assert resolve("the('block', on=the('blue block'))", scene) == ('yellow block',)
    assert set(resolve("all('block', on='table')", scene)) == {'red block 1', 'red block 2'}


def test_beside_and_between_are_spots(table):
    (name,) = resolve("beside(the('green bowl'), 'right')", table)
    assert find_place(name) == pytest.approx((0.60, -0.24 + 0.135))
    (name,) = resolve("beside(the('blue block'), 'top')", table)
    assert find_place(name) == pytest.approx((0.42 - 0.095, -0.08))
    (name,) = resolve("between(the('green bowl'), the('blue bowl'))", table)
    assert find_place(name) == pytest.approx((0.60, 0.0))


POINTS = st.lists(st.tuples(st.floats(0.36, 0.68), st.floats(-0.31, 0.31)), min_size=2, max_size=6, unique=True)


@settings(deadline=None, max_examples=60)
@given(POINTS)
def test_ranks_count_everything_once_from_either_side(points):
    scene = Scene(tuple(SceneObject(f'c{i} block', f'c{i} block', (x, y, 0.02)) for i, (x, y) in enumerate(points)))
    for there, back in (('left', 'right'), ('top', 'bottom')):
        ranks = range(1, len(points) + 1)
        order = [resolve(f"the('block', from_{there}={rank})", scene)[0] for rank in ranks]
        assert sorted(order) == sorted(scene.names)
        axis, sign = AREAS[f'{there} area']
        along = [-sign * scene.get(name).p_base[axis] for name in order]
        assert along == sorted(along)
        assert resolve(f"the('block', from_{back}=1)", scene)[0] in scene.names


@settings(deadline=None, max_examples=60)
@given(POINTS, st.sampled_from(sorted(LOCATIONS)))
def test_nothing_is_closer_than_the_closest(points, place):
    scene = Scene(tuple(SceneObject(f'c{i} block', f'c{i} block', (x, y, 0.02)) for i, (x, y) in enumerate(points)))
    gaps = {
        item.name: ((item.p_base[0] - LOCATIONS[place][0]) ** 2 + (item.p_base[1] - LOCATIONS[place][1]) ** 2) ** 0.5
        for item in scene.objects
    }
    assert gaps[resolve(f"the('block', closest_to='{place}')", scene)[0]] == min(gaps.values())
    assert gaps[resolve(f"the('block', farthest_from='{place}')", scene)[0]] == max(gaps.values())


@settings(deadline=None, max_examples=60)
@given(POINTS)
def test_areas_and_filters_never_invent_names(points):
    scene = Scene(tuple(SceneObject(f'c{i} block', f'c{i} block', (x, y, 0.02)) for i, (x, y) in enumerate(points)))
    resolver = Resolver(scene)
    for area in AREAS:
        found = resolver.match(
            Call('all', value_of("all('block')").args, value_of(f"all('block', at='{area}')").options)
        )
        assert set(found) <= set(scene.names)
    halves = [resolver.match(value_of(f"all('block', at='{area}')")) for area in ('left area', 'right area')]
    assert not set(halves[0]) & set(halves[1])
