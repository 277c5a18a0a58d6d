"""
A camera of the simulator that draws again only what has moved: a table at rest costs no rendering.

Bullet's software renderer needs 0.1 to 0.2 s of one core for a picture, and a table stands still most of the time,
above all while somebody thinks about it. Pictures of the same world are the same picture by picture (tests check it).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vlm_robot.datatypes import RgbdImage
from vlm_robot.sim.bullet_camera import BulletCamera

# Metres, radians: what moves less since its picture was drawn moves less than a twentieth of a pixel.
STILL = 5e-5


class StillCamera:
    """A ``camera.Camera`` around a ``BulletCamera``; for worlds in which things move but keep their looks."""

    def __init__(self, camera: BulletCamera):
        """Draw nothing yet."""
        self.name = camera.name
        self._camera = camera
        self._drawn: tuple[np.ndarray, RgbdImage] | None = None

    def read(self) -> RgbdImage:
        """Return the world as it is now; the arrays may be shared with the last picture and must not be written to."""
        world = self._camera.world
        places = world.list_places()
        if self._drawn is None or _has_moved(self._drawn[0], places):
            self._drawn = places, self._camera.read()
        return replace(self._drawn[1], stamp=world.time)


def _has_moved(before: np.ndarray, after: np.ndarray) -> bool:
    return before.shape != after.shape or float(np.abs(before - after).max(initial=0.0)) > STILL
