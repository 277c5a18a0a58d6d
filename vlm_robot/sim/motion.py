"""What is told about a running motion and about the joints; plain values, no physics."""

from __future__ import annotations

from dataclasses import dataclass

from vlm_robot.errors import MotionBlocked, MotionCancelled, MotionError


@dataclass
class Motion:
    """
    One running motion.

    :param error: why it failed; empty while it runs and after a success.
    :param blocked: it ran against something; ``error`` says so too.
    :param cancelled: it was stopped on request.
    """

    what: str
    done: bool = False
    error: str = ''
    blocked: bool = False
    cancelled: bool = False
    stop_requested: bool = False

    def end(self, error: str = '', blocked: bool = False, cancelled: bool = False) -> None:
        """Note the end; ``done`` comes last, for readers in other threads."""
        self.error, self.blocked, self.cancelled = error, blocked, cancelled
        self.done = True

    def raise_failure(self) -> None:
        """Raise what went wrong, if anything did."""
        if self.cancelled:
            raise MotionCancelled(f'{self.what} was stopped on request; the arm stands where it was stopped')
        if self.error:
            raise (MotionBlocked if self.blocked else MotionError)(self.error)


@dataclass(frozen=True)
class JointStates:
    """Names, positions (radians, metres for the fingers) and velocities of the nine moving joints."""

    names: tuple[str, ...]
    positions: tuple[float, ...]
    velocities: tuple[float, ...]
