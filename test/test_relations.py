"""Relations: properties over random tables first, then the pictures a person would name."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vlm_robot.datatypes import Relation, SceneObject
from vlm_robot.scene.relations import relations_of
from vlm_robot.vocabulary import LOCATIONS


def block(name: str, x: float, y: float, z: float = 0.02) -> SceneObject:
    return SceneObject(name, name, (x, y, z))


def bowl(name: str, x: float, y: float) -> SceneObject:
    return SceneObject(name, name, (x, y, 0.0225), (0.12, 0.12, 0.045))


def random_table(seed: int) -> list[SceneObject]:
    rng = np.random.default_rng(seed)
    spots = rng.uniform((0.36, -0.31, 0.02), (0.50, 0.0, 0.11), (6, 3))
    names = [f'{colour} block' for colour in ('red', 'blue', 'green', 'pink')] + ['gray bowl', 'cyan bowl']
    return [SceneObject(name, name, tuple(spot)) for name, spot in zip(names, spots, strict=True)]


OPPOSITES = (('left of', 'right of'), ('in front of', 'behind'))


@pytest.mark.parametrize('seed', range(30))
def test_relations_make_sense_on_any_table(seed):
    objects = random_table(seed)
    found = set(relations_of(objects))
    for one, other in OPPOSITES:
        for subject, target in itertools.permutations([item.name for item in objects], 2):
            assert (Relation(subject, one, target) in found) == (Relation(target, other, subject) in found)
            assert not {Relation(subject, one, target), Relation(target, one, subject)} <= found
    for relation in found:
        assert relation.subject != relation.object
        if relation.predicate in ('in', 'on'):
            assert Relation(relation.object, relation.predicate, relation.subject) not in found
        if relation.predicate == 'next to':
            assert Relation(relation.object, 'next to', relation.subject) in found
    shuffled = [objects[i] for i in np.random.default_rng(seed).permutation(len(objects))]
    assert relations_of(shuffled) == relations_of(objects)


def facts(*objects, held=''):
    return {(r.subject, r.predicate, r.object) for r in relations_of(objects, held)}


def test_a_stack_of_three():
    names = ('red block', 'blue block', 'pink block')
    found = facts(*(block(name, 0.5 + 0.004 * i, 0.0, 0.02 + 0.04 * i) for i, name in enumerate(names)))
    assert {fact for fact in found if fact[1] == 'on'} == {
        ('red block', 'on', 'table'),
        ('blue block', 'on', 'red block'),
        ('pink block', 'on', 'blue block'),
    }


def test_in_a_bowl_is_not_on_the_table():
    found = facts(block('red block', 0.51, 0.1, 0.026), bowl('green bowl', 0.5, 0.1))
    assert ('red block', 'in', 'green bowl') in found
    assert ('red block', 'on', 'table') not in found
    assert ('green bowl', 'on', 'table') in found
    assert ('red block', 'next to', 'green bowl') not in found


def test_beside_a_bowl_is_not_in_it():
    found = facts(block('red block', 0.59, 0.1), bowl('green bowl', 0.5, 0.1))
    assert ('red block', 'in', 'green bowl') not in found
    assert ('red block', 'next to', 'green bowl') in found


def test_left_is_negative_y_and_behind_is_near_the_robot():
    found = facts(block('red block', 0.40, -0.2), block('blue block', 0.60, 0.2))
    assert ('red block', 'left of', 'blue block') in found
    assert ('red block', 'behind', 'blue block') in found
    assert ('blue block', 'in front of', 'red block') in found


@pytest.mark.parametrize('place', LOCATIONS)
def test_every_location_is_recognised(place):
    x, y = LOCATIONS[place]
    assert ('red block', 'at', place) in facts(block('red block', x + 0.02, y - 0.02))
    assert ('red block', 'at', place) not in facts(block('red block', x + 0.06, y))


def test_what_is_held_has_no_place():
    found = facts(block('red block', 0.39, 0.0, 0.02), block('blue block', 0.5, 0.1), held='red block')
    assert {fact for fact in found if 'red block' in fact} == {('red block', 'held by', 'hand')}
