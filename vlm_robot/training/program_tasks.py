"""
What a training task for programs is: sentences in one scene, each with the program that does it.

The kinds live in program_puts.py, program_sets.py, program_spatial.py, program_skills.py and
program_talk.py; ``program_data.py`` lists them and writes the texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
import random

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.training.planner_scenes import build_scene, choose_colours, draw_scene
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.vocabulary import shape_of


@dataclass(frozen=True)
class Turn:
    """
    One sentence and its program.

    :param body: lines without the indentation of the function.
    """

    sentence: str
    body: str


@dataclass(frozen=True)
class ProgramTask:
    """Turns of one dialogue in one scene, in order; most have one turn."""

    kind: str
    scene: Scene
    turns: tuple[Turn, ...]


def draw_table(rng: random.Random, palette: Palette, least_blocks: int = 1, least_bowls: int = 0) -> Scene:
    """Return a random scene with at least so many blocks and bowls; labels repeat now and then."""
    crowd = 4 if rng.random() < 0.1 else 0
    blocks, bowls = (least_blocks, max(5, least_blocks + 1) + crowd), (least_bowls, max(4, least_bowls) + crowd // 2)
    return number_otherwise(rng, draw_scene(rng, palette, blocks, bowls, busy=0.0, duplicates=0.12))


def draw_families(rng: random.Random, palette: Palette) -> Scene:
    """Return a scene where blocks come in several pieces of two or three colours."""
    colours = choose_colours(rng, palette, rng.choice((2, 2, 3)))
    count = rng.randint(1, 3)
    blocks = [f'{colour} block' for colour in colours for _ in range(max(1, count - (rng.random() < 0.3)))][:6]
    bowls = [f'{colour} bowl' for colour in choose_colours(rng, palette, rng.randint(0, 3))]
    return number_otherwise(rng, build_scene(rng, palette, blocks, bowls, [], 0.0))


def number_otherwise(rng: random.Random, scene: Scene) -> Scene:
    """Return the scene with the number of the first of equal things left out, half of the time."""
    if rng.random() < 0.5:
        return scene
    objects = tuple(replace(item, name=item.name.removesuffix(' 1')) for item in scene.objects)
    return Scene(objects, held=scene.held)


def add_thing(scene: Scene, name: str, label: str = '') -> Scene:
    """Return the scene with one more thing, first or last."""
    item = SceneObject(name, label or name, (0.5, 0.0, 0.02))
    return Scene((*scene.objects, item), held=scene.held)


def hold(scene: Scene, name: str) -> Scene:
    """Return the scene with that thing in the hand."""
    return Scene(scene.objects, held=name)


def count_of(scene: Scene, name: str) -> int:
    """Return how many things carry that label; ``block`` counts every block."""
    return sum(item.label == name or shape_of(item.label) == name for item in scene.objects)
