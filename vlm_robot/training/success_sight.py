"""
How wrong the robot's own eyes are, and how sure they say they are: pairs of score and error from real looks.

Random tables are rendered by both cameras, the shipped detector looks at a low threshold, and everything it
reports is compared with the simulator's truth. ``success_data`` draws from these pairs, so that the success
predictor learns what a detection score is worth to a hand. Metres and radians in the base frame.

    python -m vlm_robot.training.success_sight --tables 60
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
import json
import math
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vlm_robot.agent import CameraEyes, scene_of
from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.geometry import wrap_quarter_turn
from vlm_robot.perception.owlvit import OwlVitConfig, OwlVitDetector
from vlm_robot.scene.association import SceneTracker
from vlm_robot.sim.bullet_arm import BulletArm
from vlm_robot.sim.bullet_camera import BulletCamera
from vlm_robot.sim.scenario import Jitter, sample_cameras, sample_light
from vlm_robot.sim.world import World
from vlm_robot.training.success_tables import draw_table
from vlm_robot.vocabulary import shape_of

SIGHT_STREAM = 9101  # first word of every seed here
THRESHOLD = 0.15  # low, so that doubtful detections are among the pairs
NEAR = 0.05  # metres from a true thing within which a detection means it
SIGHT_FILE = Path(__file__).parents[1] / 'checkpoints' / 'success' / 'sight.json'


@dataclass(frozen=True)
class Sight:
    """
    One thing that the eyes reported.

    :param offset: metres, reported minus true centre; zeros for a phantom.
    :param turn: radians, reported minus true yaw of a block.
    :param is_there: whether a thing of that shape and colour stands there.
    """

    shape: str
    score: float
    offset: tuple[float, float, float]
    turn: float
    is_there: bool


def compare(seen: Scene, truth: Scene) -> list[Sight]:
    """Return how every reported thing differs from the true thing of its label near it."""
    pairs = []
    for item in seen.objects:
        twins = [other for other in truth.objects if other.label == item.label]
        near = min(twins, key=lambda other: _distance(item, other), default=None)
        if near is None or _distance(item, near) > NEAR:
            pairs.append(Sight(shape_of(item.label), round(item.score, 4), (0.0, 0.0, 0.0), 0.0, False))
            continue
        x, y, z = (round(a - b, 5) for a, b in zip(item.p_base, near.p_base, strict=True))
        turn = round(wrap_quarter_turn(item.yaw - near.yaw), 4)
        pairs.append(Sight(shape_of(item.label), round(item.score, 4), (x, y, z), turn, True))
    return pairs


def _distance(a: SceneObject, b: SceneObject) -> float:
    return math.dist(a.p_base[:2], b.p_base[:2])


def look_at_table(seed: int, detector: OwlVitDetector) -> list[Sight]:
    """Return the pairs of one random table."""
    rng = np.random.default_rng([SIGHT_STREAM, seed])
    table = draw_table(rng)
    world = World(table.placements)
    try:
        BulletArm(world)
        world.settle(0.5)
        light = sample_light(rng, Jitter())
        cameras = {spec.name: BulletCamera(world, spec, light) for spec in sample_cameras(rng, Jitter())}
        eyes = CameraEyes(cameras, detector, SceneTracker())
        return compare(eyes.look(), scene_of(world))
    finally:
        world.close()


def load_sights(path: Path = SIGHT_FILE) -> list[Sight]:
    """Return the pairs that stand beside the checkpoint."""
    rows = json.loads(path.read_text())['sights']
    return [Sight(shape, score, (x, y, z), turn, there) for shape, score, x, y, z, turn, there in rows]


def save_sights(sights: Sequence[Sight], tables: int, path: Path = SIGHT_FILE) -> None:
    """Write the pairs, one a line: shape, score, offset x y z (metres), turn (radians), whether it is there."""
    rows = [[s.shape, s.score, *s.offset, s.turn, s.is_there] for s in sights]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({'tables': tables, 'threshold': THRESHOLD, 'sights': rows})
    path.write_text(text.replace('], ', '],\n') + '\n')


def main() -> None:
    """Look at random tables and write the pairs."""
    parser = argparse.ArgumentParser(description='pairs of detection score and error')
    parser.add_argument('--tables', type=int, default=60)
    parser.add_argument('--out', type=Path, default=SIGHT_FILE)
    options = parser.parse_args()
    detector = OwlVitDetector(replace(OwlVitConfig(), threshold=THRESHOLD))
    sights = []
    for seed in tqdm(range(options.tables), desc='looks'):
        sights += look_at_table(seed, detector)
    save_sights(sights, options.tables, options.out)
    phantoms = sum(not sight.is_there for sight in sights)
    print(f'{len(sights)} things seen on {options.tables} tables, {phantoms} of them not there: {options.out}')


if __name__ == '__main__':
    main()
