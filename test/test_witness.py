"""What the witness calls a broken limit, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from vlm_robot.nodes.diagnostics import tell
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.participant import Participant
from vlm_robot.nodes.witness import Limits, wait_until, Witness
from vlm_robot.robot.safety import SafetyConfig

START = np.array([0.4, 0.0, 0.3])
RATE = 25.0  # Hz


def drive(limits, velocity, seconds, start=START, begin=0.0):
    """Feed a straight path."""
    for number in range(int(seconds * RATE)):
        elapsed = number / RATE
        limits.check(begin + elapsed, start + elapsed * np.array(velocity, float))


@pytest.mark.parametrize('speed', [0.1, 0.5, 0.6])
def test_what_the_limits_allow_is_no_violation(speed):
    limits = Limits()
    drive(limits, (0.0, speed, 0.0), 0.4)
    assert not limits.violations
    assert limits.fastest == pytest.approx(speed, rel=0.01)


def test_too_fast_is_one():
    limits = Limits()
    drive(limits, (0.0, 1.0, 0.0), 0.4)
    assert 'm/s' in limits.violations[0]


@pytest.mark.parametrize('axis', range(3))
@pytest.mark.parametrize('side', ['min', 'max'])
def test_every_side_of_the_workspace_is_watched(axis, side):
    config, place = SafetyConfig(), START.copy()
    border = getattr(config, f'{"xyz"[axis]}_{side}')
    sign = -1 if side == 'min' else 1
    for offset, is_wrong in ((0.004, False), (0.02, True)):
        limits = Limits()
        place[axis] = border + sign * offset
        limits.check(0.0, place)
        assert bool(limits.violations) == is_wrong


def test_a_new_table_or_a_clock_that_begins_anew_is_no_speed():
    limits = Limits()
    limits.check(10.0, START)
    limits.forget()
    limits.check(10.2, START + 0.2)
    limits.check(0.1, START)
    limits.check(0.3, START)
    assert not limits.violations
    assert limits.fastest == 0.0


def test_messages_that_come_late_and_together_do_not_look_fast():
    limits = Limits()
    limits.check(0.0, START)
    limits.check(0.001, START + 0.01)  # 10 m/s between two samples that are too near to tell
    assert not limits.violations


def test_that_a_node_is_active_is_heard_from_its_diagnostics():
    """Its transition is told once, before the witness has met a node that has just been started."""
    with Participant('planner_speaker', 92) as participant, Witness(92) as witness:
        publisher = participant.node.create_publisher(DiagnosticArray, '/diagnostics', reliable_qos())

        def is_heard(sign, state):
            publisher.publish(tell('planner', 'planning', DiagnosticStatus.OK, 'working', {'state': state}))
            return sign in witness.heard

        assert wait_until(lambda: is_heard('diagnostics of planner', 'inactive'), 20.0, 0.1)
        assert 'planner active' not in witness.heard
        assert wait_until(lambda: is_heard('planner active', 'active'), 20.0, 0.1)
