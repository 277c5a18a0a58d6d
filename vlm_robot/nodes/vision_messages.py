"""
Detections as ``vision_msgs``, which other people's tools read: labels in ``class_id``, boxes by centre and size.

The package comes with ROS 2 distributions and not with the wheels; where it is missing, ``Detection2DArray`` is None
here and nobody publishes such messages. Version 4 renamed the centre's fields; both are written.
"""

from __future__ import annotations

from vlm_robot_interfaces import msg as msgs

try:
    from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose
except ImportError:
    Detection2D = Detection2DArray = ObjectHypothesisWithPose = None


def to_detections_2d(message: msgs.DetectionArray) -> Detection2DArray:
    """Return detections as vision_msgs has them; pixels of the original image, scores 0..1."""
    return Detection2DArray(
        header=message.header, detections=[_to_detection_2d(item, message.header) for item in message.detections]
    )


def _to_detection_2d(item: msgs.Detection, header) -> Detection2D:
    found = Detection2D(header=header)
    centre = found.bbox.center
    place = getattr(centre, 'position', centre)  # before version 4 the centre was a Pose2D itself
    place.x, place.y = (item.x_min_px + item.x_max_px) / 2, (item.y_min_px + item.y_max_px) / 2
    found.bbox.size_x, found.bbox.size_y = item.x_max_px - item.x_min_px, item.y_max_px - item.y_min_px
    guess = ObjectHypothesisWithPose()
    guess.hypothesis.class_id, guess.hypothesis.score = item.label, float(item.score)
    found.results.append(guess)
    return found
