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
from vlm_robot.skills.go_home import go_home
from vlm_robot.skills.motions import SkillConfig
from vlm_robot.skills.pick import pick
from vlm_robot.skills.place_at import place_at
from vlm_robot.skills.place_in import place_in
from vlm_robot.skills.place_on import place_on

SkillFunction = Callable[[Step, Scene, Arm, SkillConfig], SkillResult]


@dataclass(frozen=True)
class SkillSpec:
    """
    One skill.

    :param function: carries a step out; call it through ``execution.execute``, which checks and guards.
    :param target: what the target must be: ``block``, or empty where the skill takes none.
    :param destination: ``block``, ``bowl``, ``location`` (a key of ``vocabulary.LOCATIONS``), or empty.
    :param hand: what the hand must be before: ``empty``, ``holding`` (the target) or ``any``.
    :param summary: one line for people.
    """

    name: str
    function: SkillFunction
    target: str
    destination: str
    hand: str
    summary: str


SKILLS: Mapping[str, SkillSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            SkillSpec('pick', pick, 'block', '', 'empty', 'take a block into the hand'),
            SkillSpec('place_on', place_on, 'block', 'block', 'holding', 'set the held block on another block'),
            SkillSpec('place_in', place_in, 'block', 'bowl', 'holding', 'lay the held block into a bowl'),
            SkillSpec('place_at', place_at, 'block', 'location', 'holding', 'set the held block on a table location'),
            SkillSpec('go_home', go_home, '', '', 'any', 'take the arm out of the view'),
        )
    }
)
