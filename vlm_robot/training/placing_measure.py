"""
Measure, and choose on validation pictures, how the description reads "in" and "on" from boxes.

Every block that the detector found and that is there is asked: does ``picture_relations`` name what carries it? A thing
in a bowl or on a block has a host, a thing on the table none; things in the hand, or with a host that was not found,
are left out. Rules are chosen one after the other, round by round, by the share of right answers averaged over table,
bowl and stack, so that the many things on the table do not decide alone. The test split chooses nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from vlm_robot.datatypes import Detection
from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.detection_metrics import compute_iou
from vlm_robot.perception.owlvit import OwlVitDetector
from vlm_robot.perception.picture_relations import find_hosts, HOST_RULES, HostRules
from vlm_robot.training.picture_store import PictureStore
from vlm_robot.training.pictures import Picture
from vlm_robot.vocabulary import list_labels

CHOICES = {
    'least_in_bowl': (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95),
    'stack_overlap': (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9),
    'least_bite': (-0.1, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3),
    'most_bite': (0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    'stack_rise': (0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
}
ROUNDS = 3
SAME_THING = 0.5  # intersection over union of a detection and what it is of


@dataclass(frozen=True)
class Case:
    """
    What was found in one picture, and the truth about some of it.

    :param hosts: per asked detection: what carries it, None for the table.
    :param places: per asked detection: ``table``, ``bowl`` or ``stack``.
    """

    found: tuple[Detection, ...]
    hosts: dict[int, int | None]
    places: dict[int, str]


def measure_placing(data: Path, split: str, pictures: int, choose: bool = False) -> dict:
    """
    Return how often the carrier of a block is named rightly by place, and, where asked, the best rules.

    :raises ConfigError: rules are to be chosen on test pictures.
    """
    if choose and split == 'test':
        raise ConfigError("rules are chosen on validation pictures: use split 'validation'")
    cases = collect(data, split, pictures)
    report = {'split': split, 'pictures': pictures, 'rules': asdict(HOST_RULES), **summarise(cases, HOST_RULES)}
    if choose:
        best = choose_rules(cases)
        report['chosen'] = {'rules': asdict(best), **summarise(cases, best)}
    return report


def collect(data: Path, split: str, pictures: int) -> list[Case]:
    """Return what the shipped detector finds in the pictures of a split, with the truth."""
    detector, store = OwlVitDetector(), PictureStore(data, split, pictures)
    try:
        drawn = [store.draw(i, np.random.default_rng(i)) for i in range(pictures)]
    finally:
        store.close()
    return [make_case(detector.detect(picture.rgb, list_labels()), picture) for picture in drawn]


def make_case(found: Sequence[Detection], picture: Picture) -> Case:
    """Return the blocks among detections about which the truth can be told."""
    matched = {i: number for i, item in enumerate(found) if (number := _find_thing(item, picture)) is not None}
    hosts: dict[int, int | None] = {}
    for i, which in matched.items():
        thing = picture.things[which]
        if thing.shape != 'block' or thing.place == 'hand':
            continue
        carriers = [j for j, other in matched.items() if other == thing.host]
        if thing.place == 'table' or carriers:
            hosts[i] = None if thing.place == 'table' else carriers[0]
    return Case(tuple(found), hosts, {i: picture.things[matched[i]].place for i in hosts})


def _find_thing(item: Detection, picture: Picture) -> int | None:
    """Return which thing of the picture a detection is of."""
    if not picture.things:
        return None
    boxes = np.array([thing.box_xyxy_px for thing in picture.things])
    overlap = compute_iou(np.array([item.box_xyxy_px]), boxes)[0]
    overlap = overlap * np.array([thing.label == item.label for thing in picture.things], bool)
    return int(overlap.argmax()) if overlap.max() >= SAME_THING else None


def summarise(cases: Sequence[Case], rules: HostRules) -> dict:
    """Return the share of right answers by place, and their mean."""
    right: dict[str, list[bool]] = defaultdict(list)
    for case in cases:
        said = find_hosts(case.found, rules)
        for i, host in case.hosts.items():
            answer = said[i]
            right[case.places[i]].append((answer[0] if answer else None) == host)
    shares = {place: round(float(np.mean(rows)), 4) for place, rows in sorted(right.items())}
    mean = round(float(np.mean(list(shares.values()))), 4) if shares else 0.0
    return {'n': {place: len(rows) for place, rows in sorted(right.items())}, 'right': shares, 'mean_of_places': mean}


def choose_rules(cases: Sequence[Case], start: HostRules = HOST_RULES) -> HostRules:
    """Return the rules with the best mean over places, one at a time, of equally good ones the middle one."""
    best = start
    for _ in range(ROUNDS):
        for name, values in CHOICES.items():
            scores = [summarise(cases, replace(best, **{name: value}))['mean_of_places'] for value in values]
            equals = [value for value, score in zip(values, scores, strict=True) if score == max(scores)]
            best = replace(best, **{name: equals[len(equals) // 2]})
    return best
