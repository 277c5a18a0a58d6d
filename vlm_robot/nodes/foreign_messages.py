"""Messages of packages that not every machine has: imported when an adapter is chosen, and missed in one sentence."""

from __future__ import annotations

import importlib
import os
from typing import Any

from vlm_robot.errors import ConfigError


def load_interfaces(module: str, who: str) -> Any:
    """
    Return a module of message or action classes.

    :param module: for example ``control_msgs.action``.
    :param who: the setting that asks for it, for the complaint.
    :raises ConfigError: its package is not installed, or not found by this Python.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition('.')[0]
        apt = f'ros-{os.environ.get("ROS_DISTRO", "<distro>")}-{package.replace("_", "-")}'
        raise ConfigError(
            f'{who} needs the package {package}, which this Python does not find ({error}); install it '
            f"('apt install {apt}'), source the ROS installation, or choose another adapter"
        ) from error


def name_constant(kind: type, value: int) -> str:
    """Return the name of a message's constant, for example ``NO_IK_SOLUTION``; the number where it has none."""
    names = [name for name in dir(kind) if name.isupper() and getattr(kind, name) == value]
    return names[0] if names else f'code {value}'
