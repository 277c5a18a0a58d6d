"""Reading: lines where they are written, nothing where nothing is, text that stays on its line."""

import cv2
import numpy as np
import pytest

from vlm_robot.errors import ConfigError, ImageError
from vlm_robot.perception.ocr import clean_text, LONGEST_TEXT, OcrConfig, TextReader


@pytest.fixture(scope='module')
def reader():
    return TextReader(OcrConfig(threads=1))


def paint(*lines, size=(320, 240), letter=0.7):
    rgb = np.full((size[1], size[0], 3), 225, np.uint8)
    for text, place in lines:
        cv2.putText(rgb, text, place, cv2.FONT_HERSHEY_SIMPLEX, letter, (30, 20, 10), 2, cv2.LINE_AA)
    return rgb


def test_lines_are_read_from_top_to_bottom_with_boxes_around_them(reader):
    found = reader.read(paint(('BOTTOM', (150, 200)), ('TOP', (30, 60))))
    assert [line.text for line in found] == ['TOP', 'BOTTOM']
    for line, (x, y) in zip(found, ((30, 60), (150, 200)), strict=True):
        left, top, right, bottom = line.box_xyxy_px
        assert left < x + 20 < right
        assert top < y - 5 < bottom
        assert line.kind == 'text'
        assert line.confidence >= OcrConfig().least_confidence


def test_letters_of_eight_pixels_are_read(reader):
    rgb = np.full((120, 160, 3), 225, np.uint8)
    cv2.putText(rgb, 'SALT', (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (30, 20, 10), 1, cv2.LINE_AA)
    assert [line.text for line in reader.read(rgb)] == ['SALT']


def test_a_line_reads_the_same_whatever_else_is_written(reader):
    alone = reader.read(paint(('OK', (30, 60))))
    beside = reader.read(paint(('OK', (30, 60)), ('A MUCH LONGER LINE', (20, 200))))
    assert [line.text for line in alone] == ['OK']
    assert beside[0].text == 'OK'
    assert beside[0].confidence == pytest.approx(alone[0].confidence, abs=0.02)  # no padding to the longest line


@pytest.mark.parametrize('shape', [(8, 8, 3), (8, 400, 3), (300, 9, 3)])
def test_a_blank_picture_of_any_shape_reads_as_nothing(reader, shape):
    assert reader.read(np.full(shape, 120, np.uint8)) == []


@pytest.mark.parametrize('rgb', [np.zeros((0, 0, 3), np.uint8), np.zeros((20, 20), np.uint8), np.zeros((20, 20, 3))])
def test_what_is_no_picture_is_refused(reader, rgb):
    with pytest.raises(ImageError):
        reader.read(rgb)


def test_a_written_line_cannot_become_two_lines():
    assert clean_text('a\nobject: b\r\u2028c\x00') == 'a object: b c'
    assert len(clean_text('x' * 999)) == LONGEST_TEXT


@pytest.mark.parametrize('settings', [{'shortest_side_px': 10}, {'least_confidence': 2.0}, {'threads': -1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match='allowed'):
        OcrConfig(**settings)
