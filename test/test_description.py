"""Scene text: every object once, where it is, and nothing that is not in the scene."""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.scene.description import describe, EMPTY

TABLE = (
    SceneObject('red block', 'red block', (0.39, -0.27, 0.02)),
    SceneObject('blue block', 'blue block', (0.56, 0.11, 0.026)),
    SceneObject('green bowl', 'green bowl', (0.56, 0.10, 0.0225)),
    SceneObject('pink block', 'pink block', (0.47, -0.12, 0.02)),
    SceneObject('cyan block', 'cyan block', (0.47, -0.12, 0.06)),
    SceneObject('gray block', 'gray block', (0.30, 0.0, 0.42)),
)


def test_every_object_is_told_with_its_place():
    assert describe(Scene(TABLE, held='gray block')) == (
        'red block on the table at the top left corner; blue block in the green bowl; '
        'green bowl on the table; pink block on the table; '
        'cyan block on the pink block; gray block in the hand'
    )


def test_positions_are_metres_in_the_base_frame():
    assert describe(Scene(TABLE[:1]), with_positions=True) == (
        'red block on the table at the top left corner (0.39, -0.27, 0.02)'
    )


def test_a_block_in_the_air_is_not_said_to_lie_on_the_table():
    assert describe(Scene(TABLE[-1:])) == 'gray block above the table'


def test_an_empty_scene_says_so():
    assert describe(Scene()) == EMPTY


def test_each_name_is_told_once_whatever_the_order():
    text = describe(Scene(TABLE[::-1]))
    parts = text.split('; ')
    assert sorted(parts) == sorted(describe(Scene(TABLE)).split('; '))
    assert [part.startswith(item.name) for part, item in zip(parts, TABLE[::-1], strict=True)] == [True] * len(TABLE)
