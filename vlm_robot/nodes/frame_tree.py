"""
Where cameras stand, out of tf2 where it is installed: for robots that publish no ``<camera>/pose``.

tf2_ros is in no package registry and comes with a ROS 2 installation; it is imported only where it is asked for.
"""

from __future__ import annotations

from geometry_msgs.msg import PoseStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from vlm_robot.errors import ConfigError, PerceptionError

PATIENCE = 0.5  # seconds of the node's clock that a transform may come later than its image


class FrameTree:
    """Listens to /tf and /tf_static."""

    def __init__(self, node: Node, base_frame: str):
        """
        Listen.

        :raises ConfigError: tf2_ros is not installed.
        """
        try:
            import tf2_ros
        except ImportError as error:
            raise ConfigError(
                "pose_source is 'tf', but tf2_ros is not installed (apt install ros-$ROS_DISTRO-tf2-ros-py); "
                "or set pose_source to 'topic' and publish <camera>/pose"
            ) from error
        self.base_frame, self._failure = base_frame, tf2_ros.TransformException
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def find(self, header: Header) -> PoseStamped:
        """
        Return T_base_camera of the frame and stamp of an image, its optical frame: z forward, x right, y down.

        :raises PerceptionError: the tree does not lead from the base to that frame at that time.
        """
        stamp, patience = Time.from_msg(header.stamp), Duration(seconds=PATIENCE)
        try:
            found = self._buffer.lookup_transform(self.base_frame, header.frame_id, stamp, patience)
        except self._failure as error:
            raise PerceptionError(f"no transform from '{self.base_frame}' to '{header.frame_id}': {error}") from error
        pose = PoseStamped(header=Header(stamp=header.stamp, frame_id=self.base_frame))
        shift, pose.pose.orientation = found.transform.translation, found.transform.rotation
        pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = shift.x, shift.y, shift.z
        return pose
