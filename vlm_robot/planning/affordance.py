"""
What the robot can do right now, 0..1, with the reason where it cannot: the "can" of SayCan.

What is impossible by rule (absent, hand full, covered, out of reach, no bowl ...) is 0 and says why. What is
left is as likely as the chosen kind of affordance says: learned from attempts (``success_predictor``), by the
rules of thumb that are here, by presence alone as in SayCan's notebook, or 1 for everything. All are read from
the scene that is given, so every new look renews them. Distances are metres in the base frame.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

from vlm_robot.datatypes import Scene, SceneObject, Step
from vlm_robot.errors import ConfigError, name_nearest
from vlm_robot.furniture import DIRECTIONS, DRAWER
from vlm_robot.planning.furniture_rules import find_shut_drawer, judge_drawer, RULES
from vlm_robot.planning.parsing import PLACE_SKILLS
from vlm_robot.planning.success_predictor import explain_doubt, load_predictor
from vlm_robot.planning.symbolic import CLEARANCE, find_covers, relate
from vlm_robot.vocabulary import find_place, shape_of, ZONE_X, ZONE_Y

_CONSTANT = ('done', 'refuse', 'go_home')
KINDS = ('learned', 'geometry', 'presence', 'none')


@dataclass(frozen=True)
class AffordanceConfig:
    """What counts as possible, and who says how likely it is."""

    kind: str = 'learned'  # 'learned' from attempts, 'geometry' rules, 'presence' (SayCan's notebook), 'none' (all 1)
    checkpoint: str = 'success'  # a shipped success predictor or a folder, for kind 'learned'
    done: float = 0.5  # 0..1, constant for stopping (SayCan's notebook has 0.2, for a model that stops too early)
    refuse: float = 0.5  # 0..1, constant for refusing
    sure_score: float = 0.5  # detection score from which presence counts as certain
    zone_margin: float = 0.10  # metres beyond the table zone where things are still handled
    reach: tuple[float, float] = (0.25, 0.82)  # metres from the base axis, nearest and farthest
    grip_width: float = 0.075  # metres, widest thing the hand takes
    bowl_capacity: int = 5  # blocks

    def __post_init__(self):
        """Check ranges."""
        if self.kind not in KINDS:
            raise ConfigError(f"affordance.kind '{self.kind}' is not known{name_nearest(self.kind, KINDS)}")
        if not (0 < self.done <= 1 and 0 <= self.refuse <= 1 and 0 < self.sure_score <= 1):
            raise ConfigError(
                'affordance: done, refuse and sure_score are between 0 and 1, done and sure_score above 0'
            )
        if not 0 <= self.reach[0] < self.reach[1]:
            raise ConfigError(f'affordance.reach {self.reach} must be (nearest, farthest) in metres')


@dataclass(frozen=True)
class Affordance:
    """0..1, how likely the step would succeed here and now, and why that is low."""

    value: float
    reason: str = ''


def judge(step: Step, scene: Scene, config: AffordanceConfig = AffordanceConfig()) -> Affordance:
    """Return the affordance of a step in a scene."""
    ruled = judge_by_rules(step, scene, config)
    if config.kind == 'none':
        return Affordance(1.0, ruled.reason)
    if config.kind == 'geometry' or step.skill in _CONSTANT:
        return ruled
    if config.kind == 'presence':
        return _judge_presence(step, scene, ruled)
    if ruled.value == 0:
        return ruled
    value = load_predictor(config.checkpoint).predict(step, scene)
    return ruled if value is None else Affordance(value, explain_doubt(step, scene, value))


def judge_by_rules(step: Step, scene: Scene, config: AffordanceConfig = AffordanceConfig()) -> Affordance:
    """Return what presence, reach, hand, stacks and free space say; nothing is learned."""
    if step.skill == 'done':
        return Affordance(config.done)
    if step.skill == 'refuse':
        return Affordance(config.refuse)
    if step.skill == 'go_home':
        return Affordance(1.0)
    if step.skill == 'pick':
        return _judge_pick(step.target, scene, config)
    if step.skill in PLACE_SKILLS:
        return _judge_place(step, scene, config)
    if step.skill == 'hand_over':
        return Affordance(0.0, _find_wrong_hand(step, scene)) if _find_wrong_hand(step, scene) else Affordance(1.0)
    if step.skill in RULES:
        return _judge_furniture(step, scene)
    return Affordance(0.0, f"there is no skill '{step.skill}'")


def _judge_furniture(step: Step, scene: Scene) -> Affordance:
    if scene.held:
        return Affordance(0.0, f'the hand already holds the {scene.held}')
    if scene.find(step.target) is None:
        return Affordance(0.0, explain_absence(step.target, scene))
    return Affordance(*RULES[step.skill](step, scene))


def _find_wrong_hand(step: Step, scene: Scene) -> str:
    """Return why the hand cannot let go of what a step names; empty where it can."""
    if not scene.held:
        return 'the hand is empty'
    return '' if step.target in ('', scene.held) else f'the hand holds the {scene.held}, not the {step.target}'


def _judge_presence(step: Step, scene: Scene, ruled: Affordance) -> Affordance:
    """Return 1 where all that the step names is in view and the hand fits, whatever else forbids it."""
    if ruled.value > 0:
        return Affordance(1.0)
    takes = step.skill == 'pick' or step.skill in RULES  # with an empty hand
    wrong_hand = bool(scene.held) if takes else bool(_find_wrong_hand(step, scene))
    places = find_place(step.destination) is not None or step.destination in DIRECTIONS or not step.destination
    there = [places or scene.find(step.destination) is not None, not step.target or scene.find(step.target) is not None]
    itself = step.destination == (step.target or scene.held)
    return Affordance(1.0) if all(there) and not wrong_hand and not itself else ruled


def explain_absence(name: str, scene: Scene) -> str:
    """Return why a name is not a thing in the scene."""
    twins = [item.name for item in scene.objects if item.label == name]
    if len(twins) > 1:
        return f'there are several: {", ".join(twins)}; say which one'
    return f'there is no {name} in view'


def _judge_pick(name: str, scene: Scene, config: AffordanceConfig) -> Affordance:
    if scene.held:
        return Affordance(0.0, f'the hand already holds the {scene.held}')
    item = scene.find(name)
    if item is None:
        return Affordance(0.0, explain_absence(name, scene))
    cover = find_covers(scene).get(name)
    if cover:
        return Affordance(0.0, f'the {cover} is on top of the {name}')
    too_wide = shape_of(item.label) != 'block' and min(item.size[:2]) > config.grip_width
    if too_wide or shape_of(item.label) in ('bowl', DRAWER):
        return Affordance(0.0, f'the {name} is too wide for the gripper')
    drawer = find_shut_drawer(item, scene)
    if drawer:
        return Affordance(0.0, f'the {name} lies in the {drawer}, which is not open; open it first')
    return _judge_reach(item, config)


def _judge_place(step: Step, scene: Scene, config: AffordanceConfig) -> Affordance:
    wrong_hand = _find_wrong_hand(step, scene)
    if wrong_hand:
        return Affordance(0.0, wrong_hand)
    if step.skill == 'place_at':
        return _judge_location(step.destination, scene)
    item = scene.find(step.destination)
    if step.destination == scene.held:
        return Affordance(0.0, f'the {scene.held} cannot be put on itself')
    if item is None:
        return Affordance(0.0, explain_absence(step.destination, scene))
    if step.skill == 'place_in' and shape_of(item.label) == DRAWER:
        return Affordance(*judge_drawer(item, scene))
    if step.skill == 'place_in':
        if shape_of(item.label) != 'bowl':
            return Affordance(0.0, f'the {item.name} is no bowl')
        if sum(place == ('in', item.name) for place in relate(scene).values()) >= config.bowl_capacity:
            return Affordance(0.0, f'the {item.name} is full')
        return _judge_reach(item, config)
    if shape_of(item.label) == 'bowl':
        return Affordance(0.0, f'the {item.name} is a bowl; things go in it, not on it')
    cover = find_covers(scene).get(item.name)
    if cover:
        return Affordance(0.0, f'the {cover} is on top of the {item.name}')
    return _judge_reach(item, config)


def _judge_reach(item: SceneObject, config: AffordanceConfig) -> Affordance:
    """Return presence times reach: a doubtful detection is a doubtful skill."""
    x, y, _ = item.p_base
    margin = config.zone_margin
    inside = ZONE_X[0] - margin <= x <= ZONE_X[1] + margin and ZONE_Y[0] - margin <= y <= ZONE_Y[1] + margin
    if not inside or not config.reach[0] <= math.hypot(x, y) <= config.reach[1]:
        return Affordance(0.0, f'the {item.name} at ({x:.2f}, {y:.2f}) m is out of reach')
    value = min(1.0, max(0.05, item.score / config.sure_score))
    return Affordance(value, '' if value > 0.5 else f'the {item.name} is hardly seen (score {item.score:.2f})')


def _judge_location(name: str, scene: Scene) -> Affordance:
    place = find_place(name)
    if place is None:
        return Affordance(0.0, f'there is no place called {name}')
    others = (item for item in scene.objects if item.name != scene.held)
    near = sorted((math.dist(item.p_base[:2], place), item.name, shape_of(item.label) == 'bowl') for item in others)
    for distance, other, is_bowl in near:
        if is_bowl and distance < CLEARANCE[True] - 0.05:  # skills shift a block by up to 5 cm to find a free spot
            return Affordance(0.0, f'the {other} stands at the {name}')
        if distance < CLEARANCE[is_bowl]:
            return Affordance(0.6, f'the {other} is near the {name}')
    return Affordance(1.0)
