"""The kitchen's graph as launch starts it: two nodes in their own processes, a sentence through ExecuteTask."""

from __future__ import annotations

import time

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot.nodes.graph import Graph, GraphConfig
from vlm_robot.nodes.task_client import TaskClient

# lark, which rclpy's type descriptions use, imports modules that Python 3.11 calls deprecated
pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(600)]
INSTRUCTION = 46  # an apple, a coke can, a sponge and three shelves: sim/kitchen/instructions.yaml


@pytest.fixture(scope='module')
def client(tmp_path_factory):
    """Start kitchen and planner; yield a client of theirs."""
    parameters = {'kitchen': {'instruction': INSTRUCTION}, 'planner': {'world': 'kitchen'}}
    graph = Graph(GraphConfig(tmp_path_factory.mktemp('graph'), ('kitchen', 'planner'), parameters=parameters))
    with graph, TaskClient(graph.domain, cameras=()) as client:
        graph.wait_until_ready(client, 300.0)
        yield client


def place_of(client, name):
    """Return where the newest scene says that a thing is."""
    return next((r.object for r in client.scene.relations if r.subject == name and r.predicate == 'at'), '')


def test_a_mistyped_sentence_is_carried_out_by_a_robot_on_wheels(client):
    assert place_of(client, 'coke can') == 'table'
    result = client.send('bring the coek can to the far counter')
    assert result.status == 'done', result.reason
    assert "read 'coek' as 'coke'" in result.notes
    steps = [record.decision.chosen.step.skill for record in result.records]
    assert steps == ['find', 'pick', 'go_to', 'put_down', 'done']
    deadline = time.monotonic() + 20.0
    while place_of(client, 'coke can') != 'far counter' and time.monotonic() < deadline:
        time.sleep(0.1)
    assert place_of(client, 'coke can') == 'far counter'


def test_what_is_not_there_is_refused_and_nothing_moves(client):
    result = client.send('bring me the banana', plan_only=True)
    assert result.status == 'refused' and 'banana' in result.reason
