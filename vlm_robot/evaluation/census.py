"""
What processes hold, read from Linux's /proc: memory, threads, open files, shared-memory segments, children.

Memory that shared segments and libraries take is not told apart from what leaks by the resident size, so the private
part (RssAnon) is told beside it. A process that has ended has no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
import os
from pathlib import Path
import threading

SHARED_MEMORY = '/dev/shm/'  # noqa: S108  read, not written
WATCH_PERIOD = 0.1  # seconds
FAST_DDS = 'fastdds'  # how the files of Fast DDS in shared memory begin


@dataclass(frozen=True)
class Sample:
    """
    One process at one moment.

    :param resident_mb: all memory in RAM, shared segments included.
    :param private_mb: what this process alone has (RssAnon): a leak shows here.
    :param segments: shared-memory files of Fast DDS that it has mapped.
    :param cpu_s: seconds of processor time since it began.
    """

    resident_mb: float
    private_mb: float
    threads: int
    files: int
    segments: int
    cpu_s: float

    def describe(self) -> dict[str, float]:
        """Return plain data."""
        return asdict(self)


def take_sample(pid: int) -> Sample | None:
    """Return what a process holds; None where it has ended."""
    folder = Path('/proc', str(pid))
    try:
        status = _read_status(folder)
        mapped = {line.split(maxsplit=5)[5] for line in (folder / 'maps').read_text().splitlines() if FAST_DDS in line}
        files = len(list((folder / 'fd').iterdir()))
        return Sample(
            status['VmRSS'] / 1024,
            status['RssAnon'] / 1024,
            int(status['Threads']),
            files,
            sum(path.startswith(SHARED_MEMORY) for path in mapped),
            _read_cpu(folder),
        )
    except (OSError, KeyError):
        return None


class MemoryWatch:
    """
    The least private memory that processes had since one asked last, read ten times a second by a thread.

    What a pass of a model borrows and gives back is no leak, and one moment may fall into such a pass.
    """

    def __init__(self, list_pids: Callable[[], Mapping[str, int]]):
        """Begin to watch the processes that are listed, by name, at each reading."""
        self._list_pids = list_pids
        self._least: dict[str, float] = {}
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name='memory watch', daemon=True)
        self._thread.start()

    def take(self) -> dict[str, float]:
        """Return MB by name, and begin anew; a process that could not be read is left out."""
        self._read()
        with self._lock:
            least, self._least = self._least, {}
        return least

    def close(self) -> None:
        """Stop watching."""
        self._closing.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closing.wait(WATCH_PERIOD):
            self._read()

    def _read(self) -> None:
        for name, pid in self._list_pids().items():
            try:
                held = _read_status(Path('/proc', str(pid)))['RssAnon'] / 1024
            except (OSError, KeyError):
                continue
            with self._lock:
                self._least[name] = min(held, self._least.get(name, held))


def list_family(pid: int) -> list[int]:
    """Return the processes that descend from one, itself not among them."""
    parents: dict[int, int] = {}
    for folder in Path('/proc').iterdir():
        if folder.name.isdigit():
            parent = _read_parent(folder)
            if parent:
                parents[int(folder.name)] = parent
    found, waiting = [], [pid]
    while waiting:
        above = waiting.pop()
        children = [child for child, parent in parents.items() if parent == above]
        found += children
        waiting += children
    return sorted(found)


def describe_machine() -> dict[str, float]:
    """Return how many cores there are and how busy they are: the load average of one and of five minutes."""
    one, five, _ = os.getloadavg()
    return {'cores': os.cpu_count() or 1, 'load_1min': round(one, 2), 'load_5min': round(five, 2)}


def _read_status(folder: Path) -> dict[str, float]:
    lines = (line.split(':', 1) for line in (folder / 'status').read_text().splitlines())
    return {key: float(value.split()[0]) for key, value in lines if key in ('VmRSS', 'RssAnon', 'Threads')}


def _read_parent(folder: Path) -> int:
    try:
        return int((folder / 'stat').read_text().rpartition(')')[2].split()[1])
    except (OSError, IndexError, ValueError):  # it has ended meanwhile
        return 0


def _read_cpu(folder: Path) -> float:
    fields = (folder / 'stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
