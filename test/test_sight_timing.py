"""A camera of its own process at a steady rate, heard by another; the detector's part is the bench itself."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from vlm_robot.errors import PerceptionError
from vlm_robot.nodes import camera_player, conversions, sight_timing
from vlm_robot.nodes.camera_watch import KINDS

pytestmark = pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning')
DOMAIN = int(os.environ.get('ROS_DOMAIN_ID') or 77)


def test_pictures_come_with_their_age(tmp_path, monkeypatch):
    monkeypatch.setattr(sight_timing, 'TRANSPORT_SECONDS', 1.0)
    ages = sight_timing.SightTiming(DOMAIN, tmp_path).measure_transport()
    assert 1 <= ages.player['sent'] <= 10
    assert 1 <= len(ages.age) <= ages.player['sent']
    assert min(ages.age) > 0
    assert sorted(ages.at) == ages.at


def test_a_camera_that_cannot_play_says_why(tmp_path):
    timing = sight_timing.SightTiming(DOMAIN, tmp_path, bag=tmp_path / 'nowhere')
    with pytest.raises(PerceptionError, match='cannot read the recording'):
        timing.measure_transport()


def test_a_player_sends_each_frame_with_a_newer_stamp_and_skips_what_is_late():
    frames = list(camera_player.render_frames('top', 2))
    assert [message.width for message in frames[0][:3]] == [640] * 3
    sent = []
    player = camera_player.Player.__new__(camera_player.Player)
    player.frames, player.is_stopped = frames, False
    keep = SimpleNamespace(publish=lambda message: sent.append(conversions.to_seconds(message.header.stamp)))
    player._publishers = [keep] * len(KINDS)
    told = player.play(50.0, 0.2)
    assert len(sent) == len(KINDS) * told['sent']
    assert sent == sorted(sent)
    assert told['sent'] <= 10
    player.is_stopped = True
    assert player.play(50.0, 10.0)['sent'] == 0
