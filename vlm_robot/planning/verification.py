"""
Whether a skill that says it succeeded is believed: the next look at the scene decides.

Only what was seen again after the step counts; a thing that the hand hides or that a bowl swallowed is no
evidence. Distances are metres in the base frame, a little wider than the goal checker's, because eyes err.
This is the success detector of the closed loop (Inner Monologue, arXiv 2207.05608).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import math

from vlm_robot.datatypes import Relation, Scene, SceneObject, Step
from vlm_robot.errors import PlanError
from vlm_robot.furniture import is_closed, is_open
from vlm_robot.planning.parsing import PLACE_SKILLS
from vlm_robot.planning.symbolic import apply
from vlm_robot.vocabulary import BLOCK_SIZE, find_place, shape_of

IN_REACH, ON_REACH, AT_REACH = 0.06, 0.04, 0.08  # in the plane; place_at may move aside by 5 cm where it is crowded
LEAST_RISE = 0.4 * BLOCK_SIZE  # between the centres of two stacked blocks
IN_THE_AIR = 0.20  # a thing believed this high was last known in the hand and not seen since


def contradict(step: Step, before: Scene, after: Scene) -> str:
    """Return why the scene after a step contradicts its success; empty where it does not, or cannot tell."""
    if step.skill == 'pick':
        return '' if after.held else f'it is not there: the {step.target} is not in the hand'
    target = step.target or before.held
    item = _find_seen(target, before, after)
    if item is None or after.held == target:
        return ''
    if step.skill == 'open_drawer':
        return '' if is_open(item.p_base) else f'it is not so: the {target} is not open'
    if step.skill == 'close_drawer':
        return '' if is_closed(item.p_base) else f'it is not so: the {target} is not closed'
    if step.skill == 'place_at':
        place = find_place(step.destination)
        missed = place is not None and math.dist(item.p_base[:2], place) > AT_REACH
        return _tell(target, 'at', step.destination) if missed else ''
    other = _find_seen(step.destination, before, after)
    if other is None:
        return ''
    distance, rise = math.dist(item.p_base[:2], other.p_base[:2]), item.p_base[2] - other.p_base[2]
    if step.skill == 'place_in' and shape_of(other.label) == 'bowl' and distance > IN_REACH:
        return _tell(target, 'in', other.name)
    if step.skill == 'place_on' and (distance > ON_REACH or rise < LEAST_RISE):
        return _tell(target, 'on', other.name)
    return ''


def find_unseen_place(step: Step, before: Scene, after: Scene) -> tuple[SceneObject, Relation | None] | None:
    """
    Return where a thing must lie that was let go and that no camera has seen since, as a blue block in a blue bowl.

    :return: the thing where it lies and what it is in or on; None where it was seen, or nothing was placed.
    """
    target = step.target or before.held
    if step.skill not in PLACE_SKILLS or not _is_unseen(target, after):
        return None
    try:
        meant = apply(step, before)
    except PlanError:
        return None
    return meant.get(target), next((r for r in meant.relations if r.subject == target), None)


def fill_in(scene: Scene, places: Mapping[str, tuple[SceneObject, Relation | None]]) -> Scene:
    """Return the scene with things that nobody has seen since where they were put, the forgotten ones too."""
    for name, (thing, relation) in places.items():
        if scene.held != name and (_is_unseen(name, scene) or scene.find(name) is None):
            objects = (*(item for item in scene.objects if item.name != name), thing)
            kept = tuple(r for r in scene.relations if r.subject != name)
            scene = replace(scene, objects=objects, relations=(*kept, relation) if relation else kept)
    return scene


def _is_unseen(name: str, scene: Scene) -> bool:
    item = scene.find(name)
    return item is not None and scene.held != name and item.p_base[2] > IN_THE_AIR


def _find_seen(name: str, before: Scene, after: Scene) -> SceneObject | None:
    """Return a thing that was seen again after the step; None says that nobody knows where it is now."""
    item = after.find(name)
    if item is None or item.p_base[2] > IN_THE_AIR:
        return None
    return item if item.stamp > before.stamp or item.stamp >= after.stamp else None


def _tell(target: str, relation: str, destination: str) -> str:
    return f'it is not there: the {target} is not {relation} the {destination}'
