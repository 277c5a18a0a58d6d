"""
The scene as RViz markers: a box per object with its name above it, in the base frame.

``visualization_msgs`` comes with ROS 2 and with the wheels; where it is missing, ``MarkerArray`` is None here and
nobody publishes markers. Markers of things that have gone are deleted by the first marker of each array.
"""

from __future__ import annotations

import numpy as np

from vlm_robot.datatypes import Scene, SceneObject
from vlm_robot.geometry import build_transform
from vlm_robot.nodes import conversions
from vlm_robot.vocabulary import COLOURS

try:
    from visualization_msgs.msg import Marker, MarkerArray
except ImportError:
    Marker = MarkerArray = None

TEXT_HEIGHT = 0.025  # metres
ALPHA, GREY = 0.6, (150, 150, 150)


def to_markers(scene: Scene, frame: str) -> MarkerArray:
    """Return all objects of a scene as markers in a frame; what was shown before is deleted first."""
    header = conversions.to_header(scene.stamp, frame)
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for number, item in enumerate(scene.objects):
        markers += [_to_box(item, number, header), _to_text(item, number, header)]
    return MarkerArray(markers=markers)


def _to_box(item: SceneObject, number: int, header) -> Marker:
    marker = Marker(header=header, ns='objects', id=number, type=Marker.CUBE, action=Marker.ADD)
    turn = (0.0, 0.0, np.sin(item.yaw / 2), np.cos(item.yaw / 2))
    marker.pose = conversions.to_pose(build_transform(item.p_base, turn))
    marker.scale = conversions.to_vector(max(side, 0.005) for side in item.size)  # RViz draws nothing that is flat
    red, green, blue = COLOURS.get(item.label.split(' ')[0], GREY)
    marker.color.r, marker.color.g, marker.color.b, marker.color.a = red / 255, green / 255, blue / 255, ALPHA
    return marker


def _to_text(item: SceneObject, number: int, header) -> Marker:
    marker = Marker(header=header, ns='names', id=number, type=Marker.TEXT_VIEW_FACING, action=Marker.ADD)
    x, y, z = item.p_base
    marker.pose.position = conversions.to_point((x, y, z + item.size[2] / 2 + TEXT_HEIGHT))
    marker.pose.orientation.w = 1.0
    marker.scale.z, marker.text = TEXT_HEIGHT, f'{item.name} {item.score:.2f}'
    marker.color.r = marker.color.g = marker.color.b = marker.color.a = 1.0
    return marker
