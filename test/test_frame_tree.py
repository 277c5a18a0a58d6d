"""Poses of cameras out of tf2, against a look-alike of tf2_ros: its own package is in no registry."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from std_msgs.msg import Header

from vlm_robot.errors import ConfigError, PerceptionError
from vlm_robot.nodes.frame_tree import FrameTree

HEADER = Header(stamp=Time(sec=7, nanosec=5), frame_id='front_optical_frame')


class Lost(Exception):
    """What tf2 raises."""


class Buffer:
    """Knows one transform; keeps what it was asked for."""

    asked = ()

    def lookup_transform(self, target, source, time, timeout):
        Buffer.asked = (target, source, time.to_msg(), timeout.nanoseconds)
        if source != HEADER.frame_id:
            raise Lost(f'"{source}" does not exist')
        found = TransformStamped()
        found.transform.translation, found.transform.rotation = Vector3(x=1.0, y=2.0, z=3.0), Quaternion(x=1.0, w=0.0)
        return found


@pytest.fixture
def tree(monkeypatch):
    fake = SimpleNamespace(Buffer=Buffer, TransformListener=lambda buffer, node: None, TransformException=Lost)
    monkeypatch.setitem(sys.modules, 'tf2_ros', fake)
    return FrameTree(None, 'table')


def test_a_pose_is_that_of_the_image(tree):
    pose = tree.find(HEADER)
    assert Buffer.asked[:3] == ('table', HEADER.frame_id, HEADER.stamp) and Buffer.asked[3] > 0
    assert (pose.header.frame_id, pose.header.stamp) == ('table', HEADER.stamp)
    assert (pose.pose.position.x, pose.pose.position.y, pose.pose.position.z) == (1.0, 2.0, 3.0)
    assert (pose.pose.orientation.x, pose.pose.orientation.w) == (1.0, 0.0)


def test_a_frame_that_hangs_nowhere_is_a_reason(tree):
    with pytest.raises(PerceptionError, match=r'elsewhere.*does not exist'):
        tree.find(Header(frame_id='elsewhere'))


def test_without_tf2_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    with pytest.raises(ConfigError, match=r'tf2-ros-py.*pose_source'):
        FrameTree(None, 'base')
