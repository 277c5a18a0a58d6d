"""
Measure a planner on wordings that training never saw: plan success per family, with Wilson intervals.

Scenes are drawn here; sentences are the evaluation suite's family A, validation wordings
(planner_separation.py), unseen colours, absent things and nonsense. Plans are graded on the symbolic table
(tier T0): every goal holds at the end, the plan ends in ``done``, and no step was impossible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import random

from tqdm import tqdm

from vlm_robot.datatypes import Step
from vlm_robot.evaluation.metrics import wilson_interval
from vlm_robot.planning.parsing import format_plan
from vlm_robot.planning.saycan import SayCanPlanner
from vlm_robot.planning.symbolic import apply
from vlm_robot.training.planner_data import is_true
from vlm_robot.training.planner_people import PEOPLE, SCENE
from vlm_robot.training.planner_scenes import choose_goal, draw_scene, list_of
from vlm_robot.training.planner_tasks import Goal, Palette, Speaker, TaskSample
from vlm_robot.vocabulary import COLOURS, SEEN_COLOURS, UNSEEN_COLOURS

SEEN = Palette(SEEN_COLOURS, (), (), 0.0)
MIXED = Palette((*SEEN_COLOURS, *UNSEEN_COLOURS), (), (), 0.0)
FRAMES = (
    'stick {b} {t}',
    'deposit {b} {t}',
    'please relocate {b} {t}',
    'plop {b} {t}',
    '{b} belongs {t}',
    '{b} should end up {t}',
    'make it so that {b} is {t}',
    'be so kind as to put {b} {t}',
    'your job is to get {b} {t}',
    'could {b} find its way {t}?',
)
CLAUSES = (
    'stick {b} {t}',
    'deposit {b} {t}',
    'relocate {b} {t}',
    'plop {b} {t}',
    'put {b} {t}',
    'drop {b} {t}',
)
NONSENSE = (
    'wubba lubba dub',
    'zxcv qwer tyui',
    'what is the capital of norway',
    'please tie my shoes',
    'bake a chocolate cake',
    'zz top',
    'mow the lawn',
    'ich möchte ein bier bitte',
    'où est la gare',
    'necesito un taxi',
    'aaaaaaaaaa',
    'the weather is lovely today',
    'recite the alphabet',
    'could you lend me ten dollars',
    'schneide das brot',
    'ping pong pang',
    'mi scusi dove sono',
    'restart yourself',
    'paint the wall',
    'hello darling',
    'fold {b} in two',
    'do not move {b} please',
    'bite {b}',
    'weigh {b}',
)


@dataclass(frozen=True)
class Score:
    """How many of n plans were right, with the Wilson interval at 95 %."""

    family: str
    right: int
    n: int
    failures: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[float, float]:
        """Return the Wilson interval of the share."""
        return wilson_interval(self.right, self.n)


def grade(planner: SayCanPlanner, sample: TaskSample) -> tuple[bool, str]:
    """Return whether the plan is right, and what happened in words."""
    plan = planner.plan(sample.sentence, sample.scene)
    scene = sample.scene
    for step in plan.steps:
        scene = apply(step, scene)
    told = f'{sample.sentence} | {", ".join(sample.scene.names)} | {format_plan(plan)}'.replace('\n', ' ')
    ended = plan.steps[-1].skill
    if any(goal[0] == 'refuse' for goal in sample.goals):
        return ended == 'refuse', told
    return ended == 'done' and all(is_true(goal, scene) for goal in sample.goals), told


def _name(name: str) -> str:
    return f'the {name}'


def _there(goal: Goal) -> str:
    return f'{ {"in": "in", "on": "on", "at": "at"}[goal[0]] } the {goal[2]}'


def family_a(rng: random.Random, palette: Palette = SEEN) -> TaskSample:
    """Draw a sentence of the suite's family A."""
    scene = draw_scene(rng, palette, blocks=(2, 4), bowls=(2, 3), busy=0.0, duplicates=0.0)
    goal = choose_goal(rng, scene, rng.choice(list_of(scene, 'block')))
    text = f'Pick up the {goal[1]} and place it on the {goal[2]}.'
    if goal[0] == 'in' and rng.random() < 0.4:
        text = f'Put the {goal[1]}s in a {goal[2]}.'
    if goal[0] == 'at' and rng.random() < 0.5:
        text = f'Put the {goal[1]} on the {goal[2]}.'
    return TaskSample('A', text, scene, (goal,))


def family_a_unseen(rng: random.Random) -> TaskSample:
    """Draw a sentence of family A with colours that training never saw."""
    return family_a(rng, Palette(UNSEEN_COLOURS, (), (), 0.0))


def held_out(rng: random.Random) -> TaskSample:
    """Draw one clause in a validation wording."""
    scene = draw_scene(rng, MIXED, blocks=(1, 4), bowls=(1, 3), duplicates=0.0)
    goal = choose_goal(rng, scene, rng.choice(list_of(scene, 'block')))
    speaker = Speaker(rng)
    text = rng.choice(FRAMES).format(b=speaker.name(goal[1]), t=speaker.target(goal))
    return TaskSample('held out', text, scene, (goal,))


def two_clauses(rng: random.Random) -> TaskSample:
    """Draw two clauses in validation wordings."""
    while True:
        scene = draw_scene(rng, MIXED, blocks=(2, 4), bowls=(2, 3), busy=0.0, duplicates=0.0)
        first, second = rng.sample(list_of(scene, 'block'), 2)
        goals = (choose_goal(rng, scene, first), choose_goal(rng, scene, second))
        if goals[0][2] not in (second, goals[1][2]) and goals[1][2] != first:
            break
    parts = [rng.choice(CLAUSES).format(b=_name(goal[1]), t=_there(goal)) for goal in goals]
    return TaskSample(
        'two clauses', rng.choice((' and then ', ', then ', ' and ', '. Then ')).join(parts), scene, goals
    )


def all_blocks(rng: random.Random) -> TaskSample:
    """Draw ``all the blocks`` in one bowl, or the suite's matching bowls."""
    if rng.random() < 0.5:
        colours = rng.sample(SEEN_COLOURS, 3)
        while True:
            scene = draw_scene(
                rng,
                Palette(tuple(colours), (), (), 0.0),
                blocks=(2, 3),
                bowls=(3, 3),
                busy=0.0,
                duplicates=0.0,
            )
            if len(scene.names) >= 5:
                break
        goals = tuple(('in', name, name.replace('block', 'bowl')) for name in list_of(scene, 'block'))
        return TaskSample('all', 'Put all the blocks in the bowls with matching colors.', scene, goals)
    scene = draw_scene(rng, SEEN, blocks=(2, 4), bowls=(1, 3), busy=0.0, duplicates=0.0)
    bowl = rng.choice(list_of(scene, 'bowl'))
    goals = tuple(('in', name, bowl) for name in list_of(scene, 'block'))
    return TaskSample('all', f'Put all the blocks in the {bowl}.', scene, goals)


def satisfied(rng: random.Random) -> TaskSample:
    """Draw a sentence that is true already."""
    sample = held_out(rng)
    scene = sample.scene
    goal = sample.goals[0]
    for step in (Step('pick', goal[1]), Step(f'place_{goal[0]}', goal[1], goal[2])):
        scene = apply(step, scene)
    return TaskSample('true already', f'put {_name(goal[1])} {_there(goal)}', scene, (goal,))


def absent(rng: random.Random) -> TaskSample:
    """Draw a sentence about a block or bowl that is not in view, among them unseen and unknown colours."""
    scene = draw_scene(rng, SEEN, blocks=(1, 4), bowls=(1, 3), busy=0.0, duplicates=0.0)
    missing = [c for c in (*COLOURS, 'turquoise', 'golden', 'zebra') if not any(c in name for name in scene.names)]
    colour = rng.choice(missing)
    bowl = rng.choice((*list_of(scene, 'bowl'), 'bowl', 'bowl'))
    text = rng.choice(
        (
            f'put the {colour} block in the {bowl}',
            f'Stick the {colour} cube into the {bowl}.',
            f'deposit the {colour} block at the middle',
            f'plop the {rng.choice(list_of(scene, "block"))} into the {colour} bowl',
            f'could you put the {colour} block on the {rng.choice(list_of(scene, "block"))}?',
        )
    )
    return TaskSample('absent', text, scene, (('refuse', '', ''),))


def nonsense(rng: random.Random) -> TaskSample:
    """Draw a sentence that is no command for this table; none is in the training lists."""
    scene = draw_scene(rng, SEEN)
    text = rng.choice(NONSENSE).format(b=f'the {rng.choice(list_of(scene, "block"))}')
    return TaskSample('nonsense', text, scene, (('refuse', '', ''),))


def people(rng: random.Random) -> TaskSample:
    """Draw a sentence written by hand (planner_people.py)."""
    sentence, goals = rng.choice(PEOPLE)
    return TaskSample('people', sentence, SCENE, goals)


FAMILIES: dict[str, Callable[[random.Random], TaskSample]] = {
    'A': family_a,
    'A unseen colours': family_a_unseen,
    'held-out wordings': held_out,
    'two clauses': two_clauses,
    'all blocks': all_blocks,
    'true already': satisfied,
    'absent': absent,
    'nonsense': nonsense,
    'people': people,
}


def measure_family(planner: SayCanPlanner, family: str, episodes: int, seed: int) -> Score:
    """Return the score of one family."""
    right, failures = 0, []
    for index in tqdm(range(episodes), desc=family, leave=False):
        success, told = grade(planner, FAMILIES[family](random.Random(seed + index)))
        right += success
        if not success:
            failures.append(told)
    return Score(family, right, episodes, tuple(failures))
