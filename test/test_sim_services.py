"""The services that steer the simulation, on a real simulation; those of simulation_interfaces with look-alikes."""

from __future__ import annotations

from types import SimpleNamespace as Fields

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from std_srvs.srv import SetBool, Trigger

from vlm_robot.errors import MotionError
from vlm_robot.nodes import conversions, sim_services
from vlm_robot.nodes.sim_services import FAILED, NOT_FOUND, OK, PAUSED, PLAYING, SimServices, UNSUPPORTED
from vlm_robot.nodes.sim_thread import SimThread

RESETS = []


@pytest.fixture(scope='module')
def services():
    """Return services that steer a table of blocks."""
    sim = SimThread('blocks_and_bowls', 3, 20.0, lambda table: None)
    yield SimServices(sim, lambda: RESETS.append(sim.load('', 3)), lambda: 24)
    sim.close()


def answer():
    """Return what a response of simulation_interfaces holds."""
    state = Fields(state=0, header=None, pose=None)
    return Fields(result=Fields(result=0, error_message=''), state=state, features=Fields(), entities=[], states=[])


def filters(name='', categories=(), tags=(), points=()):
    return Fields(filter=name, categories=categories, tags=Fields(tags=tags), bounds=Fields(points=points))


def clock(services):
    return services.sim.call(lambda table: table.world.time)


@pytest.fixture
def paused(services):
    """Hold the simulation still."""
    services.set_paused(SetBool.Request(data=True), SetBool.Response())
    clock(services)  # the batch under way has ended
    yield services
    services.set_paused(SetBool.Request(data=False), SetBool.Response())


def test_a_paused_world_stands_still_and_steps_exactly(paused):
    before = clock(paused)
    assert clock(paused) == before
    assert paused.step(Trigger.Request(), Trigger.Response()).success
    assert clock(paused) == pytest.approx(before + 24 / 240)
    assert paused.step_many(Fields(steps=31), answer()).result.result == OK
    assert clock(paused) == pytest.approx(before + 55 / 240)


@pytest.mark.parametrize('steps', [0, 10**9])
def test_steps_that_cannot_be_are_refused(paused, steps):
    assert paused.step_many(Fields(steps=steps), answer()).result.result == FAILED


def test_a_playing_world_does_not_step(services):
    assert 'not paused' in services.step(Trigger.Request(), Trigger.Response()).message
    assert services.step_many(Fields(steps=1), answer()).result.result == FAILED


def test_states_change_as_they_are_told(services):
    for state in (PAUSED, PLAYING):
        assert services.set_state(Fields(state=Fields(state=state)), answer()).result.result == OK
        assert services.get_state(None, answer()).state.state == state
        assert services.set_state(Fields(state=Fields(state=state)), answer()).result.result == sim_services.ALREADY
    assert services.set_state(Fields(state=Fields(state=3)), answer()).result.result == UNSUPPORTED


def test_objects_are_named_found_and_put_elsewhere(paused):
    names = paused.get_entities(Fields(filters=filters()), answer()).entities
    blocks = paused.get_entities(Fields(filters=filters('block$')), answer()).entities
    assert set(blocks) == {name for name in names if name.endswith('block')} and blocks
    state = paused.get_entity_state(Fields(entity=blocks[0]), answer()).state
    T = conversions.from_pose(state.pose)
    T[:3, 3] += (0.0, 0.0, 0.3)
    request = Fields(entity=blocks[0], set_pose=True, set_twist=False, set_acceleration=False, state=Fields())
    request.state.pose = conversions.to_pose(T)
    assert paused.set_entity_state(request, answer()).result.result == OK
    moved = conversions.from_pose(paused.get_entity_state(Fields(entity=blocks[0]), answer()).state.pose)
    assert np.allclose(moved, T, atol=1e-6)
    paused.sim.step(240)
    assert paused.sim.call(lambda table: table.world.position(blocks[0]))[2] < T[2, 3] - 0.2  # it fell


@pytest.mark.parametrize('later', range(8))
def test_what_stood_on_an_object_that_is_taken_away_falls(paused, later):
    below, above = paused.get_entities(Fields(filters=filters('block$')), answer()).entities[:2]

    def put(name, z):
        T = np.eye(4)
        T[:3, 3] = (0.8, 0.5, z)  # where nothing else stands
        paused.sim.call(lambda table: sim_services.put_body(table, name, T))

    put(below, 0.02)
    put(above, 0.06)
    paused.sim.step(960 + later)  # long enough to fall asleep; Bullet forgets contacts in turn, a few at each step
    height = paused.sim.call(lambda table: table.world.position(above))[2]
    put(below, 0.5)
    heights = []
    for _ in range(24):
        paused.sim.step(1)
        heights.append(paused.sim.call(lambda table: table.world.position(above))[2])
    assert max(heights) < height + 0.001 and heights[-1] < height - 0.01
    paused.sim.step(480)  # the other tests want rest


def test_all_states_come_at_once(services, monkeypatch):
    monkeypatch.setattr(services, '_types', Fields(EntityState=Fields))
    found = services.get_entities_states(Fields(filters=filters()), answer())
    truth = services.sim.call(lambda table: table.world.state().positions)
    assert set(found.entities) == set(truth)
    for name, state in zip(found.entities, found.states, strict=True):
        assert np.allclose(conversions.from_point(state.pose.position), truth[name], atol=0.01)


@pytest.mark.parametrize(
    ('asked', 'code'),
    [
        (filters('(a+)+$'), UNSUPPORTED),
        (filters('a*a*a*a*b'), UNSUPPORTED),
        (filters('x' * 200), UNSUPPORTED),
        (filters('[a'), FAILED),
        (filters(tags=('red',)), UNSUPPORTED),
        (filters(points=(1,)), UNSUPPORTED),
    ],
)
def test_filters_that_are_not_taken_say_so(services, asked, code):
    assert services.get_entities(Fields(filters=asked), answer()).result.result == code


def test_what_cannot_be_put_elsewhere_is_refused(services):
    pose = conversions.to_pose(np.eye(4))
    still = {'set_twist': False, 'set_acceleration': False}
    request = Fields(entity='ghost', set_pose=True, state=Fields(pose=pose), **still)
    assert services.set_entity_state(request, answer()).result.result == NOT_FOUND
    assert services.get_entity_state(Fields(entity='ghost'), answer()).result.result == NOT_FOUND
    pose.position.x = 50.0
    assert services.set_entity_state(request, answer()).result.result == sim_services.INVALID_POSE
    pose.position.x = float('nan')
    assert services.set_entity_state(request, answer()).result.result == sim_services.INVALID_POSE
    request.set_pose = False
    assert services.set_entity_state(request, answer()).result.result == UNSUPPORTED


def test_a_reset_puts_the_table_back_and_the_clock_goes_on(services):
    before = clock(services)
    assert services.reset_scope(Fields(scope=sim_services.SCOPE_TIME), answer()).result.result == UNSUPPORTED
    count = len(RESETS)
    assert services.reset_scope(Fields(scope=0), answer()).result.result == OK
    assert services.reset(Trigger.Request(), Trigger.Response()).success
    assert len(RESETS) == count + 2 and clock(services) >= before


def test_a_reset_that_fails_says_why(services, monkeypatch):
    def fail():
        raise MotionError('the arm is moving')

    monkeypatch.setattr(services, '_reset', fail)
    assert services.reset_scope(Fields(scope=255), answer()).result.error_message == 'the arm is moving'
    assert services.reset(Trigger.Request(), Trigger.Response()).message == 'the arm is moving'


def test_features_name_what_there_is(services):
    assert set(services.get_features(None, answer()).features.features) == set(sim_services.FEATURES)
