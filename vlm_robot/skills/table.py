"""
The table of skills, the only registry: what exists, what each one needs, which function does it.

Phrases for language models belong to planning; this table knows none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vlm_robot.datatypes import Scene, SkillResult, Step
from vlm_robot.robot.arm import Arm
from vlm_robot.skills.drawer_motion import close_drawer, open_drawer
from vlm_robot.skills.go_home import go_home
from vlm_robot.skills.hand_over import hand_over
from vlm_robot.skills.motions import SkillConfig
from vlm_robot.skills.pick import pick
from vlm_robot.skills.place_at import place_at
from vlm_robot.skills.place_in import place_in
from vlm_robot.skills.place_on import place_on
from vlm_robot.skills.push import is_pushed, push
from vlm_robot.skills.sweep import is_pile_there, sweep
from vlm_robot.skills.unstack import is_unstacked, unstack

SkillFunction = Callable[[Step, Scene, Arm, SkillConfig], SkillResult]


@dataclass(frozen=True)
class SkillSpec:
    """
    One skill.

    :param function: carries a step out; call it through ``execution.execute``, which checks and guards.
    :param target: what the target must be: ``block``, ``drawer``, ``pile``, or empty where the skill takes none.
    :param destination: ``block``, ``container`` (a bowl or an open drawer), ``location`` (one of
        ``vocabulary.LOCATIONS`` or a spot), ``region`` (a location or an area), ``direction`` (a side or a
        location), or empty.
    :param hand: what the hand must be before: ``empty``, ``holding`` (the target) or ``any``.
    :param summary: one line for people.
    :param needs_clear_target: nothing may lie on the target.
    :param rounds: how often it may be done in one step, with a look in between, until ``is_over``.
    :param is_over: whether a step has been done, from what is seen.
    """

    name: str
    function: SkillFunction
    target: str
    destination: str
    hand: str
    summary: str
    needs_clear_target: bool = True
    rounds: int = 1
    is_over: Callable[[Step, Scene], bool] | None = None


SKILLS: Mapping[str, SkillSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            SkillSpec('pick', pick, 'block', '', 'empty', 'take a block into the hand'),
            SkillSpec('place_on', place_on, 'block', 'block', 'holding', 'set the held block on another block'),
            SkillSpec('place_in', place_in, 'block', 'container', 'holding', 'lay the block into a bowl or drawer'),
            SkillSpec('place_at', place_at, 'block', 'location', 'holding', 'set the held block on a table location'),
            SkillSpec(
                *('push', push, 'block', 'direction', 'empty', 'shove a block along the table'),
                rounds=3,
                is_over=is_pushed,
            ),
            SkillSpec(
                *('unstack', unstack, 'block', '', 'empty', 'take off what lies on a block, or the block itself'),
                needs_clear_target=False,
                rounds=4,
                is_over=is_unstacked,
            ),
            SkillSpec('open_drawer', open_drawer, 'drawer', '', 'empty', 'pull a drawer out'),
            SkillSpec('close_drawer', close_drawer, 'drawer', '', 'empty', 'push a drawer in'),
            SkillSpec(
                *('sweep', sweep, 'pile', 'region', 'empty', 'bring a pile to a place with strokes of the hand'),
                rounds=6,
                is_over=is_pile_there,
            ),
            SkillSpec('hand_over', hand_over, 'block', '', 'holding', 'bring the held block to the person'),
            SkillSpec('go_home', go_home, '', '', 'any', 'take the arm out of the view'),
        )
    }
)
