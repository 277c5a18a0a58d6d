"""
Everything that could be said next: all skills with all arguments, those included that are impossible.

Objects that are not in view are options too, over the whole vocabulary of colours: so the words can name an
absent thing, and its affordance, 0 with a reason, is the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vlm_robot.datatypes import Scene, Step
from vlm_robot.errors import PlanError
from vlm_robot.planning.parsing import format_step, parse_step, PLACE_SKILLS, WHICH_ONE
from vlm_robot.vocabulary import list_labels, LOCATIONS, shape_of


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
        steps += [Step('pick', name) for name in names if name in scene.names or shapes[name] == 'block']
    if scene.held or not only_fitting_hand:
        held = scene.held
        steps += [Step('place_in', held, name) for name in names if shapes[name] == 'bowl']
        steps += [Step('place_on', held, name) for name in names if shapes[name] != 'bowl' and name != held]
        steps += [Step('place_at', held, name) for name in LOCATIONS]
    steps += [Step('go_home'), Step('done'), Step('refuse'), Step('refuse', WHICH_ONE)]
    return tuple(step for step in steps if _is_sayable(step, scene.held))


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
    fits = not held if step.skill == 'pick' else bool(held) == (step.skill in PLACE_SKILLS)
    return step if fits and step not in tuple(known) else None
