"""What processes hold, on real processes."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
import subprocess
import sys
import threading
import time

import pytest

from vlm_robot.evaluation import census

pytestmark = pytest.mark.skipif(not Path('/proc/self/maps').exists(), reason='no /proc: not Linux')


def test_memory_threads_and_files_that_are_taken_are_seen(tmp_path):
    before = census.take_sample(os.getpid())
    block = bytearray(os.urandom(1)) * (64 << 20)
    release = threading.Event()
    threads = [threading.Thread(target=release.wait, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    with (tmp_path / 'one').open('w'), (tmp_path / 'two').open('w'):
        during = census.take_sample(os.getpid())
    release.set()
    assert during.private_mb - before.private_mb == pytest.approx(len(block) / (1 << 20), abs=16)
    assert during.resident_mb >= during.private_mb
    assert during.threads == before.threads + 3
    assert during.files == before.files + 2
    assert during.cpu_s >= before.cpu_s


@pytest.mark.skipif(not Path(census.SHARED_MEMORY).is_dir(), reason='no shared memory folder')
def test_segments_are_counted_once_each():
    before = census.take_sample(os.getpid()).segments
    path = Path(census.SHARED_MEMORY) / f'fastdds_test_{os.getpid()}'
    path.write_bytes(bytes(mmap.PAGESIZE))
    try:
        with path.open('r+b') as file, mmap.mmap(file.fileno(), 0), mmap.mmap(file.fileno(), 0):
            assert census.take_sample(os.getpid()).segments == before + 1
    finally:
        path.unlink()
    assert census.take_sample(os.getpid()).segments == before


def test_children_are_family_and_an_ended_process_has_no_sample():
    child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
    try:
        assert child.pid in census.list_family(os.getpid())
        assert os.getpid() not in census.list_family(os.getpid())
    finally:
        child.communicate(b'\n')
    assert census.take_sample(child.pid) is None
    assert child.pid not in census.list_family(os.getpid())


def test_the_machine_has_cores_and_a_load():
    machine = census.describe_machine()
    assert machine['cores'] >= 1
    assert machine['load_1min'] >= 0


def test_memory_that_was_only_borrowed_is_not_told():
    watch = census.MemoryWatch(lambda: {'me': os.getpid(), 'nobody': 2**22 + 1})
    try:
        before = watch.take()
        assert list(before) == ['me'] and before['me'] > 0
        time.sleep(3 * census.WATCH_PERIOD)  # the least of what comes is that of now
        borrowed = bytearray(b'x') * (40 << 20)
        assert watch.take()['me'] < before['me'] + 20
        time.sleep(3 * census.WATCH_PERIOD)
        kept = watch.take()['me']
        assert kept > before['me'] + 30  # held all the time since one asked last
        del borrowed
    finally:
        watch.close()
