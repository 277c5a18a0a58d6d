"""Memory of what was seen: what is kept, what is found again, what is forgotten, files."""

import numpy as np
import pytest

from vlm_robot.errors import ConfigError, SentenceError
from vlm_robot.perception.fixed_sight import FixedEmbedder
from vlm_robot.scene.memory import Look, MemoryConfig, SceneMemory

COLOURS = {'red': (255, 0, 0), 'green': (0, 255, 0), 'blue': (0, 0, 255), 'white': (255, 255, 255)}


def paint(name):
    return np.full((8, 8, 3), COLOURS[name], np.uint8)


def make(**settings):
    return SceneMemory(FixedEmbedder(COLOURS), MemoryConfig(**settings))


def see(memory, frame, stamp, *things, camera='front'):
    looks = [Look(paint(t), f'{t} block', (0.0, 0.0, 4.0, 4.0), (0.1, 0.2, stamp)) for t in things]
    return memory.remember(paint(frame), looks, stamp, camera)


def test_the_last_look_at_a_thing_is_told_with_time_camera_and_place():
    memory = make()
    see(memory, 'white', 1.0, 'red', 'green')
    see(memory, 'blue', 2.0, 'green')
    see(memory, 'white', 3.0, 'red', camera='top')
    last = memory.last_seen('green', least_cosine=0.9).memory
    assert (last.stamp, last.camera, last.label) == (2.0, 'front', 'green block')
    assert last.p_base == pytest.approx((0.1, 0.2, 2.0))
    assert memory.last_seen('red', least_cosine=0.9).memory.camera == 'top'


def test_what_was_never_seen_is_not_guessed():
    memory = make()
    assert memory.last_seen('red') is None
    assert memory.retrieve('red') == []
    see(memory, 'green', 1.0)
    assert memory.last_seen('red', least_cosine=0.9) is None


def test_retrieval_is_ordered_by_cosine():
    memory = make()
    see(memory, 'white', 1.0, 'red', 'green', 'blue')
    found = memory.retrieve('blue', 4)
    assert found[0].memory.label == 'blue block'
    assert [item.cosine for item in found] == sorted((item.cosine for item in found), reverse=True)
    assert found[0].cosine == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(SentenceError):
        memory.retrieve('blue', 0)


def test_frames_that_repeat_or_follow_too_soon_are_not_kept():
    memory = make(least_change=0.1, least_seconds=0.5)
    assert see(memory, 'red', 0.0)
    assert not see(memory, 'red', 9.0)
    assert not see(memory, 'blue', 0.2)
    assert see(memory, 'blue', 0.2, camera='top')
    assert see(memory, 'blue', 9.0)
    assert len(memory) == 3


def test_a_clock_that_was_set_back_does_not_stop_memory():
    memory = make()
    assert see(memory, 'red', 100.0)
    assert see(memory, 'blue', 1.0)


@pytest.mark.parametrize('bound', [{'most': 6}, {'most_bytes': 6 * 3 * 4}])
def test_the_last_look_at_a_thing_outlives_many_looks_at_another(bound):
    memory = make(least_seconds=0.0, least_change=0.0, **bound)
    see(memory, 'white', 0.0, 'green')
    for i in range(1, 20):
        see(memory, 'red' if i % 2 else 'blue', float(i), 'red')
    assert len(memory) == 6
    assert memory.last_seen('green', least_cosine=0.9).memory.stamp == 0.0
    assert memory.last_seen('red', least_cosine=0.9).memory.stamp == 19.0


def test_a_saved_memory_answers_as_before(tmp_path):
    memory, again = make(), make()
    see(memory, 'white', 1.0, 'red', 'green')
    see(memory, 'blue', 2.5)
    memory.save(tmp_path / 'deep' / 'memory.npz')
    again.load(tmp_path / 'deep' / 'memory.npz')
    assert again.entries == memory.entries
    for text in COLOURS:
        mine, theirs = memory.retrieve(text, 9), again.retrieve(text, 9)
        assert [item.memory for item in mine] == [item.memory for item in theirs]
        assert [item.cosine for item in mine] == pytest.approx([item.cosine for item in theirs], abs=2e-3)


def test_an_empty_memory_can_be_saved(tmp_path):
    make().save(tmp_path / 'memory.npz')
    memory = make()
    memory.load(tmp_path / 'memory.npz')
    assert len(memory) == 0


def test_a_memory_of_another_model_or_a_broken_file_is_refused(tmp_path):
    memory, path = make(), tmp_path / 'memory.npz'
    see(memory, 'red', 1.0)
    memory.save(path)
    other = SceneMemory(FixedEmbedder(COLOURS, 'other'))
    with pytest.raises(ConfigError, match="made with 'fixed'"):
        other.load(path)
    path.write_bytes(b'nothing')
    with pytest.raises(ConfigError, match='no saved memory'):
        memory.load(path)
    assert len(memory) == 1


@pytest.mark.parametrize('settings', [{'most': 0}, {'most_bytes': 0}, {'least_change': -1.0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match='allowed'):
        MemoryConfig(**settings)
