"""Memory that was freed goes back to the system, where the C library can do that."""

from __future__ import annotations

import gc
import os
from pathlib import Path
import subprocess
import sys
from types import SimpleNamespace
import weakref

import pytest

from vlm_robot.nodes import heap

GIVE_BACK = """
import os
from vlm_robot.evaluation.census import take_sample
from vlm_robot.nodes import heap
assert heap.limit_heaps() == ('MALLOC_ARENA_MAX' not in os.environ)
blocks = [bytes(50_000) for _ in range(2000)]
full = take_sample(os.getpid()).private_mb
keep = blocks[-1]  # on top of the heap, so that nothing below goes back by itself
del blocks
heap.give_back()
print(full - take_sample(os.getpid()).private_mb)
"""


PINNED = """
import os
import sys
from vlm_robot.evaluation.census import take_sample
from vlm_robot.nodes import heap
if sys.argv[1] == 'limited':
    assert heap.limit_heaps() == ('MALLOC_ARENA_MAX' not in os.environ)
bytearray(31_000_000)  # given back at once; glibc takes the next ones of that size from the heap
gap = bytearray(30_000_000)
pins = [bytes(100_000) for _ in range(20)]  # above the gap
full = take_sample(os.getpid()).private_mb
del gap
print(full - take_sample(os.getpid()).private_mb)
"""


@pytest.mark.skipif(heap._find_glibc() is None, reason='the C library is not glibc')
@pytest.mark.skipif(not Path('/proc/self/maps').exists(), reason='no /proc: not Linux')
def test_large_blocks_go_back_whatever_lies_above_them():
    environment = {key: value for key, value in os.environ.items() if not key.startswith('MALLOC_')}
    freed = [
        float(subprocess.run([sys.executable, '-c', PINNED, kind], capture_output=True, text=True, env=environment,
                             check=True).stdout) for kind in ('limited', 'free')
    ]  # fmt: skip
    assert freed[0] > 25 and freed[0] >= freed[1]


@pytest.mark.skipif(heap._find_glibc() is None, reason='the C library is not glibc')
@pytest.mark.skipif(not Path('/proc/self/maps').exists(), reason='no /proc: not Linux')
def test_freed_memory_goes_back():
    told = subprocess.run([sys.executable, '-c', GIVE_BACK], capture_output=True, text=True, env=os.environ, check=True)
    assert float(told.stdout) > 80  # MB of the 100 that were freed


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(heap, '_find_glibc', lambda: None)
    assert not heap.limit_heaps()
    assert not heap.give_back()


def test_a_broom_sweeps_once_a_period(monkeypatch):
    now, swept = [100.0], []
    monkeypatch.setattr(heap, 'time', SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(heap, 'give_back', lambda: swept.append(now[0]))
    broom = heap.Broom()
    for now[0] in (100.1, 100.9, 101.0, 101.5, 101.9, 102.0, 110.0, 110.5):
        broom.check()
    assert swept == [101.0, 102.0, 110.0]


class Thing:
    """Refers to itself, so that only the collector ends it."""

    def __init__(self):
        """Make the circle."""
        self.me = self


def test_what_is_settled_is_collected_once_it_is_unsettled():
    settled, thing = gc.get_freeze_count(), Thing()
    known = weakref.ref(thing)
    heap.settle()
    try:
        assert gc.get_freeze_count() > settled
        del thing
        gc.collect()
        assert known() is not None  # out of the collector's sight
    finally:
        heap.unsettle()
    assert known() is None
    assert gc.get_freeze_count() == 0


def test_what_large_libraries_make_is_out_of_the_collectors_sight():
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')
    code = 'import gc, vlm_robot.nodes.sight_node; print(gc.isenabled(), gc.get_freeze_count())'
    told = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=os.environ, check=True)
    enabled, count = told.stdout.split()[:2]
    assert enabled == 'True' and int(count) > 100_000
