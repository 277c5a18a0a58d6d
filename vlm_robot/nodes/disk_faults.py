"""
A full disk for the logs of the nodes, without filling one: Linux only, no privileges needed.

A running process is told that no file may grow (``RLIMIT_FSIZE`` of 0: writes fail with EFBIG; Python ignores the
signal that goes with it); a process that starts gets ``/dev/full`` as its log (writes fail with ENOSPC). Shared memory
that exists already is not touched by either, so what breaks is writing, not DDS.
"""

from __future__ import annotations

from pathlib import Path
import resource
from typing import TYPE_CHECKING

from vlm_robot.nodes.graph import NODES
from vlm_robot.nodes.witness import wait_until

if TYPE_CHECKING:
    from vlm_robot.nodes.fault_stage import Stage

FULL = Path('/dev/full')
NO_LIMIT = resource.RLIM_INFINITY


def limit_files(pid: int, size: int) -> None:
    """Let no file that the process writes grow beyond ``size`` bytes; -1 takes the limit away."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size if size >= 0 else hard, hard))


def fill(stage: Stage) -> None:
    """Let no running node write anything more."""
    for process in stage.graph.processes.values():
        limit_files(process.pid, 0)


def free(stage: Stage) -> None:
    """Give the running nodes their disk back."""
    for process in stage.graph.processes.values():
        if process.poll() is None:
            limit_files(process.pid, -1)


def record_on_full(stage: Stage) -> None:
    """Start a recording and, once it runs, let it write no more."""
    folder = stage.out / f'recording_{len(list(stage.out.glob("recording_*")))}'
    stage.add_node('recorder', {'folder': str(folder.resolve())})
    wait_until(lambda: any(folder.rglob('*.mcap')), 60.0)
    limit_files(stage.graph.processes['recorder'].pid, 0)


def end_recording(stage: Stage) -> None:
    """End the recording."""
    stage.remove_node('recorder')


def restart_on_full(stage: Stage) -> None:
    """Kill all nodes; they start again with logs on a full disk."""
    for name in NODES:
        path = stage.graph.log_of(name)
        path.rename(path.with_suffix('.kept'))
        path.symlink_to(FULL)
    stage.kill(*NODES)
    stage.wait_for_restart(*NODES)


def restart_on_free(stage: Stage) -> None:
    """Give all nodes ordinary logs again, for which they must be started once more."""
    for name in NODES:
        path = stage.graph.log_of(name)
        path.unlink()
        path.with_suffix('.kept').rename(path)
    stage.kill(*NODES)
    stage.wait_for_restart(*NODES)
