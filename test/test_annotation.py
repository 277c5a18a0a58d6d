"""Tests for annotation.py and evaluation/story.py."""

import numpy as np
import pytest

from vlm_robot.annotation import draw_decision, draw_detections, read_image, write_film, write_image
from vlm_robot.datatypes import Decision, Detection, OptionScore, Step
from vlm_robot.errors import ImageError
from vlm_robot.evaluation.story import write_story


def test_images_come_back(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    write_image(rgb, tmp_path / 'a.png')
    assert np.array_equal(read_image(tmp_path / 'a.png'), rgb)


@pytest.mark.parametrize('content', [b'', b'not a picture'])
def test_broken_files_are_refused(tmp_path, content):
    path = tmp_path / 'broken.png'
    path.write_bytes(content)
    with pytest.raises(ImageError, match='no image'):
        read_image(path)


def test_unknown_endings_are_refused(tmp_path):
    with pytest.raises(ImageError, match=r'\.png'):
        write_image(np.zeros((4, 4, 3), np.uint8), tmp_path / 'a.xyz')


def test_boxes_are_drawn_on_a_copy():
    rgb = np.zeros((100, 120, 3), np.uint8)
    drawn = draw_detections(rgb, [Detection('red block', 0.9, (10, 30, 60, 80))])
    assert rgb.sum() == 0
    assert drawn[30:81, 10].sum() > 0


def test_decisions_show_one_row_per_option():
    options = tuple(OptionScore(Step('pick', c), f'pick up the {c}', -1, 0.5, 0.5, 0.25) for c in 'abc')
    few, many = (draw_decision(Decision(options[0], options), top=n) for n in (1, 3))
    assert few.shape[0] < many.shape[0]


def test_films_need_frames(tmp_path):
    with pytest.raises(ImageError, match='no frames'):
        write_film([], tmp_path / 'a.gif')
    write_film([np.zeros((48, 64, 3), np.uint8)] * 3, tmp_path / 'a.gif')
    assert (tmp_path / 'a.gif').stat().st_size > 0


def test_stories_escape_what_models_and_people_write(tmp_path):
    step = {'step': '<b>', 'success': False, 'reason': '<i>', 'options': [], 'scene': '&'}
    report = {'sentence': '<script>alert(1)</script>', 'status': 'failed', 'reason': '', 'plan': [], 'steps': [step]}
    write_story(tmp_path / 'report.html', [(report, [['a.png']])])
    page = (tmp_path / 'report.html').read_text()
    assert '<script>' not in page and '<b>' not in page and 'a.png' in page
