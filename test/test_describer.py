"""The description of a picture: things, counts, places, relations; parts that are missing say nothing."""

import numpy as np
import pytest

from vlm_robot.datatypes import DescriptionLine, Detection
from vlm_robot.errors import ConfigError, ImageError
from vlm_robot.perception.describer import DescriberConfig, LensDescriber
from vlm_robot.perception.detector import FixedDetector
from vlm_robot.perception.fixed_sight import FixedGrounder
from vlm_robot.perception.picture_relations import find_hosts, list_sides, tell_part

RGB = np.zeros((100, 200, 3), np.uint8)
BOWL, INSIDE = (20, 40, 80, 90), (40, 45, 60, 65)
LOWER, UPPER = (150, 60, 170, 80), (152, 42, 172, 62)


def see(**boxes):
    return [Detection(name.replace('_', ' '), 0.9, box) for name, box in boxes.items()]


def texts(description, kind):
    return [line.text for line in description.lines if line.kind == kind]


class Reader:
    def read(self, rgb):
        return [DescriptionLine('text', 'SALT', 0.8, (0, 0, 9, 9))]


class Tagger:
    def tag(self, rgb, boxes=()):
        return [DescriptionLine('tag', 'thing', 0.7, box) for box in (None, *boxes)]


def test_things_counts_and_relations_are_told():
    detector = FixedDetector({'green bowl': [BOWL], 'red block': [INSIDE, LOWER]})
    found = LensDescriber(detector).describe(RGB)
    assert 'red block in the green bowl, middle left' in texts(found, 'object')
    assert 'red block on the table, lower right' in texts(found, 'object')
    assert set(texts(found, 'count')) == {'1 green bowl', '2 red blocks', '2 blocks', '1 bowl'}
    assert texts(found, 'relation')[0] == 'red block in green bowl'
    assert 'red block right of green bowl' in texts(found, 'relation')
    assert 'red block left of red block' not in texts(found, 'relation')
    for line in found.lines:
        assert 0 <= line.confidence <= 1


def test_a_picture_of_nothing_is_described_by_nothing():
    assert LensDescriber(FixedDetector({})).describe(RGB).lines == ()
    assert LensDescriber().describe(RGB).text == ''


def test_every_part_adds_its_lines_and_every_thing_is_asked_about():
    detector = FixedDetector({'green bowl': [BOWL], 'red block': [INSIDE]})
    describer = LensDescriber(detector, Tagger(), Reader(), FixedGrounder({'a red block': [INSIDE]}))
    kinds = {line.kind for line in describer.describe(RGB).lines}
    assert kinds == {'object', 'count', 'relation', 'tag', 'text'}
    assert len(texts(describer.describe(RGB), 'tag')) == 3
    describer.config = DescriberConfig(captions='dense', crops=False, writing=False)
    found = describer.describe(RGB)
    assert texts(found, 'caption') == ['a red block', 'a red block']
    assert texts(found, 'tag') == ['thing']
    assert texts(found, 'text') == []


def test_lines_are_bounded():
    row = [(x, 10, x + 8, 18) for x in range(0, 190, 10)]
    detector = FixedDetector({'red block': row[::2], 'blue block': row[1::2]})
    describer = LensDescriber(detector, config=DescriberConfig(most_things=5, most_relations=3))
    found = describer.describe(RGB)
    assert len(texts(found, 'object')) == 5
    assert len(texts(found, 'relation')) <= 3
    assert '10 red blocks' in texts(found, 'count')


def test_a_block_on_a_block_is_told_from_one_beside_it():
    assert find_hosts(see(red_block=UPPER, blue_block=LOWER))[0][0] == 1
    assert find_hosts(see(red_block=LOWER, blue_block=UPPER))[0] is None
    beside = (120, 60, 140, 80)
    assert find_hosts(see(red_block=beside, blue_block=LOWER)) == [None, None]
    assert find_hosts(see(green_bowl=BOWL, red_bowl=INSIDE)) == [None, None]


def test_sides_are_opposite_both_ways():
    found = see(red_block=(10, 10, 20, 20), blue_block=(60, 50, 70, 60), green_bowl=(61, 50, 69, 60))
    flip = {'left of': 'right of', 'right of': 'left of', 'above': 'below', 'below': 'above'}
    rows = set(list_sides(found, (200, 100)))
    assert rows == {(j, flip[side], i) for i, side, j in rows}
    assert (0, 'left of', 1) in rows
    assert (0, 'above', 1) in rows
    assert not any({i, j} == {1, 2} for i, _, j in rows)


PARTS = {
    (0, 0, 2, 2): 'upper left',
    (90, 45, 110, 55): 'centre',
    (190, 90, 200, 100): 'lower right',
    (190, 0, 300, 1): 'upper right',
}


@pytest.mark.parametrize(('box', 'part'), PARTS.items())
def test_parts_of_a_picture(box, part):
    assert tell_part(box, (200, 100)) == part


def test_what_is_no_picture_is_refused():
    with pytest.raises(ImageError):
        LensDescriber().describe(np.zeros((0, 0, 3), np.uint8))


@pytest.mark.parametrize(
    'settings', [{'captions': 'all'}, {'most_things': -1}, {'captions': 'dense', 'captioner': 'x'}]
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ConfigError):
        DescriberConfig(**settings)
