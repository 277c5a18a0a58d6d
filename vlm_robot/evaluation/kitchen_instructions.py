"""
The 101 kitchen instructions as data, and the expert that solves each from its goal.

Seven families with the sizes of SayCan's (arXiv 2204.01691, table 2); sentences and goals are our own. The
published totals stand beside ours: theirs come from a real kitchen and from people who rated, ours from a
simulated kitchen and a program that checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
import reprlib
from typing import Any

from vlm_robot.datatypes import Plan, Scene
from vlm_robot.errors import name_nearest, ScenarioError
from vlm_robot.evaluation.kitchen_goals import KitchenGoal, parse_kitchen_goal, state_of
from vlm_robot.kitchen_vocabulary import DRAWER, USER
from vlm_robot.planning.kitchen import build_kitchen, is_open
from vlm_robot.planning.kitchen_expert import Goal, plan_kitchen
from vlm_robot.resources import find, read_yaml

FAMILIES = ('primitive', 'nouns', 'verbs', 'structured', 'embodiment', 'crowd', 'long')
# SayCan, mock kitchen, share of plans and of executions rated successful; the sizes are the same as here
PUBLISHED = {
    'primitive': (1.00, 1.00),
    'nouns': (0.67, 0.47),
    'verbs': (1.00, 0.93),
    'structured': (0.93, 0.87),
    'embodiment': (0.64, 0.55),
    'crowd': (0.87, 0.87),
    'long': (0.73, 0.47),
    'total': (0.84, 0.74),
}
PUBLISHED_PLANS = {'no_value': 0.67, 'generative': 0.74}  # totals of the paper's ablations
_KEYS = {'family', 'say', 'at', 'robot', 'held', 'drawer', 'goal'}


@dataclass(frozen=True)
class Instruction:
    """One of the 101; ``number`` counts from 0 in the order of the file."""

    number: int
    family: str
    sentence: str
    scene: Scene
    goal: KitchenGoal


def load_instructions() -> tuple[Instruction, ...]:
    """
    Return all instructions in order.

    :raises ScenarioError: the file names unknown families, places or goals.
    """
    return read_instructions(find('sim/kitchen/instructions.yaml'))


def read_instructions(path: Path) -> tuple[Instruction, ...]:
    """Return the instructions of a file in order; raise ScenarioError that names the file and the fault."""
    data = read_yaml(path, ScenarioError, 'the kitchen instructions')
    if not isinstance(data, list) or not all(isinstance(item, Mapping) for item in data):
        raise ScenarioError(f"'{path}' must be a list of mappings with keys {sorted(_KEYS)}, got {reprlib.repr(data)}")
    try:
        return tuple(_read(number, item) for number, item in enumerate(data))
    except (KeyError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise ScenarioError(f"'{path}': {type(error).__name__}: {error}") from error


def _read(number: int, item: Mapping[str, Any]) -> Instruction:
    unknown = sorted(set(item) - _KEYS)
    if unknown:
        raise ScenarioError(
            f"kitchen instruction {number}: unknown key '{unknown[0]}'{name_nearest(unknown[0], _KEYS)}"
        )
    if item['family'] not in FAMILIES:
        raise ScenarioError(f"kitchen instruction {number}: no family '{item['family']}'; allowed: {FAMILIES}")
    scene = build_kitchen(item['at'], item.get('robot', USER), item.get('held', ''), item.get('drawer') == 'open')
    goal = parse_kitchen_goal(item['goal'])
    missing = sorted(set(goal.names()) - set(scene.names))
    if missing:
        raise ScenarioError(f"kitchen instruction {number}: the goal names '{missing[0]}', which is not there")
    return Instruction(number, item['family'], item['say'], scene, goal)


def plan_by_expert(instruction: Instruction) -> Plan:
    """Return a plan that reaches the goal, by looking at the goal."""
    return plan_kitchen(instruction.scene, list_goals(instruction))


def list_goals(instruction: Instruction) -> tuple[Goal, ...]:
    """Return the expert's goals, in order."""
    return tuple(_list_goals(instruction.goal, instruction.scene))


def _list_goals(goal: KitchenGoal, scene: Scene) -> list[Goal]:
    """Return the expert's goals for the first acceptable state."""
    if goal.kind == 'all':
        last = [part for part in goal.parts if part.kind == 'drawer']
        return [g for part in (*(p for p in goal.parts if p not in last), *last) for g in _list_goals(part, scene)]
    if goal.kind == 'any':
        return _list_goals(goal.parts[0], scene)
    if goal.kind == 'at':
        is_shut_in = goal.value[1] == DRAWER and not is_open(scene)
        return [*([('open', '', '')] if is_shut_in else []), ('at', *goal.value)]
    if goal.kind == 'held':
        return [('hold', goal.value, '')]
    if goal.kind == 'robot':
        return [('robot', '', goal.value)]
    if goal.kind == 'drawer':
        return [(goal.value, '', '')]
    if goal.kind == 'count':
        number, place, names = goal.value
        there = [name for name in names if state_of(scene).places.get(name) == place]
        others = [name for name in names if name not in there]
        return [('at', name, place) for name in others[: number - len(there)]]
    raise ScenarioError(f"the expert knows no goal '{goal.kind}'")
