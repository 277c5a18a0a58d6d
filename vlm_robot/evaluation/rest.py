"""When a moving arm came to rest, from samples of its joints' speeds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MOVING_RAD_S = 0.05  # rad/s of the fastest joint, above it the arm is in motion
REST_RAD_S = 0.02  # rad/s, below it every joint of the arm rests: at 0.8 m that is less than 16 mm/s
REST_M_S = 0.005  # m/s, the same for the fingers


@dataclass(frozen=True)
class Speed:
    """
    The fastest joint at one moment.

    :param stamp: seconds of the robot's clock.
    :param arm: rad/s, 0 or more; ``fingers``: m/s.
    :param heard: seconds of the wall clock's ``time.monotonic`` at which it was heard.
    """

    stamp: float
    arm: float
    fingers: float = 0.0
    heard: float = 0.0

    @property
    def is_rest(self) -> bool:
        """Return whether arm and fingers rest."""
        return self.arm <= REST_RAD_S and self.fingers <= REST_M_S


def find_rest(speeds: Iterable[Speed], stamp: float) -> float:
    """
    Return the seconds from a stamp to the first sample of the rest that lasts until the last sample.

    0 where the joints rested all the time since; infinite where they move at the end, or nothing was heard.
    """
    later = [speed for speed in speeds if speed.stamp >= stamp]
    if not later or not later[-1].is_rest:
        return float('inf')
    moving = [index for index, speed in enumerate(later) if not speed.is_rest]
    return later[moving[-1] + 1].stamp - stamp if moving else 0.0
