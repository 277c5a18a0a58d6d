"""The command that asks a saved memory: last look and best looks, and files that are none."""

import json

import numpy as np
from typer.testing import CliRunner

from vlm_robot.cli import app
from vlm_robot.evaluation import loading
from vlm_robot.perception.fixed_sight import FixedEmbedder
from vlm_robot.scene.memory import Look, SceneMemory

COLOURS = {'green': (0, 255, 0), 'red': (255, 0, 0), 'grey': (90, 90, 90)}


def make_memory(config=None):
    return SceneMemory(FixedEmbedder(COLOURS))


def test_the_last_look_is_told_with_time_and_place(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, 'load_memory', make_memory)
    memory = make_memory()
    frame = np.full((8, 8, 3), 90, np.uint8)
    green = np.zeros((8, 8, 3), np.uint8) + np.array(COLOURS['green'], np.uint8)
    memory.remember(frame, [Look(green, 'green bowl', (0, 0, 8, 8), (0.5, 0.1, 0.0))], 4.0, 'top')
    memory.save(tmp_path / 'memory.npz')
    result = CliRunner().invoke(
        app, ['recall', 'green', '--memory', str(tmp_path / 'memory.npz'), '--json', str(tmp_path / 'answer.json')]
    )
    assert result.exit_code == 0, result.output
    answer = json.loads((tmp_path / 'answer.json').read_text())
    assert answer['last_seen']['memory']['stamp'] == 4.0
    assert answer['best'][0]['memory']['label'] == 'green bowl'


def test_a_file_that_is_no_memory_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, 'load_memory', make_memory)
    (tmp_path / 'memory.npz').write_text('nothing')
    result = CliRunner().invoke(app, ['recall', 'green', '--memory', str(tmp_path / 'memory.npz')])
    assert result.exit_code != 0
