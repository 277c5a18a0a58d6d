"""
The prompt library: worked examples in YAML files, and the nearest few of them for a sentence.

Every example is a sentence with the objects in view and its program; where SayCan can say them, also its
steps. Which ones stand in a prompt is decided by sentence embeddings (as SayCan's generative rival and KATE,
arXiv 2101.06804, choose theirs), so that a model that was never tuned sees what is wanted. The nearest stands
last, beside the question. It knows no language model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from vlm_robot.datatypes import Decision, OptionScore, Relation, Scene, SceneObject, SkillResult, Step, StepRecord
from vlm_robot.errors import ConfigError, name_nearest, PlanError
from vlm_robot.language.sentence_embedder import Embedder, SentenceEmbedder
from vlm_robot.planning.parsing import format_step, parse_step
from vlm_robot.planning.program import format_program, parse_program
from vlm_robot.planning.program_prompt import Turn
from vlm_robot.planning.prompt import begin, observe, write_prompt
from vlm_robot.planning.symbolic import apply
from vlm_robot.resources import read_yaml

PROMPTS = Path(__file__).resolve().parent / 'prompts'
KEYS = ('sentence', 'objects', 'program', 'steps', 'relations', 'held')
# Places at which nothing touches and that have no name: what lies there is "on the table".
_GRID = tuple((x, y) for x in (0.455, 0.585) for y in (-0.2, -0.07, 0.06, 0.19))


@dataclass(frozen=True)
class WorkedExample:
    """
    A sentence and what a good planner makes of it.

    :param program: as ``format_program`` writes it.
    :param steps: words of SayCan's steps; empty where it has none for this.
    :param relations: subject, predicate (``in`` or ``on``), object: what is not simply on the table.
    """

    sentence: str
    objects: tuple[str, ...]
    program: str
    steps: tuple[str, ...] = ()
    relations: tuple[tuple[str, str, str], ...] = ()
    held: str = ''

    @property
    def scene(self) -> Scene:
        """Return the scene of the example; places have no meaning beyond the relations."""
        at = dict(zip(self.objects, _GRID))
        objects = tuple(SceneObject(name, name, (*at[name], 0.02)) for name in self.objects if name != self.held)
        return Scene(objects, tuple(Relation(*words) for words in self.relations), self.held)


def load_examples(folder: Path = PROMPTS) -> tuple[WorkedExample, ...]:
    """
    Return the examples of every YAML file in a folder, checked.

    :raises ConfigError: a file cannot be read, or an example in it is wrong; the message names both.
    """
    paths = sorted(folder.glob('*.yaml'))
    if not paths:
        raise ConfigError(f'no prompt library: {folder} holds no YAML file')
    return tuple(example for path in paths for example in _read_file(path))


def _read_file(path: Path) -> list[WorkedExample]:
    data = read_yaml(path, ConfigError, 'the prompt library')
    if not isinstance(data, list):
        raise ConfigError(f"prompt library '{path}' must be a list of examples")
    return [_read_example(item, f'{path.name}, example {number}') for number, item in enumerate(data, start=1)]


def _read_example(item: Any, where: str) -> WorkedExample:
    if not isinstance(item, Mapping) or not {'sentence', 'objects', 'program'} <= set(item):
        raise ConfigError(f'{where}: an example needs sentence, objects and program')
    for key in item:
        if key not in KEYS:
            raise ConfigError(f"{where}: unknown key '{key}'{name_nearest(str(key), KEYS)}")
    try:
        example = WorkedExample(
            ' '.join(str(item['sentence']).split()),
            tuple(map(str, item['objects'])),
            format_program(parse_program(str(item['program']))),
            tuple(map(str, item.get('steps', ()))),
            tuple((str(a), str(b), str(c)) for a, b, c in item.get('relations', ())),
            str(item.get('held', '')),
        )
        write_steps(example)
    except (PlanError, TypeError, ValueError) as error:
        raise ConfigError(f'{where}: {error}') from error
    if len(example.objects) > len(_GRID):
        raise ConfigError(f'{where}: {len(example.objects)} objects, at most {len(_GRID)} are allowed')
    return example


def write_steps(example: WorkedExample) -> str:
    """
    Return the example as SayCan's prompt shows a task that was carried out; empty where it has no steps.

    :raises PlanError: a step cannot be read or makes no sense in the example's scene.
    """
    if not example.steps:
        return ''
    scene = example.scene
    history, result = begin(scene), SkillResult(True)
    for words in example.steps[:-1]:
        step = parse_step(words, scene.held)
        after = apply(step, scene)
        history = history.add(StepRecord(_decide(step), result, observe(scene, after, step, result)))
        scene = after
    last = parse_step(example.steps[-1], scene.held)
    return f'{write_prompt(example.sentence, history)} {format_step(last, scene.held)}.\n\n'


def _decide(step: Step) -> Decision:
    chosen = OptionScore(step, '', 0.0, 1.0, 1.0, 1.0)
    return Decision(chosen, (chosen,))


class ExampleLibrary:
    """Chooses examples; the embedder is loaded at the first sentence."""

    def __init__(self, count: int, embedder: Embedder | None = None, examples: Sequence[WorkedExample] = ()):
        """Keep how many examples a prompt gets; no examples given are those of the package."""
        self.count = count
        self.embedder = embedder or share_embedder()
        self.examples = tuple(examples) or (load_examples() if count else ())

    def nearest(self, sentence: str, examples: Sequence[WorkedExample]) -> tuple[WorkedExample, ...]:
        """Return the examples most like the sentence, the most alike last; equal ones in their own order."""
        if not self.count or not examples:
            return ()
        vectors = self.embedder.embed([sentence, *(example.sentence for example in examples)])
        order = np.argsort(-(vectors[1:] @ vectors[0]), kind='stable')[: self.count]
        return tuple(examples[i] for i in order[::-1])

    def turns(self, sentence: str) -> tuple[Turn, ...]:
        """Return the nearest examples for the prompt of a program."""
        found = self.nearest(sentence, self.examples)
        return tuple(Turn(item.sentence, item.program, item.objects, item.held) for item in found)

    def head(self, sentence: str) -> str:
        """Return the nearest examples as text to stand before SayCan's prompt."""
        fitting = [example for example in self.examples if example.steps]
        return ''.join(write_steps(item) for item in self.nearest(sentence, fitting))


@cache
def share_embedder() -> SentenceEmbedder:
    """Return the one embedder of this process."""
    return SentenceEmbedder()
