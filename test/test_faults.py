"""The faults: what robots do to software is in it, names are unique, patterns choose, wrong rows are refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot.errors import ConfigError
from vlm_robot.nodes.fault_bench import measure_return
from vlm_robot.nodes.faults import choose, Fault, list_faults, PHASES
from vlm_robot.nodes.graph import NODES

FAULTS = list_faults()


def test_every_node_is_killed_in_every_phase_and_hangs_once():
    keys = {fault.key for fault in FAULTS}
    assert {f'{node} killed/{phase}' for node in NODES for phase in PHASES} <= keys
    assert {f'{node} hangs/moving' for node in NODES} <= keys


def test_a_task_can_be_cancelled_in_every_phase():
    assert {fault.phase for fault in FAULTS if fault.name == 'cancelled'} == set(PHASES)


def test_names_and_phases_are_unique():
    keys = [fault.key for fault in FAULTS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    'pattern',
    ['cameras stall', 'clock frozen', 'clock * ahead', 'depth NaN', 'depth zero', 'depth saturated',
     '*encoding unknown', 'image 0x0', 'image size wrong', 'no camera_info', 'camera poses swapped',
     'object lost*', 'motion blocked', 'language server gone', 'language server slow', 'language server talks*',
     'disk full', 'strangers: other types', '100 goals at once', 'two clients', 'cancelled'],
)  # fmt: skip
def test_what_robots_do_to_software_is_in_the_list(pattern):
    assert choose(FAULTS, [pattern])


def test_patterns_choose_by_name_or_name_and_phase_in_the_order_of_the_list():
    chosen = choose(FAULTS, ['planner killed/idle', 'sim killed'])
    assert [fault.key for fault in chosen] == [*(f'sim killed/{phase}' for phase in PHASES), 'planner killed/idle']
    assert choose(FAULTS, []) == FAULTS


def test_a_pattern_that_fits_nothing_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'cameras stall'"):
        choose(FAULTS, ['camera stall'])


@pytest.mark.parametrize('wrong', [{'phase': 'asleep'}, {'expected': ('dead',)}])
def test_phases_and_ends_that_do_not_exist_are_refused(wrong):
    with pytest.raises(ConfigError, match='earthquake'):
        Fault(**{'name': 'earthquake', 'phase': 'idle', **wrong})


def test_a_task_that_had_begun_may_be_done_where_the_table_shows_it():
    held, idle = (Fault('earthquake', phase, expected=('failed',)) for phase in ('holding', 'idle'))
    assert held.allows('done', True) and held.allows('failed', None)
    assert not held.allows('done', False) and not held.allows('done', None) and not held.allows('hung', True)
    assert not idle.allows('done', True)
    assert not Fault('cancelled', 'holding', expected=('cancelled',)).allows('done', True)


@pytest.mark.parametrize(('prevents_start', 'seconds'), [(False, 12.0), (True, 4.0)])
def test_the_time_to_come_back_counts_from_when_it_was_possible(prevents_start, seconds):
    comeback = SimpleNamespace(join=lambda patience: None, killed=100.0, restarted=103.0, heard=112.0)
    stage = SimpleNamespace(comeback=comeback, patience=1.0, is_answering=lambda: True)
    fault = Fault('gone', 'idle', kills=('planner',), prevents_start=prevents_start)
    assert measure_return(stage, fault, healed=108.0) == seconds
