"""What a camera must be able to do; the robot's own, the simulator's and recorded ones do it."""

from __future__ import annotations

from typing import Protocol

from vlm_robot.datatypes import RgbdImage


class Camera(Protocol):
    """A calibrated RGB-D camera."""

    name: str

    def read(self) -> RgbdImage:
        """Return a fresh frame; raise PerceptionError when none comes."""
        ...
