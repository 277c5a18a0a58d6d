"""
The registry of task families: each name that ``vlm-robot evaluate`` takes, its tasks, words and seeds.

Families A and A_unseen stand in ``sim/scenarios/*.yaml`` and are read from there. The task of an episode is
``seed modulo number of tasks``, so that any run of consecutive seeds is balanced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from vlm_robot.errors import name_nearest, ScenarioError
from vlm_robot.sim.scenario import Episode, EVALUATION_STREAM, Jitter, sample_cameras, sample_light
from vlm_robot.sim.tasks import (
    abstract_tasks,
    cliport_tasks,
    horizon_tasks,
    refusal_tasks,
    robust_tasks,
    set_tasks,
    spatial_tasks,
    unseen_tasks,
)
from vlm_robot.sim.tasks.tabletop import Builder, SEEN, Split, UNSEEN

SUITE_STREAM = 1  # second word of every seed of a family; scenario files have none


@dataclass(frozen=True)
class Family:
    """
    One family of tasks.

    :param number: its place in the stream of random numbers; never change one that was published.
    :param per_task: how many episodes of each task the published tables have.
    :param seed_step: seeds are ``first_seed + i * seed_step``.
    """

    name: str
    number: int
    summary: str
    tasks: Mapping[str, Builder]
    split: Split
    per_task: int = 50
    first_seed: int = 0
    seed_step: int = 1

    @property
    def size(self) -> int:
        """Return how many episodes the published tables have."""
        return self.per_task * len(self.tasks)

    def list_seeds(self, count: int, start: int = 0) -> tuple[int, ...]:
        """Return ``count`` seeds; ``start`` skips that many."""
        return tuple(self.first_seed + self.seed_step * (start + i) for i in range(count))

    def sample(self, seed: int) -> Episode:
        """Return what a seed makes of the family; the same seed gives the same episode."""
        if seed < 0:
            raise ScenarioError(f'a seed is 0 or more, got {seed}')
        rng = np.random.default_rng([EVALUATION_STREAM, SUITE_STREAM, self.number, seed])
        task = list(self.tasks)[(seed - self.first_seed) // self.seed_step % len(self.tasks)]
        draft = self.tasks[task](rng, self.split)
        lighting, cameras = sample_light(rng, Jitter()), sample_cameras(rng, Jitter())
        return Episode(
            self.name,
            seed,
            draft.placements,
            lighting,
            cameras,
            draft.sentence,
            draft.goal,
            task,
            draft.expected,
            draft.answer,
            draft.reference,
        )


_CLIPORT = {'per_task': 100, 'first_seed': cliport_tasks.FIRST_SEED, 'seed_step': cliport_tasks.SEED_STEP}
_ALL = (
    Family('B', 2, 'set goals, seen words', set_tasks.TASKS, SEEN),
    Family('B_unseen', 3, 'set goals, unseen colours and places', set_tasks.TASKS, UNSEEN),
    Family('C', 4, 'spatial reference, seen words', spatial_tasks.TASKS, SEEN),
    Family('C_unseen', 5, 'spatial reference, unseen words', spatial_tasks.TASKS, UNSEEN),
    Family('D', 6, 'unseen instructions, unseen colours and places', unseen_tasks.TASKS, UNSEEN),
    Family('D_seen', 7, 'unseen instructions, seen colours and places', unseen_tasks.TASKS, SEEN),
    Family('E', 8, 'abstract nouns and attributes', abstract_tasks.TASKS, SEEN, 10),
    Family('F', 9, 'negation, absent and ambiguous things, with controls', refusal_tasks.TASKS, SEEN, 5),
    Family('G', 10, 'long horizon', horizon_tasks.TASKS, SEEN, 25),
    Family('I', 11, 'paraphrase, typing errors, politeness, Japanese, Chinese', robust_tasks.TASKS, SEEN, 10),
    Family(
        'cliport_seen', 12, "CLIPort's put-block-in-bowl, its training colours", cliport_tasks.TASKS,
        replace(SEEN, colours=cliport_tasks.TRAIN), **_CLIPORT,
    ),
    Family(
        'cliport_unseen', 13, "CLIPort's put-block-in-bowl, its unseen colours", cliport_tasks.TASKS,
        replace(UNSEEN, colours=cliport_tasks.EVAL), **_CLIPORT,
    ),
)  # fmt: skip
FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _ALL})


def find_family(name: str) -> Family:
    """Return the family of that name; raise ScenarioError naming the nearest."""
    if name not in FAMILIES:
        raise ScenarioError(f"no task family '{name}'{name_nearest(name, FAMILIES)}")
    return FAMILIES[name]
