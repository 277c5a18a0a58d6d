"""
The settings of all rooms in one value, read from YAML that only overrides.

A file has either the sections of ``AgentConfig`` or the form of ROS parameter files, so that
``config/gpu.yaml`` serves the nodes and the command line alike. Every room keeps its own frozen dataclass
beside the code that uses it; here they are put together, unknown keys are refused with the nearest known one,
and values are converted by the type of their default. ROS parameters come from the same fields
(``nodes/parameters.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from vlm_robot.errors import ConfigError, name_nearest
from vlm_robot.language.description_reader import ReaderConfig
from vlm_robot.language.language_loading import LanguageConfig
from vlm_robot.perception.clip_embedder import ClipConfig
from vlm_robot.perception.clipseg import ClipSegConfig
from vlm_robot.perception.describer import DescriberConfig
from vlm_robot.perception.lifting import LiftingConfig
from vlm_robot.perception.ocr import OcrConfig
from vlm_robot.perception.owlvit import OwlVitConfig
from vlm_robot.perception.pixel_llm.grounder import PixelLlmConfig
from vlm_robot.perception.tagging import TaggingConfig
from vlm_robot.perception.vilt import ViltConfig
from vlm_robot.planning.closed_loop import ClosedLoopConfig
from vlm_robot.planning.planners import PlannerConfig
from vlm_robot.resources import read_yaml
from vlm_robot.scene.association import TrackerConfig
from vlm_robot.scene.memory import MemoryConfig
from vlm_robot.skills.motions import SkillConfig
from vlm_robot.vocabulary import list_labels

# Node and first word of its parameters -> section here; other parameters concern ROS alone.
SECTION_OF = {
    ('detector', 'model'): 'detector',
    ('detector', 'lifting'): 'lifting',
    ('segmenter', 'model'): 'segmenter',
    ('grounder', 'model'): 'grounder',
    ('describer', 'clip'): 'clip',
    ('describer', 'describer'): 'describer',
    ('describer', 'ocr'): 'ocr',
    ('describer', 'tagging'): 'tagging',
    ('describer', 'vilt'): 'vilt',
    ('describer', 'reader'): 'reader',
    ('scene', 'tracker'): 'scene',
    ('skill', 'skills'): 'skills',
    ('planner', 'language'): 'language',
    ('planner', 'planner'): 'planner',
    ('planner', 'loop'): 'loop',
}


@dataclass(frozen=True)
class AgentConfig:
    """Settings of the plain-Python agent; the keys of a ``--config`` file are these fields."""

    detector: OwlVitConfig = field(default_factory=OwlVitConfig)
    lifting: LiftingConfig = field(default_factory=LiftingConfig)
    scene: TrackerConfig = field(default_factory=TrackerConfig)
    language: LanguageConfig = field(default_factory=LanguageConfig)
    segmenter: ClipSegConfig = field(default_factory=ClipSegConfig)
    grounder: PixelLlmConfig = field(default_factory=PixelLlmConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    tagging: TaggingConfig = field(default_factory=TaggingConfig)
    ocr: OcrConfig = field(default_factory=OcrConfig)
    describer: DescriberConfig = field(default_factory=DescriberConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    vilt: ViltConfig = field(default_factory=ViltConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    loop: ClosedLoopConfig = field(default_factory=ClosedLoopConfig)
    skills: SkillConfig = field(default_factory=SkillConfig)
    queries: tuple[str, ...] = field(default_factory=list_labels)


def load_config(path: Path | None) -> AgentConfig:
    """
    Return the defaults with the values of a YAML file; no path means no change.

    :raises ConfigError: the file cannot be read, a key is unknown or a value is out of range.
    """
    if path is None:
        return AgentConfig()
    data = read_yaml(path, ConfigError, 'the settings') or {}
    if isinstance(data, Mapping) and any(str(key).startswith('/') for key in data):
        data = _read_ros_parameters(data, str(path))
    return override(AgentConfig(), data, str(path))


def _read_ros_parameters(data: Mapping, where: str) -> dict[str, Any]:
    sections: dict[str, Any] = {}
    for node, body in data.items():
        parameters = body.get('ros__parameters') if isinstance(body, Mapping) else None
        if not isinstance(parameters, Mapping):
            raise ConfigError(f"{where}: '{node}' has no mapping 'ros__parameters'")
        for name, value in parameters.items():
            head, *rest = str(name).split('.')
            section = SECTION_OF.get((str(node).rsplit('/', 1)[-1], head))
            if section and rest:
                place = sections.setdefault(section, {})
                for word in rest[:-1]:
                    place = place.setdefault(word, {})
                place[rest[-1]] = value
    return sections


def override(config: Any, data: Any, where: str = '') -> Any:
    """
    Return a dataclass with the values of a mapping, nested dataclasses likewise.

    :param where: what error messages call this place.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f'{where}: expected a mapping of settings, got {data!r}')
    known = {item.name: getattr(config, item.name) for item in fields(config)}
    changed = {}
    for key, value in data.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown setting '{key}'{name_nearest(str(key), known)}")
        place = f'{where}: {key}'
        old = known[key]
        changed[key] = override(old, value, place) if is_dataclass(old) else _convert(value, old, place)
    try:
        return replace(config, **changed)
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{where}: {error}') from error


def _convert(value: Any, old: Any, where: str) -> Any:
    if isinstance(old, bool) or isinstance(value, bool):
        if not (isinstance(old, bool) and isinstance(value, bool)):
            raise ConfigError(f'{where}: expected {type(old).__name__}, got {value!r}')
        return value
    if isinstance(old, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(old, float) and isinstance(value, int):
        return float(value)
    if old is not None and not isinstance(value, type(old)):
        raise ConfigError(f'{where}: expected {type(old).__name__}, got {value!r}')
    return value
