"""
The exception tree; each message says what was asked, what was got, what is allowed, what to do.

::

    VlmRobotError
    ├── ConfigError            a setting or YAML key that does not exist or is out of range
    ├── ScenarioError          a scenario or suite file that cannot be read or makes no sense
    ├── ImageError             an image that cannot be read or has the wrong shape, type or content
    ├── ModelError             a checkpoint or language model that cannot be loaded or used
    │   └── ServerError        a language server that is down, slow or talks nonsense
    ├── SentenceError          a sentence that cannot be a command: empty, too long, not text
    ├── PlanError              a plan or step that does not parse or names unknown skills or objects
    ├── MotionError            a motion that the limits forbid or the arm could not finish
    │   ├── MotionBlocked      a motion that ran against something and halted there
    │   └── MotionCancelled    a motion that was stopped because somebody asked for it
    └── PerceptionError        frames or detections that stopped coming

An expected failure of a skill (a missed grasp) is no exception but a ``SkillResult`` with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
import difflib


class VlmRobotError(Exception):
    """Anything this package refuses, with a sentence a person can act on."""


class ConfigError(VlmRobotError):
    """A setting or YAML key that does not exist or is out of range."""


class ScenarioError(VlmRobotError):
    """A scenario or suite that cannot be read or makes no sense."""


class ImageError(VlmRobotError):
    """An image that cannot be read, or has the wrong shape, type or content."""


class ModelError(VlmRobotError):
    """A checkpoint or language model that cannot be loaded or used."""


class ServerError(ModelError):
    """A language server that is down, slow or talks nonsense."""


class SentenceError(VlmRobotError):
    """A sentence that cannot be a command."""


class PlanError(VlmRobotError):
    """A plan or step that does not parse, or names unknown skills or objects."""


class MotionError(VlmRobotError):
    """A motion that the limits forbid or that the arm could not finish."""


class MotionBlocked(MotionError):
    """A motion that ran against something; the arm halted where it touched."""


class MotionCancelled(MotionError):
    """A motion that was stopped because somebody asked for it."""


class PerceptionError(VlmRobotError):
    """Frames or detections that stopped coming."""


LONGEST_NAME = 100  # letters of an unknown name that are looked at


def name_nearest(asked: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` or, failing that, the list of known names."""
    names = sorted(known)
    near = difflib.get_close_matches(asked[:LONGEST_NAME], names, n=1)  # its time grows with the square of the length
    return f"; did you mean '{near[0]}'?" if near else f'; known: {names}'
