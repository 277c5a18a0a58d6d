"""Localised narratives: words, times, traces and the places that follow from them."""

import json

import numpy as np
import pytest

from vlm_robot.training.fake_pictures import build_picture, put_thing, scatter_things
from vlm_robot.training.narration import (
    caption_place,
    caption_region,
    format_record,
    list_dense_captions,
    list_word_targets,
    locate_utterance,
    narrate,
    Narrative,
    relate,
    SAMPLES,
    SAYINGS,
    STYLES,
    TOUR_THINGS,
    Utterance,
)
from vlm_robot.training.pictures import mirror


@pytest.fixture(scope='module')
def told():
    rng = np.random.default_rng(4)
    pictures = [scatter_things(rng) for _ in range(150)]
    return [(picture, narrate(picture, 'train', rng)) for picture in pictures]


def test_times_follow_each_other_and_the_trace_rises(told):
    for _, narrative in told:
        ends = [u.end_s for u in narrative.utterances]
        assert [u.start_s for u in narrative.utterances] == [0.0, *ends[:-1]]
        assert all(u.end_s > u.start_s for u in narrative.utterances)
        assert (np.diff(narrative.trace[:, 2]) >= 0).all()
        assert ((narrative.trace[:, :2] >= 0) & (narrative.trace[:, :2] <= 1)).all()


def test_words_are_the_caption_and_only_names_have_places(told):
    for picture, narrative in told:
        targets = list_word_targets(narrative, picture)
        assert ' '.join(target.word for target in targets) == narrative.text
        for target in targets:
            assert (target.thing is None) == (target.point_px is None) == (target.box_xyxy_px is None)
            if target.thing is not None:
                assert target.word in picture.things[target.thing].label.split()
                assert picture.things[target.thing].is_clear


def test_the_places_of_words_are_those_of_their_things(told):
    for picture, narrative in told:
        for target in list_word_targets(narrative, picture):
            if target.thing is not None:
                thing = picture.things[target.thing]
                assert target.point_px == pytest.approx(thing.centre_px, abs=2.0)
                assert target.box_xyxy_px == pytest.approx(thing.box_xyxy_px, abs=3.0)


def test_every_colour_or_shape_word_has_a_place(told):
    names = {'red', 'blue', 'white', 'orange', 'block', 'bowl'}
    for picture, narrative in told:
        for target in list_word_targets(narrative, picture):
            assert (target.word in names) == (target.thing is not None)


def test_the_place_of_an_utterance_is_that_of_sixteen_samples_of_its_time():
    trace = np.array([(0.1, 0.5, 0.0), (0.1, 0.5, 1.0), (0.5, 0.9, 2.0), (0.7, 0.1, 9.0)])
    centre, box = locate_utterance(trace, Utterance('x', 1.0, 2.0, 0))
    assert centre == pytest.approx([0.3, 0.7])
    assert box == pytest.approx([0.1, 0.5, 0.5, 0.9])
    assert SAMPLES == 16


def test_relations_that_are_told_are_true():
    rng = np.random.default_rng(8)
    opposite = {'left of': 'right of', 'right of': 'left of', 'above': 'below', 'below': 'above'}
    seen = set()
    for _ in range(60):
        picture = scatter_things(rng)
        for i, first in enumerate(picture.things):
            for j, second in enumerate(picture.things):
                said = relate(picture, i, j) if i != j else None
                seen.add(said)
                dx, dy = np.subtract(first.centre_px, second.centre_px)
                if said in ('in', 'on'):
                    assert first.host == j
                elif said:
                    assert relate(picture, j, i) == opposite[said]
                    across = {'left of': -dx, 'right of': dx, 'above': -dy, 'below': dy}[said]
                    assert across == max(abs(dx), abs(dy))
    assert seen >= {'in', 'on', *opposite}


def test_a_mirrored_picture_is_told_the_other_way_round():
    picture = build_picture(put_thing('red block', (0.2, 0.5)), put_thing('blue bowl', (0.7, 0.5)))
    assert relate(picture, 0, 1) == 'left of'
    assert relate(mirror(picture), 0, 1) == 'right of'


def test_every_style_is_told_and_a_tour_is_short():
    things = [put_thing('red block', (x, 0.5)) for x in np.linspace(0.1, 0.9, 8)]
    picture = build_picture(put_thing('white block', (0.5, 0.1), 'hand'), *things)
    for style in STYLES:
        narrative = narrate(picture, 'train', np.random.default_rng(0), style)
        named = [u.thing for u in narrative.utterances if u.thing is not None]
        assert {'short': 2, 'pair': 2, 'hand': 1, 'tour': TOUR_THINGS}[style] == len(named) == len(set(named))


def test_a_tour_from_left_to_right_goes_from_left_to_right(told):
    tours = [(p, n) for p, n in told if n.text.startswith('from left to right')]
    assert tours
    for picture, narrative in tours:
        across = [picture.things[u.thing].centre_px[0] for u in narrative.utterances if u.thing is not None]
        assert across == sorted(across)


def test_an_empty_table_is_told_without_places():
    narrative = narrate(build_picture(), 'train', np.random.default_rng(0))
    assert isinstance(narrative, Narrative)
    assert all(target.point_px is None for target in list_word_targets(narrative, build_picture()))


def test_training_tells_in_no_kept_wording():
    rng = np.random.default_rng(6)
    trained = {wording for wordings in SAYINGS.values() for wording in wordings.trained}
    kept = {wording for wordings in SAYINGS.values() for wording in wordings.kept}
    assert all(wordings.kept for wordings in SAYINGS.values())
    assert not trained & kept
    picture = build_picture(put_thing('red block', (0.2, 0.5)), put_thing('red bowl', (0.7, 0.5)))
    pairs = [narrate(picture, split, rng, 'pair').text
             for split in ('train', 'validation') for _ in range(100)]  # fmt: skip
    assert not any(', and there is' in text for text in pairs)


def test_captions_of_things():
    picture = build_picture(
        put_thing('blue bowl', (0.5, 0.5)),
        put_thing('orange block', (0.5, 0.5), 'bowl', 0),
        put_thing('red block', (0.1, 0.1)),
    )
    assert caption_region(picture.things[1]) == 'orange block'
    assert [caption_place(picture, i) for i in range(3)] == [
        'a blue bowl on the table', 'an orange block in a blue bowl', 'a red block on the table',
    ]  # fmt: skip
    assert [text for text, _ in list_dense_captions(picture)] == ['blue bowl', 'orange block', 'red block']


def test_a_record_has_the_fields_of_localized_narratives(told):
    _, narrative = told[0]
    record = json.loads(json.dumps(format_record(narrative, 'table 0')))
    assert record['caption'] == narrative.text
    assert {'dataset_id', 'image_id', 'annotator_id', 'timed_caption', 'traces'} < set(record)
    assert ' '.join(item['utterance'] for item in record['timed_caption']) == narrative.text
