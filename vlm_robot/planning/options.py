"""
Everything that could be said next: all skills with all arguments, those included that are impossible.

Objects that are not in view are options too, over the whole vocabulary of colours: so the words can name an
absent thing, and its affordance, 0 with a reason, is the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vlm_robot.datatypes import Scene, Step
from vlm_robot.errors import PlanError
from vlm_robot.furniture import DIRECTIONS, DRAWER, PILE
from vlm_robot.planning.parsing import format_step, parse_step, RELEASE_SKILLS, WHICH_ONE
from vlm_robot.planning.symbolic import find_covers
from vlm_robot.vocabulary import list_labels, LOCATIONS, shape_of

FURNITURE = (DRAWER, PILE)
NOT_ONTO = ('bowl', *FURNITURE)


def build_options(
    scene: Scene, labels: Sequence[str] = list_labels(), *, only_fitting_hand: bool = True
) -> tuple[Step, ...]:
    """
    Return the steps that are scored in this scene.

    :param labels: names that can be said besides those in the scene.
    :param only_fitting_hand: leave out picks with a full hand and places with an empty one.
    """
    names = list(dict.fromkeys([*scene.names, *labels]))
    shapes = {name: shape_of(name.rstrip(' 0123456789')) for name in names}
    shapes |= {item.name: shape_of(item.label) for item in scene.objects}
    steps: list[Step] = []
    if not scene.held or not only_fitting_hand:
        seen = [name for name in names if name in scene.names and shapes[name] not in FURNITURE]
        steps += [Step('pick', name) for name in names if name in seen or shapes[name] == 'block']
        steps += _list_furniture_steps(scene)
    if scene.held or not only_fitting_hand:
        held = scene.held
        steps += [Step('place_in', held, name) for name in names if shapes[name] in ('bowl', DRAWER)]
        steps += [Step('place_on', held, name) for name in names if shapes[name] not in NOT_ONTO and name != held]
        steps += [Step('place_at', held, name) for name in LOCATIONS]
        steps += [Step('hand_over', held)] if _has_furniture(scene) else []
    steps += [Step('go_home'), Step('done'), Step('refuse'), Step('refuse', WHICH_ONE)]
    return tuple(step for step in steps if _is_sayable(step, scene.held))


def _list_furniture_steps(scene: Scene) -> list[Step]:
    """Return what an empty hand can do besides picking."""
    unstack = [Step('unstack', name) for name in find_covers(scene)]
    if not _has_furniture(scene):
        return unstack  # a table of blocks and bowls keeps the options that the shipped adapter was trained on
    shapes = {item.name: shape_of(item.label) for item in scene.objects}
    blocks = [name for name, shape in shapes.items() if shape == 'block']
    drawers = [name for name, shape in shapes.items() if shape == DRAWER]
    steps = [Step(skill, name) for name in drawers for skill in ('open_drawer', 'close_drawer')]
    steps += [Step('sweep', n, place) for n, shape in shapes.items() if shape == PILE for place in LOCATIONS]
    steps += [Step('push', name, direction) for name in blocks for direction in DIRECTIONS]
    return steps + unstack


def _has_furniture(scene: Scene) -> bool:
    return any(shape_of(item.label) in FURNITURE for item in scene.objects)


def _is_sayable(step: Step, held: str) -> bool:
    try:
        format_step(step, held)
    except PlanError:
        return False
    return True


def say(step: Step, held: str) -> str:
    """Return the words that are scored; with the full stop no option is the head of another."""
    return f' {format_step(step, held)}.'


def read_proposal(text: str, held: str, known: Iterable[Step]) -> Step | None:
    """Return the step that generated text says; None if it says none, a known one, or needs another hand."""
    try:
        step = parse_step(text.split('.', maxsplit=1)[0].split('\n', maxsplit=1)[0], held)
        format_step(step, held)
    except PlanError:
        return None
    fits = not held if step.skill == 'pick' else bool(held) == (step.skill in RELEASE_SKILLS)
    return step if fits and step not in tuple(known) else None
