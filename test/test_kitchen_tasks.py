"""The kitchen's training data: plans that work, wordings that the evaluation does not have."""

import itertools
import random

import pytest

from vlm_robot.planning import kitchen
from vlm_robot.planning.kitchen_expert import is_true, plan_kitchen
from vlm_robot.planning.kitchen_knowledge import load_things
from vlm_robot.training.kitchen_attributes import describe_kind
from vlm_robot.training.kitchen_separation import is_kitchen_evaluation, list_evaluation_sentences, skeleton
from vlm_robot.training.kitchen_speech import expand, fits
from vlm_robot.training.kitchen_tasks import generate_kitchen, sample_kitchen_task


def test_the_expert_reaches_its_goals_or_refuses():
    rng = random.Random(3)
    kinds = set()
    for _ in range(400):
        task = sample_kitchen_task(rng)
        kinds.add(task.kind)
        scene = task.scene
        steps = plan_kitchen(scene, task.goals).steps
        for step in steps[:-1]:
            scene = kitchen.apply(step, scene)  # raises PlanError where the expert errs
        if steps[-1].skill == 'done':
            assert all(is_true(goal, scene) or goal[0] in ('open', 'find') for goal in task.goals), task
        else:
            assert steps[-1].skill == 'refuse' or kitchen.find_obstacle(steps[-1], scene), task
    assert len(kinds) >= 10


def test_no_training_sentence_is_an_evaluation_wording():
    for example in itertools.islice(generate_kitchen(5), 500):
        sentence = example.text.split('\nTask: ')[1].split('\n')[0]
        assert not is_kitchen_evaluation(sentence)


@pytest.mark.parametrize('sentence', list_evaluation_sentences()[::9])
def test_evaluation_wordings_are_recognised_with_other_things_and_politeness(sentence):
    assert is_kitchen_evaluation(sentence)
    assert is_kitchen_evaluation(f'Could you please {sentence.lower()}, thanks')
    assert is_kitchen_evaluation(sentence.replace('coke can', 'sponge').replace('far counter', 'table'))


def test_skeleton_blanks_things_and_places():
    assert skeleton('Please carry the can of coke to the bin!') == skeleton('carry the apple to the far counter')


def test_same_seed_same_examples_and_spans_are_the_steps():
    first, again = (list(itertools.islice(generate_kitchen(7), 50)) for _ in range(2))
    assert first == again
    for example in first:
        for start, end in example.spans:
            assert example.text[start] == ' ' and example.text[end - 1] == '.'
        assert example.spans[-1][1] == len(example.text)
    ended = [example.text.endswith(('done.', 'refuse.')) for example in first]
    assert sum(ended) >= 0.8 * len(ended)  # the rest end in a step that cannot be done: its affordance is the answer


def test_expand_chooses_one_of_the_alternatives():
    rng = random.Random(0)
    assert {expand(rng, '(a|b (c|d)) {w}', w='(x|y)') for _ in range(60)} == {'a (x|y)', 'b c (x|y)', 'b d (x|y)'}


def test_phrases_of_attributes_fit_the_first_thing_that_has_them():
    rng = random.Random(1)
    names = [*load_things()]
    phrases = set()
    for _ in range(500):
        there = rng.sample(names, 4)
        described = describe_kind(rng, there)
        if described is None:
            continue
        attributes, phrase = described
        phrases.add(phrase)
        assert any(fits(name, attributes) for name in there), described
        assert '{' not in phrase and '|' not in phrase
    assert len(phrases) > 150


def test_the_expert_finds_a_way_when_it_stands_before_the_closed_drawer_with_a_full_hand():
    scene = kitchen.build_kitchen({'sponge': 'table'}, 'drawer', held='apple')
    steps = plan_kitchen(scene, (('open', '', ''), ('at', 'apple', 'drawer'))).steps
    for step in steps[:-1]:
        scene = kitchen.apply(step, scene)
    assert steps[-1].skill == 'done' and kitchen.place_of('apple', scene) == 'drawer'
