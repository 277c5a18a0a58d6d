"""Recordings: what is written is read again, definitions of own types included, and refusals name the cure."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from vlm_robot.errors import PerceptionError
from vlm_robot.nodes.bag import BagWriter, collect_definitions, find_class, list_topics, name_kind, read_bag
from vlm_robot.nodes.recorder_node import CAMERA_KINDS, KINDS
from vlm_robot_interfaces.msg import Detection, DetectionArray, Plan

pytestmark = pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning')


def make_image(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, 4 * 6 * 3, dtype=np.uint8)
    return Image(height=4, width=6, encoding='rgb8', step=18, data=array('B', pixels.tobytes()))


def test_messages_come_back_as_they_were_in_their_order(tmp_path):
    seen = DetectionArray(camera='top', detections=[Detection(label='red block', score=0.5)])
    sent = [('/plan', Plan(sentence='to the left')), ('/detections', seen)]
    sent += [('/front/image', make_image(seed)) for seed in (1, 2)]
    with BagWriter(tmp_path / 'bag', sorted({name_kind(type(m)) for _, m in sent})) as bag:
        for index, (topic, message) in enumerate(sent):
            bag.write(topic, name_kind(type(message)), serialize_message(message), 10**9 + index)
    found = list(read_bag(tmp_path / 'bag'))
    assert [(r.topic, r.message) for r in found] == sent
    assert [r.nanoseconds for r in found] == [10**9 + i for i in range(4)]
    assert [r.topic for r in read_bag(tmp_path / 'bag', ('/plan',))] == ['/plan']
    assert list_topics(tmp_path / 'bag') == ['/detections', '/front/image', '/plan']
    assert [path.suffix for path in sorted((tmp_path / 'bag').iterdir())] == ['.mcap', '.yaml']


def test_definitions_of_all_parts_of_a_type_are_collected():
    found = collect_definitions('vlm_robot_interfaces/msg/DetectionArray')
    assert {'std_msgs/msg/Header', 'sensor_msgs/msg/Image', 'geometry_msgs/msg/Point'} <= set(found)
    assert 'float32 score' in found['vlm_robot_interfaces/msg/Detection']


@pytest.mark.parametrize('kind', sorted({*KINDS.values(), *CAMERA_KINDS.values()}))
def test_every_type_that_can_be_recorded_is_installed_and_named_as_it_says(kind):
    assert name_kind(find_class(kind)) == kind
    assert kind in collect_definitions(kind)


def test_a_folder_that_is_there_is_not_written_over(tmp_path):
    with pytest.raises(PerceptionError, match='not there yet'):
        BagWriter(tmp_path, [name_kind(Plan)])


def test_what_is_no_recording_is_refused(tmp_path):
    (tmp_path / 'half').mkdir()
    (tmp_path / 'half' / 'half.mcap').write_bytes(b'\x89MCAP0\r\n')
    for path in (tmp_path / 'nothing', tmp_path / 'half'):
        with pytest.raises(PerceptionError, match='cannot read the recording'):
            list(read_bag(path))
        with pytest.raises(PerceptionError, match='cannot read the recording'):
            list_topics(path)


def test_types_that_are_not_installed_are_named():
    with pytest.raises(PerceptionError, match='nowhere_msgs/msg/Thing'):
        find_class('nowhere_msgs/msg/Thing')
    with pytest.raises(PerceptionError, match='nowhere_msgs/msg/Thing'):
        collect_definitions('nowhere_msgs/msg/Thing')
