"""The scene as text for planners and people; it says only what the scene holds."""

from __future__ import annotations

from vlm_robot.datatypes import Scene


def describe(scene: Scene, with_positions: bool = False) -> str:
    """
    Return the scene as one line, for example ``red block on the table at the middle; blue block in the green bowl``.

    :param with_positions: add each centre as ``(x, y, z)`` in metres of the base frame.
    """
    raise NotImplementedError
