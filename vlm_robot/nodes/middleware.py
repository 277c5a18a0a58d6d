"""
What Fast DDS is told through the environment, for nodes and for whoever talks to them.

Two settings belong together. The profile file gives shared memory the size of camera images, keeps the sockets on this
machine, and lets writers and readers hold each message in memory of its own size. rmw_fastrtps takes that last point
from the file only when told to; by itself it keeps every buffer as large as the largest message that it ever held
(PREALLOCATED_WITH_REALLOC), so that a graph with messages of many sizes grows for hours. Whoever sets a profile of his
own is left with it, and with rmw_fastrtps' own ways.
"""

from __future__ import annotations

from collections.abc import Mapping
import os

from vlm_robot.resources import find

PROFILE, FROM_PROFILE, RANGE = (
    'FASTDDS_DEFAULT_PROFILES_FILE',
    'RMW_FASTRTPS_USE_QOS_FROM_XML',
    'ROS_AUTOMATIC_DISCOVERY_RANGE',
)


def list_settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables (name -> text) that ``environment`` still lacks; to be set before a context begins."""
    ours = {RANGE: 'LOCALHOST'}
    if PROFILE not in environment:
        ours |= {PROFILE: str(find('config/fastdds_large_images.xml')), FROM_PROFILE: '1'}
    return {name: text for name, text in ours.items() if name not in environment}
