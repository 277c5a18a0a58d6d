"""
Whether the conditions of programs are true, answered from the scene as it is now.

ProgPrompt (arXiv 2209.11302) asks the language model about its own assertions; here the scene answers.
"""

from __future__ import annotations

from vlm_robot.planning.facts import is_open
from vlm_robot.planning.filters import is_at, kind_above
from vlm_robot.planning.program_parts import Call, Comparison, Condition, Join, Not
from vlm_robot.planning.selectors import Resolver
from vlm_robot.planning.symbolic import find_covers, relate


def holds_true(condition: Condition, resolver: Resolver) -> bool:
    """Return whether a condition is true of the resolver's scene; raise Unresolved where its words fit nothing."""
    if isinstance(condition, Not):
        return not holds_true(condition.part, resolver)
    if isinstance(condition, Join):
        truths = (holds_true(part, resolver) for part in condition.parts)
        return all(truths) if condition.word == 'and' else any(truths)
    if isinstance(condition, Comparison):
        count, number = len(resolver.match(condition.left.args[0])), condition.right.value
        return {
            '>': count > number, '<': count < number, '>=': count >= number,
            '<=': count <= number, '==': count == number, '!=': count != number,
        }[condition.sign]  # fmt: skip
    return _check(condition, resolver)


def _check(call: Call, resolver: Resolver) -> bool:
    """Return whether a condition such as ``is_in(A, B)`` is true; raise Unresolved where a name fits nothing."""
    scene, name = resolver.scene, call.function
    if name == 'exists':
        return bool(resolver.match(call.args[0]))
    things = resolver.names(call.args[0])
    if name == 'is_held':
        return scene.held in things
    if name == 'is_clear':
        return not set(things) & set(find_covers(scene))
    if name == 'is_open':
        return all(is_open(thing, scene) for thing in things)
    places, relations = resolver.names(call.args[1]), relate(scene)
    if name == 'is_at':
        return all(any(is_at(thing, place, scene) for place in places) for thing in things)
    return all(kind_above(thing, relations, name.removeprefix('is_')) in places for thing in things)
