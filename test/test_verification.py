from __future__ import annotations

from dataclasses import replace

import pytest

from vlm_robot.datatypes import Scene, SceneObject, Step
from vlm_robot.furniture import DRAWER_STROKE, set_opening
from vlm_robot.planning.symbolic import apply, relate
from vlm_robot.planning.verification import contradict, fill_in, find_unseen_place

HELD = Step('pick', 'red block')
PLACES = (
    Step('place_in', 'red block', 'green bowl'),
    Step('place_on', 'red block', 'blue block'),
    Step('place_at', 'red block', 'right side'),
)


def age(scene: Scene, name: str, stamp: float) -> Scene:
    """Return the scene with a thing that was last seen then."""
    return replace(scene, objects=tuple(replace(o, stamp=stamp) if o.name == name else o for o in scene.objects))


def put(scene: Scene, name: str, place) -> Scene:
    return replace(scene, objects=tuple(replace(o, p_base=place) if o.name == name else o for o in scene.objects))


@pytest.mark.parametrize('step', PLACES)
def test_what_is_true_is_believed_and_what_is_not_is_not(step, scene):
    held = apply(HELD, scene)
    done = apply(step, held)
    assert contradict(step, held, done) == ''
    elsewhere = put(done, 'red block', (0.40, -0.25, 0.02))
    assert contradict(step, held, elsewhere).startswith('it is not there: the red block is not')
    assert step.destination in contradict(step, held, elsewhere)


def test_millimetres_of_error_are_no_contradiction(scene):
    held = apply(HELD, scene)
    for step in PLACES:
        done = apply(step, held)
        x, y, z = done.get('red block').p_base
        assert contradict(step, held, put(done, 'red block', (x + 0.008, y - 0.006, z + 0.004))) == ''


def test_hand_decides_about_a_pick(scene):
    assert contradict(HELD, scene, apply(HELD, scene)) == ''
    assert contradict(HELD, scene, scene) == 'it is not there: the red block is not in the hand'


def test_what_was_not_seen_again_is_no_evidence(scene):
    step, held = PLACES[0], replace(apply(HELD, scene), stamp=5.0)
    wrong = put(apply(step, held), 'red block', (0.40, -0.25, 0.02))
    newer = replace(wrong, stamp=6.0)
    assert contradict(step, held, age(age(newer, 'red block', 6.0), 'green bowl', 6.0))
    assert contradict(step, held, age(age(newer, 'red block', 4.0), 'green bowl', 6.0)) == ''
    in_the_air = put(newer, 'red block', (0.30, 0.0, 0.42))
    assert contradict(step, held, in_the_air) == ''
    gone = replace(newer, objects=tuple(o for o in newer.objects if o.name != 'red block'))
    assert contradict(step, held, gone) == ''


def test_other_skills_are_not_judged(scene):
    assert contradict(Step('go_home'), scene, scene) == ''
    assert contradict(Step('push', 'red block', 'left'), scene, scene) == ''


def test_drawers_show_whether_they_were_moved(scene):
    def stand(opening: float) -> Scene:
        return replace(scene, objects=(*scene.objects, SceneObject('drawer', 'drawer', set_opening(opening))))

    shut, wide = stand(0.0), stand(DRAWER_STROKE)
    assert contradict(Step('open_drawer', 'drawer'), shut, wide) == ''
    assert contradict(Step('close_drawer', 'drawer'), wide, shut) == ''
    assert contradict(Step('open_drawer', 'drawer'), shut, shut) == 'it is not so: the drawer is not open'
    assert contradict(Step('close_drawer', 'drawer'), wide, stand(0.05)) == 'it is not so: the drawer is not closed'


def test_a_thing_that_its_bowl_hides_is_believed_to_lie_where_it_was_put():
    bowl, up = SceneObject('blue bowl', 'blue bowl', (0.5, 0.0, 0.02)), (0.45, 0.0, 0.35)
    held = SceneObject('blue block', 'blue block', up)
    before, after = Scene((bowl, held), held='blue block'), Scene((bowl, held))
    step = Step('place_in', 'blue block', 'blue bowl')
    place = find_unseen_place(step, before, after)
    filled = fill_in(after, {'blue block': place})
    assert relate(filled)['blue block'] == ('in', 'blue bowl')
    assert filled.get('blue block').p_base[2] < 0.1
    seen = replace(after, objects=(bowl, replace(held, p_base=(0.6, 0.2, 0.02))))
    assert find_unseen_place(step, before, seen) is None and fill_in(seen, {'blue block': place}) == seen
    assert fill_in(replace(after, objects=(bowl,)), {'blue block': place}) == filled  # the tracker forgot it
    assert fill_in(before, {'blue block': place}) == before  # what the hand holds is where the hand is
