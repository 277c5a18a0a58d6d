"""
Training texts of programs: prompts as ``planning.program_prompt`` writes them, with the body that is learned.

Prompt and body are told apart, because the model reads a prompt that ends with a line end and goes on with
new tokens. Dialogues show earlier turns in the prompt; only the last body is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import random

from vlm_robot.planning.parsing import flatten
from vlm_robot.planning.program import INDENT
from vlm_robot.planning.program_prompt import HEAD, STOP, write_program_prompt
from vlm_robot.planning.program_prompt import Turn as PromptTurn
from vlm_robot.training import (
    program_layouts,
    program_puts,
    program_sets,
    program_skills,
    program_spatial,
    program_stacks,
    program_talk,
)
from vlm_robot.training.planner_separation import is_trainable
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.training.planner_wordings import disturb
from vlm_robot.training.program_tasks import ProgramTask, Turn

Kind = Callable[[random.Random, Palette], ProgramTask]
KINDS: tuple[tuple[Kind, float], ...] = (
    (program_puts.single, 7),
    (program_puts.plain, 5),
    (program_puts.thing, 1.5),
    (program_puts.clauses, 7),
    (program_puts.both, 3),
    (program_puts.telegram, 2),
    (program_sets.everything, 5),
    (program_sets.number, 3),
    (program_sets.negation, 5),
    (program_sets.matching, 6),
    (program_sets.own_bowl, 1),
    (program_sets.spread, 3),
    (program_layouts.one_each, 3.5),
    (program_layouts.lines, 4),
    (program_layouts.trips, 2.5),
    (program_layouts.areas, 2.5),
    (program_layouts.groups, 2),
    (program_stacks.tower, 3),
    (program_stacks.ordered, 2.5),
    (program_stacks.alternate, 2),
    (program_stacks.per_colour, 1.5),
    (program_stacks.apart, 1.5),
    (program_spatial.spatial, 9),
    (program_spatial.spatial_goal, 3.5),
    (program_spatial.shades, 1.5),
    (program_spatial.empty, 2),
    (program_spatial.mixed, 2),
    (program_skills.drawer, 3),
    (program_skills.push, 2.5),
    (program_skills.grasp, 3),
    (program_skills.held, 2.5),
    (program_skills.swap, 1.5),
    (program_skills.condition, 5),
    (program_skills.ensure, 0.7),
    (program_talk.follow_up, 7),
    (program_talk.answer, 3.5),
    (program_talk.ambiguous, 4),
    (program_talk.chatter, 8),
)


@dataclass(frozen=True)
class ProgramExample:
    """
    A prompt and the completion that is learned.

    :param prompt: begins with ``HEAD`` and ends with a line end.
    :param completion: indented lines and the empty line that ends a program.
    """

    kind: str
    prompt: str
    completion: str


def indent(body: str) -> str:
    """Return a body as it stands in a program."""
    return ''.join(f'{INDENT}{line}\n' for line in body.split('\n'))


def sample_program(rng: random.Random, palette: Palette = Palette(), kinds=KINDS) -> ProgramTask:
    """Draw a kind by its weight and return a task that may be trained, its sentences typed as people type."""
    while True:
        kind = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        task = kind(rng, palette)
        if all(is_trainable(turn.sentence, ' '.join(task.scene.names)) for turn in task.turns):
            break
    turns = tuple(Turn(flatten(disturb(turn.sentence, rng)), turn.body) for turn in task.turns)
    return ProgramTask(task.kind, task.scene, turns)


def write_program_example(task: ProgramTask, rng: random.Random) -> ProgramExample:
    """Return the text of a task: earlier turns, prompt and the last body."""
    *before, last = task.turns
    names = task.scene.names if rng.random() < 0.5 else ()
    turns = [PromptTurn(turn.sentence, indent(turn.body), names) for turn in before]
    prompt = write_program_prompt(last.sentence, task.scene, turns)
    return ProgramExample(task.kind, prompt, indent(last.body).removesuffix('\n') + STOP)


def generate_programs(seed: int, palette: Palette = Palette(), kinds=KINDS) -> Iterator[ProgramExample]:
    """Yield examples without end; the rule of planner_separation.py holds for each sentence of each of them."""
    rng = random.Random(seed)
    while True:
        task = sample_program(rng, palette, kinds)
        if all(is_trainable(turn.sentence, ' '.join(task.scene.names)) for turn in task.turns):
            yield write_program_example(task, rng)


__all__ = ['HEAD', 'KINDS', 'ProgramExample', 'generate_programs', 'sample_program', 'write_program_example']
