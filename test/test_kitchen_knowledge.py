"""What is known of things: all of the kitchen's, in a form that the planner's text can carry."""

from vlm_robot.kitchen_vocabulary import THINGS
from vlm_robot.planning.kitchen_knowledge import is_a, list_attributes, load_things, tell


def test_every_thing_of_the_kitchen_is_known_and_told_the_same():
    shared = {
        'fruit',
        'drink',
        'soda',
        'can',
        'bottle',
        'caffeine',
        'healthy',
        'snack',
        'chips',
        'bag',
        'food',
        'spicy',
    }
    for name, attributes in THINGS.items():
        assert attributes & shared == list_attributes(name) & shared, name
        assert tell(f'{name} 2') == tell(name) != ''


def test_contents_do_not_contradict_each_other():
    for name in load_things():
        told = list_attributes(name)
        assert not {'caffeine', 'no caffeine'} <= told and not {'sugar', 'no sugar'} <= told, name
        assert not ('drink' in told and 'food' in told), name
        assert not told & set('()[].:\n'), name


def test_a_soda_is_a_drink_and_nothing_is_known_of_a_lamp():
    assert is_a('coke can', 'drink') and is_a('coke can 2', 'soda') and not is_a('water bottle', 'soda')
    assert tell('lamp') == '' and not is_a('lamp', 'drink')
