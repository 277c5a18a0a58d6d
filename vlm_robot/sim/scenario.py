"""
Scenarios: YAML that says what lies on the table, how it is seen, what is asked and when it is done.

A scenario with ``objects`` is one fixed table; one with a ``sampler`` is a family of tables, one per seed.
Sentences are templates with slots that the sampled table fills. The same seed gives the same table, light,
cameras and sentence. Training draws its tables from other streams of random numbers (``training``), never
from these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
import re
from typing import Any

import numpy as np

from vlm_robot.datatypes import Step
from vlm_robot.errors import name_nearest, ScenarioError
from vlm_robot.furniture import DRAWER, PILE, set_opening
from vlm_robot.goals import Goal, parse_goal
from vlm_robot.resources import read_yaml
from vlm_robot.sim.bullet_camera import BulletCamera, CAMERAS, CameraSpec, Lighting
from vlm_robot.sim.placing import sample_free_points
from vlm_robot.sim.world import Placement, resting_height, World
from vlm_robot.vocabulary import COLOURS, LOCATIONS, SEEN_COLOURS, shape_of, UNSEEN_COLOURS

EVALUATION_STREAM = 0  # first word of every seed here; training uses others
PALETTES = {'seen': SEEN_COLOURS, 'unseen': UNSEEN_COLOURS, 'all': tuple(COLOURS)}


@dataclass(frozen=True)
class Sampler:
    """
    How many things lie there, least and most.

    :param colours: ``seen``, ``unseen``, ``all`` or a list of colour names.
    :param distractors: least and most further objects that no sentence names, of colours not otherwise used.
    """

    blocks: tuple[int, int] = (2, 4)
    bowls: tuple[int, int] = (2, 3)
    colours: tuple[str, ...] = SEEN_COLOURS
    distractors: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Jitter:
    """
    How much camera and light differ from seed to seed.

    :param camera: metres, standard deviation of each camera's place; its calibration moves with it.
    :param light: 0..1, relative change of direction, colour and brightness.
    """

    camera: float = 0.01
    light: float = 0.15

    def __post_init__(self) -> None:
        """Refuse what is no number from 0 to 1."""
        for name in ('camera', 'light'):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise ScenarioError(f'jitter.{name} is {value!r}; allowed: 0 to 1')


@dataclass(frozen=True)
class TaskTemplate:
    """A sentence with slots such as ``{block}``, ``{bowl_colour}``, ``{location}``, and its goal as data."""

    text: str
    goal: Any


@dataclass(frozen=True)
class Scenario:
    """One YAML file, read and checked."""

    name: str
    description: str = ''
    objects: tuple[Placement, ...] = ()
    sampler: Sampler | None = None
    jitter: Jitter = field(default_factory=Jitter)
    tasks: tuple[TaskTemplate, ...] = ()


@dataclass(frozen=True)
class Episode:
    """
    One table, one sentence, one goal: what a seed makes of a scenario or of a task family.

    :param task: which task of its family.
    :param expected: ``act``, or ``refuse`` or ``ask`` where acting at once is wrong.
    :param answer: what the person answers when asked.
    :param reference: steps that make the goal true, where the family knows them.
    """

    scenario: str
    seed: int
    placements: tuple[Placement, ...]
    lighting: Lighting
    cameras: tuple[CameraSpec, ...]
    sentence: str = ''
    goal: Goal | None = None
    task: str = ''
    expected: str = 'act'
    answer: str = ''
    reference: tuple[Step, ...] = ()

    def build_world(self) -> World:
        """Return a fresh world with these objects on the table, at rest."""
        world = World(self.placements)
        world.settle(0.3)
        return world

    def build_cameras(self, world: World) -> dict[str, BulletCamera]:
        """Return the cameras of this episode by name."""
        return {spec.name: BulletCamera(world, spec, self.lighting) for spec in self.cameras}


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file; raise ScenarioError that names the file and the fault."""
    data = read_yaml(path, ScenarioError, 'scenario')
    if not isinstance(data, Mapping):
        raise ScenarioError(f"'{path}' must be a mapping with keys {list(READERS)}, got {type(data).__name__}")
    try:
        return _read_scenario(data, Path(path).stem)
    except ScenarioError as error:
        raise ScenarioError(f"scenario '{path}': {error}") from None
    except KeyError as error:
        raise ScenarioError(f"scenario '{path}': the key {error} is missing") from error
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError) as error:
        raise ScenarioError(f"scenario '{path}': {error}") from error


def sample_episode(scenario: Scenario, seed: int) -> Episode:
    """Return what a seed makes of a scenario; the same seed gives the same episode."""
    if seed < 0:
        raise ScenarioError(f'a seed is 0 or more, got {seed}')
    rng = np.random.default_rng([EVALUATION_STREAM, seed])
    placements, template, slots = scenario.objects, None, {}
    if scenario.tasks:
        template = scenario.tasks[int(rng.integers(len(scenario.tasks)))]
    if scenario.sampler is not None:
        placements, slots = _sample_table(scenario.sampler, template, rng)
    lighting, cameras = sample_light(rng, scenario.jitter), sample_cameras(rng, scenario.jitter)
    if template is None:
        return Episode(scenario.name, seed, placements, lighting, cameras)
    goal = parse_goal(_fill_data(template.goal, slots))
    return Episode(scenario.name, seed, placements, lighting, cameras, _fill(template.text, slots), goal)


def sample_light(rng: np.random.Generator, jitter: Jitter) -> Lighting:
    """Return the standard light, changed by the jitter."""
    plain, spread = Lighting(), jitter.light
    direction = np.asarray(plain.direction) * (1 + rng.normal(0, 2 * spread, 3)) + [0, rng.normal(0, 2 * spread), 0]
    colour = np.clip(1 - rng.uniform(0, spread / 2, 3), 0, 1)
    ambient = float(np.clip(plain.ambient * (1 + rng.uniform(-spread, spread)), 0, 1))
    diffuse = float(np.clip(plain.diffuse * (1 + rng.uniform(-spread, spread)), 0, 1))
    return Lighting(tuple(direction.tolist()), tuple(colour.tolist()), ambient, diffuse)


def sample_cameras(rng: np.random.Generator, jitter: Jitter) -> tuple[CameraSpec, ...]:
    """Return both cameras, moved by the jitter; the calibration moves with them."""
    moved = []
    for spec in CAMERAS.values():
        eye = tuple((np.asarray(spec.eye) + rng.normal(0, jitter.camera, 3)).tolist())
        target = tuple((np.asarray(spec.target) + rng.normal(0, jitter.camera, 3)).tolist())
        moved.append(CameraSpec(spec.name, eye, target, spec.up, spec.vertical_fov_deg))
    return tuple(moved)


def _sample_table(sampler: Sampler, template: TaskTemplate | None, rng: np.random.Generator):
    wanted = _slots_of(template) if template else set()
    counts = {'block': sampler.blocks, 'bowl': sampler.bowls}
    labels: dict[str, list[str]] = {}
    for shape, (least, most) in counts.items():
        needed = len([s for s in wanted if s.startswith(shape)])
        count = max(int(rng.integers(least, most + 1)), needed)
        if count > len(sampler.colours):
            raise ScenarioError(f'{count} {shape}s asked of {len(sampler.colours)} colours; each needs its own')
        labels[shape] = [f'{c} {shape}' for c in rng.permutation(sampler.colours)[:count]]
    slots = _choose_slots(wanted, labels, rng)
    everything = labels['bowl'] + labels['block'] + _sample_distractors(sampler, labels, rng)
    keep_clear = [LOCATIONS[slots['location']]] if 'location' in slots else []
    points = sample_free_points([shape_of(label) for label in everything], rng, keep_clear)
    placements = tuple(
        Placement(label, label, (x, y, resting_height(label)), float(rng.uniform(-np.pi / 4, np.pi / 4)))
        for label, (x, y) in zip(everything, points, strict=True)
    )
    return placements, slots


def _sample_distractors(sampler: Sampler, labels: dict[str, list[str]], rng: np.random.Generator) -> list[str]:
    count = int(rng.integers(sampler.distractors[0], sampler.distractors[1] + 1))
    used = {label.split()[0] for group in labels.values() for label in group}
    free = [f'{c} {s}' for c in COLOURS if c not in used for s in ('block', 'bowl')]
    return [str(label) for label in rng.permutation(free)[:count]]


def _slots_of(template: TaskTemplate) -> set[str]:
    return {slot.removesuffix('_colour') for slot in re.findall(r'{(\w+)}', f'{template.text} {template.goal}')}


def _choose_slots(wanted: set[str], labels: dict[str, list[str]], rng: np.random.Generator) -> dict[str, str]:
    slots: dict[str, str] = {}
    for shape in ('block', 'bowl'):
        chosen = [str(label) for label in rng.permutation(labels[shape])]
        slots.update(zip(sorted(s for s in wanted if s.startswith(shape)), chosen, strict=False))
    if 'location' in wanted:
        slots['location'] = str(rng.choice([name for name in LOCATIONS if 'corner' in name]))
    unknown = wanted - set(slots)
    if unknown:
        raise ScenarioError(f'unknown slots {sorted(unknown)}; known: block, block2, bowl, bowl2, ..., location')
    return slots | {f'{slot}_colour': label.split()[0] for slot, label in slots.items()}


def _fill(text: str, slots: dict[str, str]) -> str:
    return re.sub(r'{(\w+)}', lambda match: slots[match[1]], text)


def _fill_data(data: Any, slots: dict[str, str]) -> Any:
    if isinstance(data, str):
        return _fill(data, slots)
    if isinstance(data, list):
        return [_fill_data(item, slots) for item in data]
    if isinstance(data, Mapping):
        return {key: _fill_data(value, slots) for key, value in data.items()}
    return data


def _read_scenario(data: Mapping, stem: str) -> Scenario:
    values: dict[str, Any] = {'name': stem}
    for key, value in data.items():
        if key not in READERS:
            raise ScenarioError(f"unknown key '{key}'{name_nearest(str(key), READERS)}")
        values[key] = READERS[key](value)
    scenario = Scenario(**values)
    if bool(scenario.objects) == (scenario.sampler is not None):
        raise ScenarioError("give either 'objects' or a 'sampler'")
    for task in scenario.tasks if scenario.objects else ():
        parse_goal(task.goal)
    return scenario


def _read_objects(data: list) -> tuple[Placement, ...]:
    objects = []
    for item in data:
        label = item['label']
        known = [f'{c} {s}' for c in COLOURS for s in ('block', 'bowl')] + [DRAWER, PILE]
        if label not in known:
            raise ScenarioError(f"no object '{label}' can be made{name_nearest(label, known)}")
        if label == DRAWER:  # it has one place; only how far it is open can be said
            objects.append(Placement(item.get('name', label), label, set_opening(float(item.get('opening', 0.0)))))
            continue
        x, y, *height = item['position']
        z = float(height[0]) if height else resting_height(label)
        yaw = np.radians(float(item.get('yaw_deg', 0)))
        objects.append(Placement(item.get('name', label), label, (float(x), float(y), z), float(yaw)))
    return tuple(objects)


def _read_sampler(data: Mapping) -> Sampler:
    values = dict(data)
    for key in values:
        if key not in Sampler.__dataclass_fields__:
            raise ScenarioError(f"unknown sampler key '{key}'{name_nearest(str(key), Sampler.__dataclass_fields__)}")
    colours = values.get('colours', 'seen')
    colours = PALETTES.get(colours, ()) if isinstance(colours, str) else tuple(colours)
    if not colours or not set(colours) <= set(COLOURS):
        raise ScenarioError(f'colours are {list(PALETTES)} or some of {list(COLOURS)}, got {values["colours"]!r}')
    ranges = {key: _read_range(value) for key, value in values.items() if key != 'colours'}
    return Sampler(**ranges, colours=colours)


def _read_range(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not 0 <= value[0] <= value[1]:
        raise ScenarioError(f'a range is [least, most] with 0 <= least <= most, got {value!r}')
    return int(value[0]), int(value[1])


READERS: dict[str, Callable[[Any], Any]] = {
    'name': str,
    'description': str,
    'objects': _read_objects,
    'sampler': _read_sampler,
    'jitter': lambda data: Jitter(**data),
    'tasks': lambda data: tuple(TaskTemplate(task['text'], task['goal']) for task in data),
}
