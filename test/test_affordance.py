from __future__ import annotations

from dataclasses import replace

import pytest

from vlm_robot.datatypes import Scene, SceneObject, Step
from vlm_robot.errors import ConfigError, PlanError
from vlm_robot.furniture import DRAWER_STROKE, set_opening
from vlm_robot.planning.affordance import AffordanceConfig, judge
from vlm_robot.planning.options import build_options
from vlm_robot.planning.symbolic import apply
from vlm_robot.vocabulary import LOCATIONS


def move(scene: Scene, name: str, **changes) -> Scene:
    return replace(scene, objects=tuple(replace(o, **changes) if o.name == name else o for o in scene.objects))


def hold(scene: Scene, name: str) -> Scene:
    return apply(Step('pick', name), scene)


RULES = AffordanceConfig(kind='geometry')
EVERYTHING = ('learned', 'geometry', 'presence', 'none')


def test_what_is_possible_is_likely(scene):
    assert judge(Step('pick', 'red block'), scene).value > 0.9
    assert judge(Step('pick', 'red block'), scene, RULES).value == 1
    held = hold(scene, 'red block')
    for step in (
        Step('place_in', 'red block', 'green bowl'),
        Step('place_on', 'red block', 'blue block'),
        Step('place_at', 'red block', 'right side'),
    ):
        assert judge(step, held).value > 0.9, step
        assert judge(step, held, RULES).value == 1, step


@pytest.mark.parametrize(
    ('step', 'reason'),
    [
        (Step('pick', 'purple block'), 'there is no purple block in view'),
        (Step('pick', 'green bowl'), 'too wide'),
        (Step('place_in', 'red block', 'green bowl'), 'the hand is empty'),
        (Step('levitate', 'red block'), 'no skill'),
    ],
)
def test_reasons_with_an_empty_hand(step, reason, scene):
    judged = judge(step, scene)
    assert judged.value == 0
    assert reason in judged.reason


@pytest.mark.parametrize(
    ('step', 'reason'),
    [
        (Step('pick', 'blue block'), 'already holds the red block'),
        (Step('place_in', 'red block', 'pink bowl'), 'there is no pink bowl in view'),
        (Step('place_in', 'red block', 'blue block'), 'no bowl'),
        (Step('place_on', 'red block', 'green bowl'), 'is a bowl'),
        (Step('place_on', 'red block', 'red block'), 'itself'),
        (Step('place_in', 'blue block', 'green bowl'), 'holds the red block'),
        (Step('place_at', 'red block', 'moon'), 'no place'),
    ],
)
def test_reasons_with_a_full_hand(step, reason, scene):
    judged = judge(step, hold(scene, 'red block'))
    assert judged.value == 0
    assert reason in judged.reason


def test_stack_state(scene):
    stacked = apply(Step('place_on', 'red block', 'blue block'), hold(scene, 'red block'))
    assert 'on top of the blue block' in judge(Step('pick', 'blue block'), stacked).reason
    assert judge(Step('pick', 'red block'), stacked).value > 0.8
    held = hold(stacked, 'yellow block')
    assert 'on top of the blue block' in judge(Step('place_on', 'yellow block', 'blue block'), held).reason
    assert judge(Step('place_on', 'yellow block', 'red block'), held).value > 0.8


def test_numbered_twins_must_be_told_apart():
    twins = Scene(tuple(SceneObject(f'red block {i}', 'red block', (0.5, 0.1 * i, 0.02)) for i in (1, 2)))
    assert 'red block 1, red block 2' in judge(Step('pick', 'red block'), twins).reason
    assert judge(Step('pick', 'red block 2'), twins).value > 0.8


def test_reach_is_a_dial(scene):
    far = move(scene, 'red block', p_base=(0.76, 0.2, 0.02))
    assert judge(Step('pick', 'red block'), far).value > 0.1
    near_only = AffordanceConfig(reach=(0.25, 0.7))
    assert 'out of reach' in judge(Step('pick', 'red block'), far, near_only).reason
    assert 'out of reach' in judge(Step('pick', 'red block'), move(scene, 'red block', p_base=(0.5, 0.6, 0.02))).reason


def test_doubtful_detections_are_doubtful_skills(scene):
    values = [
        judge(Step('pick', 'red block'), move(scene, 'red block', score=s), RULES).value for s in (0.05, 0.2, 0.4, 0.9)
    ]
    assert values == sorted(values)
    assert values[0] < 0.2
    assert values[-1] == 1


def test_attempts_teach_that_doubtful_detections_are_doubtful(scene):
    values = [judge(Step('pick', 'red block'), move(scene, 'red block', score=s)) for s in (0.17, 0.3, 0.6, 0.95)]
    assert [v.value for v in values] == sorted(v.value for v in values)
    assert values[0].value < 0.5 < 0.9 < values[-1].value
    assert 'hardly seen (score 0.17)' in values[0].reason
    assert values[-1].reason == ''


def test_attempts_teach_that_neighbours_hinder_fingers(scene):
    """Two blocks in a row beside the red one, then on all sides of it: no direction is left."""
    x, y, z = scene.get('red block').p_base
    sides = [(0.0, 0.046), (0.0, -0.046), (0.046, 0.0), (-0.046, 0.0)]
    values = []
    for count in (0, 2, 4):
        near = tuple(
            SceneObject(f'white block {i}', 'white block', (x + dx, y + dy, z))
            for i, (dx, dy) in enumerate(sides[:count])
        )
        values.append(judge(Step('pick', 'red block'), replace(scene, objects=scene.objects + near)).value)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5


def test_kinds_are_a_dial(scene):
    """Rules keep their reasons under every kind; presence knows neither stacks nor gaps, none knows nothing."""
    stacked = apply(Step('place_on', 'red block', 'blue block'), hold(scene, 'red block'))
    covered, absent = Step('pick', 'blue block'), Step('pick', 'purple block')
    values = {kind: judge(covered, stacked, AffordanceConfig(kind=kind)).value for kind in EVERYTHING}
    assert values == {'learned': 0, 'geometry': 0, 'presence': 1, 'none': 1}
    for kind in EVERYTHING:
        judged = judge(absent, stacked, AffordanceConfig(kind=kind))
        assert judged.value == (1 if kind == 'none' else 0)
        assert judged.reason == 'there is no purple block in view'
    held = hold(scene, 'red block')
    presence = AffordanceConfig(kind='presence')
    assert judge(Step('pick', 'blue block'), held, presence).value == 0
    assert judge(Step('place_on', 'red block', 'red block'), held, presence).value == 0
    assert judge(Step('place_on', 'red block', 'green bowl'), held, presence).value == 1
    with pytest.raises(ConfigError, match='learned'):
        AffordanceConfig(kind='lerned')


def test_what_is_not_learned_keeps_the_rules(scene):
    assert judge(Step('go_home'), scene).value == 1
    assert judge(Step('done'), scene).value == AffordanceConfig().done


def test_every_look_renews_what_can_be_done(scene):
    """The same step in the same task: likely, unlikely once a wall stands around it, impossible once it is gone."""
    step = Step('pick', 'red block')
    x, y, z = scene.get('red block').p_base
    wall = tuple(
        SceneObject(f'white block {i}', 'white block', (x + 0.045 * dx, y + 0.045 * dy, z))
        for i, (dx, dy) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1)))
    )
    gone = replace(scene, objects=tuple(item for item in scene.objects if item.name != 'red block'))
    values = [judge(step, seen).value for seen in (scene, replace(scene, objects=scene.objects + wall), gone, scene)]
    assert values[0] > 0.9 > 0.5 > values[1] > values[2] == 0
    assert values[3] == values[0]


def test_location_must_be_free(scene):
    held = hold(scene, 'red block')
    x, y = LOCATIONS['right side']
    step = Step('place_at', 'red block', 'right side')
    assert 'stands at the right side' in judge(step, move(held, 'green bowl', p_base=(x + 0.01, y, 0.0))).reason
    beside = judge(step, move(held, 'blue block', p_base=(x, y, 0.02)))
    assert 0 < beside.value < 1  # the skill sets it down beside


def test_full_bowl(scene):
    crowd = tuple(
        SceneObject(f'block {i}', 'red block', (*scene.find('green bowl').p_base[:2], 0.03)) for i in range(5)
    )
    full = hold(replace(scene, objects=scene.objects + crowd), 'red block')
    assert 'full' in judge(Step('place_in', 'red block', 'green bowl'), full).reason


def test_constants_are_dials(scene):
    config = AffordanceConfig(done=0.2, refuse=0.3)
    assert judge(Step('done'), scene, config).value == 0.2
    assert judge(Step('refuse'), scene, config).value == 0.3
    with pytest.raises(ConfigError):
        AffordanceConfig(done=0.0)


def test_possible_options_can_be_applied(scene):
    for start in (scene, hold(scene, 'red block')):
        for step in build_options(start, only_fitting_hand=False):
            if judge(step, start).value > 0:
                apply(step, start)  # never raises
            elif step.skill == 'pick' and step.target not in start.names:
                with pytest.raises(PlanError):
                    apply(step, start)


def test_options_name_what_is_absent_and_fit_the_hand(scene):
    free = build_options(scene)
    assert Step('pick', 'purple block') in free
    assert not any(step.skill.startswith('place') for step in free)
    held = build_options(hold(scene, 'red block'))
    assert Step('place_in', 'red block', 'purple bowl') in held
    assert Step('place_at', 'red block', 'top left corner') in held
    assert not any(step.skill == 'pick' for step in held)
    assert len(set(free)) == len(free)


@pytest.fixture
def furnished(scene):
    """Return the table with a closed drawer, a pile, and the yellow block on the blue one."""
    things = (
        SceneObject('drawer', 'drawer', set_opening(0.0), (0.16, 0.10, 0.05)),
        SceneObject('pile', 'pile', (0.60, -0.25, 0.006), (0.06, 0.06, 0.012)),
    )
    stacked = apply(Step('place_on', 'yellow block', 'blue block'), hold(scene, 'yellow block'))
    return replace(stacked, objects=stacked.objects + things)


@pytest.mark.parametrize(
    'step',
    [
        Step('open_drawer', 'drawer'),
        Step('push', 'red block', 'left'),
        Step('push', 'red block', 'spot 450 left 250'),
        Step('sweep', 'pile', 'left side'),
        Step('unstack', 'blue block'),
        Step('unstack', 'yellow block'),
    ],
)
def test_furniture_and_pushes_are_possible(step, furnished):
    assert judge(step, furnished).value == 1
    full = hold(furnished, 'red block')
    assert judge(step, full).reason == 'the hand already holds the red block'
    gone = replace(furnished, objects=tuple(o for o in furnished.objects if o.name != step.target), relations=())
    assert judge(step, gone).reason == f'there is no {step.target} in view'
    assert judge(step, furnished, AffordanceConfig(kind='presence')).value == 1


@pytest.mark.parametrize(
    ('step', 'reason'),
    [
        (Step('push', 'blue block', 'left'), 'the yellow block is on top of the blue block'),
        (Step('push', 'yellow block', 'left'), 'does not lie on the table'),
        (Step('push', 'red block', 'moon'), 'no place called moon'),
        (Step('push', 'green bowl', 'left'), 'is no block'),
        (Step('unstack', 'red block'), 'nothing lies on the red block'),
        (Step('open_drawer', 'green bowl'), 'is no drawer'),
        (Step('sweep', 'red block', 'middle'), 'is no pile'),
        (Step('sweep', 'pile', 'moon'), 'no place called moon'),
        (Step('pick', 'drawer'), 'too wide'),
        (Step('hand_over', 'red block'), 'the hand is empty'),
    ],
)
def test_what_furniture_and_pushes_forbid(step, reason, furnished):
    judged = judge(step, furnished)
    assert judged.value == 0
    assert reason in judged.reason


def test_drawer_must_be_open_and_what_is_so_already_is_needless(furnished):
    opened = move(furnished, 'drawer', p_base=set_opening(DRAWER_STROKE))
    into = Step('place_in', 'red block', 'drawer')
    assert 'not open' in judge(into, hold(furnished, 'red block')).reason
    assert judge(into, hold(opened, 'red block')).value == 1
    assert 0 < judge(Step('open_drawer', 'drawer'), opened).value < 0.1
    assert judge(Step('close_drawer', 'drawer'), opened).value == 1
    assert 0 < judge(Step('close_drawer', 'drawer'), furnished).value < 0.1
    shut_in = move(furnished, 'red block', p_base=set_opening(0.0))
    assert 'lies in the drawer, which is not open' in judge(Step('pick', 'red block'), shut_in).reason


def test_hands_give_what_they_hold(furnished):
    held = hold(furnished, 'red block')
    assert judge(Step('hand_over', 'red block'), held).value == 1
    assert 'not the blue block' in judge(Step('hand_over', 'blue block'), held).reason


def test_thing_in_the_way_hinders_a_push(furnished):
    x, y, _ = furnished.get('red block').p_base
    free = judge(Step('push', 'red block', 'left'), furnished).value
    blocked = move(furnished, 'green bowl', p_base=(x, y - 0.12, 0.0))
    judged = judge(Step('push', 'red block', 'left'), blocked)
    assert judged.value < free
    assert 'the green bowl is in the way' in judged.reason
