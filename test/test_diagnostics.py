"""The health of a node is what was counted."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from diagnostic_msgs.msg import DiagnosticStatus

from vlm_robot.nodes.diagnostics import KEPT, Meter, read_memory


def report_of(meter, is_active=True):
    """Return the one status and its figures."""
    (status,) = meter.report('detector', {'model': 'small'}, is_active).status
    return status, {value.key: value.value for value in status.values}


def test_work_is_ok_and_measured():
    meter = Meter()
    for milliseconds in range(1, 101):
        meter.count(milliseconds / 1000)
    status, figures = report_of(meter)
    assert status.level == DiagnosticStatus.OK
    assert status.name == 'detector: inference'
    assert figures['rate_hz'] == '10.00'
    assert (figures['latency_p50_s'], figures['latency_p99_s']) == ('0.050', '0.099')
    assert figures['model'] == 'small'


def test_no_work_is_an_error_unless_inactive():
    assert report_of(Meter())[0].level == DiagnosticStatus.ERROR
    assert report_of(Meter(), is_active=False)[0].level == DiagnosticStatus.STALE


def test_failures_show_beside_work():
    meter = Meter()
    meter.count(0.1)
    meter.fail('an image was empty')
    status, _ = report_of(meter)
    assert (status.level, status.message) == (DiagnosticStatus.WARN, 'an image was empty')


def test_memory_is_bounded():
    meter = Meter()
    for _ in range(10 * KEPT):
        meter.count(0.1)
    assert len(meter._done) == KEPT


def test_ages_failures_and_memory_are_told():
    meter = Meter()
    for centiseconds in range(1, 101):
        meter.count(0.001, age=centiseconds / 100)
    meter.fail('an image was empty')
    _, figures = report_of(meter)
    assert (figures['age_p50_s'], figures['age_p99_s'], figures['failures']) == ('0.500', '0.990', '1')
    assert 1 < float(figures['memory_mb']) < 1e6 and int(figures['threads']) >= 1


def test_memory_grows_with_what_is_kept():
    before = float(read_memory()['memory_mb'])
    kept = bytearray(b'x' * 200_000_000)
    assert float(read_memory()['memory_mb']) > before + 100
    del kept
