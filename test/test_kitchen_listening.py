"""People in the kitchen: typing mistakes, phrases that fit several things, answers put in their place."""

import pytest

from vlm_robot.datatypes import Decision, OptionScore, Plan, Step
from vlm_robot.language.language_model import ScriptedLanguageModel
from vlm_robot.planning.conversation import take_answer
from vlm_robot.planning.kitchen import build_kitchen
from vlm_robot.planning.kitchen_listening import KitchenListener, list_meant
from vlm_robot.planning.kitchen_words import KITCHEN
from vlm_robot.planning.saycan import SayCanConfig, SayCanPlanner

SCENE = build_kitchen({'coke can': 'table', '7up can': 'table', 'tea bottle': 'far counter', 'apple': 'table'})


def listen(script=()):
    """Return a listener whose language model knows the steps of a script."""
    return KitchenListener(SayCanPlanner(ScriptedLanguageModel(dict(script)), SayCanConfig(calibration=''), KITCHEN))


@pytest.mark.parametrize(
    ('sentence', 'meant'),
    [
        ('bring me the soda', ('7up can', 'coke can')),
        ('bring me the drink', ('7up can', 'coke can', 'tea bottle')),
        ('throw away that can please', ('7up can', 'coke can')),
        ('bring me the red can', ()),  # one fits
        ('bring me a soda', ()),  # the robot may choose
        ('bring me all the drinks', ()),
        ('bring me the coke', ()),
        ('bring me the drink from the far counter', ()),  # it is said which one
        ('i drank my coke, throw the can away', ()),
        ('bring me the vegetable', ()),  # none is there: the planner says so
    ],
)
def test_only_definite_phrases_that_fit_several_things_are_asked_about(sentence, meant):
    assert set(list_meant(sentence, SCENE)) == set(meant)


def test_two_of_the_same_and_what_the_hand_holds_are_no_question():
    twins = build_kitchen({'coke can': 'table', 'coke can 2': 'table'})
    assert list_meant('bring me the can', twins) == ()
    assert list_meant('give me the soda', build_kitchen({'coke can': 'table'}, held='7up can')) == ()


def test_a_question_is_asked_and_its_answer_stands_in_the_sentence():
    listener = listen()
    plan = listener.plan('bring me the sooda', SCENE)
    assert plan.question is not None and set(plan.question.choices) == {'coke can', '7up can'}
    assert listener.notes == ("read 'sooda' as 'soda'",)
    answered = take_answer('bring me the sooda', plan.question, 'the coek')
    assert listener.read(answered, SCENE) == 'bring me the coke can'
    assert listener.read(take_answer('bring me the soda', plan.question, '7up can'), SCENE) == 'bring me the 7up can'
    assert listener.read('bring me the soda; which one? the plate', SCENE).endswith('which one? the plate')


def test_what_is_clear_is_planned_and_decided_in_corrected_words():
    listener = listen({'Task: bring me the apple\n1.': 'find the apple.'})
    decision = listener.decide('brng me teh appel', SCENE)
    assert isinstance(decision, Decision) and isinstance(decision.chosen, OptionScore)
    assert decision.chosen.step == Step('find', 'apple')
    assert isinstance(listener.plan('bring me the apple', SCENE), Plan)
    assert len(listener.notes) == 3
