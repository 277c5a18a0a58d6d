"""
Whether the shared-memory ports of this process are still there: Fast DDS can take them away from a node that begins.

A process that was killed leaves its port in /dev/shm. Others that still send to it find nobody listening and remove
it; where its successor opens the port of the same number at that moment, they remove the successor's too (seen as
``Failed init_port ...: open_and_lock_file failed`` in its log). It then listens on a file without a name: it sees
all others, and hears nothing, for as long as it lives. Nothing but a new participant helps.
"""

from __future__ import annotations

from pathlib import Path
import re

HELD = Path('/proc/self/fd')  # here stand the locks of the ports that this process listens on
LOCK = re.compile(r'(.*/fastdds_port\d+)_el(?: \(deleted\))?')


def list_ports(held: Path = HELD) -> list[str]:
    """Return the files of the ports on which a process listens, by its open files; empty without /proc."""
    try:
        links = list(held.iterdir())
    except OSError:
        return []
    ports = []
    for link in links:
        try:
            match = LOCK.fullmatch(str(link.readlink()))
        except OSError:  # closed meanwhile
            continue
        if match:
            ports.append(match[1])
    return sorted(ports)


def find_lost_ports(held: Path = HELD) -> list[str]:
    """Return those of them that somebody has removed."""
    return [port for port in list_ports(held) if not Path(port).exists()]
