"""Pictures of a task beyond boxes: which files are written; a missing checkpoint is a reason, not a failure."""

from dataclasses import replace

import numpy as np
import pytest

from vlm_robot.annotation import read_image
from vlm_robot.config import AgentConfig
from vlm_robot.datatypes import GroundedCaption, GroundedWord
from vlm_robot.evaluation.sight_pictures import SightPainter
from vlm_robot.evaluation.story import write_story
from vlm_robot.perception.clipseg import ClipSegConfig
from vlm_robot.perception.fixed_sight import FixedSegmenter
from vlm_robot.perception.pixel_llm.grounder import PixelLlmConfig


class OneSentence:
    """Says the same of every picture."""

    name = 'one sentence'

    def caption(self, rgb, box_xyxy_px=None):
        return GroundedCaption('a red block', (GroundedWord('a', None), GroundedWord('block', (30.0, 20.0))))


@pytest.fixture
def rgb():
    return np.full((120, 160, 3), 90, np.uint8)


def test_masks_and_words_are_written_and_shown_on_the_page(rgb, tmp_path):
    painter = SightPainter(segmenter=FixedSegmenter({'red block': (10, 10, 50, 40)}), grounder=OneSentence())
    names = painter.paint(rgb, ['red block', 'red block', 'blue bowl'], tmp_path, 'end_front')
    assert names == ['end_front_masks.png', 'end_front_caption.png']
    assert (read_image(tmp_path / names[0])[15:35, 15:45] != 90).any()
    assert read_image(tmp_path / names[1]).shape[0] > 120
    report = {'sentence': 's', 'status': 'done', 'reason': 'r', 'plan': [], 'steps': [], 'sight': names}
    write_story(tmp_path / 'report.html', [(report, [])])
    page = (tmp_path / 'report.html').read_text()
    assert all(name in page for name in names)


def test_without_things_there_are_no_masks(rgb, tmp_path):
    painter = SightPainter(segmenter=FixedSegmenter({}), grounder=OneSentence())
    assert painter.paint(rgb, [], tmp_path, 'end') == ['end_caption.png']


def test_a_missing_checkpoint_is_told_once_and_nothing_is_drawn(rgb, tmp_path):
    config = replace(AgentConfig(), segmenter=ClipSegConfig('/no/such'), grounder=PixelLlmConfig('/no/such'))
    painter = SightPainter(config)
    for _ in range(2):
        assert painter.paint(rgb, ['red block'], tmp_path, 'end') == []
    assert len(painter.missing) == 2
