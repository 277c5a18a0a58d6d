"""
Everything that can be evaluated, by name: task families, scenario files, and J, which disturbs what others ask.

A suite makes an episode of a seed; it knows no planner and no tier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vlm_robot.errors import ConfigError, ScenarioError
from vlm_robot.resources import find, find_scenario
from vlm_robot.sim.scenario import Episode, load_scenario, sample_episode
from vlm_robot.sim.tasks.families import FAMILIES

KITCHEN, KITCHEN_SIZE = 'kitchen', 101
MIXED, MIXED_PARTS = 'ABCD', ('A', 'B', 'C', 'D')
DISTURBED = {'J': 'A', 'J_B': 'B', 'J_G': 'G'}
DEFAULT_SIZE = 100  # episodes of a scenario file


@dataclass(frozen=True)
class Suite:
    """
    Episodes under a name.

    :param size: how many episodes its published table has.
    :param disturbed: whether things go wrong on purpose (``sim/disturbance.py``).
    """

    name: str
    summary: str
    size: int
    sample: Callable[[int], Episode]
    first_seed: int = 0
    seed_step: int = 1
    disturbed: bool = False

    def list_seeds(self, count: int, start: int = 0) -> tuple[int, ...]:
        """Return ``count`` seeds; ``start`` skips that many. Raise ConfigError where a suite has no more."""
        if self.name == KITCHEN and start + count > self.size:
            raise ConfigError(f'the kitchen has {self.size} instructions; asked for {count} after the first {start}')
        return tuple(self.first_seed + self.seed_step * (start + i) for i in range(count))


def list_suites() -> dict[str, str]:
    """Return name -> one line for people, of everything that comes with the package."""
    scenarios = {path.stem: load_scenario(path).description for path in sorted(find('sim/scenarios').glob('*.yaml'))}
    families = {name: family.summary for name, family in FAMILIES.items()}
    disturbed = {name: f'what {inner} asks, while things go wrong' for name, inner in DISTURBED.items()}
    mixed = {MIXED: 'A, B, C and D in turn', KITCHEN: "101 instructions of SayCan's seven families"}
    return scenarios | families | disturbed | mixed


def find_suite(name: str) -> Suite:
    """
    Return a suite by name, or the scenario of a YAML file.

    :raises ScenarioError: there is none of that name, or the file cannot be read.
    """
    if name in DISTURBED:
        inner = find_suite(DISTURBED[name])
        return Suite(name, f'{inner.summary}, disturbed', inner.size, inner.sample, disturbed=True)
    if name == MIXED:
        return Suite(name, 'A, B, C and D in turn', DEFAULT_SIZE, _sample_mixed)
    if name == KITCHEN:
        return Suite(name, "instructions of SayCan's seven families", KITCHEN_SIZE, _refuse_to_sample)
    if name in FAMILIES:
        family = FAMILIES[name]
        return Suite(name, family.summary, family.size, family.sample, family.first_seed, family.seed_step)
    scenario = load_scenario(find_scenario(name, (*FAMILIES, *DISTURBED, MIXED, KITCHEN)))
    return Suite(scenario.name, scenario.description, DEFAULT_SIZE, lambda seed: sample_episode(scenario, seed))


def _sample_mixed(seed: int) -> Episode:
    part = find_suite(MIXED_PARTS[seed % len(MIXED_PARTS)])
    return replace(part.sample(seed // len(MIXED_PARTS)), scenario=MIXED, seed=seed, task=part.name)


def _refuse_to_sample(seed: int) -> Episode:
    raise ScenarioError('the kitchen has instructions of its own; they are no tables that can be drawn')
