"""
Attempts: single skills tried in the simulator on random tables, with what was believed and what came of it.

Every table is laid once and put back between attempts, so an attempt costs about half a second of one core.
What the skill is told is the truth, or the truth as seen by eyes like the robot's (``success_sight``), or a
rough guess up to some 12 mm off; whether it succeeded is the simulator's answer, never the skill's own word.
The streams of random numbers here belong to no scenario and no evaluation. The file of attempts grows by
whole tables and is continued when it exists.

    python -m vlm_robot.training.success_data --out out/success/attempts.jsonl --minutes 15
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import json
import math
from pathlib import Path
import time

import numpy as np
import pybullet as p
from tqdm import tqdm

from vlm_robot.agent import scene_of
from vlm_robot.datatypes import Scene, SceneObject, Step
from vlm_robot.scene.relations import relations_of
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.world import World
from vlm_robot.skills.execution import execute, held_after
from vlm_robot.training.success_sight import load_sights, Sight
from vlm_robot.training.success_tables import draw_table
from vlm_robot.vocabulary import BOWL_DIAMETER, BOWL_HEIGHT, find_place, format_spot, LOCATIONS, SEEN_COLOURS, shape_of

ATTEMPT_STREAM = 9202  # first word of every seed here
PICKS, PLACES = 3, 3  # attempts per table, and per block that was taken
ROUGH = 0.012  # metres, standard deviation of the worst rough guess
RELEASED_XY, IN_XY, ON_XY = 0.05, 0.05, 0.03  # metres in the plane within which a block is where it should be
ON_RISE = (0.02, 0.06)  # metres between the centres of stacked blocks
SETTLE = 0.3  # seconds before the outcome is read
VIEWS, VIEW_SHARES = ('true', 'seen', 'rough'), (0.3, 0.5, 0.2)


@dataclass(frozen=True)
class Attempt:
    """
    One try of one skill.

    :param scene: what the skill was told.
    :param success: whether the simulator says that the step came true.
    :param reason: the skill's own words.
    """

    table: int
    kind: str
    view: str
    step: Step
    scene: Scene
    success: bool
    reason: str = ''

    def to_line(self) -> str:
        """Return it as one line of JSON."""
        objects = [[o.name, o.label, *(round(v, 4) for v in (*o.p_base, o.yaw, o.score))] for o in self.scene.objects]
        step = [self.step.skill, self.step.target, self.step.destination]
        names = {'table': self.table, 'kind': self.kind, 'view': self.view, 'step': step}
        told = {'held': self.scene.held, 'objects': objects}
        return json.dumps(names | told | {'success': self.success, 'reason': self.reason})


def read_attempts(path: Path) -> list[Attempt]:
    """Return the attempts of a file; a last line that was cut off is left out."""
    attempts = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        objects = tuple(_build_object(n, label, (x, y, z), yaw, s) for n, label, x, y, z, yaw, s in row['objects'])
        scene = Scene(objects, relations_of(objects, row['held']), row['held'])
        labels = (row['table'], row['kind'], row['view'], Step(*row['step']))
        attempts.append(Attempt(*labels, scene, row['success'], row['reason']))
    return attempts


def _build_object(name: str, label: str, p_base, yaw: float, score: float) -> SceneObject:
    size = (BOWL_DIAMETER, BOWL_DIAMETER, BOWL_HEIGHT) if shape_of(label) == 'bowl' else (0.04,) * 3
    return SceneObject(name, label, tuple(p_base), size, yaw, score)


def perceive(truth: Scene, view: str, sights: Sequence[Sight], rng: np.random.Generator) -> Scene:
    """
    Return the scene as eyes of a kind would tell it.

    :param view: ``true``; ``seen``, with errors and scores of real looks and now and then a phantom; or
        ``rough``, each thing up to ROUGH off, with a score that falls with that (an assumption: eyes worse than ours).
    """
    if view == 'true':
        return truth
    objects = []
    for item in truth.objects:
        if view == 'seen':
            kin = [s for s in sights if s.is_there and s.shape == shape_of(item.label)]
            sight = kin[int(rng.integers(len(kin)))]
            offset, turn, score = sight.offset, sight.turn, sight.score
        else:
            sigma = float(rng.uniform(0.0, ROUGH))
            offset = (*rng.normal(0.0, sigma, 2), float(rng.normal(0.0, sigma / 4)))
            turn, score = (
                float(rng.normal(0.0, 8 * sigma)),
                float(np.clip(0.9 - 60 * sigma + rng.normal(0, 0.05), 0, 1)),
            )
        place = tuple(float(a + b) for a, b in zip(item.p_base, offset, strict=True))
        objects.append(_build_object(item.name, item.label, place, item.yaw + turn, score))
    if view == 'seen':
        objects += _draw_phantoms(truth, sights, rng)
    return Scene(tuple(objects), relations_of(tuple(objects), truth.held), truth.held)


def _draw_phantoms(truth: Scene, sights: Sequence[Sight], rng: np.random.Generator) -> Iterator[SceneObject]:
    """Yield at most one thing that is not there, in three tables of ten: far more than real looks report."""
    phantoms = [sight for sight in sights if not sight.is_there and sight.shape in ('block', 'bowl')]
    if not phantoms or rng.random() > 0.3:
        return
    sight = phantoms[int(rng.integers(len(phantoms)))]
    free = [f'{colour} {sight.shape}' for colour in SEEN_COLOURS if f'{colour} {sight.shape}' not in truth.names]
    if free:
        place = (float(rng.uniform(0.38, 0.66)), float(rng.uniform(-0.29, 0.29)), 0.02)
        yield _build_object(free[0], free[0], place, 0.0, sight.score)


class Trial:
    """A table on which skills are tried again and again from the same start."""

    def __init__(self, table: int, sights: Sequence[Sight]):
        """Lay the table."""
        self.number, self.sights = table, sights
        self.rng = np.random.default_rng([ATTEMPT_STREAM, table])
        drawn = draw_table(self.rng)
        self.kind = drawn.kind
        self.world = World(drawn.placements)
        self.arm = BulletArm(self.world)
        self.arm.go_home()
        self.world.settle(0.8)

    def run(self) -> Iterator[Attempt]:
        """Yield the attempts of this table."""
        start = self._save()
        blocks = [name for name in self.world.bodies if shape_of(self.world.labels[name]) == 'block']
        for _ in range(PICKS):
            self._restore(start, 0.08)
            view = str(self.rng.choice(VIEWS, p=VIEW_SHARES))
            scene = perceive(scene_of(self.world), view, self.sights, self.rng)
            picks = [Step('pick', item.name) for item in scene.objects if shape_of(item.label) == 'block']
            if not blocks or not picks:
                return
            step = picks[int(self.rng.integers(len(picks)))]
            attempt = self._try(step, scene, view)
            yield attempt
            if attempt.success:
                yield from self._run_places(step.target)

    def _run_places(self, held: str) -> Iterator[Attempt]:
        start = self._save()
        for _ in range(PLACES):
            self._restore(start, 0.0)
            view = str(self.rng.choice(VIEWS, p=VIEW_SHARES))
            scene = perceive(scene_of(self.world, held), view, self.sights, self.rng)
            yield self._try(self._draw_place(scene), scene, view)
        p.removeState(start, physicsClientId=self.world.client)

    def _draw_place(self, scene: Scene) -> Step:
        skills = {'block': 'place_on', 'bowl': 'place_in'}
        steps = [
            Step(skills[shape_of(item.label)], scene.held, item.name)
            for item in scene.objects
            if item.name != scene.held and shape_of(item.label) in skills
        ]
        if steps and self.rng.random() < 0.7:
            return steps[int(self.rng.integers(len(steps)))]
        if self.rng.random() < 0.5:
            return Step('place_at', scene.held, str(self.rng.choice(list(LOCATIONS))))
        near = scene.objects[int(self.rng.integers(len(scene.objects)))].p_base
        crowd = self.rng.random() < 0.5  # where something stands already
        x, y = near[:2] + self.rng.normal(0, 0.05, 2) if crowd else self.rng.uniform((0.28, -0.4), (0.8, 0.4))
        return Step('place_at', scene.held, format_spot(max(0.0, float(x)), float(y)))

    def _try(self, step: Step, scene: Scene, view: str) -> Attempt:
        result = execute(step, scene, self.arm)
        self.world.settle(SETTLE)
        held = held_after(step, scene.held, self.arm.gripper_width())
        return Attempt(self.number, self.kind, view, step, scene, is_true(step, self.world, held), result.reason)

    def _save(self) -> int:
        return p.saveState(physicsClientId=self.world.client)

    def _restore(self, state: int, width: float) -> None:
        """Put everything back and command the arm anew: motor targets are no part of a state."""
        p.restoreState(state, physicsClientId=self.world.client)
        self.world.wake()
        grip, home = self.arm.start_gripper(width), self.arm.start_home()
        while not (grip.done and home.done):
            self.world.step()


def is_true(step: Step, world: World, held: str) -> bool:
    """Return whether the simulator's truth is what the step should have made of it."""
    state = world.state()
    if step.skill == 'pick':
        return held == step.target == state.held
    if held or step.target not in state.positions:
        return False
    at = state.positions[step.target]
    if step.skill == 'place_at':
        place = find_place(step.destination)
        return place is not None and math.dist(at[:2], place) <= RELEASED_XY and at[2] > 0
    if step.destination not in state.positions:
        return False
    to = state.positions[step.destination]
    near, rise = math.dist(at[:2], to[:2]), at[2] - to[2]
    if step.skill == 'place_in':
        return near <= IN_XY and -0.02 <= rise <= 0.10
    return near <= ON_XY and ON_RISE[0] <= rise <= ON_RISE[1]


def collect(path: Path, tables: Sequence[int], minutes: float) -> int:
    """Append the attempts of the tables that the file lacks until the time is over; return how many were added."""
    done = {attempt.table for attempt in read_attempts(path)}
    path.parent.mkdir(parents=True, exist_ok=True)
    sights, deadline, added = load_sights(), time.monotonic() + 60 * minutes, 0
    with path.open('a') as file:
        for number in tqdm([n for n in tables if n not in done], desc='tables'):
            if time.monotonic() > deadline:
                break
            trial = Trial(number, sights)
            try:
                lines = [attempt.to_line() + '\n' for attempt in trial.run()]
            finally:
                trial.world.close()
            file.write(''.join(lines))  # whole tables only
            file.flush()
            added += len(lines)
    return added


def main() -> None:
    """Collect attempts."""
    parser = argparse.ArgumentParser(description='try skills on random tables')
    parser.add_argument('--out', type=Path, default=Path('out/success/attempts.jsonl'))
    parser.add_argument('--tables', type=int, default=400)
    parser.add_argument('--minutes', type=float, default=15.0)
    options = parser.parse_args()
    added = collect(options.out, range(options.tables), options.minutes)
    print(f'{added} attempts added, {len(read_attempts(options.out))} in {options.out}')


if __name__ == '__main__':
    main()
