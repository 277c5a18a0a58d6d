"""The scene as text for planners and people; it says only what the scene holds."""

from __future__ import annotations

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.scene.relations import relations_of, TABLE

EMPTY = 'nothing is seen on the table'


def describe(scene: Scene, with_positions: bool = False) -> str:
    """
    Return the scene as one line, for example ``red block on the table; blue block in the green bowl``.

    :param with_positions: add each centre as ``(x, y, z)`` in metres of the base frame.
    """
    if not scene.objects:
        return EMPTY
    where: dict[str, dict[str, str]] = {name: {} for name in scene.names}
    for relation in relations_of(scene.objects, scene.held):
        where[relation.subject].setdefault(relation.predicate, relation.object)
    return '; '.join(_describe_object(item, where[item.name], with_positions) for item in scene.objects)


def _describe_object(item: SceneObject, where: dict[str, str], with_positions: bool) -> str:
    words = [item.name]
    if 'held by' in where:
        words.append('in the hand')
    elif 'is' in where:
        words.append(f'is {where["is"]}')
    elif where.get('on', TABLE) != TABLE:
        words.append(f'on the {where["on"]}')
    elif 'in' in where:
        words.append(f'in the {where["in"]}')
    else:
        words.append('on the table' if 'on' in where else 'above the table')
        if 'at' in where:
            words.append(f'at the {where["at"]}')
    if with_positions:
        x, y, z = (value + 0.0 for value in item.p_base)
        words.append(f'({x:.2f}, {y:.2f}, {z:.2f})')
    return ' '.join(words)
