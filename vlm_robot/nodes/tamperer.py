"""
Stands between the robot (here: the simulator) and the nodes: hands on cameras, clock and driver, or breaks them.

The simulator's names are remapped below ``raw/``; what arrives there goes on under the usual names. While nothing is
broken the bytes are handed on unread.
"""

from __future__ import annotations

from geometry_msgs.msg import PoseStamped
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState

from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.participant import Participant
from vlm_robot.nodes.tampering import leave, Tamper

CAMERAS = ('front', 'top')
KINDS = {'image': Image, 'depth': Image, 'camera_info': CameraInfo, 'pose': PoseStamped}
DRIVER = {'tcp_pose': PoseStamped, 'joint_states': JointState}
ACTIONS = ('move_arm', 'move_gripper')
HIDDEN = ('send_goal', 'cancel_goal', 'get_result', 'feedback', 'status')  # a remap of an action's name is not enough


def list_remaps() -> dict[str, str]:
    """Return what the simulator must be told so that its names begin with ``raw/``."""
    topics = [f'{camera}/{part}' for camera in CAMERAS for part in KINDS] + list(DRIVER)
    hidden = [f'{action}/_action/{name}' for action in ACTIONS for name in HIDDEN]
    return {'/clock': '/raw/clock', **{name: f'raw/{name}' for name in [*topics, *hidden]}}


class Tamperer(Participant):
    """Hands messages on; ``tamper`` may be replaced at any time."""

    def __init__(self, domain: int):
        """Connect to everything that the robot publishes."""
        super().__init__('tamperer', domain, threads=2)
        self.tamper: Tamper = leave
        for camera in CAMERAS:
            for part, kind in KINDS.items():
                self._relay(camera, part, kind, f'{camera}/{part}')
        for name, kind in DRIVER.items():
            self._relay('', name, kind, name)
        self._relay('', 'clock', Clock, '/clock', 'raw/clock')

    def _relay(self, source: str, part: str, kind: type, topic: str, raw: str = '') -> None:
        publisher = self.node.create_publisher(kind, topic, reliable_qos(2))

        def hand_on(data: bytes) -> None:
            if self.tamper is leave:
                publisher.publish(data)
                return
            message = self.tamper(source, part, deserialize_message(data, kind))
            if message is not None:
                publisher.publish(message)

        self.node.create_subscription(kind, raw or f'raw/{topic}', hand_on, reliable_qos(2), raw=True)
