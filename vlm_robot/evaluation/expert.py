"""
A scripted expert that knows the goal: the ceiling of arm and skills, and the check that a goal can be reached.

It reads no sentence, so it is no planner; it places what the goal names, in the order in which the goal names it.
"""

from __future__ import annotations

from vlm_robot.datatypes import Plan, Step
from vlm_robot.errors import ScenarioError
from vlm_robot.goals import Condition, Goal

SKILL_OF = {'in': 'place_in', 'on': 'place_on', 'at': 'place_at'}
STEPS_OF = {'open': 'open_drawer', 'closed': 'close_drawer', 'swept': 'sweep'}  # one step, nothing picked up


def plan_for(goal: Goal) -> Plan:
    """
    Return the steps that make a goal true; of alternatives the first.

    :raises ScenarioError: placing is not enough.
    """
    steps: list[Step] = []
    for condition in _wanted(goal):
        if condition.predicate in STEPS_OF:
            steps.append(Step(STEPS_OF[condition.predicate], *condition.arguments))
            continue
        if condition.predicate == 'handed':
            steps += [Step('pick', *condition.arguments), Step('hand_over', *condition.arguments)]
            continue
        if condition.predicate not in SKILL_OF:
            known = sorted([*SKILL_OF, *STEPS_OF, 'handed'])
            raise ScenarioError(f"the expert cannot reach '{condition.predicate}'; it can {known}")
        thing, place = condition.arguments
        steps += [Step('pick', thing), Step(SKILL_OF[condition.predicate], thing, place)]
    return Plan((*steps, Step('done')))


def _wanted(goal: Goal) -> list[Condition]:
    if goal.condition is not None:
        return [goal.condition]
    if goal.kind == 'not':
        return []
    parts = goal.parts[:1] if goal.kind == 'any' else goal.parts
    return [condition for part in parts for condition in _wanted(part)]
