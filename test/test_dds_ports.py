"""A node whose shared-memory port was removed by others begins anew and hears again."""

from __future__ import annotations

from pathlib import Path

import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot.nodes.dds_ports import find_lost_ports, list_ports  # noqa: E402
from vlm_robot.nodes.graph import Graph, GraphConfig  # noqa: E402
from vlm_robot.nodes.task_client import TaskClient  # noqa: E402
from vlm_robot.nodes.witness import wait_until  # noqa: E402

SCENARIO = 'blocks_and_bowls'


def test_only_own_ports_that_are_gone_are_lost(tmp_path):
    held = tmp_path / 'fd'
    held.mkdir()
    for number, (name, is_there) in enumerate((('fastdds_port7000', True), ('fastdds_port24421', False))):
        lock, port = tmp_path / f'{name}_el', tmp_path / name
        lock.touch()
        if is_there:
            port.touch()
        (held / str(number)).symlink_to(lock)
    (held / '8').symlink_to(tmp_path / 'fastdds_0123456789abcdef_el')
    (held / '9').symlink_to('socket:[1234]')
    assert find_lost_ports(held) == [str(tmp_path / 'fastdds_port24421')]
    assert find_lost_ports(tmp_path / 'nothing') == []


@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path('/proc/self/fd').exists(), reason='no /proc: not Linux')
def test_a_deaf_node_begins_anew_and_hears_again(tmp_path):
    with Graph(GraphConfig(tmp_path)) as graph, TaskClient(graph.domain) as client:
        graph.wait_until_ready(client, 600.0)
        process = graph.processes['detector']
        ports = list_ports(Path(f'/proc/{process.pid}/fd'))
        assert ports, 'Fast DDS does not use shared memory here'
        for port in ports:
            Path(port).unlink()
        assert wait_until(lambda: 'begins anew' in graph.log_of('detector').read_text(), 300, 0.1)
        client.load_scenario(SCENARIO, 7)  # forgets what was seen
        graph.wait_until_ready(client, 300.0)
        assert process.poll() is None and process is graph.processes['detector']
        codes = graph.stop()
    assert set(codes.values()) == {0}, {name: graph.log_of(name).read_text()[-3000:] for name in codes}
