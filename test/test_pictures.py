"""Pictures with their truth, the store that keeps them, and the fences between the splits."""

from dataclasses import replace
import itertools
import re
import zlib

import cv2
import numpy as np
import pytest

from vlm_robot.errors import ConfigError
from vlm_robot.sim.bullet_camera import CAMERAS
from vlm_robot.training import owlvit_data
from vlm_robot.training.fake_pictures import put_thing
from vlm_robot.training.narration import SAYINGS
from vlm_robot.training.owlvit_data import render_shard, SIDE_PX
from vlm_robot.training.owlvit_scenes import JITTERS, sample_view, STREAMS, TableDrawer
from vlm_robot.training.picture_phrases import NAMING
from vlm_robot.training.picture_questions import ASKED
from vlm_robot.training.picture_store import map_arrays, PictureStore
from vlm_robot.training.pictures import (
    compose_picture,
    cut_masks,
    find_shown,
    label_picture,
    mirror,
    paint_things,
    render_owners,
    render_picture,
    resize_picture,
    sample_sight,
)
from vlm_robot.training.referring_wordings import WORDINGS
from vlm_robot.training.sight_separation import (
    CAMERA_RANGE_M,
    HELD_OUT_PAIRS,
    is_far,
    is_held_out,
    list_colours,
    SIGHT_STREAMS,
    split_rng,
    Wordings,
)
from vlm_robot.vocabulary import COLOURS

SPLITS = ('train', 'validation', 'test')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('pictures')
    render_shard(path / 'train_0000.npz', 'train', range(3))
    return path


@pytest.fixture(scope='module')
def store(folder):
    return PictureStore(folder, 'train')


@pytest.fixture(scope='module')
def drawer():
    drawer = TableDrawer()
    yield drawer
    drawer.close()


# ---- the rule of separation


def test_no_stream_of_random_numbers_is_shared():
    streams = [*STREAMS.values(), *SIGHT_STREAMS.values()]
    assert len(set(streams)) == len(streams)
    first = {
        split: {split_rng(split, purpose, seed).integers(2**62) for purpose in 'ab' for seed in range(200)}
        for split in SPLITS
    }
    assert all(len(numbers) == 400 for numbers in first.values())
    assert not first['train'] & (first['validation'] | first['test'])
    assert not first['validation'] & first['test']


def test_held_out_pairs_are_never_drawn_in_training_and_are_in_the_test():
    rng = split_rng('train', 'here', 0)
    things = [thing for seed in range(20) for thing in sample_view('train', seed).things]
    shown = {thing.label for _ in range(2000 // 20) for thing in paint_things(things, 'train', rng)}
    held_out = {f'{colour} {shape}' for colour, shape in HELD_OUT_PAIRS}
    assert len(shown) == 22 - len(held_out)
    assert not shown & held_out
    assert held_out <= {thing.label for seed in range(60) for thing in sample_sight('test', seed).things}
    assert all(not is_held_out(c, s) for s in ('block', 'bowl') for c in list_colours('train', s))
    assert list_colours('test', 'bowl') == tuple(COLOURS)


def test_2000_training_pictures_hold_no_held_out_pair(store):
    rng = split_rng('train', 'draws', 0)
    for _ in range(2000):
        view, layers = store._layers[int(rng.integers(len(store)))]
        for thing in paint_things(find_shown(view, layers), 'train', rng):
            assert not is_held_out(*thing.label.split())


def test_a_share_of_test_cameras_stands_outside_the_range_of_training(store):
    far = [is_far(sample_sight('test', seed).camera) for seed in range(200)]
    assert 0.25 <= np.mean(far) < 0.3
    for view, _ in store._layers:
        assert np.linalg.norm(np.subtract(view.camera.eye, CAMERAS[view.camera.name].eye)) <= CAMERA_RANGE_M
    assert JITTERS['train'].camera > JITTERS['test'].camera


def test_a_kept_wording_is_said_in_the_test_only():
    wordings = Wordings(('a {}', 'the {}'), ('one {}',))
    for split in ('train', 'validation'):
        rng = split_rng(split, 'words', 0)
        assert {wordings.pick(split, rng) for _ in range(200)} == {('a {}', False), ('the {}', False)}
    rng = split_rng('test', 'words', 0)
    assert ('one {}', True) in {wordings.pick('test', rng) for _ in range(50)}
    with pytest.raises(ConfigError, match='both sides'):
        Wordings(('a {}',), ('a {}',))


ALL_WORDINGS = [NAMING, *WORDINGS.values(), *SAYINGS.values(), *ASKED.values()]


def test_no_kept_wording_is_trained_anywhere():
    trained = {text for wordings in ALL_WORDINGS for text in wordings.trained}
    kept = [text for wordings in ALL_WORDINGS for text in wordings.kept]
    assert all(wordings.kept for wordings in ALL_WORDINGS)
    assert not trained & set(kept)


@pytest.mark.parametrize('group', [WORDINGS, SAYINGS, ASKED])
def test_kept_wordings_are_made_of_trained_words(group):
    trained = {word for wordings in ALL_WORDINGS for text in wordings.trained for word in re.findall(r'[a-z]+', text)}
    for wordings in group.values():
        for text in wordings.kept:
            assert set(re.findall(r'[a-z]+', text)) <= trained


def test_unknown_splits_and_empty_stores_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='validation'):
        split_rng('dev', 'x', 0)
    with pytest.raises(ConfigError, match='validation'):
        PictureStore(tmp_path, 'dev')
    with pytest.raises(ConfigError, match='how many'):
        PictureStore(tmp_path, 'train')
    with pytest.raises(ConfigError, match='1 or more'):
        PictureStore(tmp_path, 'train', 0)


# ---- what is true of a picture


def test_a_training_picture_has_masks_inside_boxes_and_things_of_its_view(store):
    for index in range(len(store)):
        picture = store.draw(index, np.random.default_rng(index))
        assert picture.rgb.shape == (SIDE_PX, SIDE_PX, 3)
        assert picture.rgb.dtype == np.uint8
        view = store._layers[index][0]
        assert [t.shape for t in picture.things] == [t.label.split()[1] for t in find_shown(*store._layers[index])]
        assert len(picture.things) <= len(view.things)
        for thing in picture.things:
            if thing.is_clear:
                rows, columns = np.nonzero(thing.mask)
                x0, y0, x1, y1 = thing.box_xyxy_px
                assert x0 - 1 <= columns.min() and columns.max() <= x1 + 1
                assert y0 - 1 <= rows.min() and rows.max() <= y1 + 1


def test_masks_of_layers_are_those_of_the_renderer(store, drawer):
    for view, layers in store._layers:
        shown = find_shown(view, layers)
        truth = label_picture(view, *render_owners(drawer, view)).things
        assert [t.label for t in shown] == [t.label for t in truth]
        for mask, thing in zip(cut_masks(layers), truth, strict=True):
            exact = cv2.resize(thing.mask.astype(np.float32), (SIDE_PX,) * 2, interpolation=cv2.INTER_AREA) > 0.5
            if thing.visible_px > 200:
                assert (mask & exact).sum() / (mask | exact).sum() > 0.9


def test_colours_of_a_training_picture_are_those_of_its_labels(store):
    picture = store.draw(0, np.random.default_rng(3))
    for thing in picture.things:
        if thing.mask.sum() > 200:
            mean = picture.rgb[thing.mask].mean(0)
            wanted = np.array(COLOURS[thing.colour], float)
            assert np.dot(mean, wanted) / np.linalg.norm(mean) / np.linalg.norm(wanted) > 0.99


def test_hidden_things_are_left_out(store):
    view, layers = store._layers[0]
    without = replace(
        layers,
        patches=layers.patches[1:],
        shapes=layers.shapes[1:],
        boxes=layers.boxes[1:],
        visible_px=layers.visible_px[1:],
    )
    assert find_shown(view, without) == find_shown(view, layers)[1:]


def test_what_lies_in_or_on_another_thing_knows_its_host(store):
    hosted = 0
    for index in range(len(store)):
        picture = store.draw(index, np.random.default_rng(index))
        for thing in picture.things:
            if thing.host is not None:
                hosted += 1
                host = picture.things[thing.host]
                assert host.shape == {'bowl': 'bowl', 'stack': 'block'}[thing.place]
                assert host.place == 'table'
                assert np.hypot(*np.subtract(thing.p_base[:2], host.p_base[:2])) < 0.03
    assert hosted > 0


def test_a_sliver_is_not_clear():
    thing = put_thing('red bowl', (0.5, 0.5), visible_px=299)
    assert not thing.is_clear
    assert replace(thing, visible_px=300).is_clear
    assert not replace(thing, visible_px=300, mask=np.zeros_like(thing.mask)).is_clear


def test_mirroring_twice_is_nothing_and_resizing_keeps_things_in_place(drawer):
    picture = render_picture(drawer, 'test', 1)
    again = mirror(mirror(picture))
    assert np.array_equal(again.rgb, picture.rgb)
    for old, new, small in zip(picture.things, again.things, resize_picture(picture, (320, 160)).things, strict=True):
        assert np.array_equal(old.mask, new.mask)
        assert old.box_xyxy_px == pytest.approx(new.box_xyxy_px)
        assert small.mask.shape == (160, 320)
        assert np.multiply(small.box_xyxy_px, (2, 3, 2, 3)) == pytest.approx(old.box_xyxy_px)


# ---- the store


def test_the_same_numbers_draw_the_same_picture(store):
    first, second = (store.draw(1, np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first.rgb, second.rgb)
    assert not np.array_equal(first.rgb, store.draw(1, np.random.default_rng(10)).rgb)


def test_a_mapped_shard_equals_the_file(folder):
    path = folder / 'train_0000.npz'
    mapped = map_arrays(path)
    with np.load(path) as file:
        assert set(mapped) == set(file.files)
        for name in file.files:
            assert np.array_equal(mapped[name], file[name])


def test_a_broken_or_packed_shard_is_refused(tmp_path):
    (tmp_path / 'train_0000.npz').write_bytes(b'nothing')
    with pytest.raises(ConfigError, match='rendered again'):
        PictureStore(tmp_path, 'train')
    np.savez_compressed(tmp_path / 'packed.npz', a=np.zeros(3))
    with pytest.raises(ConfigError, match='compressed'):
        map_arrays(tmp_path / 'packed.npz')


def test_missing_training_tables_are_rendered_and_test_pictures_kept(tmp_path):
    assert 1 <= len(PictureStore(tmp_path, 'train', 2)) <= 2
    store = PictureStore(tmp_path, 'test', 1)
    first = store.draw(0, np.random.default_rng(0))
    store.close()
    again = PictureStore(tmp_path, 'test', 1).draw(1, np.random.default_rng(5))  # modulo their number
    assert first.rgb.shape == (480, 640, 3)
    assert np.array_equal(first.rgb, again.rgb)
    assert [t.label for t in first.things] == [t.label for t in again.things]


def test_a_folder_keeps_the_version_of_its_pictures(tmp_path, monkeypatch):
    PictureStore(tmp_path, 'test', 1)  # new: it is marked
    assert (tmp_path / owlvit_data.VERSION_FILE).read_text().strip() == str(owlvit_data.GENERATOR_VERSION)
    (tmp_path / 'test_00000.npz').write_bytes(b'')
    PictureStore(tmp_path, 'test', 1)  # the same version: it is used
    monkeypatch.setattr(owlvit_data, 'GENERATOR_VERSION', owlvit_data.GENERATOR_VERSION + 1)
    with pytest.raises(ConfigError, match='generator version'):
        PictureStore(tmp_path, 'test', 1)
    (tmp_path / 'test_00000.npz').unlink()
    PictureStore(tmp_path, 'test', 1)  # nothing old is left: it is marked anew
    assert (tmp_path / owlvit_data.VERSION_FILE).read_text().strip() == str(owlvit_data.GENERATOR_VERSION)


def test_pictures_from_before_versions_are_of_version_1(tmp_path, monkeypatch):
    (tmp_path / 'train_0000.npz').write_bytes(b'')
    monkeypatch.setattr(owlvit_data, 'GENERATOR_VERSION', 1)
    owlvit_data.check_generator(tmp_path)
    assert not (tmp_path / owlvit_data.VERSION_FILE).exists()
    monkeypatch.setattr(owlvit_data, 'GENERATOR_VERSION', 2)
    with pytest.raises(ConfigError, match='delete'):
        owlvit_data.check_generator(tmp_path)


def test_tables_change_only_with_the_version():
    """Where this fails, what is rendered has changed: raise GENERATOR_VERSION and write the new sum here."""
    told = ''
    for split, seed in itertools.product(('train', 'validation', 'test'), range(5)):
        view = sample_sight(split, seed) if split != 'train' else sample_view(split, seed)
        told += ''.join(f'{t.label}{tuple(round(v, 3) + 0.0 for v in t.position)}' for t in view.things)
    assert (owlvit_data.GENERATOR_VERSION, zlib.crc32(told.encode())) == (1, 1920552124)


def test_a_picture_without_things_is_a_picture(store):
    view, layers = store._layers[0]
    empty = replace(
        layers, patches=(), shapes=layers.shapes[:0], boxes=layers.boxes[:0], visible_px=layers.visible_px[:0]
    )
    assert compose_picture(empty, view, np.random.default_rng(0)).things == ()
