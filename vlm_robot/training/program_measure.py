"""
Measure programs: how often a model's program does what the reference does, on wordings that were never trained.

Both programs are run on the symbolic table (tier T0). Right is the same end: done with everything in the same
place, refused where the reference refuses, asked where it asks. The sentences are templates with held-out verbs
and frames, by kind, with seen and unseen colours, and sentences written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
import math
import random

from tqdm import tqdm

from vlm_robot.datatypes import Scene, SkillResult
from vlm_robot.errors import PlanError
from vlm_robot.language.language_model import LanguageModel
from vlm_robot.planning import symbolic
from vlm_robot.planning.interpreter import Execution
from vlm_robot.planning.program import parse_program
from vlm_robot.planning.program_prompt import STOP, write_program_prompt
from vlm_robot.planning.program_prompt import Turn as PromptTurn
from vlm_robot.training.planner_measure import Score
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.training.program_data import indent
from vlm_robot.training.program_heldout import sample_heldout, TEMPLATES
from vlm_robot.training.program_people import PeopleCase, PROGRAM_PEOPLE, TABLES
from vlm_robot.training.program_people_fresh import FRESH_PEOPLE
from vlm_robot.training.program_tasks import ProgramTask, Turn
from vlm_robot.vocabulary import SEEN_COLOURS, UNSEEN_COLOURS

MIXED = Palette((*SEEN_COLOURS, *UNSEEN_COLOURS), (), (), 0.0)
SAME = 0.03  # metres that a thing may lie elsewhere and count as in the same place
MAX_TOKENS = 160
Writer = Callable[[str], str]


@dataclass(frozen=True)
class Outcome:
    """
    How a program ended, and where things are then.

    :param status: ``done``, ``refused``, ``asked``, ``absent`` (refused because a thing is not there), ``broken``
        or ``undone``.
    :param trail: skills that move no block; why it was refused.
    """

    status: str
    places: tuple[tuple[str, float, float, float], ...] = ()
    trail: tuple[str, ...] = ()

    def is_like(self, other: Outcome) -> bool:
        """Say whether both ended alike."""
        if self.status != other.status or len(self.places) != len(other.places) or self.trail != other.trail:
            return False
        return all(a[0] == b[0] and math.dist(a[1:], b[1:]) <= SAME for a, b in zip(self.places, other.places))


def run_program(text: str, scene: Scene) -> Outcome:
    """Return how the program ends in the scene when every skill succeeds; skills that move no block leave a trail."""
    try:
        program = parse_program(text)
    except PlanError:
        return Outcome('broken')
    if text.strip() == 'undo()':
        return Outcome('undone')
    execution, result, trail = Execution(program), None, []
    while True:
        ruling = execution.next_step(scene, result)
        step = ruling.step
        if step.skill in ('done', 'refuse'):
            break
        if step.skill not in ('pick', 'place_in', 'place_on', 'place_at') or 'for p in' in text:
            trail.append(f'{step.skill} {step.target} {step.destination}')
        try:
            scene, result = symbolic.apply(step, scene), SkillResult(True)
        except PlanError:
            return Outcome('broken')
    if step.skill == 'refuse' and ruling.question:
        return Outcome('asked')
    if step.skill == 'refuse':
        is_own = ' refuse(' in text
        is_absent = not is_own and 'there is no ' in ruling.reason
        return Outcome('absent' if is_absent else 'refused', (), () if is_own or is_absent else (ruling.reason,))
    places = sorted((item.name, *item.p_base) for item in scene.objects)
    return Outcome('done', (*places, ('hand', 0.0, 0.0, float(len(scene.held)))), tuple(trail))


def is_right(text: str, reference: str, scene: Scene) -> bool:
    """Say whether a program does what the reference does."""
    if text.strip() == reference.strip():
        return True
    ours, wanted = run_program(text, scene), run_program(reference, scene)
    if {ours.status, wanted.status} <= {'absent', 'refused'} and not ours.trail and not wanted.trail:
        return True
    return ours.is_like(wanted)


def write_prompt(task: ProgramTask) -> str:
    """Return the prompt of the last turn; earlier turns stand in it without their objects, as in a dialogue."""
    *before, last = task.turns
    return write_program_prompt(last.sentence, task.scene, [PromptTurn(t.sentence, indent(t.body)) for t in before])


PEOPLE = {'people': PROGRAM_PEOPLE, 'people, fresh': FRESH_PEOPLE}


def list_people(cases: Sequence[PeopleCase]) -> Iterator[ProgramTask]:
    """Yield tasks written by hand."""
    for case in cases:
        bodies = (*case.before, case.program)
        yield ProgramTask('people', TABLES[case.table], tuple(map(Turn, case.sentences, bodies)))


def draw_tasks(kind: str, count: int, seed: int) -> Iterator[ProgramTask]:
    """Yield the tasks of a kind; the sentences written by hand are as many as there are."""
    if kind in PEOPLE:
        return list_people(PEOPLE[kind])
    return (sample_heldout(random.Random(f'{kind} {seed + index}'), kind, MIXED) for index in range(count))


KINDS = (*PEOPLE, *TEMPLATES)


def measure_kind(write: Writer, kind: str, count: int = 20, seed: int = 10_001) -> Score:
    """
    Return the score of one kind.

    :param write: prompt -> the body of a program.
    """
    tasks = list(draw_tasks(kind, count, seed))
    failures = []
    for task in tqdm(tasks, desc=kind, leave=False):
        text, reference = write(write_prompt(task)), indent(task.turns[-1].body)
        if not is_right(text, reference, task.scene):
            said = ' | '.join(turn.sentence for turn in task.turns)
            failures.append(f'{said} | {", ".join(task.scene.names)} | {text.strip()!r}')
    return Score(kind, len(tasks) - len(failures), len(tasks), tuple(failures))


def build_writer(model: LanguageModel) -> Writer:
    """Return a function that completes prompts greedily and without a grammar."""
    return lambda prompt: model.generate(prompt, MAX_TOKENS, (STOP,)).rstrip() + '\n'


def add_up(scores: Sequence[Score]) -> Score:
    """Return one score over several kinds."""
    return Score('held-out wordings', sum(s.right for s in scores), sum(s.n for s in scores))
