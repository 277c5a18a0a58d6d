"""Config dataclasses become ROS parameters and come back as what they were."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')

from rclpy.parameter import Parameter  # noqa: E402

from vlm_robot.errors import ConfigError  # noqa: E402
from vlm_robot.nodes import parameters  # noqa: E402

# lark, which rclpy's type descriptions use, imports modules that Python 3.11 calls deprecated
pytestmark = pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning')


@dataclass(frozen=True)
class Lens:
    """
    A part.

    :param names: who it is for,
        over two lines.
    """

    names: tuple[str, ...] = ('a', 'b')
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Settings:
    """A config with every kind of field."""

    rate: float = 2.0  # Hz, above 0
    count: int = 3
    is_on: bool = True  # a # inside
    name: str = 'x: # y'
    lens: Lens = field(default_factory=Lens)
    table: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a rate that is not above 0."""
        if self.rate <= 0:
            raise ConfigError(f'rate is {self.rate}; it must be above 0')


@pytest.fixture(scope='module')
def context():
    """Start a private rclpy context that talks to nobody."""
    context = rclpy.Context()
    rclpy.init(args=['--ros-args'], context=context, domain_id=101)
    yield context
    context.try_shutdown()


@pytest.fixture
def make_node(context):
    """Return a function that makes a node with overrides."""
    nodes = []

    def make(**overrides):
        values = [Parameter(name.replace('__', '.'), value=value) for name, value in overrides.items()]
        nodes.append(
            rclpy.create_node(
                'tested',
                context=context,
                parameter_overrides=values,
                automatically_declare_parameters_from_overrides=True,
            )
        )
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()


def test_replacing_everything_with_itself_changes_nothing():
    config = Settings(rate=5.0, lens=Lens(('c',), (1.0, 2.0)))
    assert parameters.replace(Settings(), parameters.flatten(config)) == config


def test_descriptions_are_the_comments_of_the_fields():
    texts = parameters.describe_fields(Settings())
    assert texts['rate'] == 'Hz, above 0'
    assert texts['is_on'] == 'a # inside'
    assert texts['name'] == ''
    assert texts['lens.names'] == 'who it is for, over two lines.'


def test_declared_parameters_are_the_fields(make_node):
    node = make_node()
    assert parameters.declare(node, Settings()) == Settings()
    assert node.get_parameter('lens.names').value == ['a', 'b']
    assert node.describe_parameter('rate').description == 'Hz, above 0'
    assert node.describe_parameter('rate').read_only


def test_overrides_reach_the_config(make_node):
    node = make_node(rate=4, lens__names=['z'], use_sim_time=True)
    config = parameters.declare(node, Settings())
    assert config == Settings(rate=4.0, lens=Lens(('z',)))
    assert node.get_parameter('rate').value == 4.0


@pytest.mark.parametrize(
    ('overrides', 'words'),
    [
        ({'rat': 1.0}, "did you mean 'rate'"),
        ({'rate': -1.0}, 'above 0'),
        ({'rate': 'fast'}, 'must be a float'),
        ({'lens__names': 'a'}, 'must be a list'),
        ({'lens__names': [1, 2]}, 'must be a str'),
        ({'is_on': 1}, 'must be a bool'),
    ],
)
def test_wrong_overrides_are_refused_with_a_reason(make_node, overrides, words):
    with pytest.raises(ConfigError, match=words):
        parameters.declare(make_node(**overrides), Settings())


def test_live_parameters_change_and_others_do_not(make_node):
    node, seen = make_node(), []
    parameters.declare(node, Settings(), live=('rate',), on_change=seen.append)
    accepted, refused, fixed = (
        node.set_parameters([Parameter(name, value=value)])[0]
        for name, value in (('rate', 7.0), ('rate', -7.0), ('count', 9))
    )
    assert accepted.successful and seen == [Settings(rate=7.0)]
    assert not refused.successful and 'above 0' in refused.reason
    assert not fixed.successful and 'read-only' in fixed.reason
    assert node.get_parameter('rate').value == 7.0
