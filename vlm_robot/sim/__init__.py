"""The PyBullet table: one client, a Panda, blocks, bowls and two cameras."""

import os
import sys


def _import_quietly() -> None:
    """Import pybullet without the line that its C code prints, which would spoil output meant for machines."""
    sys.stdout.flush()
    kept, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    kept_errors = os.dup(2)
    try:
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        import pybullet  # noqa: F401
    finally:
        os.dup2(kept, 1)
        os.dup2(kept_errors, 2)
        for descriptor in (kept, kept_errors, sink):
            os.close(descriptor)


_import_quietly()
