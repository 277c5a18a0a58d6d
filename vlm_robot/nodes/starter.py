"""
Starts any node: joins the domain, then imports the node's module and runs it.

As a program ``python -m vlm_robot.nodes.starter detector_node --ros-args ...``; the executables that
``ros2 run vlm_robot`` knows are this module under the names of the nodes.
"""

from __future__ import annotations

import importlib
from pathlib import Path
import sys

from vlm_robot.nodes import early_join

BASE = 'sight_node'  # what several nodes share, itself none


def main() -> None:
    """Run the node that this program is called, or that its first argument names, until somebody stops it."""
    name = Path(sys.argv[0]).stem
    if name == Path(__file__).stem:
        name = sys.argv.pop(1) if len(sys.argv) > 1 else ''
    known = {path.stem for path in Path(__file__).parent.glob('*_node.py')} - {BASE}
    if name not in known:
        sys.exit(f"no node '{name}'; known: {', '.join(sorted(known))}")
    early_join.join()
    importlib.import_module(f'vlm_robot.nodes.{name}').main()


if __name__ == '__main__':
    main()
