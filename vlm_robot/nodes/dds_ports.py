"""
Whether the shared-memory ports of this process are still there: Fast DDS can take them away from a node that begins.

A process that was killed leaves its port in /dev/shm. Others that still send to it find nobody listening and remove
it; where its successor opens the port of the same number at that moment, they remove the successor's too (seen as
``Failed init_port ...: open_and_lock_file failed`` in its log). It then listens on a file without a name: it sees
all others, and hears nothing, for as long as it lives. Nothing but a new participant helps.
"""

from __future__ import annotations

import os
import re

HELD = '/proc/self/fd'  # here stand the locks of the ports that this process listens on
LOCK = re.compile(r'(.*/fastdds_port\d+)_el(?: \(deleted\))?')


def list_ports(held: os.PathLike | str = HELD) -> list[str]:
    """
    Return the files of the ports on which a process listens, by its open files; empty without /proc.

    No pathlib here: it interns every part of a path, and a part that nobody keeps uses up a place in
    the interpreter's table; asked every second, that table grew by 2 MB within a quarter of an hour.
    """
    try:
        names = os.listdir(held)  # noqa: PTH208
    except OSError:
        return []
    ports = []
    for name in names:
        try:
            match = LOCK.fullmatch(os.readlink(f'{held}/{name}'))  # noqa: PTH115
        except OSError:  # closed meanwhile
            continue
        if match:
            ports.append(match[1])
    return sorted(ports)


def find_lost_ports(held: os.PathLike | str = HELD) -> list[str]:
    """Return those of them that somebody has removed."""
    return [port for port in list_ports(held) if not os.path.exists(port)]  # noqa: PTH110
