"""Tests for annotation.py and evaluation/story.py."""

from dataclasses import replace

import numpy as np
import pytest

from vlm_robot.annotation import (
    choose_colour,
    draw_decision,
    draw_decisions,
    draw_detections,
    read_image,
    SHADE,
    write_film,
    write_image,
)
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


@pytest.mark.parametrize(('label', 'like'), [('Red block', 'red'), ('a red block', 'red'), ('the cat', 'nothing')])
def test_colours_follow_the_words(label, like):
    assert choose_colour(label) == choose_colour(like)


def test_decisions_show_one_row_per_option():
    options = tuple(OptionScore(Step('pick', c), f'pick up the {c}', -1, 0.5, 0.5, 0.25) for c in 'abc')
    few, many = (draw_decision(Decision(options[0], options), top=n) for n in (1, 3))
    assert few.shape[0] < many.shape[0]


def test_the_chosen_option_is_always_shown_and_shaded():
    options = tuple(OptionScore(Step('pick', c), f'pick up the {c}', -1, 0.1, 0.5, 0.05) for c in 'abcdefgh')
    drawn = draw_decision(Decision(options[-1], options), top=3)
    assert (drawn == SHADE).all(axis=2).any()
    assert not (draw_decision(Decision(replace(options[0], text='other'), options), top=3) == SHADE).all(axis=2).any()


def test_several_decisions_stand_one_below_the_other():
    options = tuple(OptionScore(Step('pick', c), f'pick up the {c}', -1, 0.5, 0.5, 0.25) for c in 'ab')
    decision = Decision(options[0], options)
    one = draw_decision(decision, title='put it there')
    assert draw_decisions([decision, decision], 'put it there').shape == (2 * one.shape[0], *one.shape[1:])


def test_letters_that_the_font_lacks_are_replaced():
    options = (OptionScore(Step('pick', 'x'), '赤い箱', -1, 0.5, 0.5, 0.25),)
    assert draw_decision(Decision(options[0], options), title='赤い箱').std() > 0


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


def test_stories_tell_program_notes_and_questions(tmp_path):
    option = {'text': 'go home', 'language': 0.5, 'affordance': 1.0, 'product': 0.5, 'reason': ''}
    step = {'step': 'go home', 'success': True, 'reason': '', 'scene': '', 'line': 2, 'options': [option]}
    report = {'sentence': 'x', 'status': 'done', 'reason': '', 'plan': [], 'steps': [step]}
    report |= {'notes': ["read 'a' as 'b'"], 'questions': [['Which one?', 'the red one']]}
    report['program'] = "    put('<x>')\n    go_home()\n"
    write_story(tmp_path / 'report.html', [(report, [])])
    page = (tmp_path / 'report.html').read_text()
    assert '<b>    go_home()</b>' in page
    assert 'put(&#x27;&lt;x&gt;&#x27;)' in page and '<x>' not in page
    assert 'Which one?' in page and 'the red one' in page and 'read &#x27;a&#x27;' in page
    assert 'class=chosen' in page
