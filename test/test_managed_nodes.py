"""Managed nodes with their models in this process: what changes at once, what later, and whether it really does."""

from __future__ import annotations

import shutil
import threading
from types import SimpleNamespace

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
import torch  # noqa: E402

from vlm_robot.datatypes import TaskResult  # noqa: E402
from vlm_robot.errors import ModelError  # noqa: E402
from vlm_robot.language.fake_server import FakeServer  # noqa: E402
from vlm_robot.nodes import (  # noqa: E402
    describer_node,
    detector_node,
    grounder_node,
    lifespan,
    parameters,
    planner_node,
    segmenter_node,
    sight_node,
)
from vlm_robot.perception.owlvit import SHIPPED  # noqa: E402
from vlm_robot.planning.saycan import SayCanPlanner  # noqa: E402
from vlm_robot_interfaces.msg import Description, DescriptionLine  # noqa: E402
from vlm_robot_interfaces.srv import SetQueries  # noqa: E402

# lark, which rclpy's type descriptions use, imports modules that Python 3.11 calls deprecated
pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(600)]
DONE, FAILED = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
RULES = {
    detector_node.DetectorNodeConfig: {**sight_node.RULES, **detector_node.RULES},
    segmenter_node.SegmenterNodeConfig: {**sight_node.RULES, **segmenter_node.RULES},
    grounder_node.GrounderNodeConfig: {**sight_node.RULES, **grounder_node.RULES},
    describer_node.DescriberNodeConfig: sight_node.RULES,
    planner_node.PlannerNodeConfig: planner_node.RULES,
}


@pytest.fixture(scope='module', autouse=True)
def ros():
    """Start rclpy in a domain that nobody else uses."""
    rclpy.init(args=['--ros-args'], domain_id=102)
    yield
    rclpy.try_shutdown()


@pytest.fixture
def detector():
    """Return a detector node with nothing loaded."""
    yield from keep(detector_node.DetectorNode())


@pytest.fixture
def planner():
    """Return a planner node with nothing loaded."""
    yield from keep(planner_node.PlannerNode())


def keep(node):
    yield node
    node.close()
    node.destroy_node()


def ask(node, **changes):
    """Set parameters, ``__`` for a dot, all or none; return '' or why they were refused."""
    values = [Parameter(name.replace('__', '.'), value=value) for name, value in changes.items()]
    return node.set_parameters_atomically(values).reason


def value_of(node, name):
    return node.get_parameter(name).value


@pytest.mark.parametrize('kind', RULES, ids=lambda kind: kind.__name__)
def test_every_rule_is_about_a_parameter(kind):
    names = parameters.flatten(kind())
    for rule in RULES[kind]:
        assert rule in names or (rule.endswith('.') and any(name.startswith(rule) for name in names)), rule


def test_another_detector_comes_through_cleanup_and_not_before(detector, tmp_path):
    other = str(shutil.copytree(SHIPPED, tmp_path / 'other'))
    weights = load_file(f'{other}/model.safetensors')
    name = next(key for key, tensor in weights.items() if tensor.is_floating_point() and tensor.dim() > 1)
    weights[name] = weights[name] + 1
    save_file(weights, f'{other}/model.safetensors', metadata={'format': 'pt'})
    assert detector.trigger_configure() == DONE
    assert detector.get_model('detector').name == 'shipped'
    assert 'cleanup' in ask(detector, model__model=other)
    detector.trigger_activate()
    assert 'deactivate' in ask(detector, model__model=other)
    assert value_of(detector, 'model.model') == 'shipped'
    assert (detector.trigger_deactivate(), detector.trigger_cleanup()) == (DONE, DONE)
    assert not detector.models
    assert ask(detector, model__model=other) == ''
    assert detector.trigger_configure() == DONE
    model = detector.get_model('detector')
    assert model.name == other
    assert torch.equal(model.model.state_dict()[name], weights[name])


def test_a_model_that_cannot_be_had_leaves_the_node_where_it_was(detector, tmp_path):
    assert ask(detector, model__model=str(tmp_path)) == ''
    assert detector.trigger_configure() == FAILED
    assert parameters.read_state(detector) == 'unconfigured'
    assert ask(detector, model__model='shipped') == ''
    assert detector.trigger_configure() == DONE


def test_what_steers_a_loaded_detector_changes_at_once(detector):
    assert detector.trigger_configure() == DONE
    model, own = detector.get_model('detector'), detector.get_model('detector').limit('red block', None)
    assert ask(detector, model__threshold=0.9, lifting__least_points=5, rate=3.0) == ''
    assert model.limit('red block', None) == 0.9 != own
    assert detector.config.lifting.least_points == 5 and detector.watch.config.rate == 3.0
    assert 'allowed' in ask(detector, model__threshold=2.0)
    assert model.limit('red block', None) == 0.9 == value_of(detector, 'model.threshold')
    assert 'starts' in detector.describe_parameter('autostart').additional_constraints
    assert 'read-only' in ask(detector, autostart=False)


def test_queries_are_one_thing_however_they_are_set(detector):
    assert ask(detector, queries=['a mug', 'a plate']) == ''
    assert detector.queries.labels == ('a mug', 'a plate')
    assert 'different' in ask(detector, queries=['a mug', 'a mug'])
    detector.set_queries(SetQueries.Request(queries=['a spoon'], thresholds=[0.25]))
    assert list(value_of(detector, 'queries')) == ['a spoon']
    assert detector.queries.state == (('a spoon',), {'a spoon': 0.25})
    assert ask(detector, rate=1.0) == ''
    assert detector.queries.state[1], 'another change must not forget the thresholds'


def test_cameras_change_while_the_node_rests(detector):
    assert detector.trigger_configure() == DONE
    assert detector.trigger_activate() == DONE
    assert 'deactivate' in ask(detector, cameras=['left'])
    detector.trigger_deactivate()
    assert ask(detector, cameras=['left']) == ''
    detector.trigger_activate()
    seen = {subscription.topic_name for subscription in detector.subscriptions}
    assert '/left/image' in seen and '/front/image' not in seen


def test_what_goes_wrong_while_activating_is_told_and_ends_bringing_up(detector, monkeypatch):
    detector.set_parameters([Parameter('autostart', value=True)])
    assert detector.trigger_configure() == DONE
    logged = []
    monkeypatch.setattr(detector, 'get_logger', lambda: SimpleNamespace(error=logged.append, info=logged.append))

    def fail(best_effort=None, camera=None):
        raise RuntimeError('no room in the middleware')

    with monkeypatch.context() as broken:
        broken.setattr(detector.watch, '_subscribe', fail)
        assert detector.trigger_activate() == FAILED
        assert parameters.read_state(detector) == 'inactive' and not detector.watch.is_active
        assert 'no room in the middleware' in logged[-1] and 'camera_watch.py' in logged[-1]
        detector.trigger_cleanup()
        with pytest.raises(ModelError, match='could not activate'):
            lifespan.bring_up(detector)
    assert detector.trigger_activate() == DONE


def test_a_node_that_fell_back_to_nothing_is_not_called_up(detector, monkeypatch):
    monkeypatch.setattr(detector, 'trigger_activate', lambda: (detector.trigger_cleanup(), FAILED)[1])
    with pytest.raises(ModelError, match='could not activate'):
        lifespan.bring_up(detector)


def test_another_language_model_comes_through_cleanup_and_not_before(planner):
    with FakeServer(models=['first']) as first, FakeServer(models=['second']) as second:
        assert ask(planner, language__backend='server', language__server__url=first.url) == ''
        assert planner.trigger_configure() == DONE
        assert planner.model.name.startswith('first')
        planner.trigger_activate()
        assert 'cleanup' in ask(planner, language__server__url=second.url)
        assert (planner.trigger_deactivate(), planner.trigger_cleanup()) == (DONE, DONE)
        assert planner.model is None and planner.planner is None
        assert ask(planner, language__server__url=second.url) == ''
        assert planner.trigger_configure() == DONE
        assert planner.model.name.startswith('second')


def test_the_way_of_planning_changes_at_once(planner):
    with FakeServer() as server:
        ask(planner, language__backend='server', language__server__url=server.url)
        assert planner.trigger_configure() == DONE
        model = planner.model
        assert not isinstance(planner.planner, SayCanPlanner)
        assert ask(planner, planner__kind='saycan', link__looks=1) == ''
        assert isinstance(planner.planner, SayCanPlanner) and planner.model is model
        assert planner.link.config.looks == 1
        assert "did you mean 'saycan'" in ask(planner, planner__kind='saycam')


def listens(planner):
    return '/description' in {subscription.topic_name for subscription in planner.subscriptions}


def test_a_planner_listens_to_the_describer_only_where_its_model_reads_it(planner):
    with FakeServer() as server:
        ask(planner, language__backend='server', language__server__url=server.url)
        assert planner.trigger_configure() == DONE and listens(planner)
        assert ask(planner, planner__description='off') == '' and not listens(planner)
        assert ask(planner, planner__description='on') == '' and listens(planner)
        now = planner.get_clock().now().to_msg()
        line = DescriptionLine(kind='tag', text='table', confidence=0.9)
        planner.descriptions._keep(Description(header=Header(stamp=now), camera='front', lines=[line]))
        planner.descriptions._keep(Description(camera='top', lines=[line]))  # of 1970
        assert [line.text for line in planner.descriptions.list_lines(15.0)] == ['table']
        planner._forget(Header())
        assert not planner.descriptions.list_lines(15.0)
        planner.trigger_cleanup()
        assert not listens(planner)


def test_a_planner_that_takes_no_task_says_why(planner, monkeypatch):
    told = []

    def give_goal():
        handle = SimpleNamespace(abort=lambda: None, request=SimpleNamespace(sentence='go home', plan_only=False))
        result = planner._execute(handle)
        told.append((result.status, result.reason))

    def load(config):
        give_goal()  # while it loads
        return SimpleNamespace(name='nothing')

    monkeypatch.setattr(planner_node, 'load_language_model', load)
    monkeypatch.setattr(planner_node, 'build_planner', lambda model, config: object())
    give_goal()
    assert planner.trigger_configure() == DONE
    give_goal()
    assert [status for status, _ in told] == ['refused'] * 3
    for (_, reason), word in zip(told, ('/planner configure', 'still loading', '/planner activate')):
        assert word in reason


def test_all_tasks_are_thought_about_in_one_thread(planner, monkeypatch):
    class Task:
        def __init__(self, node, handle):
            self.sentence = handle.request.sentence

        def run(self):
            return TaskResult(self.sentence, 'refused', str(threading.get_ident()))

        def tell_end(self, result):
            assert threading.get_ident() != int(result.reason)

    request = SimpleNamespace(sentence='go home', plan_only=False)
    handle = SimpleNamespace(abort=lambda: None, succeed=lambda: None, canceled=lambda: None, request=request)
    told = []

    def load(config):
        return SimpleNamespace(name='nothing', warm_up=lambda: told.append(str(threading.get_ident())))

    with monkeypatch.context() as patch:
        patch.setattr(planner_node, 'load_language_model', load)
        patch.setattr(planner_node, 'build_planner', lambda model, config: object())
        assert planner.trigger_configure() == DONE
        patch.setattr(planner_node, 'Task', Task)
        patch.setattr(planner_node.parameters, 'read_state', lambda node: 'active')
        for _ in range(3):  # torch keeps its buffers for every thread that lives and has computed
            thread = threading.Thread(target=lambda: told.append(planner._execute(handle).reason))
            thread.start()
            thread.join()
    assert len(told) == 4 and len(set(told)) == 1  # the model was warmed up there too
